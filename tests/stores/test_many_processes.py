"""What only real processes on one store can show: each is an interpreter of its own, driven line by line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis_servers import RedisServer

from watchword import Auth, Settings
from watchword.accounts import LoginThrottle
from watchword.errors import Throttled
from watchword.sessions import Revocations
from watchword.stores import Stores, open_stores
from watchword.stores.contract import NewSession, SessionTimes, make_session_id

PROCESSES, THREADS = 4, 16
PATIENCE = 60
SECRET = "a secret that all the processes have in common"

PRELUDE = """
import json, sys, time

def hear():
    return json.loads(sys.stdin.readline() or "null")

def tell(message):
    print(json.dumps(message), flush=True)

def said(call, *arguments):
    try:
        call(*arguments)
    except WatchwordError as error:
        return error.code
    return "good"

settings, options = hear()
if off := options.get("clock_is_off_by"):
    right = time.time
    time.time = lambda: right() + off
from watchword import Auth, Settings, WatchwordError
from watchword.sessions import Revocations
if off and settings["database_url"].startswith("sqlite:"):  # whose clock is this machine's, and right
    from watchword.stores.sql.database import SqlDatabase
    SqlDatabase.time_shift = -off
if options.get("no_threads"):
    Revocations._start_thread = lambda self: None
auth = Auth(settings=Settings(**settings))
"""

GUARD = """
auth.check()
tell("ready")
while message := hear():
    tell(auth.start("alice").access_token if message == "start" else said(auth.authenticate, message))
"""

FORKED_GUARD = """
import os
auth.check()
assert auth.ready()
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
tell("stale" if not auth.ready() else "as fresh as its parent")
while token := hear():
    tell(said(auth.authenticate, token))
"""

REDEEMER = f"""
import collections, threading
from concurrent.futures import ThreadPoolExecutor

barrier = threading.Barrier({THREADS} + 1)

def redeem(token):
    barrier.wait({PATIENCE})
    return said(auth.one_time.redeem, "magic-link", token)

with ThreadPoolExecutor({THREADS}) as pool:
    token = hear()
    redeeming = [pool.submit(redeem, token) for _ in range({THREADS})]
    tell("ready")
    hear()
    barrier.wait({PATIENCE})
    tell(collections.Counter(future.result() for future in redeeming))
"""

GUESSER = f"""
import collections, threading
from concurrent.futures import ThreadPoolExecutor
from watchword.accounts import LoginThrottle
from watchword.stores.contract import LoginCounter, LoginCounters

throttle = LoginThrottle(auth.stores.throttles, key=b"k" * 32, settings=auth.settings)
delayed = LoginCounters("alice", LoginCounter("own", free=-9, max_delay=1000))  # by the first attempt
barrier = threading.Barrier({THREADS} + 1)

def guess(name):
    barrier.wait({PATIENCE})
    wait = auth.stores.throttles.admit(delayed, forget_after=1000).wait
    throttle.record_failure(throttle.admit(name, "192.0.2.1"))
    return "delayed" if wait else "admitted"

with ThreadPoolExecutor({THREADS}) as pool:
    guessing = [pool.submit(guess, name) for name in hear()]
    tell("ready")
    hear()
    barrier.wait({PATIENCE})
    tell(collections.Counter(future.result() for future in guessing))
"""


class Node:
    """A process with an Auth of its own."""

    def __init__(self, script: str, settings: dict[str, Any], options: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.tell([{"secret": [SECRET], **settings}, options])

    def tell(self, message: Any) -> None:
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        return json.loads(self.process.stdout.readline())

    def ask(self, message: Any) -> Any:
        self.tell(message)
        return self.hear()


Start = Callable[..., Node]


@pytest.fixture(params=["sqlite", "postgres", "redis"])
def shared_urls(request: pytest.FixtureRequest, tmp_path: Path, redis_server: RedisServer) -> dict[str, str]:
    """Settings that name a store which several processes can open, empty."""
    if request.param == "postgres":
        return {"database_url": request.getfixturevalue("postgres").new_database()}
    urls = {"database_url": f"sqlite:///{tmp_path}/watchword.db"}
    return urls | {"sessions_url": redis_server.url} if request.param == "redis" else urls


def open_shared(urls: dict[str, str]) -> Stores:
    return open_stores(Settings(**urls))


@pytest.fixture
def auth(shared_urls: dict[str, str]) -> Iterator[Auth]:
    """This process's own; the keys are made when the others start."""
    made = Auth(settings=Settings(secret=(SECRET,), access_lifetime=60, **shared_urls))
    yield made
    made.close()


@pytest.fixture
def start(auth: Auth, shared_urls: dict[str, str]) -> Iterator[Start]:
    nodes = []

    def starting(script: str, *, options: dict[str, Any] | None = None, **settings: Any) -> Node:
        nodes.append(Node(script, {"access_lifetime": 60, **shared_urls, **settings}, options or {}))
        return nodes[-1]

    yield starting
    for node in nodes:
        node.process.kill()
        node.process.communicate()


def until(condition: Callable[[], bool]) -> None:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < PATIENCE
        time.sleep(0.02)


# -- once ----------------------------------------------------------------------------------------


def test_of_64_threads_in_4_processes_that_redeem_one_token_at_once_one_wins(
    auth: Auth, start: Start
) -> None:
    token = auth.one_time.issue("magic-link", "alice", 600)
    nodes = [start(REDEEMER) for _ in range(PROCESSES)]
    for node in nodes:
        node.tell(token)
    assert [node.hear() for node in nodes] == ["ready"] * PROCESSES
    for node in nodes:
        node.tell("go")
    told = sum((Counter(node.hear()) for node in nodes), Counter())
    assert told == {"good": 1, "token_spent": PROCESSES * THREADS - 1}


def test_64_threads_in_4_processes_count_guesses_together(auth: Auth, start: Start) -> None:
    guesses = PROCESSES * THREADS
    nodes = [start(GUESSER, address_failures=guesses + 1) for _ in range(PROCESSES)]
    for number, node in enumerate(nodes):
        node.tell([f"name {number} {thread}" for thread in range(THREADS)])
    assert [node.hear() for node in nodes] == ["ready"] * PROCESSES
    for node in nodes:
        node.tell("go")
    told = sum((Counter(node.hear()) for node in nodes), Counter())
    assert told == {"admitted": 1, "delayed": guesses - 1}

    def admit(address_failures: int) -> None:
        settings = Settings(address_failures=address_failures)
        LoginThrottle(auth.stores.throttles, key=b"k" * 32, settings=settings).admit("bob", "192.0.2.1")

    admit(address_failures=guesses + 1)
    with pytest.raises(Throttled):
        admit(address_failures=guesses)


# -- revocation ----------------------------------------------------------------------------------


def test_a_forked_process_knows_how_little_it_knows_and_polls_by_itself(auth: Auth, start: Start) -> None:
    """As workers of Granian and gunicorn are made. No request would poll: what is known is young enough."""
    tokens = auth.start("alice")
    child = start(FORKED_GUARD, revocation_interval=0.1, revocation_max_age=2_000)
    assert child.hear() == "stale"
    assert child.ask(tokens.access_token) == "good"
    auth.end(tokens.session_id)
    until(lambda: child.ask(tokens.access_token) == "session_ended")


@pytest.mark.parametrize("no_threads", [False, True], ids=["", "without threads"])
def test_a_process_that_was_frozen_asks_before_it_lets_anybody_through(
    auth: Auth, start: Start, no_threads: bool
) -> None:
    tokens = auth.start("alice")
    guard = start(GUARD, options={"no_threads": no_threads}, revocation_interval=0.5, revocation_max_age=1)
    assert guard.hear() == "ready"
    assert guard.ask(tokens.access_token) == "good"
    guard.process.send_signal(signal.SIGSTOP)
    os.waitpid(guard.process.pid, os.WUNTRACED)
    auth.end(tokens.session_id)
    guard.tell(tokens.access_token)
    time.sleep(1.2)  # longer than what it knows may be trusted, by a clock that it does not see
    guard.process.send_signal(signal.SIGCONT)
    assert guard.hear() == "session_ended"


def test_without_threads_an_end_is_known_when_what_was_known_is_too_old(auth: Auth, start: Start) -> None:
    tokens = auth.start("alice")
    guard = start(GUARD, options={"no_threads": True}, revocation_interval=0.5, revocation_max_age=1)
    assert guard.hear() == "ready"
    assert guard.ask(tokens.access_token) == "good"
    auth.end(tokens.session_id)
    until(lambda: guard.ask(tokens.access_token) == "session_ended")


def test_nodes_whose_clocks_are_off_by_five_minutes_agree(auth: Auth, start: Start) -> None:
    """Ten minutes apart, with access tokens that are good for one."""
    guards = [
        start(GUARD, options={"clock_is_off_by": off}, leeway=0, revocation_interval=0.1)
        for off in (300, -300)
    ]
    assert [guard.hear() for guard in guards] == ["ready", "ready"]
    tokens = auth.start("alice")
    for token in [tokens.access_token, *(guard.ask("start") for guard in guards)]:
        assert [guard.ask(token) for guard in guards] == ["good", "good"]
        assert auth.authenticate(token).subject == "alice"
    auth.end(tokens.session_id)
    for guard in guards:
        until(lambda guard=guard: guard.ask(tokens.access_token) == "session_ended")


def test_a_node_that_starts_while_ends_arrive_misses_none(auth: Auth, shared_urls: dict[str, str]) -> None:
    ended: list[str] = []
    enough = threading.Event()

    def end_many() -> None:
        stores = open_shared(shared_urls)
        times = SessionTimes(access=600, idle=10_000, absolute=20_000, window=30)
        while not enough.is_set():
            session_id = make_session_id("alice")
            new = NewSession(
                id=session_id, subject="alice", username="", scopes=(), user_agent=None, ip_address=None
            )
            stores.sessions.start_session(new, times, max_live=100, mark=stores.sessions.read_mark())
            stores.sessions.end_session(session_id, "logout")
            ended.append(session_id)
        stores.close()

    ending = threading.Thread(target=end_many)
    ending.start()
    nodes, opened = [], []
    for number in range(5, 55, 5):
        until(lambda number=number: len(ended) >= number)
        opened.append(open_shared(shared_urls))
        nodes.append(Revocations(opened[-1].sessions, interval=60, max_age=600, grace=30))
        for node in nodes:
            node.poll()
    enough.set()
    ending.join()
    for node in nodes:
        node.poll()
        assert [session_id for session_id in ended if not node.ended(session_id)] == []
    for stores in opened:
        stores.close()
