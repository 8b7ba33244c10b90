"""Sessions under real conditions: two tabs, a thief, several processes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import watchword

SEEN_WITHIN = 1.5


def claims(tokens, kind):
    return watchword.inspect_unverified(tokens[f"{kind}_token"]).claims


def generation(server, session):
    ((number, ended_at),) = server.rows(
        "SELECT generation, ended_at FROM watchword_sessions WHERE id = ?", session
    )
    assert ended_at is None
    return number


def test_two_tabs_that_refresh_at_once_both_get_the_one_next_generation(start):
    window = 2
    server = start(WATCHWORD_REFRESH_WINDOW=str(window))
    browsers = [[tokens, tokens] for tokens in (server.login() for _ in range(50))]
    barrier = threading.Barrier(100)

    def refresh(tokens):
        barrier.wait(20)
        return server.refresh(tokens["refresh_token"])

    with ThreadPoolExecutor(100) as tabs:
        for expected, pause in ((2, 0), (3, window)):
            time.sleep(pause)  # the store's clock decides what may swap again
            answers = list(tabs.map(refresh, [tab for browser in browsers for tab in browser]))
            assert {answer.status for answer in answers} == {200}
            pairs = [answer.json for answer in answers]
            browsers = [pairs[start : start + 2] for start in range(0, 100, 2)]
            for browser in browsers:
                assert generation(server, claims(browser[0], "access")["sid"]) == expected
                assert [claims(tab, "refresh")["gen"] for tab in browser] == [expected, expected]
                assert all(server.greets(tab) for tab in browser)
    assert len(server.events("refresh")) == len(server.events("refresh_replayed")) == 100
    assert server.events("refresh_reused") == []


def test_reuse_after_the_window_ends_the_session_with_its_access_tokens(start):
    server = start(WATCHWORD_REFRESH_WINDOW="1")
    stolen, bystander = server.login(), server.login()
    rightful = server.refresh(stolen["refresh_token"]).json
    time.sleep(1.1)  # the window, by the store's clock
    answer = server.refresh(stolen["refresh_token"])
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
    for tokens in (stolen, rightful):
        assert not server.greets(tokens)
        assert server.refresh(tokens["refresh_token"]).status == 400
    assert server.greets(bystander)


ENDS = {
    "access token": lambda server, tokens: server.request(
        "POST", "/auth/logout", token=tokens["access_token"]
    ),
    "refresh token": lambda server, tokens: server.request(
        "POST", "/auth/logout", {"refresh_token": tokens["refresh_token"]}
    ),
    "deletion": lambda server, tokens: server.request(
        "DELETE",
        f"/auth/sessions/{claims(tokens, 'access')['sid']}",
        token=tokens["access_token"],
    ),
    "logout-all": lambda server, tokens: server.request(
        "POST", "/auth/logout-all", token=tokens["access_token"]
    ),
}


def test_a_logout_holds_here_at_once_and_in_another_server_within_1_5_s(start, until):
    here, there = start(), start(ADMIN_PASSWORD=None)
    sessions = {name: here.login() for name in ENDS}
    assert all(there.greets(tokens) for tokens in sessions.values()), "they take each other's tokens"
    for name, end in ENDS.items():
        assert end(here, sessions[name]).status == 204
        assert not here.greets(sessions[name])
    for tokens in sessions.values():
        until(lambda tokens=tokens: not there.greets(tokens), "the end is seen", within=SEEN_WITHIN)
        assert there.refresh(tokens["refresh_token"]).status == 400


def test_a_logout_is_seen_by_every_worker_of_a_server_within_1_5_s(start):
    server = start("--workers", "2")
    tokens = server.login()
    assert all(server.greets(tokens) for _ in range(20))
    assert server.request("POST", "/auth/logout", token=tokens["access_token"]).status == 204
    time.sleep(SEEN_WITHIN)  # two workers answer in no order: polling could ask the same one each time
    assert not any(server.greets(tokens) for _ in range(40))


def test_an_account_disabled_by_the_command_line_is_logged_out_of_the_server(
    start, until, add_account, run_command
):
    server = start()
    add_account(server, "mallory", "another good password")
    tokens = server.login("mallory", "another good password")
    assert server.greets(tokens)
    run_command(server, "account", "disable", "mallory")
    until(lambda: not server.greets(tokens), "the end is seen", within=SEEN_WITHIN)
    answer = server.request(
        "POST", "/auth/login", {"username": "mallory", "password": "another good password"}
    )
    assert (answer.status, answer.json["error"]) == (401, "invalid_credentials")
