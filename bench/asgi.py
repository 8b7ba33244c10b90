"""An application called as an ASGI server calls it, without the server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from cases import Case

__all__ = ["request"]

Message = MutableMapping[str, Any]
Application = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Any]


def request(app: Application, path: str, access_token: str) -> Case:
    """GET of ``path`` with that token in the ``Authorization`` header.

    Raises:
        RuntimeError: the application does not answer 200, or waits for something.
    """
    headers = [
        (b"host", b"127.0.0.1:8000"),
        (b"accept", b"*/*"),
        (b"accept-encoding", b"gzip, deflate"),
        (b"user-agent", b"bench"),
    ]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8_000),
    }
    loop = asyncio.new_event_loop()

    def call(authorization: str) -> None:
        fields = [*headers, (b"authorization", authorization.encode("latin-1"))]
        coroutine = app({**scope, "headers": fields, "state": {}}, receive, send)
        # A task of its own would cost more than the guard. Nothing in the route waits, so none is needed.
        asyncio._set_running_loop(loop)  # noqa: SLF001 - as loops themselves do
        try:
            coroutine.send(None)
        except StopIteration:
            return
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001 - as above
        raise RuntimeError("the route waits for something, which would be measured as well")

    return Case(call, f"Bearer {access_token}")


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Message) -> None:
    if message.get("status", 200) != 200:
        raise RuntimeError(f"the route answers {message['status']}")
