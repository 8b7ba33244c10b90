"""What an application passes with a login is checked before its session starts."""

from __future__ import annotations

import json
import math
from collections import ChainMap
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import InvalidSettings, Unissuable
from watchword.jose.strict_json import MAX_DEPTH
from watchword.jwt.claims import REGISTERED
from watchword.sessions.login_arguments import (
    LARGEST_CLAIMS,
    check_amr,
    check_claims,
    check_lifetime,
    check_login,
)
from watchword.sessions.subjects import LoginProof, Subject
from watchword.settings import Settings
from watchword.stores.contract import Account

SETTINGS = Settings()
ACCOUNT = Account(
    subject="7",
    username="alice",
    name_key="alice",
    password_hash="",
    scopes=("read",),
    disabled=False,
    credentials_version=1,
    created_at=0.0,
)


@pytest.mark.parametrize(
    ("account", "scopes", "bound"),
    [
        (None, None, "read write"),
        (None, (), ""),
        (None, ["read"], "read"),
        (ACCOUNT, None, None),
        (ACCOUNT, (), ""),
        (ACCOUNT, ["read"], "read"),
    ],
)
def test_a_login_without_scopes_is_granted_those_of_its_account_or_else_of_its_subject(
    account: Account | None, scopes: Any, bound: str | None
) -> None:
    subject = Subject("7", scopes=("read", "write"))
    proof = LoginProof(subject=subject, account=account, scopes=scopes, mark="")
    assert check_login(proof, SETTINGS).scope == bound


@pytest.mark.parametrize(
    ("given_amr", "kept"),
    [
        ((), ()),
        ([], ()),
        (["pwd"], ("pwd",)),
        (("pwd", "otp"), ("pwd", "otp")),
        (["urn:example:" + "x" * 52], ("urn:example:" + "x" * 52,)),
    ],
)
def test_methods_are_kept_in_their_order(given_amr: Any, kept: tuple[str, ...]) -> None:
    assert check_amr(given_amr) == kept


@pytest.mark.parametrize(
    ("given_amr", "said"),
    [
        ("pwd", "not str"),
        (None, "not None"),
        ([""], "with an empty str in it"),
        (["pwd", 5], "with 5 in it"),
        ([None], "with None in it"),
        ({"pwd": 1}, "not dict"),
        ({"pwd"}, "not set"),
        (b"pwd", "not bytes"),
        (["pwd"] * 11, "at most 10 names"),
        (["x" * 65], "at most 64 printable ASCII characters"),
        (["two words"], "with str in it"),
        (["new\nline"], "with str in it"),
        (["ä"], "with str in it"),
    ],
)
def test_malformed_methods_are_refused_with_what_is_accepted(given_amr: Any, said: str) -> None:
    with pytest.raises(InvalidSettings, match=said) as caught:
        check_amr(given_amr)
    assert str(caught.value).startswith("amr must ")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5).map("x-{}".format), json_values, max_size=4))
def test_claims_stay_what_they_are_in_json(claims: dict[str, Any]) -> None:
    if len(json.dumps(claims)) < LARGEST_CLAIMS:
        assert check_claims(claims) == claims


def test_claims_become_plain_json_that_the_caller_cannot_change_later() -> None:
    claims = {"at": datetime(2026, 1, 2, tzinfo=UTC), "groups": ("a", "b")}
    checked = check_claims(claims)
    claims["late"] = True
    assert checked == {"at": "2026-01-02T00:00:00Z", "groups": ["a", "b"]}


@pytest.mark.parametrize("claims", [MappingProxyType({"a": 1}), ChainMap({"a": 1})], ids=repr)
def test_claims_may_be_any_mapping(claims: Any) -> None:
    assert check_claims(claims) == {"a": 1}
    assert check_claims(None) == {}


OURS = [*REGISTERED, "sid", "auth_time", "client_id", "amr", "scope", "preferred_username"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_claims_of_ours_are_refused_with_their_name(name: str) -> None:
    with pytest.raises(Unissuable, match=rf"claims: {name} cannot be among them"):
        check_claims({"tenant": "red", name: "x"})


def _nest(levels: int) -> dict[str, Any]:
    value: Any = []
    for _ in range(levels - 2):
        value = [value]
    return {"deep": value}


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ("tenant", "must be a mapping or None, not str"),
        ([("tenant", "red")], "must be a mapping or None, not list"),
        ({"a": math.nan}, "cannot be written as JSON"),
        ({"a": b"bytes"}, "cannot be written as JSON"),
        ({"a": object()}, "cannot be written as JSON"),
        ({"a": "\ud800"}, "cannot be written as JSON"),
        ({5: "a"}, "cannot be written as JSON"),
        ({"a": "x" * LARGEST_CLAIMS}, f"at most {LARGEST_CLAIMS} bytes"),
        ({"a": "ä" * (LARGEST_CLAIMS // 2)}, f"at most {LARGEST_CLAIMS} bytes"),
        (_nest(MAX_DEPTH), "nested too deeply"),
    ],
)
def test_claims_that_no_token_can_hold_are_refused(claims: Any, said: str) -> None:
    with pytest.raises(Unissuable, match=said):
        check_claims(claims)


def test_claims_may_be_as_large_as_the_bound() -> None:
    largest = {"a": "x" * (LARGEST_CLAIMS - len('{"a":""}'))}
    assert check_claims(largest) == largest
    with pytest.raises(Unissuable, match=f"at most {LARGEST_CLAIMS} bytes as JSON, not {LARGEST_CLAIMS + 1}"):
        check_claims({"a": largest["a"] + "x"})


def test_claims_may_be_as_deep_as_a_refresh_token_can_hold_them() -> None:
    deepest = _nest(MAX_DEPTH - 2)
    assert check_claims(deepest) == deepest


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [(None, None), (1, 1), (3_600, 3_600), (timedelta(days=365), 365 * 86_400), (timedelta(seconds=1.9), 1),
     (100 * SETTINGS.rotation_period, 100 * SETTINGS.rotation_period)],
)  # fmt: skip
def test_a_lifetime_is_seconds_or_a_timedelta(lifetime: Any, seconds: int | None) -> None:
    assert check_lifetime(lifetime, SETTINGS) == seconds


@pytest.mark.parametrize(
    ("lifetime", "said"),
    [
        (0, "at least one second"),
        (-1, "at least one second"),
        (timedelta(milliseconds=999), "at least one second"),
        (timedelta(days=-1), "at least one second"),
        (60.0, "whole seconds"),
        ("60", "whole seconds"),
        (True, "whole seconds"),
        (100 * SETTINGS.rotation_period + 1, "at most 100 times rotation_period"),
        (timedelta.max, "at most 100 times rotation_period"),
    ],
)
def test_a_lifetime_outside_of_the_settings_bounds_is_refused(lifetime: Any, said: str) -> None:
    with pytest.raises(InvalidSettings, match=said):
        check_lifetime(lifetime, SETTINGS)
