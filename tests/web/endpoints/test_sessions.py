"""The caller's sessions, asked for without a framework. ``tests/web/flask`` has the rest, over HTTP."""

from __future__ import annotations

import msgspec
import pytest

from watchword import Client
from watchword.errors import NotFound, SessionEnded
from watchword.web.endpoints.sessions import SessionEndpoints
from watchword.web.http import Headers, Request
from watchword.web.proxies import ClientFinder


@pytest.fixture
def endpoints(desk):
    return SessionEndpoints(lambda: desk, ClientFinder(()), "Authorization")


def bearing(tokens, **path_parameters):
    headers = Headers([("Authorization", f"Bearer {tokens.access_token}")])
    return Request(headers=headers, path_parameters=path_parameters)


def test_a_caller_lists_and_ends_only_their_own_sessions(desk, endpoints):
    here, there = desk.start("7"), desk.start("7", client=Client(user_agent="phone"))
    stranger = desk.start("8")
    listed = msgspec.json.decode(endpoints.list_sessions(bearing(here)).body)["sessions"]
    assert [(each["id"], each["current"]) for each in listed] == [
        (there.session_id, False),
        (here.session_id, True),
    ]
    with pytest.raises(NotFound):
        endpoints.end_session(bearing(here, session_id=stranger.session_id))
    assert endpoints.end_session(bearing(here, session_id=there.session_id)).status == 204
    with pytest.raises(SessionEnded):
        endpoints.describe_caller(bearing(there))
    assert desk.authenticate(stranger.access_token).subject == "8"
