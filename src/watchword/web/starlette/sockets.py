"""Close a WebSocket when its session ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from anyio import CancelScope, move_on_after
from starlette.types import Message, Receive, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

__all__ = ["SESSION_OVER", "LiveSocket"]

logger = logging.getLogger("watchword.web")

SESSION_OVER = 4401  # Codes from 4000 on belong to applications (RFC 6455 §7.4.2).

_PATIENCE = 1.0  # Seconds for a client that does not read, until the endpoint learns of the end all the same.
_HANDSHAKE = 0.2  # Seconds for a client to answer the close.


class LiveSocket:
    """A WebSocket that is closed as soon as its session is over.

    The endpoint is told as by a client that goes away: what it waits for is a disconnect, and what it sends
    raises ``WebSocketDisconnect``. It is not cancelled, so it can finish a task that it has begun.

    Args:
        receive: receives from the client.
        send: sends to the client.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._has_begun = False  # Whether the endpoint has received the handshake of the client.
        self._is_accepted = False
        self._is_over = False
        self._told = asyncio.Event()
        self._waits: set[CancelScope] = set()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def wrap(cls, websocket: WebSocket) -> LiveSocket:
        """Wrap a WebSocket that the endpoint has, or will get, as an argument."""
        # A dependency of FastAPI cannot hand the endpoint another object, so the object itself has to change.
        socket = cls(websocket._receive, websocket._send)  # noqa: SLF001 - as above
        websocket._receive, websocket._send = socket.receive, socket.send  # noqa: SLF001 - as above
        socket._has_begun = websocket.client_state is not WebSocketState.CONNECTING
        socket._is_accepted = websocket.application_state is WebSocketState.CONNECTED
        return socket

    def follow(self, wait_for_end: Callable[[], Awaitable[None]]) -> None:
        """Close the WebSocket when a session is over. The wait ends with the task of the connection.

        Args:
            wait_for_end: returns when the session is over.
        """
        self._task = asyncio.create_task(self._follow(wait_for_end))
        connection = asyncio.current_task()
        if connection is not None:  # A dependency and a method are called once, and do not see the end.
            connection.add_done_callback(lambda _: self._stop())

    def _stop(self) -> None:
        """Stop waiting for the end of the session. A close that has begun goes on."""
        if self._task is not None and not self._is_over:
            self._task.cancel()

    async def receive(self) -> Message:
        """Receive from the client. After the end of the session this is a disconnect."""
        if not self._is_over:
            with CancelScope() as wait:
                self._waits.add(wait)
                try:
                    message = await self._receive()
                finally:
                    self._waits.discard(wait)
                self._has_begun = True
                if message["type"] == "websocket.disconnect":
                    self._stop()
                return message
        if not self._has_begun:  # The endpoint is about to accept, and what it sends raises.
            self._has_begun = True
            return {"type": "websocket.connect"}
        await self._told.wait()
        return {"type": "websocket.disconnect", "code": SESSION_OVER, "reason": ""}

    async def send(self, message: Message) -> None:
        """Send to the client.

        Raises:
            WebSocketDisconnect: the session is over.
        """
        is_close = message["type"] == "websocket.close"
        if self._is_over:
            if is_close:
                return
            raise WebSocketDisconnect(SESSION_OVER)
        if is_close:
            self._stop()
        self._is_accepted |= message["type"] == "websocket.accept"
        await self._send(message)

    async def _follow(self, wait_for_end: Callable[[], Awaitable[None]]) -> None:
        try:
            await wait_for_end()
        except Exception:
            logger.exception("the end of a session cannot be awaited, so its WebSocket is closed")
        self._is_over = True
        try:
            await self._close()
        finally:
            self._told.set()

    async def _close(self) -> None:
        for wait in tuple(self._waits):
            wait.cancel()  # First, because Granian sends nothing while it receives.
        with suppress(OSError, RuntimeError):  # The client may have gone.
            with move_on_after(_PATIENCE):
                await self._send({"type": "websocket.close", "code": SESSION_OVER, "reason": ""})
            if not self._is_accepted:
                return  # Granian dies of a receive after the refusal of a WebSocket.
            # Granian drops the close if the endpoint returns before the client has answered it.
            with move_on_after(_HANDSHAKE):
                while (await self._receive())["type"] != "websocket.disconnect":
                    pass
