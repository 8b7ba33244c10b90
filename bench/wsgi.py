"""An application called as a WSGI server calls it, without the server."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from cases import Case

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["request"]


def request(answer: WSGIApplication, path: str, access_token: str) -> Case:
    """GET of ``path`` with that token in the ``Authorization`` header.

    Raises:
        RuntimeError: the application does not answer 200.
    """
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_ACCEPT": "*/*",
        "HTTP_USER_AGENT": "bench",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }

    def call(authorization: str) -> bytes:
        chunks = answer({**environ, "HTTP_AUTHORIZATION": authorization}, start_response)
        try:
            return b"".join(chunks)
        finally:
            chunks.close()

    return Case(call, f"Bearer {access_token}")


def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:  # noqa: ARG001 - WSGI's
    if not status.startswith("200"):
        raise RuntimeError(f"the route answers {status}")
