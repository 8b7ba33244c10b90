"""While the store is away, no adapter says whether a token is good, and each goes on when it is back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from adapter_table import Adapter
from application_process import PASSWORD, serve
from redis_servers import RedisServer
from watchword_servers import Answer, until


def test_without_its_store_a_guard_answers_503_until_the_store_is_back(
    adapter: Adapter, folder: Path, start_redis: Callable[..., RedisServer]
) -> None:
    redis = start_redis()
    environment = {
        "WATCHWORD_SESSIONS_URL": redis.url,
        "WATCHWORD_REVOCATION_INTERVAL": "0.2",
        "WATCHWORD_REVOCATION_MAX_AGE": "1",
    }
    with serve(adapter, folder, **environment) as application:
        token = application.login("alice")["access_token"]
        assert application.read("/protected", token=token)["username"] == "alice"
        redis.kill()

        def ask(path: str) -> Answer:
            answer = application.request("GET", path, token=token)
            assert answer.status in {200, 503}, answer.body
            return answer

        with application.connect_to_each_worker() as workers:

            def all_answer(status: int) -> bool:
                answers = [
                    application.request("GET", "/protected", token=token, over=worker) for worker in workers
                ]
                assert {answer.status for answer in answers} <= {200, 503}
                return {answer.status for answer in answers} == {status}

            until(lambda: all_answer(503), "both workers refuse", within=5)
            for path in ("/protected", "/scoped", "/any", "/fresh", "/optional", "/user", "/auth/me"):
                answer = application.request("GET", path, token=token)
                assert answer.status == 503, path
                assert int(answer.headers["Retry-After"]) >= 1
                assert "WWW-Authenticate" not in answer.headers
                application.adapter.check_code(answer.body, "store_unavailable")
            credentials = {"username": "alice", "password": PASSWORD}
            assert application.request("POST", "/auth/login", credentials).status == 503
            assert application.read("/open")["subject"] is None
            assert application.read("/optional")["subject"] is None
            assert application.request("GET", "/protected").status == 401
            redis.start()
            until(lambda: all_answer(200), "both workers go on")
