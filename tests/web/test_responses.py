from __future__ import annotations

import msgspec
import pytest

from watchword.errors import InvalidSettings, KeysUnavailable, Overloaded, StoreUnavailable, Throttled
from watchword.web.http import Response
from watchword.web.responses import to_error_response, to_head_response

MARK = "marker-that-must-not-come-back"


@pytest.mark.parametrize(("seconds", "header"), [(0, "1"), (0.2, "1"), (1, "1"), (1.01, "2"), (60, "60")])
def test_retry_after_is_whole_seconds_and_never_too_soon(seconds, header):
    for error in (
        Throttled(retry_after=seconds),
        Overloaded(retry_after=seconds),
        StoreUnavailable(retry_after=seconds),
    ):
        assert dict(to_error_response(error).headers)["Retry-After"] == header


def test_an_error_without_a_status_is_a_server_error_that_tells_nothing():
    response = to_error_response(InvalidSettings(MARK))
    assert response.status == 500
    assert msgspec.json.decode(response.body)["error"] == "server_error"
    assert MARK.encode() not in response.body


def test_keys_that_cannot_be_had_are_unavailable_and_no_challenge():
    response = to_error_response(KeysUnavailable())
    assert response.status == 503
    assert "WWW-Authenticate" not in dict(response.headers)


def test_a_response_without_a_body_is_the_same_for_head():
    response = Response(304, b"", (("ETag", '"1"'),))
    assert to_head_response(response) is response
