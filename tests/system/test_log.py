"""The log: one structured line for each security event, one line for each request, and never a secret."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time

from watchword_servers import COMMAND, PATIENCE, clean_environment, free_port

import watchword

PASSWORD = "correct horse battery staple"


def test_a_whole_story_is_logged_event_by_event_without_a_secret(start):
    server = start(WATCHWORD_REFRESH_WINDOW="1", WATCHWORD_LOGIN_FAILURES="1", WATCHWORD_LOGIN_DELAY="5")
    guess = {"username": "somebody", "password": "a guess at a password"}
    headers = {"X-Forwarded-For": "203.0.113.9"}  # no proxy is trusted, so nobody's word is taken for it
    first = server.login(headers=headers)
    statuses = [server.request("POST", "/auth/login", guess).status for _ in range(3)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    second = server.refresh(first["refresh_token"]).json
    replayed = server.refresh(first["refresh_token"]).json
    time.sleep(1.1)  # the window, by the store's clock
    assert server.refresh(first["refresh_token"]).status == 400
    third = server.login()
    assert server.request("POST", "/auth/logout", token=third["access_token"]).status == 204
    assert server.request("GET", "/protected", token=second["access_token"]).status == 401
    server.stop()

    claims, later = (watchword.inspect_unverified(pair["access_token"]).claims for pair in (first, third))
    one = {"subject": claims["sub"], "session": claims["sid"], "address": "127.0.0.1"}
    other = {"subject": later["sub"], "session": later["sid"], "address": "127.0.0.1"}
    events = [event for event in server.events() if not event["event"].startswith("login_")]
    timed = [event for event in events if event["event"] in {"login", "refresh", "refresh_replayed"}]
    assert all(event.pop("seconds") > 0 for event in timed)
    assert events == [
        {"event": "login", **one},
        {"event": "refresh", **one},
        {"event": "refresh_replayed", **one, "swapped_by": "127.0.0.1"},
        {"event": "refresh_reused", **one, "seen": "recent_predecessor", "swapped_by": "127.0.0.1"},
        {"event": "session_ended", **one, "reason": "refresh_reused"},
        {"event": "login", **other},
        {"event": "session_ended", **other, "reason": "logout"},
    ]
    assert len(server.events("login_failed")) == statuses.count(401)
    assert len(server.events("login_throttled")) == statuses.count(429)
    assert {event["address"] for event in server.events()} == {"127.0.0.1"}
    assert all(event["retry_after"] > 0 for event in server.events("login_throttled"))

    for pair in (first, second, replayed, third):
        for token in (pair["access_token"], pair["refresh_token"]):
            _, payload, signature = token.split(".")
            assert payload not in server.log
            assert signature not in server.log
    assert not re.search(r"eyJ[\w-]{10}", server.log), "nothing in the log looks like a token"
    for secret in (guess["password"], PASSWORD, "somebody"):
        assert secret not in server.log


def test_the_address_is_the_clients_where_the_proxy_is_trusted(start):
    server = start(WATCHWORD_TRUSTED_PROXIES="127.0.0.0/8")
    server.login(headers={"X-Forwarded-For": "198.51.100.7, 203.0.113.9"})
    assert [event["address"] for event in server.events("login")] == ["203.0.113.9"]


def test_a_request_is_logged_with_what_a_trusted_proxy_says_and_without_its_query_string(start):
    server = start(WATCHWORD_TRUSTED_PROXIES="127.0.0.0/8")
    headers = {"X-Forwarded-For": "198.51.100.7, 203.0.113.9", "X-Request-ID": "from-the-proxy"}
    answer = server.request("GET", "/nothing/%0A?token=swordfish", headers=headers)
    server.stop()

    assert (answer.status, answer.headers["X-Request-ID"]) == (404, "from-the-proxy")
    assert re.search(r'203\.0\.113\.9 - "GET /nothing/%0A HTTP/1\.1" 404 [\d.]+ from-the-proxy\n', server.log)
    assert "swordfish" not in server.log


def count_lines(log, path):
    return len(re.findall(rf'"GET {path} HTTP/1\.1" \d+ [\d.]+ \w+$', log, re.MULTILINE))


def test_no_line_is_lost_at_a_stop(start):
    server = start("--workers", "2")
    for number in range(50):
        server.request("GET", f"/stop/{number}")
    server.stop()
    assert count_lines(server.log, r"/stop/\d+") == 50


def test_a_worker_that_is_killed_loses_the_lines_of_a_moment_only(start):
    server = start()
    for number in range(50):
        server.request("GET", f"/kill/{number}")
    time.sleep(0.5)
    for worker in server.workers():
        os.kill(worker, signal.SIGKILL)
    server.kill()
    assert count_lines(server.log, r"/kill/\d+") == 50


@contextlib.contextmanager
def serving(folder, until, command=COMMAND, **streams):
    """A server whose output goes elsewhere than to a file; the process and its port."""
    port = free_port()
    settings = {"PORT": str(port), "ADMIN_PASSWORD": PASSWORD}
    with subprocess.Popen(
        [*command, "serve"], cwd=folder, env=clean_environment(settings), start_new_session=True, **streams
    ) as process:
        try:
            until(lambda: is_listening(port), "the server listens")
            yield process, port
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_a_reader_of_the_log_that_is_stuck_keeps_no_request_waiting(tmp_path, until):
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with serving(tmp_path, until, **streams) as (process, port):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as client:
            for _ in range(12_000):  # more than the pipe and the queue hold
                began = time.monotonic()
                client.request("GET", "/healthz")
                assert client.getresponse().read() == b'{"status":"ok"}'
                assert time.monotonic() - began < 2
        process.terminate()
        log, _ = process.communicate(timeout=PATIENCE)
    (lost,) = re.findall(r"(\d+) lines of the access log could not be written$", log.decode(), re.MULTILINE)
    assert count_lines(log.decode(), "/healthz") + int(lost) >= 12_000


def test_events_go_to_standard_error_once_the_reader_of_the_log_is_gone(tmp_path, until):
    errors = tmp_path / "errors"
    with (
        errors.open("wb") as file,
        serving(tmp_path, until, stdout=subprocess.PIPE, stderr=file) as (process, port),
    ):
        process.stdout.close()
        assert log_in(port) == 200
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert re.search(r'^\[.+\] security INFO {"event": "login", ', errors.read_text(), re.MULTILINE)
    assert "Traceback" not in errors.read_text()


CLOSED_OUTPUT = """
import os
import sys

from watchword.cli.main import main

os.close(1)
sys.stdout = sys.__stdout__ = None  # as Python finds it after `>&-`
assert os.open("another file", os.O_CREAT | os.O_WRONLY) == 1
main()
"""


def test_no_line_goes_to_another_file_where_standard_output_is_closed(tmp_path, until):
    command = [sys.executable, "-c", CLOSED_OUTPUT]
    with serving(tmp_path, until, command, stderr=subprocess.DEVNULL) as (process, port):
        assert log_in(port) == 200
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert (tmp_path / "another file").read_bytes() == b""


def log_in(port):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as client:
        body = json.dumps({"username": "admin", "password": PASSWORD})
        client.request("POST", "/auth/login", body, {"Content-Type": "application/json"})
        return client.getresponse().status


def is_listening(port):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as client:
        try:
            client.request("GET", "/healthz")
        except OSError:
            return False
        return client.getresponse().status == 200
