"""Guessing passwords, through the front door."""

import time


def try_password(server, username, password):
    return server.request("POST", "/auth/login", {"username": username, "password": password})


def test_wrong_passwords_delay_the_next_tries_on_that_name_only(start, add_account):
    server = start(WATCHWORD_LOGIN_FAILURES="3", WATCHWORD_LOGIN_DELAY="2")
    add_account(server, "alice", "another good password")
    for guess in range(3):
        assert try_password(server, "admin", f"guess number {guess}").status == 401
    refused = try_password(server, "admin", "guess number 3")
    while refused.status == 401:  # the delays begin small
        refused = try_password(server, "admin", "guess number 4")
    assert (refused.status, refused.json["error"]) == (429, "throttled")
    assert try_password(server, "admin", "correct horse battery staple").status == 429
    assert try_password(server, "alice", "another good password").status == 200
    time.sleep(int(refused.headers["Retry-After"]))
    assert try_password(server, "admin", "correct horse battery staple").status == 200


def test_an_address_that_guesses_many_names_is_delayed_and_its_known_owner_is_not(start):
    server = start(WATCHWORD_ADDRESS_FAILURES="3", WATCHWORD_ADDRESS_WINDOW="60")
    server.login()
    answers = [try_password(server, f"name-{number}", "a bad password") for number in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    server.login()
