"""Read the bodies of requests before the application runs, so that slow bodies delay no other request."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from watchword.errors import Overloaded
from watchword.web.responses import to_error_response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["BodyFirst"]


class BodyFirst:
    """Calls a WSGI application once the whole body is read, in a bounded number of threads at once.

    Granian bounds the time for headers, but not the time for a body: a thread that reads a body waits for as
    long as the client likes. So the server has more threads than the application may use. A bounded number of
    threads waits for bodies, and the others are left to requests without a body.

    Args:
        app: the application.
        max_body: bytes up to which a body is read. The application refuses a longer body. Such a body is not
            read if its length was announced, and cut off one byte later if not.
        threads: calls of the application at once.
        bodies: bodies being read at once. Any further request with a body gets a 503.
    """

    def __init__(self, app: WSGIApplication, *, max_body: int, threads: int, bodies: int) -> None:
        self._app = app
        self._max_body = max_body
        self._running = threading.BoundedSemaphore(threads)
        self._reading = threading.BoundedSemaphore(bodies)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        if self._has_body_to_read(environ):
            if not self._reading.acquire(blocking=False):
                refusal = to_error_response(Overloaded("too many requests at once, try again"))
                return Response(refusal.body, refusal.status, list(refusal.headers))(environ, start_response)
            try:
                environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(self._max_body + 1))
            finally:
                self._reading.release()
        with self._running:
            return self._app(environ, start_response)

    def _has_body_to_read(self, environ: WSGIEnvironment) -> bool:
        if "CONTENT_LENGTH" in environ:
            return 0 < int(environ["CONTENT_LENGTH"]) <= self._max_body
        return "HTTP_TRANSFER_ENCODING" in environ
