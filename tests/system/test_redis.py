"""`watchword serve` with its accounts in SQLite and everything else in Redis: faults."""


def test_the_database_holds_accounts_only(start, redis_server):
    server = start(SESSIONS_URL=redis_server.url, WATCHWORD_SECRET="s" * 32)
    server.login()
    assert server.written()["watchword_accounts"] == 1
    assert server.written()["watchword_sessions"] == server.written()["watchword_keys"] == 0


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
        ({"SESSIONS_URL": "redis://user:swordfish@host:port"}, "sessions_url must be a URL such as redis://"),
        (
            {"SESSIONS_URL": redis_server.url, "WATCHWORD_SECRET": None},
            "secret must be set for a store on a server",
        ),
        ({"SESSIONS_URL": "redis://user:swordfish@127.0.0.1:1"}, "the store does not answer"),
    ):
        code, output = refused(**{"WATCHWORD_SECRET": "s" * 32} | environment)
        assert code == 1
        assert words in output
        assert "Traceback" not in output
        assert "swordfish" not in output
