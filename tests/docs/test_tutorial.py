"""Runs every snippet of docs/tutorial.md: the right ones work, the wrong ones go wrong as the page says.

An HTML comment before each block names it; ``shows`` hands a test the blocks that it is about.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jwt
import pytest

from watchword import Issuer, Key, Verifier, WatchwordError
from watchword.errors import ExpiredToken, MissingClaim, TokenTooOld, WrongAudience

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
NAMED_BLOCK = re.compile(r"^<!-- ([^\n]+) -->\n```(?:python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = dict(NAMED_BLOCK.findall(PAGE))

SECRET = "a secret for tests, long enough for HS256"
PASSWORD = "correct horse battery staple"
HOUR = 3600

shown = {"given"}

Namespace = dict[str, Any]


def shows(**names: str) -> pytest.MarkDecorator:
    """Gives a test the blocks of those names as arguments."""
    shown.update(names.values())
    blocks = [BLOCKS[name] for name in names.values()]
    return pytest.mark.parametrize(list(names), [blocks], ids=[", ".join(names.values())])


@pytest.fixture(autouse=True)
def in_a_directory_of_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUTORIAL_SECRET", SECRET)


@pytest.fixture
def run() -> Iterator[Callable[..., Namespace]]:
    """Runs a block after the given one; returns its names."""
    apps = []

    def run(code: str, **names: object) -> Namespace:
        namespace: Namespace = {"__name__": "snippet"}
        exec(BLOCKS["given"], namespace)
        apps.append(namespace["app"])
        namespace |= names
        exec(code, namespace)
        return namespace

    yield run
    for app in apps:
        if "watchword" in app.extensions:
            app.extensions["watchword"].close()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer("https://login.example", key(), audience="https://api.example", lifetime=HOUR)


def key() -> Key:
    return Key.from_secret(SECRET, alg="HS256")


def usual_token(**claims: object) -> str:
    """A token as the usual tutorial makes them."""
    return jwt.encode({"sub": "alice", "exp": time.time() + HOUR, **claims}, SECRET, algorithm="HS256")


def lifetime(token: str) -> float:
    """Seconds that the token has left."""
    return jwt.decode(token, options={"verify_signature": False})["exp"] - time.time()


# -- the page ------------------------------------------------------------------------------------


def test_every_block_of_the_page_has_a_name_of_its_own_and_a_test():
    fences = re.findall(r"^```\w+$", PAGE, re.MULTILINE)
    assert len(fences) == len(NAMED_BLOCK.findall(PAGE)) == len(BLOCKS)
    assert shown == set(BLOCKS)


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@shows(program="wrong: the usual program")
def test_the_usual_program_fails_at_login_and_once_mended_refuses_every_token(program):
    client = usual_app(program).test_client()
    assert client.post("/login", json={"username": "alice"}).status_code == 500

    client = usual_app(program.replace('.decode("utf-8")', "")).test_client()
    token = client.post("/login", json={"username": "alice"}).json["token"]
    assert client.get("/protected", headers=bearer(token)).status_code == 401


def usual_app(program: str) -> Any:
    namespace: Namespace = {"__name__": "usual"}
    exec(program, namespace)
    return namespace["app"]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# -- 1 to 5: the token ---------------------------------------------------------------------------


@shows(wrong="wrong: exp as a duration", right="right: lifetime")
def test_exp_is_a_point_in_time(run, wrong, right):
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(run(wrong)["token"], SECRET, algorithms=["HS256"])

    names = run(right)
    assert lifetime(names["token"]) == pytest.approx(HOUR, abs=10)
    with pytest.raises(WatchwordError):
        names["issuer"].issue("alice", {"exp": 3600})
    with pytest.raises(MissingClaim):
        Verifier(key()).verify(jwt.encode({"sub": "alice"}, SECRET, algorithm="HS256"))


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.parametrize(
    ("zone", "hours"), [("EST5", 6), ("CET-1", 0), ("UTC0", 1)], ids=["New York", "Berlin", "UTC"]
)
@shows(wrong="wrong: utcnow", right="right: seconds since the epoch")
def test_a_time_without_a_zone_is_off_by_the_distance_from_greenwich(run, in_zone, wrong, right, zone, hours):
    in_zone(zone)
    assert lifetime(run(wrong)["token"]) == pytest.approx(hours * HOUR, abs=10)
    assert lifetime(run(right)["token"]) == pytest.approx(HOUR, abs=10)


@pytest.fixture
def in_zone(monkeypatch):
    """Sets the process's time zone for a test."""
    with monkeypatch.context() as patch:

        def set_zone(zone: str) -> None:
            patch.setenv("TZ", zone)
            time.tzset()

        yield set_zone
    time.tzset()


@shows(wrong="wrong: decoding a str", right="right: a str")
def test_a_token_is_text(run, wrong, right):
    with pytest.raises(AttributeError):
        run(wrong)
    assert isinstance(run(right)["answer"]["token"], str)


@shows(wrong="wrong: false for every reason", right="right: an error with a reason")
def test_an_error_tells_its_reason_where_false_does_not(run, issuer, wrong, right):
    is_valid = run(wrong)["is_valid"]
    assert [is_valid(token) for token in [usual_token(), usual_token(exp=1), "forged"]] == [False] * 3

    names = run(right)
    assert names["reason"] == "malformed_token"
    assert names["subject_of"](issuer.issue("alice")) == "alice"


@shows(wrong="wrong: iat by hand", right="right: exp and max_age")
def test_iat_by_hand_overlooks_exp(run, issuer, wrong, right):
    is_fresh = run(wrong)["is_fresh"]
    minutes_ago = time.time() - 300
    assert is_fresh(usual_token(iat=minutes_ago, exp=minutes_ago + 60))
    with pytest.raises(KeyError):
        is_fresh(usual_token())

    names = run(right, token=issuer.issue("alice"))
    assert names["claims"]["sub"] == "alice"
    with pytest.raises(ExpiredToken):
        names["verifier"].verify(issuer.issue("alice", issued_at=minutes_ago, lifetime=60))
    with pytest.raises(TokenTooOld):
        names["strict"].verify(issuer.issue("alice", issued_at=time.time() - 2 * HOUR, lifetime=24 * HOUR))


# -- 6 to 10: the application --------------------------------------------------------------------


@shows(wrong="wrong: split", right="right: protect")
def test_a_bad_header_is_answered_with_401_and_not_with_a_traceback(run, wrong, right):
    headers = [{"Authorization": "hello"}, {}, bearer(usual_token(exp=1))]
    client = run(wrong)["app"].test_client()
    assert client.get("/protected", headers=bearer(usual_token())).status_code == 200
    assert [client.get("/protected", headers=header).status_code for header in headers] == [500] * 3

    names = run(right)
    client = names["app"].test_client()
    for header in headers:
        answer = client.get("/protected", headers=header)
        assert (answer.status_code, answer.headers["WWW-Authenticate"][:6]) == (401, "Bearer")
    with names["app"].app_context():
        tokens = names["auth"].desk.start("user-1", username="alice")
    answer = client.get("/protected", headers=bearer(tokens.access_token))
    assert answer.json == {"message": "Hello, alice!"}


@shows(wrong="wrong: debug")
def test_debug_shows_the_source_to_every_visitor(wrong, tmp_path):
    port = free_port()
    program = tmp_path / "debugged.py"
    where = f'app.config["SERVER_NAME"] = "127.0.0.1:{port}"\n'
    program.write_text(BLOCKS["given"] + where + wrong)
    with serving(f"exec python3 {program}", port) as url:
        status, page = fetch(f"{url}/total")
    assert status == 500
    assert "Werkzeug" in page
    assert "EVALEX = true" in page  # the console
    assert "prices = {&#34;tea&#34;: 3}" in page


@shows(
    wrong="wrong: a secret of its own",
    once="right: a secret made once",
    right="right: a key from the environment",
)
def test_a_secret_is_shared_by_every_process(run, wrong, once, right):
    first, second = (run(wrong)["SECRET"] for _ in range(2))
    token = jwt.encode({"sub": "alice"}, first, algorithm="HS256")
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, second, algorithms=["HS256"])

    printed = sh(f'{once}\nprintf %s "$TUTORIAL_SECRET"').stdout
    assert Key.from_secret(printed, alg="HS256")
    first, second = (run(right)["key"] for _ in range(2))
    assert Verifier(second).verify(Issuer("https://login.example", first).issue("alice"))["sub"] == "alice"


@shows(wrong="wrong: no password", right="right: a login")
def test_a_login_takes_a_password(run, wrong, right):
    client = run(wrong)["app"].test_client()
    token = client.post("/login", json={"username": "admin"}).json["token"]
    assert jwt.decode(token, SECRET, algorithms=["HS256"])["sub"] == "admin"

    client = run(right)["app"].test_client()
    answers = [
        client.post("/login", json={"username": name, "password": password})
        for name, password in [("alice", PASSWORD), ("alice", "a guess"), ("admin", "a guess")]
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 401]
    assert answers[1].json == answers[2].json


@shows(wrong="wrong: no audience", right="right: audience and issuer")
def test_a_token_is_good_for_the_audience_that_it_names(run, issuer, wrong, right):
    assert run(wrong, token=usual_token())["claims"]["sub"] == "alice"

    names = run(right, token=issuer.issue("alice"))
    assert names["claims"]["sub"] == "alice"
    with pytest.raises(WrongAudience):
        names["verifier"].verify(issuer.issue("alice", audience="https://newsletter.example"))
    with pytest.raises(MissingClaim):
        names["verifier"].verify(Issuer("https://login.example", key()).issue("alice"))
    with pytest.raises(WrongAudience):
        Verifier(key(), issuer="https://login.example").verify(issuer.issue("alice"))


# -- the whole program, in real processes --------------------------------------------------------


@shows(program="right: the whole program")
def test_the_page_has_the_example_as_it_is(program):
    assert program == (ROOT / "examples" / "tutorial_flask.py").read_text(encoding="utf-8")


@shows(setup="right: setting up", serve="right: running", calls="right: calling")
def test_the_whole_program_runs_as_the_page_says(setup, serve, calls):
    try_out(setup, serve, calls)


@shows(serve="right: a server for production")
def test_the_whole_program_runs_in_two_workers(serve):
    try_out(BLOCKS["right: setting up"], serve, BLOCKS["right: calling"])


def try_out(setup: str, serve: str, calls: str) -> None:
    Path("tutorial_flask.py").write_text(BLOCKS["right: the whole program"])
    port = free_port()
    login, protected = re.findall(r"^curl .*(?:\n .*)*", calls.replace(":5000", f":{port}"), re.MULTILINE)
    setup = setup.replace("account add alice", "account add alice --password-stdin")  # there is no terminal
    with serving(f"set -e\n{setup}\nexec {serve}", port, stdin=f"{PASSWORD}\n"):
        status, answer = curl(login)
        assert status == 200
        token = json.loads(answer)["access_token"]
        for _ in range(8):  # each on a connection of its own, so that every worker is met
            status, answer = curl(protected.replace("$ACCESS_TOKEN", token))
            assert (status, json.loads(answer)) == (200, {"message": "Hello, alice!"})
        assert curl(protected)[0] == 401
    assert Path("instance/tutorial.db.secret").stat().st_mode & 0o777 == 0o600


def curl(line: str) -> tuple[int, str]:
    """Does what curl is told to do; it need not be installed."""
    command, _silent, url, *options = shlex.split(line.replace("\\\n", ""))
    assert command == "curl"
    given = list(zip(options[::2], options[1::2], strict=True))
    headers = dict(value.split(": ", 1) for option, value in given if option == "-H")
    data = next((value.encode() for option, value in given if option == "-d"), None)
    return fetch(url, data, headers)


def fetch(url: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url, data, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def environment() -> dict[str, str]:
    """With the commands of this Python's environment first in the path."""
    commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": commands}


def sh(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", script], env=environment(), capture_output=True, text=True, check=True, timeout=30
    )


@contextmanager
def serving(script: str, port: int, stdin: str = "") -> Iterator[str]:
    """Runs a shell script that ends as a server on that port; yields its URL once it answers."""
    log = Path("server.log")
    with log.open("w") as output:
        process = subprocess.Popen(
            ["sh", "-c", script],
            env={**environment(), "FLASK_RUN_PORT": str(port), "GRANIAN_PORT": str(port)},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # no terminal to ask for a password, and one group to end
        )
    with process:
        process.stdin.write(stdin)
        process.stdin.close()
        try:
            wait_until_listening(port, process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)


def stop(process: subprocess.Popen[str]) -> None:
    """Asks the server to stop, which ends its own workers; what is left of the group then is killed."""
    process.terminate()
    try:
        process.wait(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def wait_until_listening(port: int, process: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"the server does not answer:\n{log.read_text()}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
