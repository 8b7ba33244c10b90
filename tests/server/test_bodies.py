"""The body first, then the application; ``tests/system`` has slow clients and the real server."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from watchword.server.bodies import BodyFirst


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answers with the body, which must be in memory by now."""
    start_response("200 OK", [])
    return [environ["wsgi.input"].getvalue()]


def body_first(app: Any, **bounds: int) -> BodyFirst:
    return BodyFirst(app, **{"max_body": 8, "threads": 2, "bodies": 1, **bounds})


def request(body: Any, **environ: Any) -> dict[str, Any]:
    made = EnvironBuilder(method="POST").get_environ()
    return {**made, "wsgi.input": body, **environ}


class Connection(io.RawIOBase):
    """A body that must not be asked for, as it would never come."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("this blocks a thread")


ANNOUNCED = [
    {"CONTENT_LENGTH": "5"},
    {"HTTP_TRANSFER_ENCODING": "chunked"},
]


@pytest.mark.parametrize("environ", ANNOUNCED, ids=["length", "chunked"])
def test_the_application_finds_the_whole_body_in_memory(environ: dict[str, str]) -> None:
    sent = request(io.BufferedReader(io.BytesIO(b"hello")), **environ)

    assert b"".join(run_wsgi_app(body_first(echo), sent)[0]) == b"hello"


def test_a_longer_body_is_cut_off_one_byte_over_the_bound() -> None:
    sent = request(io.BufferedReader(io.BytesIO(b"123456789abc")), HTTP_TRANSFER_ENCODING="chunked")

    assert b"".join(run_wsgi_app(body_first(echo), sent)[0]) == b"123456789"


@pytest.mark.parametrize("environ", [{}, {"CONTENT_LENGTH": "0"}, {"CONTENT_LENGTH": "9"}])
def test_no_body_is_waited_for_where_there_is_none_or_one_that_is_too_long(environ: dict[str, str]) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("413 Content Too Large", [])
        return []

    assert run_wsgi_app(body_first(app), request(Connection(), **environ))[1].startswith("413")


def test_a_body_that_breaks_off_makes_room_for_the_next() -> None:
    class Broken(Connection):
        def read(self, size: int = -1) -> bytes:
            raise OSError("the client is gone")

    app = body_first(echo, bodies=1)
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            run_wsgi_app(app, request(Broken(), CONTENT_LENGTH="5"))


def test_the_application_is_called_by_so_many_threads_at_once_and_then_by_the_others() -> None:
    called = threading.Semaphore(0)
    go_on = threading.Event()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        called.release()
        assert go_on.wait(20)
        start_response("200 OK", [])
        return []

    application = body_first(app, threads=2)
    with ThreadPoolExecutor(3) as clients:
        answers = [clients.submit(run_wsgi_app, application, request(Connection())) for _ in range(3)]
        assert [called.acquire(timeout=20) for _ in range(2)] == [True, True]
        third = called.acquire(timeout=0.1)
        go_on.set()
        assert [answer.result(20)[1] for answer in answers] == ["200 OK"] * 3
    assert not third
    assert called.acquire(blocking=False)
