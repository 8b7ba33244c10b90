"""What every request passes before the application: unclear headers, the request id, the time for a body."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterable
from functools import lru_cache

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watchword.errors import BodyTooSlow
from watchword.networks import Network, parse_address, parse_networks
from watchword.server.access_log import AccessLog
from watchword.web.asgi import AsgiRequest
from watchword.web.http import Request
from watchword.web.proxies import find_client_address

__all__ = ["Front"]

logger = logging.getLogger("watchword.server")

# A body that has not come by then is refused, and its connection closed.
_SECONDS_FOR_A_BODY = 10
# The status of a request whose client closed the connection before the answer, in the access log only.
_CLIENT_GONE = 499
_REQUEST_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)
# A longer X-Forwarded-For is not cached, because an attacker could fill the memory with long ones.
_LONGEST_CACHED = 128


class Front:
    """Calls an ASGI application with requests that it can rely on.

    - A header whose name contains an underscore is dropped. ``X_Forwarded_For`` could pass for
      ``X-Forwarded-For`` where the application or a proxy translates names.
    - The request has an id, which the response repeats as ``X-Request-ID``. A trusted proxy may set it.
    - A body that does not come in time is refused with 408.
    - The access log has a line for each request. An error of the application is logged with the request id.

    Args:
        app: the application.
        trusted_proxies: the networks of the proxies.
        access_log: where the lines go. By default there are none, because other servers have their own.
    """

    def __init__(
        self, app: ASGIApp, trusted_proxies: Iterable[str] = (), access_log: AccessLog | None = None
    ) -> None:
        self._app = app
        self._proxies = _Proxies(parse_networks(trusted_proxies))
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection (ASGI 3)."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        scope["headers"] = [field for field in scope["headers"] if b"_" not in field[0]]
        if scope["type"] == "http":
            address, request_id = self._proxies.identify(AsgiRequest(scope))
            await self._answer(scope, _Exchange(receive, send, request_id), address)
        else:
            await self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            if self._access_log:
                self._access_log.close()

    async def _answer(self, scope: Scope, exchange: _Exchange, address: str | None) -> None:
        began = time.perf_counter()
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception:
            if not exchange.is_answered:
                raise
            logger.exception("request %s failed", exchange.request_id)
        finally:
            exchange.release()
            if self._access_log:
                self._access_log.add(
                    address=address,
                    method=scope["method"],
                    path=scope.get("raw_path") or scope["path"].encode() or b"-",
                    # Granian's name of HTTP/1.0 is 1.
                    version="1.0" if scope["http_version"] == "1" else scope["http_version"],
                    status=exchange.status,
                    seconds=time.perf_counter() - began,
                    request_id=exchange.request_id,
                )


class _Exchange:
    """A request that is being answered.

    Attributes:
        request_id: the id of the request.
        status: the status of the response.
        is_answered: whether the whole response was sent.
    """

    __slots__ = ("_deadline", "_has_body", "_receive", "_send", "is_answered", "request_id", "status")

    def __init__(self, receive: Receive, send: Send, request_id: str) -> None:
        self._receive = receive
        self._send = send
        self._has_body = True
        self._deadline: float | None = None
        self.request_id = request_id
        self.status = _CLIENT_GONE
        self.is_answered = False

    async def receive(self) -> Message:
        """Return the next event. The events of the body must come in time.

        Raises:
            BodyTooSlow: the body did not come in time.
        """
        if not self._has_body:
            return await self._receive()  # The client may wait for its answer for as long as it likes.
        if self._deadline is None:
            self._deadline = anyio.current_time() + _SECONDS_FOR_A_BODY
        with anyio.CancelScope(deadline=self._deadline) as in_time:
            message = await self._receive()
        if in_time.cancelled_caught:
            raise BodyTooSlow
        self._has_body = bool(message.get("more_body"))
        return message

    async def send(self, message: Message) -> None:
        """Send an event of the response, which repeats the request id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            request_id = (b"x-request-id", self.request_id.encode("ascii"))
            message = {**message, "headers": [*message.get("headers", ()), request_id]}
        elif message["type"] == "http.response.body":
            self.is_answered = not message.get("more_body")
        await self._send(message)

    def release(self) -> None:
        """Let go of the connection.

        Granian closes a connection with an unread body only when nothing refers to it any more. Errors and
        their tracebacks may refer to each other, and so to this request, until the garbage is collected.
        """
        del self._receive, self._send


class _Proxies:
    """Finds the address and the id of requests. Believes trusted proxies only.

    Args:
        trusted: the networks of the proxies.
    """

    def __init__(self, trusted: tuple[Network, ...]) -> None:
        self._trusted = trusted
        self._find_address = lru_cache(maxsize=1024)(self._parse)
        self._is_trusted = lru_cache(maxsize=1024)(self._compare)

    def identify(self, request: Request) -> tuple[str | None, str]:
        """Return the client's address, and the id of the request."""
        peer = request.peer
        if not self._trusted or not self._is_trusted(peer):
            return self._find_address(peer, None), _make_request_id()
        forwarded_for = request.find_header("x-forwarded-for")
        find = self._parse if forwarded_for and len(forwarded_for) > _LONGEST_CACHED else self._find_address
        request_id = request.find_header("x-request-id")
        if request_id is None or not _REQUEST_ID.fullmatch(request_id):
            request_id = _make_request_id()
        return find(peer, forwarded_for), request_id

    def _parse(self, peer: str | None, forwarded_for: str | None) -> str | None:
        return find_client_address(peer, forwarded_for, self._trusted)

    def _compare(self, peer: str | None) -> bool:
        address = parse_address(peer or "")
        return address is not None and any(address in network for network in self._trusted)


def _make_request_id() -> str:
    """Return an id that no other request has. It is not a secret."""
    return os.urandom(8).hex()
