"""A blocking call that coroutines share, on real event loops."""

from __future__ import annotations

import asyncio
import threading

from watchword.sessions.shared_calls import SharedCall


def test_a_loop_that_is_closed_before_its_call_ends_is_forgotten() -> None:
    call, ending = SharedCall(), threading.Event()
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(call.wait(lambda: ending.wait(20)))
    loop.run_until_complete(asyncio.wait([waiting], timeout=0))
    waiting.cancel()
    loop.run_until_complete(asyncio.wait([waiting]))
    assert loop in call._running
    loop.close()
    ending.set()
    asyncio.run(call.wait(lambda: None))
    assert call._running == {}
