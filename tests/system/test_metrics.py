"""``/metrics`` of a server with several workers."""

import contextlib
import http.client
import os
import re
import signal

FAILED = re.compile(r'^watchword_events_total\{event="login_failed"\} ([\d.]+)$', re.MULTILINE)


def scrape(connection):
    connection.request("GET", "/metrics")
    (count,) = FAILED.findall(connection.getresponse().read().decode())
    return float(count)


def test_each_scrape_counts_for_all_workers_even_for_those_that_are_gone(start, until, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    server = start("--workers", "3", WATCHWORD_METRICS="true", TMPDIR=str(temporary))
    assert len(server.workers()) == 3
    for number in range(12):  # a connection each, so that they come to several workers
        assert server.request("POST", "/auth/login", {"username": f"{number}", "password": "x"}).status == 401
    assert len(list(next(temporary.iterdir()).iterdir())) == 3

    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as scraper:
        assert {scrape(scraper) for _ in range(5)} == {12}
    before = server.workers()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(set(server.workers()) - set(before)) == 1, "another worker has come")
    until(server.is_serving, "it serves")
    for _ in range(5):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as scraper:
            assert scrape(scraper) == 12

    server.stop()
    assert list(temporary.iterdir()) == []
