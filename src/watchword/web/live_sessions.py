"""Tell connections that outlive their request, such as WebSockets, when their session has ended."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable
from contextvars import Context
from typing import TYPE_CHECKING

from watchword.auth import Auth
from watchword.errors import StoreUnavailable
from watchword.sessions import Identity

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future, Task

__all__ = ["LiveSessions"]

logger = logging.getLogger("watchword.web")

# Seconds between two looks. With the default poll of a second, a connection ends within 1.5 seconds.
_PAUSE = 0.25

# Sessions that are read at once at most, so that other work of the store waits for a moment only.
_MOST_READS = 100


class LiveSessions:
    """Waits for the ends of sessions. All connections of an event loop share a single task.

    A look at the connections is a look-up in memory for each. The store is read when the access token that
    opened a connection expires, because the session may have been refreshed. It is read again when the
    session would expire without another refresh.

    Args:
        open_auth: returns the Auth whose sessions are waited for. ``None`` if there is no Auth.
        now: the clock, in seconds since the epoch.
    """

    def __init__(self, open_auth: Callable[[], Auth] | None, now: Callable[[], float]) -> None:
        self._open_auth = open_auth
        self._now = now
        self._watches: dict[AbstractEventLoop, _LoopWatch] = {}

    async def wait_for_end(self, identity: Identity) -> None:
        """Return when the session of an identity is over. To stop waiting, cancel the call.

        The session is over when it has ended or expired. Without a session of ours, such as for the token of
        another issuer, the token's ``exp`` counts. If the known ended sessions are too old to be trusted,
        every session of ours counts as over.

        Args:
            identity: the identity that the guard has found.
        """
        from asyncio import get_running_loop  # noqa: PLC0415 - loaded where this runs, and large

        loop = get_running_loop()
        watch = self._watches.get(loop)
        if watch is None:
            auth = None if self._open_auth is None else self._open_auth()
            watch = self._watches[loop] = _LoopWatch(loop, auth, self._now)
        try:
            await watch.wait(identity)
        finally:
            if watch.stop_if_idle():
                self._watches.pop(loop, None)


class _OpenConnection:
    """A connection that waits.

    Attributes:
        session_id: the session. ``None`` without a session of ours.
        look_at: the time from which the session or the token may have expired.
        over: is done when the wait is over.
    """

    __slots__ = ("look_at", "over", "session_id")

    def __init__(self, session_id: str | None, look_at: float, over: Future[None]) -> None:
        self.session_id = session_id
        self.look_at = look_at
        self.over = over

    def finish(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


class _LoopWatch:
    """The connections of a single event loop, and the task that looks at them."""

    def __init__(self, loop: AbstractEventLoop, auth: Auth | None, now: Callable[[], float]) -> None:
        self._loop = loop
        self._auth = auth
        self._now = now
        self._connections: set[_OpenConnection] = set()
        self._task: Task[None] | None = None
        self._reading: Task[None] | None = None

    async def wait(self, identity: Identity) -> None:
        is_ours = self._auth is not None and identity.issuer == self._auth.settings.issuer
        connection = _OpenConnection(
            identity.session_id if is_ours else None,
            identity.claims.get("exp", math.inf),
            self._loop.create_future(),
        )
        self._connections.add(connection)
        if self._task is None or self._task.done():
            # An empty context: that of the first connection would keep its request alive.
            self._task = self._loop.create_task(self._keep_looking(), context=Context())
        try:
            await connection.over
        finally:
            self._connections.discard(connection)

    def stop_if_idle(self) -> bool:
        """Stop the task if no connection waits. Return whether none waits."""
        if self._connections:
            return False
        if self._task is not None:
            self._task.cancel()
        return True

    async def _keep_looking(self) -> None:
        from asyncio import sleep  # noqa: PLC0415 - as above

        try:
            while True:
                await sleep(_PAUSE)
                await self._look()
        except Exception:  # All connections end, and the next connection starts another task.
            logger.exception("looking for ended sessions failed, so all connections that wait for them end")
        finally:
            if self._reading is not None:
                self._reading.cancel()
            _finish(self._connections)

    async def _look(self) -> None:
        """Finish the connections whose session or token is over."""
        if self._auth is not None:
            await self._finish_ended(self._auth)
        now = self._now()
        due = [connection for connection in self._connections if connection.look_at <= now]
        _finish(connection for connection in due if connection.session_id is None)
        if self._auth is not None:
            self._start_reading(self._auth, [connection for connection in due if connection.session_id])

    async def _finish_ended(self, auth: Auth) -> None:
        session_ids = {each.session_id for each in self._connections if each.session_id is not None}
        try:
            ended: Collection[str] = await auth.find_ended_async(session_ids)
        except StoreUnavailable:
            ended = session_ids
        if ended:
            _finish(connection for connection in self._connections if connection.session_id in ended)

    def _start_reading(self, auth: Auth, due: Collection[_OpenConnection]) -> None:
        """Read sessions beside the looks: a store that hangs keeps no end from other connections."""
        reading = self._reading
        if reading is not None:
            if not reading.done():
                return
            self._reading = None
            reading.result()  # It raises if the reading has failed, as a mistake of ours would.
        if due:
            self._reading = self._loop.create_task(self._look_up(auth, due))

    async def _look_up(self, auth: Auth, due: Collection[_OpenConnection]) -> None:
        """Read sessions that may have expired. Each connection waits on for the time that is left."""
        from asyncio import to_thread  # noqa: PLC0415 - as above

        session_ids = {each.session_id for each in due if each.session_id is not None}
        times_left = await to_thread(_read_times_left, auth, tuple(session_ids)[:_MOST_READS])
        now = self._now()
        for connection in due:
            time_left = times_left.get(connection.session_id)
            if time_left is None:
                continue  # The store does not answer, or it is not the turn of this session.
            connection.look_at = now + time_left
            if time_left <= 0:
                connection.finish()


def _read_times_left(auth: Auth, session_ids: Iterable[str]) -> dict[str | None, float]:
    """Return the seconds after which each session expires unless it is refreshed. Zero if it is over."""
    times_left: dict[str | None, float] = {}
    for session_id in session_ids:
        try:
            found = auth.stores.sessions.find_session(session_id)
        except StoreUnavailable:
            break
        if found is None or found.session.ended_at is not None:
            times_left[session_id] = 0.0
        else:
            times_left[session_id] = found.session.expires_at - found.now
    return times_left


def _finish(connections: Iterable[_OpenConnection]) -> None:
    for connection in connections:
        connection.finish()
