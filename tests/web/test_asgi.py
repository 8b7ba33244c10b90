"""Requests as ASGI servers hand them over, and the reading of their bodies."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from watchword.errors import BodyTooLarge
from watchword.web.asgi import AsgiRequest, ClientDisconnected, read_body
from watchword.web.http import Request


def receive_request(**changes):
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": "/app/caf\xe9",
        "root_path": "/app",
        "query_string": b"scope=a&scope=b",
        "headers": [
            (b"host", b"api.example:8443"),
            (b"authorization", b"Bearer a"),
            (b"authorization", b"Bearer b"),
            (b"x-tenant", b"acm\xe9"),
            (b"cookie", b"a=1; b=2"),
            (b"cookie", b"c=3"),
        ],
        "client": ("192.0.2.7", 5000),
        "server": ("10.0.0.1", 443),
    }
    return AsgiRequest({**scope, **changes}, {"session_id": "s"}, b"{}")


def test_every_part_is_read_from_the_scope():
    request = receive_request()
    assert isinstance(request, Request)
    assert (request.method, request.scheme, request.host) == ("POST", "https", "api.example:8443")
    assert (request.mount_path, request.path) == ("/app", "/caf\xe9")
    assert dict(request.query) == {"scope": ("a", "b")}
    assert (request.peer, request.body, request.path_parameters) == ("192.0.2.7", b"{}", {"session_id": "s"})


def test_headers_are_found_by_name_and_joined():
    request = receive_request()
    for name in ("X-Tenant", "x-tenant"):
        assert (request.find_header(name), request.headers.find(name)) == ("acm\xe9", "acm\xe9")
    assert request.find_header("Authorization") == "Bearer a,Bearer b"
    assert list(request.headers.find_all("authorization")) == ["Bearer a", "Bearer b"]
    assert (request.find_header("x-none"), list(request.headers.find_all("x-none"))) == (None, [])


def test_a_name_with_an_underscore_is_another_name():
    request = receive_request(headers=[(b"x_forwarded_for", b"192.0.2.9")])
    assert request.find_header("x-forwarded-for") is None


def test_cookies_may_come_in_several_fields():
    assert dict(receive_request().cookies) == {"a": "1", "b": "2", "c": "3"}


def test_a_websocket_begins_with_a_get_request():
    scope = {"type": "websocket", "path": "/live", "headers": []}
    assert [(AsgiRequest(scope).method, AsgiRequest(scope).scheme)] == [("GET", "ws")]
    assert AsgiRequest({**scope, "scheme": "wss"}).scheme == "wss"


def test_what_a_server_leaves_out_is_empty():
    request = AsgiRequest({"type": "http", "method": "GET", "path": "/", "headers": []})
    assert (request.scheme, request.host, request.mount_path, request.path) == ("http", "", "", "/")
    assert (dict(request.query), dict(request.cookies), request.peer, request.body) == ({}, {}, None, b"")


@pytest.mark.parametrize(
    ("root_path", "path", "expected"),
    [
        ("", "/a", "/a"),
        ("/app", "/app/a", "/a"),
        ("/app/", "/app/a", "/a"),
        ("/app", "/app", ""),
        ("/app", "/app/", "/"),
        ("/app", "/appearance", "/appearance"),
        ("/app", "/a", "/a"),  # as older servers have it
    ],
)
def test_the_path_does_not_have_the_mount_path_in_it(root_path, path, expected):
    assert receive_request(root_path=root_path, path=path).path == expected


@pytest.mark.parametrize(
    ("client", "peer"), [(None, None), (("", 0), None), (["2001:db8::1", 1], "2001:db8::1")]
)
def test_a_client_on_a_unix_socket_has_no_address(client, peer):
    assert receive_request(client=client).peer == peer


def test_a_client_that_names_no_host_means_the_server():
    assert receive_request(headers=[]).host == "10.0.0.1"
    assert receive_request(headers=[], server=None).host == ""


def test_a_query_that_is_not_utf_8_is_no_error():
    assert dict(receive_request(query_string=b"a=\xff").query) == {"a": ("\N{REPLACEMENT CHARACTER}",)}


@pytest.mark.parametrize("name", ["method", "headers", "body", "peer"])
def test_no_part_can_be_set(name):
    with pytest.raises(AttributeError):
        setattr(receive_request(), name, "x")


def test_it_shows_nothing_that_may_be_secret():
    headers = [(b"cookie", b"a=secret"), (b"authorization", b"secret")]
    shown = repr(receive_request(headers=headers, query_string=b"a=secret"))
    assert "secret" not in shown
    assert "192.0.2.7" in shown


# -- bodies ----------------------------------------------------------------------------------------


class Server:
    """Hands over the events of a request, and counts how many were asked for."""

    def __init__(self, *events):
        self._events = iter(events)
        self.received = 0

    async def receive(self):
        self.received += 1
        return next(self._events)


def send(chunk, *, more=True):
    return {"type": "http.request", "body": chunk, "more_body": more}


LAST = {"type": "http.request"}


def read(server, max_body=10, content_length=None):
    return asyncio.run(read_body(server.receive, max_body, content_length))


@pytest.mark.parametrize(
    ("events", "body"),
    [
        ([LAST], b""),
        ([send(b"0123456789", more=False)], b"0123456789"),
        ([send(b"01234"), send(b""), send(b"56789"), LAST], b"0123456789"),
    ],
)
def test_a_body_comes_in_any_number_of_chunks(events, body):
    assert read(Server(*events)) == body


def test_a_body_that_grows_too_large_is_refused_at_that_chunk():
    server = Server(send(b"0123456789"), send(b"x"), send(b"y"), LAST)
    with pytest.raises(BodyTooLarge):
        read(server)
    assert server.received == 2


@pytest.mark.parametrize("content_length", ["11", "99999999999999999999", "9" * 5000])
def test_a_body_that_is_declared_too_large_is_not_read(content_length):
    server = Server(LAST)
    with pytest.raises(BodyTooLarge):
        read(server, content_length=content_length)
    assert server.received == 0


@pytest.mark.parametrize("content_length", ["", "ten", "-11", "1\xb2", "5, 500", "11.5", "3", "10"])
def test_a_declared_length_that_says_nothing_is_not_believed(content_length):
    assert read(Server(send(b"abc", more=False)), content_length=content_length) == b"abc"
    with pytest.raises(BodyTooLarge):
        read(Server(send(b"0123456789A", more=False)), content_length=content_length)


@pytest.mark.parametrize("events", [[], [send(b"01234")]])
def test_a_client_that_goes_away_is_an_error_of_its_own(events):
    with pytest.raises(ClientDisconnected):
        read(Server(*events, {"type": "http.disconnect"}))


def test_chunks_without_a_byte_take_no_memory():
    server = Server(*[send(b"")] * 50_000, LAST)
    tracemalloc.start()
    try:
        assert read(server) == b""
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
