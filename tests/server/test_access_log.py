"""The access log, written to a pipe; ``tests/system`` reads the log of real servers."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from watchword_servers import until

from watchword.server import access_log
from watchword.server.access_log import AccessLog

LOST = re.compile(r"^\[.+\] (\d+) lines of the access log could not be written", re.MULTILINE)


class Pipe:
    """A pipe, and a log that writes to it.

    Attributes:
        log: the log.
        reader: the end to read from.
    """

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.log = AccessLog(self.writer)

    def add(self, **parts: Any) -> None:
        """Add the line of a request."""
        usual: dict[str, Any] = {
            "address": "192.0.2.7",
            "method": "GET",
            "path": b"/protected",
            "version": "1.1",
            "status": 200,
            "seconds": 0.0123456,
            "request_id": "id-1",
        }
        self.log.add(**{**usual, **parts})

    def read_to_end(self) -> str:
        """Close the log, and return all that it has written."""
        found: list[bytes] = []
        reading = threading.Thread(target=self._read, args=(found,))
        reading.start()
        self.log.close()
        os.close(self.writer)
        reading.join(20)
        return b"".join(found).decode("ascii")

    def _read(self, found: list[bytes]) -> None:
        while chunk := os.read(self.reader, 65_536):
            found.append(chunk)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    os.close(pipe.reader)


def test_a_line_tells_who_asked_for_what_and_what_came_of_it(pipe: Pipe) -> None:
    pipe.add()

    time_of_day, _, rest = pipe.read_to_end().partition("] ")
    assert re.fullmatch(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", time_of_day)
    assert rest == '192.0.2.7 - "GET /protected HTTP/1.1" 200 12.346 id-1\n'


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"/%0A%22", "/%0A%22"),
        (b'/\n[forged] "', "/%0A[forged]%20%22"),
        ("/é".encode(), "/%C3%A9"),
        (b"/\x00\x1b\x7f\\", "/%00%1B%7F%5C"),
        (b"/" + b"a" * 5_000, "/" + "a" * 1_023),
    ],
)
def test_no_path_leaves_its_place_in_the_line(pipe: Pipe, path: bytes, shown: str) -> None:
    pipe.add(path=path)

    written = pipe.read_to_end()
    assert written.count("\n") == 1
    assert f'"GET {shown} HTTP/1.1"' in written


def test_a_method_is_cut_off_and_an_unknown_address_is_a_dash(pipe: Pipe) -> None:
    pipe.add(method="M" * 5_000, address=None)

    assert f'] - - "{"M" * 32} /protected' in pipe.read_to_end()


def test_lines_are_written_while_the_server_runs(pipe: Pipe) -> None:
    pipe.add()

    assert os.read(pipe.reader, 65_536).endswith(b" id-1\n")


def test_no_line_is_broken_by_another_worker_that_writes_to_the_same_pipe(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks: list[bytes] = []

    def note(file: int, chunk: bytes) -> int:
        chunks.append(chunk)
        return len(chunk)

    monkeypatch.setattr(access_log.os, "write", note)
    for number in range(500):
        pipe.add(path=b"/" + b"x" * (number * 7 % 2_000))
    pipe.log.close()

    assert max(map(len, chunks)) <= 4_096  # PIPE_BUF: the system does not break these up
    assert all(chunk.endswith(b"\n") for chunk in chunks)
    assert b"".join(chunks).count(b"\n") == 500


def test_a_reader_that_is_stuck_delays_no_request_and_learns_how_many_lines_are_lost(pipe: Pipe) -> None:
    until_the_pipe_is_full = threading.Event()
    for number in range(25_000):
        began = time.monotonic()
        pipe.add(request_id=str(number))
        assert time.monotonic() - began < 1
        if number == 5_000:
            until_the_pipe_is_full.wait(0.5)

    written = pipe.read_to_end()
    requests = len(re.findall(r'"GET ', written))
    assert sum(map(int, LOST.findall(written))) == 25_000 - requests > 0
    assert requests >= 10_000


def test_a_stop_does_not_wait_for_a_reader_that_is_stuck(pipe: Pipe) -> None:
    for _ in range(5_000):
        pipe.add()
    began = time.monotonic()
    pipe.log.close()

    assert time.monotonic() - began < 5


def test_a_reader_that_is_gone_stops_no_request(pipe: Pipe) -> None:
    reader, pipe.reader = pipe.reader, os.dup(pipe.writer)
    os.close(reader)
    pipe.add()

    until(lambda: pipe.log._failed == 1, "the line could not be written")
    pipe.add()
    pipe.log.close()
    assert pipe.log._failed == 2


def test_lines_that_a_full_disk_has_taken_in_part_are_counted_exactly(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = bytearray()
    room = [200]

    def write(file: int, chunk: bytes) -> int:
        taken = chunk[: room[0]]
        if not taken:
            raise OSError(28, "No space left on device")
        room[0] -= len(taken)
        disk.extend(taken)
        return len(taken)

    monkeypatch.setattr(access_log.os, "write", write)
    for _ in range(10):
        pipe.add()
    until(lambda: pipe.log._failed, "the disk is full")
    room[0] = 10_000
    pipe.log.close()

    (lost,) = LOST.findall(disk.decode().replace("[", "\n["))
    assert disk.count(b"id-1\n") + int(lost) == 10
    assert 0 < int(lost) < 10
