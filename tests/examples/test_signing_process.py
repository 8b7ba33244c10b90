"""One process holds the key, another one issues tokens with it."""

import subprocess
import sys
from pathlib import Path

import pytest

from watchword import Issuer, Verifier
from watchword.errors import InvalidKey
from watchword.jwt import inspect_unverified

SCRIPT = Path(__file__).parents[2] / "examples" / "signing_process.py"


@pytest.fixture
def signer(tmp_path):
    """A signing process, and the path of its socket."""
    path = str(tmp_path / "signer")
    with subprocess.Popen([sys.executable, SCRIPT, path], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        yield path, process
        process.terminate()


@pytest.fixture
def remote_key(load_script):
    return load_script.RemoteKey


@pytest.fixture
def load_script(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    import signing_process  # noqa: PLC0415 - found only with the path above

    return signing_process


def test_the_script_issues_a_token_that_is_accepted():
    shown = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=True, timeout=30)
    assert (shown.stdout, shown.stderr) == (
        "accepted: user-1, signed with ES256 by a key that was never here\n",
        "",
    )


def test_every_token_is_signed_by_the_process(signer, remote_key):
    path, _ = signer
    key = remote_key(path)
    issuer, verifier = Issuer("i", key), Verifier(key.public, issuer="i")
    for n in range(20):  # one signature in 128 has a short r or s, and is a shorter DER
        token = issuer.issue(f"user-{n}")
        assert verifier.verify(token)["sub"] == f"user-{n}"
        assert inspect_unverified(token).header["kid"] == key.kid


def test_without_the_process_its_own_error_comes_out(signer, remote_key):
    path, process = signer
    issuer = Issuer("i", remote_key(path))
    process.terminate()
    process.wait()
    with pytest.raises(ConnectionRefusedError):
        issuer.issue("user-1")


def test_an_answer_that_is_no_der_makes_no_token(signer, remote_key, load_script, monkeypatch):
    path, _ = signer
    issuer = Issuer("i", remote_key(path))
    monkeypatch.setattr(load_script, "SIGN", load_script.PUBLIC_KEY)  # it answers with something else
    with pytest.raises(InvalidKey):
        issuer.issue("user-1")
