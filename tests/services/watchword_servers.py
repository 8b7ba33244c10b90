"""The real server: a process of its own, driven over a socket."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "COMMAND",
    "ISSUER",
    "PATIENCE",
    "Answer",
    "Server",
    "ServerProcess",
    "clean_environment",
    "free_port",
    "receive",
    "starting",
    "until",
]

ADMIN_PASSWORD = "correct horse battery staple"
ISSUER = "https://login.example"  # the same for all servers of a test, whatever their ports
COMMAND = [sys.executable, "-c", "from watchword.cli.main import main; main()"]
PATIENCE = 20


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class ServerProcess:
    """A server in a process of its own, with its log in a directory.

    Args:
        directory: where it runs.
        command: what starts it.
        environment: what it has beside this process's environment.
        port: where it listens.
        probe: the path that answers once it serves.
    """

    def __init__(self, directory, command, environment, port, *, probe="/healthz"):
        self.directory = Path(directory)
        self.port = port
        self.probe = probe
        self.log_file = self.directory / f"server-{self.port}.log"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=clean_environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    # -- its life

    def is_serving(self):
        assert self.process.poll() is None, self.log
        try:
            return self.request("GET", self.probe).status == 200
        except OSError:
            return False

    def stop(self, number=signal.SIGTERM):
        """Ask the server to stop; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self):
        """End all of its processes as a power cut does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def freeze(self):
        """Stop all of its processes for a while, as a virtual machine that is moved."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        """Let them go on."""
        os.killpg(self.process.pid, signal.SIGCONT)

    def workers(self):
        """The process ids below the server's."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    @property
    def log(self):
        return self.log_file.read_text()

    # -- requests

    def request(self, method, path, body=None, *, token=None, headers=None, over=None):
        """One request, on a connection of its own or over the given one; a dict becomes JSON."""
        headers = dict(headers or {})
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if over is not None:
            over.request(method, path, body, headers)
            return read(over.getresponse())
        with contextlib.closing(self.http_connection()) as to:
            to.connect()
            with contextlib.suppress(ConnectionError):  # the server may answer before it has read all
                to.request(method, path, body, headers)
            return read(to.getresponse())

    def http_connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def connection(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def send(self, *parts):
        """One request written byte by byte; a server that hangs up before the end has answered before."""
        with self.connection() as connection:
            with contextlib.suppress(ConnectionError):
                for part in parts:
                    connection.sendall(part)
            return receive(connection)


class Server(ServerProcess):
    """`watchword serve`, in a directory of its own that holds its database and its log."""

    def __init__(self, directory, arguments, environment):
        port = free_port()
        settings = {"PORT": str(port), "ADMIN_PASSWORD": ADMIN_PASSWORD, "WATCHWORD_ISSUER": ISSUER}
        super().__init__(directory, [*COMMAND, "serve", *arguments], settings | environment, port)
        self.database = self.directory / "watchword.db"

    def events(self, name=None):
        """The security events in the log, in their order."""
        lines = re.findall(r"^\[[^]]*\] security \w+ (\{.*\})$", self.log, re.MULTILINE)
        records = [json.loads(line) for line in lines]
        return [record for record in records if name in {None, record["event"]}]

    def login(self, username="admin", password=ADMIN_PASSWORD, **options):
        answer = self.request("POST", "/auth/login", {"username": username, "password": password}, **options)
        assert answer.status == 200, answer.body
        return answer.json

    def refresh(self, refresh_token):
        return self.request("POST", "/auth/refresh", {"refresh_token": refresh_token})

    def greets(self, tokens):
        """Whether the protected route lets the access token through; anything but 200 and 401 is a fault."""
        answer = self.request("GET", "/protected", token=tokens["access_token"])
        assert answer.status in {200, 401}, answer.body
        return answer.status == 200

    # -- what it wrote

    def rows(self, query, *parameters):
        """What stands in the database, read beside the server."""
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query, parameters).fetchall()

    def written(self):
        """How many rows each table has."""
        tables = self.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return {name: self.rows(f"SELECT count(*) FROM {name}")[0][0] for (name,) in tables}


def receive(connection):
    """Read one answer from a socket."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    return read(response)


def read(response):
    return Answer(response.status, response.headers, response.read())


def until(condition, what, *, within=PATIENCE):
    """Poll until the condition holds; the seconds that it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < within, f"not within {within} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - started


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def clean_environment(additions):
    """This process's environment without settings of ours, which may be meant for something else."""
    ours = {"HOST", "PORT", "DATABASE_URL", "SESSIONS_URL", "ADMIN_PASSWORD"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith("WATCHWORD_")
    }
    return {**kept, **{name: value for name, value in additions.items() if value is not None}}


@contextlib.contextmanager
def starting():
    """Start servers in a directory each; all are stopped at the end."""
    started = []

    def start(directory, *arguments, wait=True, **environment):
        server = Server(directory, arguments, environment)
        started.append(server)
        if wait:
            until(server.is_serving, "the server serves")
        return server

    try:
        yield start
    finally:
        for server in started:
            server.stop()
