"""The access log of the server: a line for each request, written from a thread of its own."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

__all__ = ["AccessLog"]

# A worker that is killed loses the lines of this many seconds at most.
_PAUSE = 0.2
# Lines that are kept while the log's reader is stuck. More would grow without bound.
_MOST_LINES = 10_000
# A pipe takes this many bytes at once or not at all. So workers do not break each other's lines.
_PIPE_BUFFER = 4_096
# Longer paths and methods are cut off, so that a line fits into the pipe's buffer.
_LONGEST_PATH = 1_024
_LONGEST_METHOD = 32
# Seconds that a stop waits for a stuck reader.
_PATIENCE = 1
# All that could end a line, leave its quotation marks, or is not printable ASCII.
_UNSAFE = re.compile(rb"[^!#-\[\]-~]")


class AccessLog:
    """Writes a line for each request.

    Requests only append to a queue. A thread writes what has gathered a few times a second. So the event loop
    never waits for the reader of the log. If the reader is stuck, requests go on, and the lines that find no
    place in the queue are counted. Their number is written once the reader reads again.

    Args:
        file: the descriptor of the open file to write to.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        self._lines: deque[str] = deque()
        self._refused = 0  # Only the event loop counts here, and only the thread below.
        self._failed = 0
        self._told = 0
        self._clock = _SecondClock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep_writing, name="watchword-access-log", daemon=True)
        self._thread.start()

    def add(
        self,
        *,
        address: str | None,
        method: str,
        path: bytes,
        version: str,
        status: int,
        seconds: float,
        request_id: str,
    ) -> None:
        """Add the line of a request. Never waits.

        Args:
            address: the client's address.
            method: the method.
            path: the path as the client sent it, without the query string, which may hold secrets.
            version: the version of HTTP.
            status: the status of the answer.
            seconds: how long the request took.
            request_id: the id of the request.
        """
        if len(self._lines) >= _MOST_LINES:
            self._refused += 1
            return
        self._lines.append(
            f'[{self._clock.read()}] {address or "-"} - "{method[:_LONGEST_METHOD]} {_escape(path)} '
            f'HTTP/{version}" {status} {seconds * 1000:.3f} {request_id}\n'
        )

    def close(self) -> None:
        """Write the remaining lines. Waits for a stuck reader for a second at most."""
        self._closing.set()
        self._thread.join(_PATIENCE)

    def _keep_writing(self) -> None:
        while not self._closing.wait(_PAUSE):
            self._write_lines()
        self._write_lines()

    def _write_lines(self) -> None:
        for chunk in self._take_chunks():
            self._failed += self._write(chunk).count(b"\n")
        lost = self._refused + self._failed - self._told
        if lost and not self._write(self._describe_loss(lost)):
            self._told += lost

    def _take_chunks(self) -> Iterator[bytes]:
        """Yield the lines that have gathered, as many at a time as fit into the pipe's buffer."""
        chunk = bytearray()
        for _ in range(len(self._lines)):
            line = self._lines.popleft().encode("ascii", "backslashreplace")
            if len(chunk) + len(line) > _PIPE_BUFFER:
                yield bytes(chunk)
                chunk.clear()
            chunk += line
        if chunk:
            yield bytes(chunk)

    def _write(self, chunk: bytes) -> bytes:
        """Write some lines. Return what could not be written."""
        with suppress(OSError):  # The reader is gone, or the disk is full.
            while chunk:
                chunk = chunk[os.write(self._file, chunk) :]
        return chunk

    def _describe_loss(self, lost: int) -> bytes:
        return f"[{self._clock.read()}] {lost} lines of the access log could not be written\n".encode("ascii")


class _SecondClock:
    """Reads the local time as text, which is made once a second."""

    def __init__(self) -> None:
        self._now = (0, "")

    def read(self) -> str:
        second, text = self._now
        now = int(time.time())
        if now != second:
            text = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(now))
            self._now = (now, text)
        return text


def _escape(path: bytes) -> str:
    """Return a path that is printable ASCII without spaces and quotation marks."""
    path = path[:_LONGEST_PATH]
    if _UNSAFE.search(path):
        path = _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], path)
    return path.decode("ascii")
