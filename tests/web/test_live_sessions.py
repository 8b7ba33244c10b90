"""Connections that outlive their request hear of the end of their session, on real event loops."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from contextvars import ContextVar

import pytest
from sqlalchemy import delete

from watchword import Auth, Identity, Issuer, Key, Settings, Verifier
from watchword.errors import StoreUnavailable
from watchword.stores.contract import SessionEnd
from watchword.stores.sql import schema
from watchword.web import live_sessions
from watchword.web.http import Headers, Request
from watchword.web.installation import Installation

PATIENCE = 20
KEY = Key.generate("HS256")


@pytest.fixture(autouse=True)
def _look_often(monkeypatch):
    monkeypatch.setattr(live_sessions, "_PAUSE", 0.01)


@pytest.fixture
def installation(desk):
    return Installation(desk, {}, desk.settings)


def log_in(desk, subject="7", **options):
    return desk.authenticate(desk.start(subject, **options).access_token)


def run(story):
    """Run a story, and check that it leaves no task behind."""

    async def tell():
        async with asyncio.timeout(PATIENCE):
            await story()
            while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - a task that is left would hang here
                await asyncio.sleep(0)

    asyncio.run(tell())


async def look_twice(installation):
    """Return when the task has looked at all connections after this call."""
    looked = asyncio.Event()
    watch = installation.live_sessions._watches[asyncio.get_running_loop()]
    look, count = watch._look, 0

    async def look_and_tell():
        nonlocal count
        await look()
        if watch._reading is not None:
            await watch._reading
        count += 1
        if count == 2:
            looked.set()

    watch._look = look_and_tell
    await looked.wait()
    watch._look = look


async def begin(installation, identity):
    waiting = asyncio.ensure_future(installation.live_sessions.wait_for_end(identity))
    await asyncio.sleep(0)
    return waiting


def test_only_the_connections_of_the_session_that_ended_end(installation, desk):
    first, second = log_in(desk), log_in(desk)

    async def story():
        ending = [await begin(installation, first) for _ in range(3)]
        staying = await begin(installation, second)
        await look_twice(installation)
        assert not any(waiting.done() for waiting in (*ending, staying))
        desk.end(first.session_id)
        await asyncio.gather(*ending)
        await look_twice(installation)
        assert not staying.done()
        desk.end_all("7")
        await staying

    run(story)
    assert installation.live_sessions._watches == {}


@pytest.mark.parametrize("end_later", [0, 3600], ids=["soon", "long after the access token expired"])
def test_an_end_in_another_process_is_heard_within_a_second_and_a_half(tmp_path, monkeypatch, end_later):
    monkeypatch.undo()  # with the pause that an application has
    settings = Settings(database_url=f"sqlite:///{tmp_path}/app.db")
    here, other = Auth(settings=settings), Auth(settings=settings)
    identity = log_in(here)

    async def story():
        installation = Installation(here, {}, settings)
        waiting = await begin(installation, identity)
        for auth in (here, other):
            auth.stores.sessions.time_shift += end_later
        await asyncio.to_thread(here._revocations.poll)
        await look_twice(installation)
        await asyncio.to_thread(other.end_all, identity.subject)
        ended_at = time.monotonic()
        await waiting
        assert time.monotonic() - ended_at < 1.5

    run(story)
    here.close()
    other.close()


def test_a_session_outlives_the_access_token_that_opened_the_connection(installation, desk):
    identity = log_in(desk)

    async def story():
        waiting = await begin(installation, identity)
        desk.wait(desk.settings.access_lifetime + 3600)
        await look_twice(installation)
        assert not waiting.done()
        desk.end(identity.session_id)
        await waiting

    run(story)


@pytest.mark.parametrize("options", [{}, {"lifetime": 60}])
def test_a_session_that_expires_is_over(installation, desk, options):
    lifetime = options.get("lifetime", desk.settings.idle_lifetime)
    identity = log_in(desk, **options)

    async def story():
        waiting = await begin(installation, identity)
        desk.wait(lifetime - 5)
        await look_twice(installation)
        assert not waiting.done()
        desk.wait(10)
        await waiting

    run(story)


def test_a_refresh_moves_the_expiry(installation, desk):
    tokens = desk.start("7")

    async def story():
        waiting = await begin(installation, desk.authenticate(tokens.access_token))
        desk.wait(desk.settings.idle_lifetime - 5)
        await look_twice(installation)
        desk.refresh(tokens.refresh_token)
        desk.wait(10)
        await look_twice(installation)
        assert not waiting.done()
        desk.wait(desk.settings.idle_lifetime)
        await waiting

    run(story)


def test_a_session_that_the_store_has_forgotten_lasts_as_long_as_its_token(installation, desk):
    identity = log_in(desk)
    forget_rows(desk)

    async def story():
        waiting = await begin(installation, identity)
        await look_twice(installation)
        assert not waiting.done()
        desk.wait(desk.settings.access_lifetime + 1)
        await waiting

    run(story)


def forget_rows(desk):
    desk.stores.backends[0].write(lambda connection, _now: connection.execute(delete(schema.sessions)))


@pytest.mark.parametrize("has_auth", [False, True])
def test_a_token_of_another_issuer_ends_with_its_expiry(desk, has_auth):
    verifier = Verifier(KEY, issuer="https://other.example", clock=desk.now)
    installation = Installation(
        desk if has_auth else verifier, {}, desk.settings, also=[verifier] if has_auth else []
    )
    ours = log_in(desk)
    claims = {"sid": ours.session_id}  # which another issuer may say of its own sessions
    token = Issuer("https://other.example", KEY).issue("7", claims, lifetime=60, issued_at=int(desk.now()))
    identity = installation.guard.check(Request(headers=Headers([("Authorization", f"Bearer {token}")])))

    async def story():
        waiting = await begin(installation, identity)
        desk.end(ours.session_id)
        desk.wait(50)
        await look_twice(installation)
        assert not waiting.done()
        desk.wait(15)
        await waiting

    run(story)


def test_a_token_without_an_expiry_never_ends():
    installation = Installation(Verifier(KEY), {}, Settings())

    async def story():
        waiting = await begin(installation, Identity.from_claims({"sub": "7"}))
        await look_twice(installation)
        assert not waiting.done()
        waiting.cancel()

    run(story)
    assert installation.live_sessions._watches == {}


def test_every_session_counts_as_over_when_ended_sessions_are_not_known_any_more(monkeypatch):
    settings = Settings(database_url="sqlite://", revocation_interval=0.05, revocation_max_age=1)
    auth = Auth(settings=settings)
    installation = Installation(auth, {}, settings)
    identities = [log_in(auth), Identity.from_claims({"sub": "7", "iss": "https://other.example"})]

    def fail(*_args, **_options):
        raise StoreUnavailable

    async def story():
        ours, of_another = [await begin(installation, identity) for identity in identities]
        await look_twice(installation)
        assert not ours.done()
        monkeypatch.setattr(auth.stores.sessions, "poll", fail)
        await ours
        assert not of_another.done()
        of_another.cancel()

    run(story)
    auth.close()


def test_a_store_that_is_away_for_a_moment_ends_nothing(installation, desk, monkeypatch):
    identity = log_in(desk)

    async def story():
        waiting = await begin(installation, identity)
        desk.wait(desk.settings.access_lifetime + 1)
        with monkeypatch.context() as patch:

            def fail(_session_id):
                raise StoreUnavailable

            patch.setattr(desk.stores.sessions, "find_session", fail)
            await look_twice(installation)
        await look_twice(installation)
        assert not waiting.done()
        desk.end(identity.session_id)
        await waiting

    run(story)


def test_a_store_that_hangs_keeps_no_end_from_other_connections(installation, desk, monkeypatch):
    reading, ending = log_in(desk), log_in(desk, "8")
    answer, asked = threading.Event(), []

    def hang(session_id):
        asked.append(session_id)
        answer.wait(PATIENCE)
        raise StoreUnavailable

    async def story():
        waiting = await begin(installation, reading)
        desk.wait(desk.settings.access_lifetime + 1)
        monkeypatch.setattr(desk.stores.sessions, "find_session", hang)
        while not asked:  # noqa: ASYNC110 - a thread appends to it
            await asyncio.sleep(0)
        other = await begin(installation, ending)
        desk._revocations.add([SessionEnd(ending.session_id, desk.now() + 60)])
        await other
        assert (waiting.done(), asked) == (False, [reading.session_id])
        answer.set()
        waiting.cancel()

    run(story)


def test_if_looking_fails_all_connections_end_and_the_next_is_watched_again(
    installation, desk, monkeypatch, caplog
):
    identity = log_in(desk)

    async def story():
        with monkeypatch.context() as patch:
            patch.setattr(installation, "guard", None)  # as a mistake of ours would
            await (await begin(installation, identity))
        waiting = await begin(installation, identity)
        await look_twice(installation)
        assert not waiting.done()
        desk.end(identity.session_id)
        await waiting

    run(story)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "looking for ended sessions failed, so all connections that wait for them end"
    ]


def test_ten_thousand_connections_share_a_task_and_read_nothing(installation, desk, monkeypatch):
    identity, other = log_in(desk), log_in(desk)
    reads = []
    find_session = desk.stores.sessions.find_session
    monkeypatch.setattr(
        desk.stores.sessions,
        "find_session",
        lambda session_id: (reads.append(session_id), find_session(session_id))[1],
    )

    async def story():
        waiting = [await begin(installation, identity) for _ in range(10_000)]
        staying = await begin(installation, other)
        assert len(asyncio.all_tasks()) == len([*waiting, staying]) + 2  # this story and the task that looks
        watch = installation.live_sessions._watches[asyncio.get_running_loop()]
        began = time.process_time()
        for _ in range(10):
            await watch._look()
        assert (time.process_time() - began) / 10 < 0.1
        assert reads == []
        desk.wait(desk.settings.access_lifetime + 1)
        await look_twice(installation)
        assert set(reads) == {identity.session_id, other.session_id}
        assert len(reads) == 2
        desk.end(identity.session_id)
        await asyncio.gather(*waiting)
        staying.cancel()

    run(story)


def test_the_task_of_all_connections_does_not_keep_the_first_of_them_alive(installation, desk):
    class Scope:
        pass

    identity, running = log_in(desk), ContextVar("running")

    async def serve():
        running.set(Scope())
        seen.append(weakref.ref(running.get()))
        await installation.live_sessions.wait_for_end(identity)

    seen = []

    async def story():
        first = asyncio.ensure_future(serve())
        await asyncio.sleep(0)
        second = await begin(installation, identity)
        first.cancel()
        await asyncio.wait([first])
        del first
        await look_twice(installation)
        gc.collect()
        assert seen[0]() is None
        second.cancel()

    run(story)


def test_a_loop_that_cancels_all_its_tasks_is_forgotten(installation, desk):
    identity = log_in(desk)
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(installation.live_sessions.wait_for_end(identity))
    loop.run_until_complete(asyncio.sleep(0))
    assert list(installation.live_sessions._watches) == [loop]
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.gather(waiting, return_exceptions=True))
    loop.close()
    assert installation.live_sessions._watches == {}
