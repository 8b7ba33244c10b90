from __future__ import annotations

from typing import Any

import pytest

from watchword.errors import MalformedToken
from watchword.jose import json_serialization
from watchword.jose.compact_serialization import MAX_TOKEN
from watchword.jose.json_serialization import MAX_PARTIES


@pytest.mark.parametrize("token", [{"a": 1}, '{"a":1}', b'{"a":1}'])
def test_a_token_comes_as_members_or_as_their_text(token: Any) -> None:
    assert json_serialization.read_members(token) == {"a": 1}


@pytest.mark.parametrize("token", [None, 5, [], "", "a.b.c", "[]", b"\xff", "\ud800", '{"a":1,"a":1}'])
def test_what_is_no_object_is_malformed(token: Any) -> None:
    with pytest.raises(MalformedToken):
        json_serialization.read_members(token)


@pytest.mark.parametrize("form", [str, str.encode])
def test_the_text_is_bounded_before_it_is_read(form: Any) -> None:
    text = '{"a":"' + "x" * (MAX_TOKEN - 8) + '"}'
    assert len(text) == MAX_TOKEN
    assert json_serialization.read_members(form(text))
    with pytest.raises(MalformedToken):
        json_serialization.read_members(form(text + " "))


def test_a_token_without_the_array_is_its_only_party() -> None:
    token = {"signature": "x"}
    assert json_serialization.read_parties(token, "signatures", ("signature",)) == [token]
    assert json_serialization.read_parties({"signatures": [token]}, "signatures", ("signature",)) == [token]


@pytest.mark.parametrize(
    "token",
    [
        {"signatures": []},
        {"signatures": [{}] * (MAX_PARTIES + 1)},
        {"signatures": {}},
        {"signatures": None},
        {"signatures": [{}, None]},
        {"signatures": [{}], "signature": None},
    ],
    ids=lambda token: str(token)[:40],
)
def test_parties_are_few_and_objects_and_stand_in_one_place(token: dict[str, Any]) -> None:
    with pytest.raises(MalformedToken):
        json_serialization.read_parties(token, "signatures", ("signature",))
    most = [{}] * MAX_PARTIES
    assert json_serialization.read_parties({"signatures": most}, "signatures", ()) == most


@pytest.mark.parametrize(
    "value", [None, 5, b"AA", "é", "\ud800", "A" * (MAX_TOKEN + 1)], ids=lambda v: str(v)[:9]
)
def test_a_segment_is_ascii_text_of_bounded_length(value: Any) -> None:
    for good in ("AA", "A" * MAX_TOKEN):
        assert json_serialization.read_segment({"iv": good}, "iv") == good.encode()
    for part in ({"iv": value}, {}):
        with pytest.raises(MalformedToken):
            json_serialization.read_segment(part, "iv")
