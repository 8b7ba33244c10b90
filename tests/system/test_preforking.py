"""Servers that load the application once and fork their workers, with and without Python's knowledge.

The application has used the store before the fork, so the workers inherit connections, locks and a polling
thread. Nobody may get what is another's, and a logout holds everywhere.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from application_servers import SERVERS, WORKERS, ApplicationServer, serving
from postgres_servers import PostgresServer
from redis_servers import RedisServer

VISITORS = 50
AT_ONCE = 8
SEEN_WITHIN = 1.5

# Each kind of server on each store, and what differs in threads where connections are most at stake.
KINDS = ("uwsgi", "gunicorn-preload-gthread", "gunicorn-preload-gevent", "granian")
CASES = [(name, store) for store in ("sqlite", "postgres", "redis") for name in KINDS]
CASES += [(name, "postgres") for name in SERVERS if name not in KINDS]


@pytest.fixture
def environment(
    store: str, tmp_path: Path, postgres: PostgresServer, redis_server: RedisServer
) -> dict[str, str]:
    if store == "postgres":
        return {"WATCHWORD_DATABASE_URL": postgres.new_database()}
    settings = {"WATCHWORD_DATABASE_URL": f"sqlite:///{tmp_path}/app.db"}
    return settings if store == "sqlite" else {**settings, "WATCHWORD_SESSIONS_URL": redis_server.url}


@pytest.mark.parametrize(("name", "store"), CASES)
def test_every_visitor_gets_their_own_and_a_logout_holds_at_every_worker(
    name: str, environment: dict[str, str], tmp_path: Path
) -> None:
    with serving(tmp_path, name, environment) as server, ThreadPoolExecutor(AT_ONCE) as visitors:
        outcomes = Counter(visitors.map(partial(visit, server), (f"visitor {n}" for n in range(VISITORS))))
        assert outcomes == {"their own": VISITORS}, server.log
        assert seconds_until_a_logout_holds(server, visitors) < SEEN_WITHIN
        assert len(server.workers) <= WORKERS, server.log  # or one of them has died


def visit(server: ApplicationServer, subject: str) -> str:
    """Log in, refresh, refresh again and ask; what came of it."""
    login = server.request("POST", "/auth/login", {"username": subject, "password": "right"})
    if login.status != 200:
        return f"login {login.status} {login.body}"
    tokens = login.body
    for _ in range(2):  # the second is a replay within the window
        refresh = server.request("POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]})
        if refresh.status != 200:
            return f"refresh {refresh.status} {refresh.body}"
        tokens = refresh.body
    me = server.request("GET", "/auth/me", token=tokens["access_token"])
    if me.status != 200:
        return f"me {me.status} {me.body}"
    return "their own" if me.body["subject"] == subject else "ANOTHER'S"


def seconds_until_a_logout_holds(server: ApplicationServer, visitors: ThreadPoolExecutor) -> float:
    """End a session that every worker has seen; the seconds until no worker lets its token through."""
    token = server.request("POST", "/auth/login", {"username": "alice", "password": ""}).body["access_token"]
    seen = set[str]()
    while len(seen) < 2:
        answers = list(visitors.map(partial(ask, server, token), range(3 * AT_ONCE)))
        assert {answer for answer, _, _ in answers} == {200}
        seen |= {worker for _, worker, _ in answers}
    assert server.request("POST", "/auth/logout", token=token).status == 204
    ended = time.monotonic()
    last, refused_by = ended, set[str]()
    while time.monotonic() - ended < SEEN_WITHIN or not seen <= refused_by:
        for answer, worker, moment in visitors.map(partial(ask, server, token), range(AT_ONCE)):
            assert answer in {200, 401}
            if answer == 200:
                last = max(last, moment)
            else:
                refused_by.add(worker)
        assert time.monotonic() - ended < 10 * SEEN_WITHIN, "a worker goes on letting it through"
    return last - ended


def ask(server: ApplicationServer, token: str, _: int) -> tuple[int, str, float]:
    """The status, the worker, and when the question was sent."""
    sent = time.monotonic()
    answer = server.request("GET", "/worker", token=token)
    return answer.status, answer.worker, sent
