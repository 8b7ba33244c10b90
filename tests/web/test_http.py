from __future__ import annotations

import dataclasses
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.web.http import Headers, Request, Response, is_declared_longer, parse_cookies, parse_query

SECRET = "not-to-be-shown"


@pytest.mark.parametrize("name", ["x-tenant", "X-Tenant", "X-TENANT"])
def test_a_header_is_found_whatever_its_letter_case(name):
    headers = Headers([("X-TeNaNt", "acme")])
    assert (headers.find(name), headers.find_all(name)) == ("acme", ("acme",))


def test_several_headers_of_one_name_are_kept_apart_and_joined_where_one_value_is_asked_for():
    headers = Headers([("Via", "a"), ("Accept", "x"), ("VIA", "b, c"), ("Empty", "")])
    assert headers.find_all("via") == ("a", "b, c")
    assert headers.find("via") == "a,b, c"
    assert (headers.find("empty"), headers.find_all("empty")) == ("", ("",))


def test_a_header_that_was_not_sent_is_none():
    assert (Headers().find("via"), list(Headers().find_all("via"))) == (None, [])


def test_cookies_are_found_in_several_cookie_headers():
    headers = Headers([("cookie", "a=1; b=2"), ("cookie", "c=3")])  # HTTP/2 allows it (RFC 9113 §8.2.3)
    assert headers.find("Cookie") == "a=1; b=2; c=3"


def test_a_request_needs_no_argument_and_finds_its_headers():
    request = Request()
    assert (request.method, request.path, request.body, request.peer) == ("GET", "/", b"", None)
    assert (dict(request.query), dict(request.cookies), dict(request.path_parameters)) == ({}, {}, {})
    assert request.find_header("authorization") is None
    assert Request(headers=Headers([("Host", "x")])).find_header("host") == "x"


def test_a_request_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Request().method = "POST"
    with pytest.raises(TypeError):
        Request().query["a"] = ["b"]
    with pytest.raises(AttributeError):
        Headers().fields = ()


def test_a_request_shows_nothing_that_may_be_secret():
    request = Request(
        body=SECRET.encode(),
        headers=Headers([("Authorization", SECRET)]),
        cookies={"a": SECRET},
        query={"token": (SECRET,)},
    )
    assert SECRET not in repr(request)


def test_a_response_may_set_several_cookies():
    response = Response(204, headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    assert [value for name, value in response.headers if name == "Set-Cookie"] == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("scope=a+b&scope=c%20d", {"scope": ("a b", "c d")}),
        ("a=&b", {"a": ("",), "b": ("",)}),
        ("a;b=1", {"a;b": ("1",)}),
        ("a=%ff%C3%BC", {"a": ("\N{REPLACEMENT CHARACTER}\xfc",)}),
        ("&&==&%zz", {"": ("=",), "%zz": ("",)}),
    ],
)
def test_a_query_has_all_values_of_a_name(text, expected):
    assert dict(parse_query(text)) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, {}),
        ("", {}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        ("a=first; a=second", {"a": "first"}),
        ("a=b=c", {"a": "b=c"}),
        ("a", {}),
        ("=a; ;;", {}),
        ("a=", {"a": ""}),
        ('a="1"', {"a": '"1"'}),
    ],
)
def test_a_cookie_header_is_parsed_and_its_first_cookie_of_a_name_counts(header, expected):
    assert dict(parse_cookies(header)) == expected


def test_the_work_for_a_repeated_name_grows_with_the_number_and_not_with_its_square():
    began = time.process_time()
    values = parse_query("a&" * 50_000)
    headers = Headers([("a", "")] * 50_000)
    assert (len(values["a"]), len(headers.find_all("a"))) == (50_000, 50_000)
    assert time.process_time() - began < 1


@given(text=st.text(max_size=200))
def test_what_a_client_sends_as_query_or_cookie_never_fails(text):
    for values in parse_query(text).values():
        assert all(isinstance(value, str) for value in values)
    assert all(name.strip() and ";" not in value for name, value in parse_cookies(text).items())


@pytest.mark.parametrize(
    ("content_length", "expected"),
    [
        *((text, True) for text in ("11", "99999999999999999999", "9" * 5000)),
        *((text, False) for text in (None, "", "10", "ten", "-11", "1\xb2", "5, 500", "11.5")),
    ],
)
def test_a_length_is_declared_by_a_number_only(content_length, expected):
    assert is_declared_longer(content_length, 10) == expected
