"""The front, before an application that tells what it was given; ``tests/system`` has real clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from watchword.errors import BodyTooSlow
from watchword.server import front
from watchword.server.front import Front

Fields = list[tuple[bytes, bytes]]


class NotedLog:
    """Keeps the lines of a log."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def add(self, **line: Any) -> None:
        self.lines.append(line)


async def tell_headers(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the names of the request's headers."""
    names = [name.decode() for name, _ in scope["headers"]]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(names).encode()})


def ask(
    app: Any,
    headers: Fields = [],  # noqa: B006 - not changed
    *,
    peer: str | None = "192.0.2.7",
    trusted: tuple[str, ...] = (),
    log: NotedLog | None = None,
    receive: Callable[[], Awaitable[Any]] | None = None,
    **scope: Any,
) -> list[dict[str, Any]]:
    """Return what the application sends through the front."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def come_at_once() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    whole = {
        "type": "http",
        "method": "GET",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"token=secret",
        "http_version": "1.1",
        "client": peer and (peer, 50_000),
        "headers": headers,
        **scope,
    }
    asyncio.run(Front(app, trusted, log)(whole, receive or come_at_once, send))  # type: ignore[arg-type]
    return sent


def request_id(sent: list[dict[str, Any]]) -> str:
    (found,) = [value for name, value in sent[0]["headers"] if name == b"x-request-id"]
    return found.decode()


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_header_with_an_underscore_is_dropped(kind: str) -> None:
    headers = [(b"x_forwarded_for", b"6.6.6.6"), (b"x-forwarded-for", b"203.0.113.9"), (b"a_b_c", b"")]

    assert json.loads(ask(tell_headers, headers, type=kind)[1]["body"]) == ["x-forwarded-for"]


PROXY, TRUSTED = "10.0.0.1", ("10.0.0.0/8",)


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        ("192.0.2.7", [], "192.0.2.7"),
        ("::ffff:192.0.2.7", [], "192.0.2.7"),
        (None, [], None),
        ("192.0.2.7", [(b"x-forwarded-for", b"6.6.6.6")], "192.0.2.7"),
        (PROXY, [(b"x-forwarded-for", b"6.6.6.6, 203.0.113.9")], "203.0.113.9"),
        (PROXY, [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"203.0.113.9")], "203.0.113.9"),
        (PROXY, [(b"x-forwarded-for", b"1.1.1.1," * 100 + b"203.0.113.9")], "203.0.113.9"),
        (PROXY, [(b"x-forwarded-for", b"not an address")], PROXY),
        (PROXY, [(b"x_forwarded_for", b"6.6.6.6")], PROXY),
    ],
)
def test_the_log_has_the_address_of_the_client_behind_trusted_proxies(
    peer: str | None, headers: Fields, address: str | None
) -> None:
    log = NotedLog()
    ask(tell_headers, headers, peer=peer, trusted=TRUSTED, log=log)

    assert log.lines[0]["address"] == address


def test_the_log_has_the_path_as_it_was_sent_without_the_query_string() -> None:
    log = NotedLog()
    sent = ask(tell_headers, log=log)

    (line,) = log.lines
    assert 0 <= line.pop("seconds") < 20
    assert line == {
        "address": "192.0.2.7",
        "method": "GET",
        "path": b"/a%20b",
        "version": "1.1",
        "status": 200,
        "request_id": request_id(sent),
    }


@pytest.mark.parametrize(
    ("scope", "part", "shown"),
    [
        ({"http_version": "1"}, "version", "1.0"),
        ({"http_version": "2"}, "version", "2"),
        ({"method": "CONNECT", "path": "", "raw_path": b""}, "path", b"-"),
        ({"raw_path": None}, "path", b"/a b"),
    ],
)
def test_no_part_of_a_line_is_empty_or_unusual(scope: dict[str, Any], part: str, shown: str | bytes) -> None:
    log = NotedLog()
    ask(tell_headers, log=log, **scope)

    assert log.lines[0][part] == shown


def test_a_client_that_is_gone_before_its_answer_is_logged_with_499() -> None:
    async def give_up(*_: Any) -> None:
        """Send nothing."""

    log = NotedLog()
    ask(give_up, log=log)
    assert log.lines[0]["status"] == 499


def test_each_request_has_another_id() -> None:
    ids = {request_id(ask(tell_headers)) for _ in range(50)}

    assert len(ids) == 50
    assert {len(each) for each in ids} == {16}


@pytest.mark.parametrize(
    ("peer", "value", "is_kept"),
    [
        (PROXY, "3f1c-A.b:c/d+e=_", True),
        (PROXY, "a" * 128, True),
        (PROXY, "a" * 129, False),
        (PROXY, "", False),
        (PROXY, "a b", False),
        (PROXY, "a\n", False),
        (PROXY, "é", False),
        (PROXY, 'a"', False),
        ("192.0.2.7", "3f1c", False),
        (None, "3f1c", False),
    ],
)
def test_the_id_of_a_request_is_a_trusted_proxys_if_it_is_safe(
    peer: str | None, value: str, is_kept: bool
) -> None:
    headers = [(b"x-request-id", value.encode("latin-1"))]

    assert (request_id(ask(tell_headers, headers, peer=peer, trusted=TRUSTED)) == value) == is_kept


def test_two_request_ids_are_none() -> None:
    headers = [(b"x-request-id", b"a"), (b"x-request-id", b"b")]
    assert len(request_id(ask(tell_headers, headers, peer=PROXY, trusted=TRUSTED))) == 16


async def read_body(_: Any, receive: Any, send: Any) -> None:
    """Read the whole body, then wait for the client to go away."""
    while (await receive()).get("more_body"):
        pass
    await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})


def test_a_body_that_does_not_come_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def drip() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    monkeypatch.setattr(front, "_SECONDS_FOR_A_BODY", 0.1)
    with pytest.raises(BodyTooSlow):
        ask(read_body, receive=drip)


def test_a_client_may_wait_longer_for_its_answer_than_it_may_take_for_its_body(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events = iter([(0, {"type": "http.request", "body": b"x"}), (0.2, {"type": "http.disconnect"})])

    async def receive() -> dict[str, Any]:
        pause, event = next(events)
        await asyncio.sleep(pause)
        return event

    monkeypatch.setattr(front, "_SECONDS_FOR_A_BODY", 0.1)
    assert ask(read_body, receive=receive)[0]["status"] == 204


def test_an_error_after_the_whole_answer_is_logged_with_the_id_of_the_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await tell_headers(scope, receive, send)
        raise RuntimeError("a detail")

    sent = ask(fail)
    assert "a detail" in caplog.text
    assert request_id(sent) in caplog.text


def test_an_error_before_the_whole_answer_is_left_to_the_server() -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("a detail")

    with pytest.raises(RuntimeError, match="a detail"):
        ask(fail)
