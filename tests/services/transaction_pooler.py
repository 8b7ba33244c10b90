"""A pooler in front of PostgreSQL that gives each transaction another connection, as PgBouncer can."""

from __future__ import annotations

import itertools
import secrets
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

_NO_ENCRYPTION = {80877103, 80877104}  # the codes of a request for TLS and of one for GSSAPI


class TransactionPooler:
    """Listens on loopback, and gives the transactions to the server's connections in turn.

    Attributes:
        port: where it listens.
        servers: its connections to the server.
    """

    def __init__(self, url: str, connections: int) -> None:
        self.servers = [psycopg.connect(url, autocommit=True) for _ in range(connections)]
        self._locks = [threading.Lock() for _ in self.servers]
        self._turns = itertools.cycle(range(connections))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for server in self.servers:
            server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError, EOFError):
            reader = client.makefile("rb")
            self._greet(client, reader)
            while True:
                batch = _batch(reader)
                with self._server() as server:
                    while _relay(batch, client, server) != b"I":
                        batch = _batch(reader)

    def _greet(self, client: socket.socket, reader: Any) -> None:
        while struct.unpack("!i", _content(reader)[:4])[0] in _NO_ENCRYPTION:
            client.sendall(b"N")
        wire = self.servers[0].pgconn
        status = {
            name: wire.parameter_status(name.encode()) or b""
            for name in ("server_version", "client_encoding", "standard_conforming_strings", "DateStyle")
        }
        client.sendall(
            _message(b"R", struct.pack("!i", 0))
            + b"".join(
                _message(b"S", name.encode() + b"\0" + value + b"\0") for name, value in status.items()
            )
            + _message(b"K", secrets.token_bytes(8))
            + _message(b"Z", b"I")
        )

    @contextmanager
    def _server(self) -> Iterator[socket.socket]:
        turn = next(self._turns)
        with self._locks[turn], socket.socket(fileno=self.servers[turn].fileno()) as server:
            server.setblocking(True)
            try:
                yield server
            finally:
                server.detach()  # psycopg's to close


def _batch(reader: Any) -> bytes:
    """What a client says up to where the server has to answer."""
    batch, kind = b"", b""
    while kind not in {b"Q", b"S"}:  # a query, or a synchronization
        kind = reader.read(1)
        if kind in {b"", b"X"}:
            raise EOFError
        batch += _message(kind, _content(reader))
    return batch


def _relay(batch: bytes, client: socket.socket, server: socket.socket) -> bytes:
    """Pass on a batch and the answer. Return how the server's transaction stands after it."""
    server.sendall(batch)
    answers = server.makefile("rb", buffering=0)
    while True:
        kind, content = _exactly(answers, 1), _content(answers)
        client.sendall(_message(kind, content))
        if kind == b"Z":  # the server is ready for more
            return content


def _message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!i", len(content) + 4) + content


def _content(reader: Any) -> bytes:
    (length,) = struct.unpack("!i", _exactly(reader, 4))
    return _exactly(reader, length - 4)


def _exactly(reader: Any, length: int) -> bytes:
    content = b""
    while len(content) < length:
        part = reader.read(length - len(content))
        if not part:
            raise EOFError
        content += part
    return content


@contextmanager
def pooled(url: str, connections: int = 2) -> Iterator[tuple[str, TransactionPooler]]:
    """The URL of a database behind such a pooler, and the pooler."""
    pooler = TransactionPooler(url, connections)
    user = conninfo_to_dict(url)["user"]
    try:
        yield f"postgresql://{user}@127.0.0.1:{pooler.port}/postgres", pooler
    finally:
        pooler.close()
