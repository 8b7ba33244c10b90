"""``watchword token verify --batch``: a file of tokens, and what else is found in such files."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from watchword import Issuer, Key, KeySet

KEY = Key.generate("EdDSA")
DAY = 86_400  # some of the tokens are made when the run begins
ISSUER = Issuer("https://other.example", KEY, audience="api", lifetime=DAY)
GOOD = ISSUER.issue("user-1")
EXPIRED = ISSUER.issue("user-1", lifetime=60, issued_at=1)
OPTIONS = ("--jwks", "jwks.json", "--issuer", "https://other.example", "--audience", "api")


@pytest.fixture
def verified(watchword, directory: Path) -> Callable[[str | bytes], Result]:
    """What the command says of a file with that content."""
    (directory / "jwks.json").write_text(json.dumps(KeySet([KEY]).to_jwks()))

    def run(content: str | bytes) -> Result:
        (directory / "tokens").write_bytes(content.encode() if isinstance(content, str) else content)
        return watchword("token", "verify", "--batch", "tokens", *OPTIONS)

    return run


def counted(result: Result) -> dict[str, int]:
    """The table that it shows, without its head."""
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["code", "tokens"]
    return {code: int(count) for code, count in rows[1:]}


def written_to(terminal: int) -> Iterator[str]:
    """What is written to a terminal until nobody has it open any more."""
    with os.fdopen(terminal, "rb", buffering=0) as read, contextlib.suppress(OSError):
        while seen := read.read(4_096):
            yield seen.decode(errors="replace")


def test_a_file_of_good_tokens_is_good(verified) -> None:
    result = verified(f"{GOOD}\n" * 40)

    assert (result.exit_code, counted(result)) == (0, {"good": 40, "total": 40})
    assert result.stderr.startswith("40 tokens in 0.")
    assert result.stderr.endswith(" a second\n")


def test_tokens_that_are_not_good_are_counted_by_code_and_named_by_line(verified) -> None:
    result = verified(f"{GOOD}\n{EXPIRED}\nnonsense\n{GOOD}\n{EXPIRED}\n{GOOD[:-8]}AAAAAAAA")

    assert result.exit_code == 1
    assert list(counted(result).items()) == [
        ("good", 2),
        ("expired_token", 2),
        ("malformed_token", 1),
        ("bad_signature", 1),
        ("total", 6),
    ]
    assert result.stderr.splitlines()[:-1] == [
        "line 2: expired_token",
        "line 3: malformed_token",
        "line 5: expired_token",
        "line 6: bad_signature",
    ]


def test_only_the_first_lines_are_named(verified) -> None:
    result = verified(f"{GOOD}\n" + "nonsense\n" * 1_200)

    assert counted(result) == {"good": 1, "malformed_token": 1_200, "total": 1_201}
    assert result.stderr.splitlines()[19:-1] == ["line 21: malformed_token", "... and 1180 more"]


def test_blank_lines_and_white_space_do_not_count(verified) -> None:
    result = verified(f"\r\n\n  {GOOD}\r\n\t\n\n{EXPIRED}  \n \n{GOOD}\n\n")

    assert counted(result) == {"good": 2, "expired_token": 1, "total": 3}
    assert result.stderr.startswith("line 6: expired_token\n")


@pytest.mark.parametrize(
    "length", [16_385, 65_534, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 1_000_000]
)
@pytest.mark.parametrize("filling", [b"a", b" ", b"\x00"], ids=["text", "spaces", "zeros"])
def test_a_line_of_any_length_is_one_line(verified, length, filling) -> None:
    result = verified(GOOD.encode() + b"\n" + filling * (length - 1) + b"x\n" + GOOD.encode() + b"\nbad")

    assert counted(result) == {"good": 2, "malformed_token": 2, "total": 4}
    assert result.stderr.splitlines()[:-1] == ["line 2: malformed_token", "line 4: malformed_token"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe" + GOOD.encode("utf-16-le"),
        "\u00e9.\u00e9.\u00e9".encode(),
        b"\x1b[2J\x9b2J\x07",
        os.urandom(1_000).replace(b"\n", b"") + b"x",
        json.dumps({"access_token": GOOD}).encode(),
        b"a" * 200_000,
    ],
    ids=["UTF-16", "not ASCII", "escapes", "random", "JSON", "endless"],
)
def test_what_is_no_token_is_counted_without_an_echo(verified, content) -> None:
    result = verified(content)

    assert (result.exit_code, counted(result)) == (1, {"good": 0, "malformed_token": 1, "total": 1})
    assert result.stderr.startswith("line 1: malformed_token\n1 tokens in ")
    assert len(result.output) < 200


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n\t\n" * 10_000])
def test_a_file_without_tokens_is_refused(verified, content) -> None:
    result = verified(content)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: there is no token to read\n"


def test_tokens_come_through_a_pipe(verified, watchword) -> None:
    verified(GOOD)

    result = watchword("token", "verify", "--batch", "-", *OPTIONS, stdin=f"{GOOD}\n{EXPIRED}\n")

    assert (result.exit_code, counted(result)) == (1, {"good": 1, "expired_token": 1, "total": 2})


def test_a_terminal_sees_a_bar_and_a_pipe_what_was_counted(verified, directory) -> None:
    verified(f"{GOOD}\n" * 1_000)
    command = "from watchword.cli.main import main; main()"
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-c", command, "token", "verify", "--batch", "tokens", *OPTIONS],
        cwd=directory,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    seen = "".join(written_to(ours))
    shown, _ = running.communicate(timeout=60)

    assert "━" in seen
    assert "%" in seen
    assert "1000 tokens in " in seen
    assert shown.split() == ["code", "tokens", "good", "1000", "total", "1000"]
    assert running.returncode == 0
