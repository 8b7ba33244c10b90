"""`watchword serve` by four workers, on each kind of store."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

import watchword

SEEN_WITHIN = 1.5
SECRET = "s" * 32


def generation(tokens):
    return watchword.inspect_unverified(tokens["refresh_token"]).claims["gen"]


class FourWorkers:
    def test_two_tabs_both_get_the_one_next_generation(self, serve):
        server = serve(WATCHWORD_REFRESH_WINDOW="2")
        browsers = [[tokens, tokens] for tokens in (server.login() for _ in range(50))]
        barrier = threading.Barrier(100)

        def refresh(tokens):
            barrier.wait(20)
            return server.refresh(tokens["refresh_token"])

        with ThreadPoolExecutor(100) as tabs:
            for expected, pause in ((2, 0), (3, 2)):
                time.sleep(pause)  # the store's clock decides what may swap again
                answers = list(tabs.map(refresh, [tab for browser in browsers for tab in browser]))
                assert {answer.status for answer in answers} == {200}
                pairs = [answer.json for answer in answers]
                browsers = [pairs[start : start + 2] for start in range(0, 100, 2)]
                assert {generation(tokens) for tokens in pairs} == {expected}
                assert all(server.greets(tokens) for tokens in pairs)
        assert len(server.events("refresh")) == len(server.events("refresh_replayed")) == 100
        assert server.events("refresh_reused") == []

    def test_reuse_after_the_window_ends_the_session_with_its_access_tokens(self, serve):
        server = serve(WATCHWORD_REFRESH_WINDOW="1")
        stolen, bystander = server.login(), server.login()
        rightful = server.refresh(stolen["refresh_token"]).json
        time.sleep(1.1)  # the window, by the store's clock
        answer = server.refresh(stolen["refresh_token"])
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
        time.sleep(SEEN_WITHIN)  # the workers answer in no order
        for tokens in (stolen, rightful):
            assert not any(server.greets(tokens) for _ in range(20))
            assert server.refresh(tokens["refresh_token"]).status == 400
        assert server.greets(bystander)

    def test_a_logout_is_seen_by_all_workers_within_1_5_s(self, serve):
        server = serve()
        tokens = server.login()
        assert all(server.greets(tokens) for _ in range(20))
        assert server.request("POST", "/auth/logout", token=tokens["access_token"]).status == 204
        time.sleep(SEEN_WITHIN)
        assert not any(server.greets(tokens) for _ in range(40))


@pytest.fixture
def four_workers(start):
    return partial(start, "--workers", "4", WATCHWORD_SECRET=SECRET)


class TestOnSqlite(FourWorkers):
    @pytest.fixture
    def serve(self, four_workers):
        return four_workers


class TestOnPostgres(FourWorkers):
    @pytest.fixture
    def serve(self, four_workers, postgres):
        return partial(four_workers, DATABASE_URL=postgres.new_database())


class TestOnRedis(FourWorkers):
    @pytest.fixture
    def serve(self, four_workers, redis_server):
        return partial(four_workers, SESSIONS_URL=redis_server.url)


class TestOnRedisCluster(FourWorkers):
    @pytest.fixture
    def serve(self, four_workers, redis_cluster):
        return partial(four_workers, SESSIONS_URL=redis_cluster.url)
