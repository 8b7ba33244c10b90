"""The table of endpoints."""

from __future__ import annotations

import re
import time

import pytest

from watchword.errors import InvalidSettings
from watchword.web.endpoints import Endpoints
from watchword.web.http import Request

FREE_OF_IO = ["me", "check", "jwks", "openid_configuration", "authorization_server"]


def test_the_prefix_is_a_setting(desk):
    moved = type(desk)(prefix="/api/v1/users")
    try:
        paths = [route.path for route in Endpoints(lambda: moved, moved.settings).routes]
    finally:
        moved.close()
    assert paths.count("/.well-known/jwks.json") == 1
    assert sum(path.startswith("/api/v1/users/") for path in paths) == len(paths) - 3 == 10


def test_a_route_names_its_parts_as_openapi_does(desk):
    parts = {
        route.name: re.findall(r"{(\w+)}", route.path)
        for route in Endpoints(lambda: desk, desk.settings).routes
    }
    assert {name: found for name, found in parts.items() if found} == {"end_session": ["session_id"]}


def test_a_route_has_all_methods_of_its_path_and_head_with_get(desk):
    routes = Endpoints(lambda: desk, desk.settings).routes
    assert len({route.path for route in routes}) == len({route.name for route in routes}) == len(routes)
    assert all(("GET" in route.methods) == ("HEAD" in route.methods) for route in routes)


def test_head_is_answered_like_get_without_a_body(desk):
    (jwks,) = (route for route in Endpoints(lambda: desk, desk.settings).routes if route.name == "jwks")
    full, head = jwks.handler(Request(method="GET")), jwks.handler(Request(method="HEAD"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers == (*full.headers, ("Content-Length", str(len(full.body))))


def test_an_event_loop_may_call_handlers_without_io_once_the_auth_is_open(desk):
    opened = []
    routes = Endpoints(lambda: desk, desk.settings, find_auth=lambda: desk if opened else None).routes
    assert [route.name for route in routes if route.is_free_of_io()] == []
    opened.append(desk)
    desk.wait(0)
    assert [route.name for route in routes if route.is_free_of_io()] == FREE_OF_IO
    desk._revocations._monotonic = lambda: time.monotonic() + 60  # the known ended sessions are too old
    assert [route.name for route in routes if route.is_free_of_io()] == []


def test_an_endpoint_that_is_switched_off_has_no_route(desk):
    every = Endpoints(lambda: desk, desk.settings).routes
    for name in {route.endpoint for route in every}:
        served = Endpoints(lambda: desk, desk.settings, {name: False}).routes
        assert [route.name for route in served] == [route.name for route in every if route.endpoint != name]


@pytest.mark.parametrize(
    ("switches", "told"),
    [
        ({"logn": False}, "'logn' is not the name of an endpoint. Did you mean login"),
        ({"login": "no"}, "login must be True or False, not str"),
        (["login"], "endpoints must be a mapping such as .*, not list"),
    ],
)
def test_a_switch_that_switches_nothing_is_refused(desk, switches, told):
    with pytest.raises(InvalidSettings, match=told):
        Endpoints(lambda: desk, desk.settings, switches)
