"""A proxy between servers and their store that cuts connections in mid-statement."""

import contextlib
import random
import selectors
import socket
import socketserver
import struct
import threading
import time
from collections import Counter

from backing import PAUSE

from watchword.sessions.revocations import LONGEST_PAUSE

__all__ = ["RESET", "Cutter"]

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: the connection is not closed but reset
ONE_IN = 12  # of what passes, so that a repetition mostly succeeds, and at times does not


class Cutter:
    """Passes on what is said, and in :meth:`cut_connections` at times no more than a part of it.

    Args:
        connect: makes a connection to the store.
        seed: what decides where it cuts.

    Attributes:
        port: where it listens.
        cuts: how many of each kind there were.
    """

    def __init__(self, connect, seed):
        self.cuts = Counter()
        self._rng = random.Random(seed)
        self._cutting = threading.Event()
        cutter = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError), connect() as store:
                    cutter._pass_on(self.request, store)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def cut_connections(self, fleet, _rng):
        """For some seconds: in the middle of a request, of an answer, and between the two."""
        before = self.cuts.copy()
        with fleet.hurt(*fleet.nodes, news_after=LONGEST_PAUSE):
            self._cutting.set()
            time.sleep(PAUSE)
            self._cutting.clear()
        assert all(self.cuts[kind] > before[kind] for kind in ("request", "answer", "before the answer"))

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _pass_on(self, client, store):
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, store)
            selector.register(store, selectors.EVENT_READ, client)
            while True:
                for ready, _ in selector.select():
                    said = ready.fileobj.recv(65_536)
                    if not said:
                        return
                    kind = self._how_to_cut(is_request=ready.fileobj is client)
                    if kind is None:
                        ready.data.sendall(said)
                        continue
                    self.cuts[kind] += 1
                    if kind != "before the answer":
                        ready.data.sendall(said[: len(said) // 2])
                    for connection in (client, store):
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    client.close()
                    return

    def _how_to_cut(self, *, is_request):
        if not self._cutting.is_set() or self._rng.randrange(ONE_IN):
            return None
        return "request" if is_request else self._rng.choice(("answer", "before the answer"))
