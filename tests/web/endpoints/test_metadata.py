"""The published keys, asked for without a framework. ``tests/web/flask`` has the rest, over HTTP."""

from __future__ import annotations

import json
import sys

from watchword import Auth, Key, KeySet
from watchword.web.endpoints.metadata import MetadataEndpoints
from watchword.web.http import Request


def test_a_jwks_is_built_once_for_each_version_of_the_keys(desk, monkeypatch):
    built, to_jwks = [], KeySet.to_jwks
    monkeypatch.setattr(KeySet, "to_jwks", lambda keys: built.append(keys) or to_jwks(keys))
    publish = MetadataEndpoints(lambda: desk).publish_keys

    def ask():
        answers = [publish(Request()) for _ in range(1_000)]
        assert len({(answer.body, dict(answer.headers)["ETag"]) for answer in answers}) == 1
        return [key["kid"] for key in json.loads(answers[0].body)["keys"]]

    def wait(seconds):
        desk.wait(seconds)
        desk.keyring.tend()
        desk.wait(0)

    first, second = ask()
    assert len(built) == 1
    wait(desk.settings.rotation_period)  # the second key signs, and a third is made
    assert ask()[:2] == [first, second]
    assert len(built) == 2
    wait(desk.settings.access_lifetime + 120)  # the last token of the first key has expired
    assert first not in ask()
    assert len(built) == 3


def test_a_jwks_of_many_keys_costs_a_request_no_more_than_of_two(desk):
    publish = MetadataEndpoints(lambda: desk).publish_keys
    of_two = count_calls(lambda: publish(Request()))
    for _ in range(30):
        desk.keyring.add(Key.generate("ES256"))
    desk.wait(1)
    assert len(desk.jwks()["keys"]) > 30
    assert count_calls(lambda: publish(Request())) == of_two


def count_calls(act):
    """How many functions an act calls when it is done again."""
    act()
    calls = []
    sys.setprofile(lambda _frame, event, _argument: calls.append(event) if "call" in event else None)
    try:
        act()
    finally:
        sys.setprofile(None)
    return len(calls)


def test_a_fixed_key_may_be_kept_for_as_long_as_any_jwks():
    auth = Auth("sqlite://", keys=Key.generate("ES256"))
    answer = MetadataEndpoints(lambda: auth).publish_keys(Request())
    assert dict(answer.headers)["Cache-Control"] == "public, max-age=600"
    auth.close()
