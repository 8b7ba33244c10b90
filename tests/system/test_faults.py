"""The database away, the power gone: what must hold, and that service resumes by itself."""

import contextlib
import http.client
import itertools
import json
import os
import re
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import watchword

CREDENTIALS = {"username": "admin", "password": "correct horse battery staple"}


def is_unavailable(answer):
    assert (answer.status, answer.json["error"]) == (503, "store_unavailable"), answer.body
    assert int(answer.headers["Retry-After"]) >= 1
    return True


def test_a_locked_database_is_a_503_and_service_resumes(start, lock):
    server = start()
    tokens = server.login()
    with lock(server.database), ThreadPoolExecutor() as clients:
        login = clients.submit(server.request, "POST", "/auth/login", CREDENTIALS)
        while not login.done():
            assert server.greets(tokens), "nobody who only reads is kept waiting"
            time.sleep(0.2)
        is_unavailable(login.result())
    server.login()
    assert "Traceback" not in server.log


def test_a_database_that_is_gone_is_a_503_and_service_resumes(start, until, tmp_path):
    server = start(WATCHWORD_REVOCATION_INTERVAL="0.2", WATCHWORD_REVOCATION_MAX_AGE="2")
    tokens = server.login()
    assert server.greets(tokens)
    away = tmp_path / "away"
    away.mkdir()
    files = list(tmp_path.glob("watchword.db*"))
    for file in files:
        file.rename(away / file.name)
    is_unavailable(server.request("GET", "/readyz"))
    assert server.greets(tokens), "what is known of ended sessions is young enough"
    is_unavailable(server.request("POST", "/auth/login", CREDENTIALS))
    is_unavailable(server.refresh(tokens["refresh_token"]))
    is_unavailable(server.request("POST", "/auth/logout", token=tokens["access_token"]))
    assert server.request("GET", "/healthz").status == 200
    until(lambda: protected(server, tokens).status == 503, "what is known is too old to be trusted")
    is_unavailable(protected(server, tokens))
    assert not list(tmp_path.glob("watchword.db*")), "no empty database takes the place of the lost one"
    for file in files:
        (away / file.name).rename(file)
    until(lambda: server.request("GET", "/readyz").status == 200, "the store answers")
    until(lambda: protected(server, tokens).status == 200, "the guard lets through again")
    assert server.refresh(tokens["refresh_token"]).status == 200
    server.login()
    assert "Traceback" not in server.log


def test_a_server_that_accepts_old_news_goes_on_is_not_ready_and_recovers(start, until, tmp_path):
    server = start(
        WATCHWORD_REVOCATION_INTERVAL="0.2", WATCHWORD_REVOCATION_MAX_AGE="1", WATCHWORD_WHEN_STALE="accept"
    )
    tokens, ended = server.login(), server.login()
    assert server.request("POST", "/auth/logout", token=ended["access_token"]).status == 204
    files = list(tmp_path.glob("watchword.db*"))
    away = tmp_path / "away"
    away.mkdir()
    for file in files:
        file.rename(away / file.name)
    time.sleep(1.5)  # longer than what is known may be trusted
    is_unavailable(server.request("GET", "/readyz"))
    assert server.greets(tokens)
    assert not server.greets(ended)
    for file in files:
        (away / file.name).rename(file)
    until(lambda: server.request("GET", "/readyz").status == 200, "the store answers")
    assert server.greets(tokens)


def test_a_server_whose_polls_fail_is_not_ready_says_so_and_recovers(start, until):
    """The store answers, but not the question for ended sessions."""
    server = start(WATCHWORD_REVOCATION_INTERVAL="0.2", WATCHWORD_REVOCATION_MAX_AGE="2")
    tokens = server.login()
    assert server.request("GET", "/readyz").status == 200
    execute(server, "ALTER TABLE watchword_sessions RENAME TO away")
    until(lambda: server.request("GET", "/readyz").status == 503, "a poll has failed")
    assert server.request("GET", "/readyz").json["error"] == "revocations_unavailable"
    until(lambda: protected(server, tokens).status == 503, "what is known is too old to be trusted")
    answer = server.request("GET", "/readyz")
    assert (answer.status, answer.json["error"]) == (503, "revocations_unavailable")
    assert "too old" in answer.json["error_description"]
    execute(server, "ALTER TABLE away RENAME TO watchword_sessions")
    until(lambda: server.request("GET", "/readyz").status == 200, "the polls are answered")
    until(lambda: protected(server, tokens).status == 200, "the guard lets through again")
    assert len(re.findall("the poll for ended sessions failed", server.log)) == 1
    assert len(re.findall("the polls for ended sessions succeed again", server.log)) == 1


def execute(server, statement):
    with contextlib.closing(sqlite3.connect(server.database, isolation_level=None)) as connection:
        connection.execute(statement)


def protected(server, tokens):
    return server.request("GET", "/protected", token=tokens["access_token"])


def test_an_acknowledged_logout_survives_kill_9(start):
    server = start()
    tokens, other = server.login(), server.login()
    assert server.request("POST", "/auth/logout", token=tokens["access_token"]).status == 204
    server.kill()
    server = start()
    assert not server.greets(tokens)
    assert server.refresh(tokens["refresh_token"]).status == 400
    assert server.greets(other)
    assert server.refresh(other["refresh_token"]).status == 200


def test_kill_9_amid_refreshes_and_logouts_loses_nothing_that_was_acknowledged(start, until):
    """Every client refreshes in a loop; each second one logs out at its third generation."""
    window = {"WATCHWORD_REFRESH_WINDOW": "4"}
    server = start(**window)
    clients = [Client(server, server.login(), logs_out=number % 2 == 0) for number in range(10)]
    with ThreadPoolExecutor(len(clients)) as threads:
        running = [threads.submit(client.run) for client in clients]
        until(lambda: amid_the_storm(server, clients), "the second swaps are under way")
        server.kill()
        for client in running:
            client.result(20)

    server = start(**window)
    for client in clients:
        if client.logged_out:
            assert not server.greets(client.tokens)
            assert server.refresh(client.tokens["refresh_token"]).status == 400
        elif not client.logging_out:
            (generation,) = itertools.chain(
                *server.rows("SELECT generation FROM watchword_sessions WHERE id = ?", client.session)
            )
            assert generation - client.generation in {0, 1}, "the swap may have been acknowledged or not"
            answer = server.refresh(client.tokens["refresh_token"])
            assert answer.status == 200, "a client whose answer got lost tries again"
            assert server.greets(answer.json)
    assert server.events("refresh_reused") == []


def amid_the_storm(server, clients):
    ((swapped,),) = server.rows("SELECT sum(generation >= 3) FROM watchword_sessions")
    return swapped >= 3 and any(client.logged_out for client in clients)


class Client:
    """Refreshes in a loop until the server is gone; knows only what was acknowledged."""

    def __init__(self, server, tokens, *, logs_out):
        self.server = server
        self.tokens = tokens
        self.logs_out = logs_out
        self.logging_out = self.logged_out = False

    @property
    def session(self):
        return watchword.inspect_unverified(self.tokens["refresh_token"]).claims["sid"]

    @property
    def generation(self):
        return watchword.inspect_unverified(self.tokens["refresh_token"]).claims["gen"]

    def run(self):
        with contextlib.suppress(OSError, http.client.HTTPException, json.JSONDecodeError):
            while not (self.logs_out and self.generation >= 3):
                answer = self.server.refresh(self.tokens["refresh_token"])
                assert answer.status == 200, answer.body
                self.tokens = answer.json
            self.logging_out = True
            answer = self.server.request("POST", "/auth/logout", token=self.tokens["access_token"])
            self.logged_out = answer.status == 204


def test_a_worker_that_is_killed_is_replaced(start, until):
    server = start()
    tokens, ended = server.login(), server.login()
    assert server.request("POST", "/auth/logout", token=ended["access_token"]).status == 204
    (worker,) = server.workers()
    os.kill(worker, signal.SIGKILL)
    until(lambda: server.workers() not in ([], [worker]), "there is another worker")
    until(server.is_serving, "it serves")
    assert server.greets(tokens)
    assert not server.greets(ended)
    assert server.stop() == 0
