"""`watchword serve` with its accounts in SQLite and everything else in Redis, by two workers."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

import watchword

SEEN_WITHIN = 1.5


@pytest.fixture
def serve(start, redis_server):
    return partial(start, "--workers", "2", SESSIONS_URL=redis_server.url, WATCHWORD_SECRET="s" * 32)


def generation(tokens):
    return watchword.inspect(tokens["refresh_token"]).claims["gen"]


def test_two_tabs_on_two_workers_both_get_the_one_next_generation(serve):
    server = serve(WATCHWORD_REFRESH_WINDOW="2")
    browsers = [[tokens, tokens] for tokens in (server.login() for _ in range(50))]
    barrier = threading.Barrier(100)

    def refresh(tokens):
        barrier.wait(20)
        return server.refresh(tokens["refresh_token"])

    with ThreadPoolExecutor(100) as tabs:
        for expected, pause in ((2, 0), (3, 2)):
            time.sleep(pause)  # Redis' clock decides what may swap again
            answers = list(tabs.map(refresh, [tab for browser in browsers for tab in browser]))
            assert {answer.status for answer in answers} == {200}
            pairs = [answer.json for answer in answers]
            browsers = [pairs[start : start + 2] for start in range(0, 100, 2)]
            assert {generation(tokens) for tokens in pairs} == {expected}
            assert all(server.greets(tokens) for tokens in pairs)
    assert len(server.events("refresh")) == len(server.events("refresh_replayed")) == 100
    assert server.events("refresh_reused") == []
    assert server.written()["watchword_accounts"] == 1
    assert server.written()["watchword_sessions"] == server.written()["watchword_keys"] == 0


def test_reuse_after_the_window_ends_the_session_with_its_access_tokens(serve, until):
    server = serve(WATCHWORD_REFRESH_WINDOW="1")
    stolen, bystander = server.login(), server.login()
    rightful = server.refresh(stolen["refresh_token"]).json
    time.sleep(1.1)  # the window, by Redis' clock
    answer = server.refresh(stolen["refresh_token"])
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
    time.sleep(SEEN_WITHIN)  # two workers answer in no order
    for tokens in (stolen, rightful):
        assert not any(server.greets(tokens) for _ in range(20))
        assert server.refresh(tokens["refresh_token"]).status == 400
    assert server.greets(bystander)


def test_a_logout_is_seen_by_both_workers_within_1_5_s(serve):
    server = serve()
    tokens = server.login()
    assert all(server.greets(tokens) for _ in range(20))
    assert server.request("POST", "/auth/logout", token=tokens["access_token"]).status == 204
    time.sleep(SEEN_WITHIN)
    assert not any(server.greets(tokens) for _ in range(40))


def test_a_redis_that_dies_and_comes_back_is_a_503_and_no_logout_comes_undone(start, start_redis, until):
    redis = start_redis()
    server = start(
        SESSIONS_URL=redis.url,
        WATCHWORD_SECRET="s" * 32,
        WATCHWORD_REVOCATION_INTERVAL="0.2",
        WATCHWORD_REVOCATION_MAX_AGE="2",
    )
    tokens, ended = server.login(), server.login()
    assert server.request("POST", "/auth/logout", token=ended["access_token"]).status == 204
    redis.kill()
    answer = server.refresh(tokens["refresh_token"])
    assert (answer.status, answer.json["error"]) == (503, "store_unavailable")
    assert server.greets(tokens), "what is known of ended sessions is young enough"
    until(
        lambda: server.request("GET", "/protected", token=tokens["access_token"]).status == 503, "it is not"
    )
    redis.start()
    until(lambda: server.request("GET", "/readyz").status == 200, "the store answers")
    until(
        lambda: server.request("GET", "/protected", token=tokens["access_token"]).status == 200, "on it goes"
    )
    assert not server.greets(ended)
    assert server.refresh(ended["refresh_token"]).status == 400
    assert server.refresh(tokens["refresh_token"]).status == 200
    assert "Traceback" not in server.log


def test_what_cannot_work_is_refused_at_the_start_in_one_clear_line(refused, redis_server):
    for environment, words in (
        ({"SESSIONS_URL": "redis://user:swordfish@host:port"}, "sessions_url: supported are redis://"),
        (
            {"SESSIONS_URL": redis_server.url, "WATCHWORD_SECRET": None},
            "secret: a store on a server needs one",
        ),
        ({"SESSIONS_URL": "redis://user:swordfish@127.0.0.1:1"}, "the store does not answer"),
    ):
        code, output = refused(**{"WATCHWORD_SECRET": "s" * 32} | environment)
        assert code == 1
        assert words in output
        assert "Traceback" not in output
        assert "swordfish" not in output
