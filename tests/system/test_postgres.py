"""`watchword serve` on PostgreSQL: faults."""

import re


def test_a_database_that_dies_and_comes_back_is_a_503_and_no_logout_comes_undone(
    start, mortal_postgres, until
):
    server = start(
        DATABASE_URL=mortal_postgres.new_database(),
        WATCHWORD_SECRET="s" * 32,
        WATCHWORD_REVOCATION_INTERVAL="0.2",
        WATCHWORD_REVOCATION_MAX_AGE="5",  # the killed server may take two seconds to be gone
    )
    tokens, ended = server.login(), server.login()
    assert server.request("POST", "/auth/logout", token=ended["access_token"]).status == 204
    mortal_postgres.kill()
    answer = server.refresh(tokens["refresh_token"])
    assert (answer.status, answer.json["error"]) == (503, "store_unavailable")
    assert server.greets(tokens), "what is known of ended sessions is young enough"
    until(
        lambda: server.request("GET", "/protected", token=tokens["access_token"]).status == 503, "it is not"
    )
    mortal_postgres.start()
    until(lambda: server.request("GET", "/readyz").status == 200, "the store answers")
    until(
        lambda: server.request("GET", "/protected", token=tokens["access_token"]).status == 200, "on it goes"
    )
    assert not server.greets(ended)
    assert server.refresh(ended["refresh_token"]).status == 400
    assert server.refresh(tokens["refresh_token"]).status == 200
    assert "Traceback" not in server.log


def test_what_cannot_work_is_refused_at_the_start_in_one_clear_line(refused, postgres):
    for environment, words in (
        ({"DATABASE_URL": "postgresql://user:oyster@host:port/app"}, "database_url must be a URL"),
        ({"DATABASE_URL": "postgresql://user:oys@ter@host/app"}, "write an @ in the password as %40"),
        (
            {"DATABASE_URL": "postgresql://user:oyster@/app?host=a,b&port=1,2,3"},
            "give each host a port, or none of them",
        ),
        (
            {"DATABASE_URL": "mysql://user:oyster@host/app"},
            "must begin with sqlite:// or postgresql://, not mysql://",
        ),
        ({"DATABASE_URL": "postgresql://user:oyster@host/app?oys=ter"}, "parameters of libpq"),
        ({"DATABASE_URL": postgres.new_database(), "WATCHWORD_SECRET": None}, "secret must be set"),
        ({"DATABASE_URL": "postgresql://user:oyster@127.0.0.1:1/app"}, "the store does not answer"),
    ):
        code, output = refused(**{"WATCHWORD_SECRET": "s" * 32} | environment)
        assert code == 1
        assert words in output
        assert "Traceback" not in output
        assert not re.search("oys|ter@", output)


def test_a_logout_that_is_announced_holds_on_another_server_before_its_next_poll(start, postgres, until):
    environment = {
        "DATABASE_URL": postgres.new_database(),
        "WATCHWORD_SECRET": "s" * 32,
        "WATCHWORD_REVOCATION_PUSH": "true",
        "WATCHWORD_REVOCATION_INTERVAL": "29",
    }
    here, elsewhere = start(**environment), start(**environment)

    elsewhere.greets(here.login())  # from now on it polls, and listens
    ended = here.login()
    assert elsewhere.greets(ended)
    assert here.request("POST", "/auth/logout", token=ended["access_token"]).status == 204
    until(lambda: not elsewhere.greets(ended), "it has heard of it", within=15)
