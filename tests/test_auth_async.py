"""``Auth.authenticate_async`` on a real event loop: what it does itself, and what it leaves to a thread."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from watchword import Auth, Settings
from watchword.errors import InvalidToken, SessionEnded, StoreUnavailable
from watchword.sessions import revocations
from watchword.stores.contract import Feed

SETTINGS = Settings(issuer="https://issuer.example", audience="api", revocation_interval=29)


class WatchedStore:
    """Polls a real store, notes the thread, and can be held up or cut off."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.pollers: list[threading.Thread] = []
        self.asked = threading.Event()
        self.before_poll: Callable[[], object] = lambda: None

    def poll(self, identity: str | None, position: int | None, *, grace: float) -> Feed:
        self.pollers.append(threading.current_thread())
        self.asked.set()
        self.before_poll()
        feed: Feed = self._store.poll(identity, position, grace=grace)
        return feed


@pytest.fixture
def auth() -> Iterator[Auth]:
    opened = Auth("sqlite://", settings=SETTINGS)
    opened._revocations.ensure_fresh()
    yield opened
    opened.close()


@pytest.fixture
def store(auth: Auth) -> WatchedStore:
    watched = WatchedStore(auth._revocations._store)
    auth._revocations._store = watched  # type: ignore[assignment]
    return watched


def forget_polls(auth: Auth) -> None:
    """Leave the process as a fork finds it: the next request has to poll."""
    auth._revocations._polls.remove()
    auth._revocations._spared_until = -math.inf


def run_without_threads(coroutine: Any) -> Any:
    """Return what a coroutine returns that never suspends."""
    with pytest.raises(StopIteration) as finished:
        coroutine.send(None)
    return finished.value.value


def test_a_fresh_process_authenticates_without_suspending(auth: Auth) -> None:
    tokens = auth.start("7", ["read"])
    identity = run_without_threads(auth.authenticate_async(tokens.access_token))
    assert identity == auth.authenticate(tokens.access_token)


def test_a_slow_store_is_polled_once_in_a_thread_while_the_loop_goes_on(
    auth: Auth, store: WatchedStore
) -> None:
    token = auth.start("7").access_token
    forget_polls(auth)
    answering = threading.Event()
    store.before_poll = lambda: answering.wait(20)

    async def serve() -> list[str]:
        requests = [asyncio.ensure_future(auth.authenticate_async(token)) for _ in range(200)]
        await asyncio.to_thread(store.asked.wait, 20)
        for _ in range(100):  # the loop turns, and no request is done
            await asyncio.sleep(0)
        assert not any(request.done() for request in requests)
        answering.set()
        return [identity.subject for identity in await asyncio.gather(*requests)]

    assert asyncio.run(serve()) == ["7"] * 200
    assert len(store.pollers) == 1
    assert threading.current_thread() not in store.pollers


def test_a_cancelled_request_leaves_the_others_their_answer(auth: Auth, store: WatchedStore) -> None:
    token = auth.start("7").access_token
    forget_polls(auth)
    answering = threading.Event()
    store.before_poll = lambda: answering.wait(20)

    async def serve() -> str:
        cancelled, other = (asyncio.ensure_future(auth.authenticate_async(token)) for _ in range(2))
        await asyncio.to_thread(store.asked.wait, 20)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        answering.set()
        return (await other).subject

    assert asyncio.run(serve()) == "7"


def test_a_request_that_is_cancelled_while_the_store_fails_leaves_nothing_to_complain_of(
    auth: Auth, store: WatchedStore, caplog: pytest.LogCaptureFixture
) -> None:
    forget_polls(auth)
    answering = threading.Event()

    def fail() -> None:
        answering.wait(20)
        raise StoreUnavailable

    store.before_poll = fail

    async def serve() -> None:
        request = asyncio.ensure_future(auth.authenticate_async("a.b.c"))
        await asyncio.to_thread(store.asked.wait, 20)
        request.cancel()
        answering.set()
        await asyncio.wait([request])

    asyncio.run(serve(), debug=True)
    assert "asyncio" not in {record.name for record in caplog.records if record.levelname == "ERROR"}


@pytest.mark.parametrize("is_stale", [False, True])
@pytest.mark.parametrize(
    ("find_token", "expected"),
    [
        (lambda auth: "a.b.c", InvalidToken),
        (lambda auth: None, InvalidToken),
        (lambda auth: auth.start("7").refresh_token, InvalidToken),
        (lambda auth: end(auth, auth.start("7")), SessionEnded),
    ],
)
def test_a_bad_token_is_the_same_error_with_and_without_a_thread(
    auth: Auth, find_token: Callable[[Auth], Any], expected: type[Exception], is_stale: bool
) -> None:
    token = find_token(auth)
    with pytest.raises(expected) as synchronous:
        auth.authenticate(token)
    if is_stale:
        forget_polls(auth)
    with pytest.raises(expected) as asynchronous:
        asyncio.run(auth.authenticate_async(token))
    assert (type(asynchronous.value), str(asynchronous.value)) == (
        type(synchronous.value),
        str(synchronous.value),
    )


def end(auth: Auth, tokens: Any) -> str:
    auth.end(tokens.session_id)
    access_token: str = tokens.access_token
    return access_token


def raise_unavailable() -> None:
    raise StoreUnavailable


def test_a_store_that_is_away_is_the_error_of_authenticate_and_is_not_asked_by_each_request(
    auth: Auth, store: WatchedStore
) -> None:
    token = auth.start("7").access_token
    forget_polls(auth)
    store.before_poll = raise_unavailable

    async def serve() -> list[Any]:
        requests = (auth.authenticate_async(token) for _ in range(50))
        return await asyncio.gather(*requests, return_exceptions=True)

    assert {type(answer) for answer in asyncio.run(serve())} == {StoreUnavailable}
    assert len(store.pollers) == 1


def test_where_stale_ends_are_accepted_a_store_that_is_away_does_not_refuse(auth: Auth) -> None:
    accepting = Auth(
        "sqlite://", settings=Settings(issuer="https://issuer.example", audience="api", when_stale="accept")
    )
    token = accepting.start("7").access_token
    watched = WatchedStore(accepting._revocations._store)
    watched.before_poll = raise_unavailable
    accepting._revocations._store = watched  # type: ignore[assignment]
    forget_polls(accepting)
    try:
        assert asyncio.run(accepting.authenticate_async(token)).subject == "7"
    finally:
        accepting.close()
    assert threading.current_thread() not in watched.pollers


def test_each_event_loop_waits_for_a_call_of_its_own(auth: Auth) -> None:
    token = auth.start("7").access_token
    for _ in range(2):
        forget_polls(auth)
        assert asyncio.run(auth.authenticate_async(token)).subject == "7"
    assert auth._revocations._shared_call._running == {}


def test_event_loops_of_several_threads_authenticate_at_once(auth: Auth, store: WatchedStore) -> None:
    token = auth.start("7").access_token
    forget_polls(auth)
    together = threading.Barrier(4)

    async def serve() -> set[str]:
        together.wait(20)
        answers = await asyncio.gather(*(auth.authenticate_async(token) for _ in range(20)))
        return {identity.subject for identity in answers}

    with ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(asyncio.run, serve()) for _ in range(4)]
        assert [answer.result() for answer in answers] == [{"7"}] * 4
    assert len(store.pollers) == 1


def test_a_poll_that_hangs_delays_requests_once_where_stale_ends_are_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(revocations, "PATIENCE", 0.05)
    accepting = Auth(
        "sqlite://", settings=Settings(issuer="https://issuer.example", audience="api", when_stale="accept")
    )
    token = accepting.start("7").access_token
    watched = WatchedStore(accepting._revocations._store)
    answering = threading.Event()
    watched.before_poll = lambda: answering.wait(20)
    accepting._revocations._store = watched  # type: ignore[assignment]
    forget_polls(accepting)
    poller = threading.Thread(target=accepting._revocations._work)
    poller.start()
    watched.asked.wait(20)
    submitted: list[object] = []

    class CountingExecutor(ThreadPoolExecutor):
        def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Any:
            submitted.append(function)
            return super().submit(function, *arguments, **options)

    async def serve() -> list[Any]:
        asyncio.get_running_loop().set_default_executor(CountingExecutor(1))
        return await asyncio.gather(*(accepting.authenticate_async(token) for _ in range(50)))

    try:
        assert {identity.subject for identity in asyncio.run(serve())} == {"7"}
        assert len(submitted) == 1
        assert not accepting.ready()
    finally:
        answering.set()
        poller.join()
        accepting.close()


def test_ended_sessions_are_found_among_many_with_and_without_a_thread(
    auth: Auth, store: WatchedStore
) -> None:
    ended, live = (auth.start("7").session_id for _ in range(2))
    auth.end(ended)
    assert (auth.has_ended(ended), auth.has_ended(live)) == (True, False)
    assert run_without_threads(auth.find_ended_async([ended, live])) == {ended}
    forget_polls(auth)
    assert asyncio.run(auth.find_ended_async([ended, live])) == {ended}
    assert threading.current_thread() not in store.pollers


def test_whether_sessions_have_ended_is_not_said_while_it_is_not_known(
    auth: Auth, store: WatchedStore
) -> None:
    session_id = auth.start("7").session_id
    forget_polls(auth)
    store.before_poll = raise_unavailable
    with pytest.raises(StoreUnavailable):
        auth.has_ended(session_id)
    for _ in range(2):  # the second time without a thread
        with pytest.raises(StoreUnavailable):
            asyncio.run(auth.find_ended_async([session_id]))
