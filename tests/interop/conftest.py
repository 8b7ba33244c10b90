"""The real server, and clients of other people in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from watchword_servers import Server, clean_environment, starting

from watchword import Auth, Issuer, Key, Settings

HERE = Path(__file__).parent
AUDIENCE = Settings().audience
PASSWORD = "correct horse battery"


class Login:
    """`watchword serve` on loopback with the account alice, and what signs with its keys.

    Attributes:
        server: the process.
        issuer: its issuer.
        environment: the settings of a command beside it.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.issuer = f"http://localhost:{server.port}"
        self.environment = {
            "WATCHWORD_ISSUER": self.issuer,
            "WATCHWORD_DATABASE_URL": f"sqlite:///{server.database}",
        }
        self.auth = self._open(audience=AUDIENCE)
        self.auth.accounts.add("alice", PASSWORD, ["reports:read"])

    def start(self) -> dict[str, Any]:
        """The tokens of a new session of alice."""
        return self.server.login("alice", PASSWORD)

    def issue_for(self, audience: str) -> str:
        """An access token for another audience."""
        other = self._open(audience=audience)
        try:
            return other.login("alice", PASSWORD).access_token
        finally:
            other.close()

    def sign(
        self, issuer: str | None = None, *, typ: str = "at+jwt", age: int = 0, key: Key | None = None
    ) -> str:
        """A token with the claims of an access token, from the keys of the server or another key."""
        claims = self.auth.authenticate(self.auth.login("alice", PASSWORD).access_token).claims
        own = {
            name: value
            for name, value in claims.items()
            if name not in {"iss", "aud", "exp", "iat", "jti", "sub"}
        }
        signer = Issuer(
            issuer or self.issuer,
            key or self.auth.keyring.public,
            audience=AUDIENCE,
            typ=typ,
            clock=lambda: time.time() - age,
        )
        return signer.issue(claims["sub"], own)

    def _open(self, audience: str) -> Auth:
        settings = msgspec.structs.replace(Settings(), issuer=self.issuer, audience=audience)
        return Auth(f"sqlite:///{self.server.database}", settings=settings)


@pytest.fixture(scope="session")
def start_login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Login]]:
    """Starts further servers, each with a database of its own."""
    started: list[Login] = []
    with starting() as start:

        def start_login() -> Login:
            started.append(Login(start(tmp_path_factory.mktemp("login"), WATCHWORD_ISSUER=None)))
            return started[-1]

        yield start_login
        for login in started:
            login.auth.close()


@pytest.fixture(scope="session")
def login(start_login: Callable[[], Login]) -> Login:
    return start_login()


class Recipe:
    """A recipe of docs/elsewhere.md that runs in a process.

    Args:
        command: runs it.
        issuer: of the tokens that it accepts.
    """

    def __init__(self, command: list[str], issuer: str) -> None:
        self._process = subprocess.Popen(
            command,
            env=clean_environment({"ISSUER": issuer, "AUDIENCE": AUDIENCE}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == {"ready": True}

    def call(self, function: str, argument: str) -> Any:
        """What a function of the recipe returns.

        Raises:
            AssertionError: the function has failed.
        """
        answer = self._ask(function, argument)
        assert "result" in answer, answer
        return answer["result"]

    def refuse(self, function: str, argument: str) -> str:
        """The name of the error that a function of the recipe raises."""
        answer = self._ask(function, argument)
        assert "error" in answer, answer
        # A mistake in the recipe, or a server that is away, is not a refusal.
        assert answer["error"] not in {"AttributeError", "NameError", "ReferenceError", "ConnectionError"}, (
            answer
        )
        return answer["error"]

    def close(self) -> None:
        self._process.communicate(timeout=20)

    def _ask(self, function: str, argument: str) -> dict[str, Any]:
        self._process.stdin.write(f"{json.dumps([function, argument])}\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        assert line, "the recipe has ended"
        return json.loads(line)


@pytest.fixture(scope="session")
def run_recipe(login: Login, find_part: Callable[[str], Path]) -> Iterator[Callable[[str], Recipe]]:
    """Starts a recipe, or gives the recipe that runs."""
    running: dict[str, Recipe] = {}

    def run(name: str) -> Recipe:
        if name not in running:
            command = [sys.executable, HERE / "run.py", name.removesuffix(".py")]
            if name.endswith(".mjs"):
                command = [find_part("node"), HERE / "run.mjs", f"recipes/{name}"]
            running[name] = Recipe(list(map(str, command)), login.issuer)
        return running[name]

    yield run
    for recipe in running.values():
        recipe.close()
