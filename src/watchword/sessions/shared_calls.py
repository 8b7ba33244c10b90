"""A blocking call that the coroutines of an event loop share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

__all__ = ["SharedCall"]


class SharedCall:
    """Runs a blocking function in a thread, once for all coroutines that wait for it meanwhile.

    Without this, thousands of coroutines would each take a thread of the loop's small pool. The application's
    own work would wait behind them.
    """

    def __init__(self) -> None:
        self._running: dict[AbstractEventLoop, Future[object]] = {}

    async def wait(self, function: Callable[[], object]) -> None:
        """Wait for the running call, or for a new call if none is running.

        A coroutine that is cancelled stops waiting. The call goes on for the others.

        Args:
            function: the function, the same at each call. Its result is dropped.

        Raises:
            Exception: what the function raised.
        """
        from asyncio import get_running_loop, shield  # noqa: PLC0415 - loaded where this runs, and large

        loop = get_running_loop()
        running = self._running.get(loop)
        if running is None or running.done():
            self._forget_closed_loops()
            running = self._running[loop] = loop.run_in_executor(None, function)
            running.add_done_callback(self._forget)
        await shield(running)

    def _forget_closed_loops(self) -> None:
        """Forget the calls of loops that were closed before the calls ended: they never tell their end."""
        for loop in list(self._running):
            if loop.is_closed():
                self._running.pop(loop, None)

    def _forget(self, done: Future[object]) -> None:
        loop = done.get_loop()
        if self._running.get(loop) is done:
            del self._running[loop]
        if not done.cancelled():
            done.exception()  # Retrieve it: asyncio logs other exceptions, and all waiters may be cancelled.
