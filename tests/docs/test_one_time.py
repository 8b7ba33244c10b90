"""Every block of docs/one_time.md runs, one after the other, and what they define does what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from watchword import Auth, Client, Issuer, Key, Verifier
from watchword.errors import InvalidCredentials, InvalidToken, PasswordRejected, TokenSpent
from watchword.jose import jws
from watchword.jwt import profiles

DOCUMENT = Path("docs/one_time.md").read_text("utf-8")
BLOCKS = re.findall(r"<!-- test: ([\w -]+) -->\n```python\n(.*?)```", DOCUMENT, re.DOTALL)
PASSWORD, OTHER = "correct horse battery", "staple in the stable"
THEIRS = Key.generate("ES256")


@pytest.fixture
def names() -> Iterator[dict[str, Any]]:
    """What is there after the last block."""
    auth = Auth("sqlite://")
    mails: list[tuple[str, str]] = []
    names: dict[str, Any] = {
        "auth": auth,
        "subject": auth.accounts.add("alice", PASSWORD).subject,
        "send_mail": lambda *mail: mails.append(mail),
        "mails": mails,
        "verified": {},
        "verifier": Verifier(THEIRS, issuer="https://idp.example", audience="api"),
        "profiles": profiles,
        "dpop_header": proof(auth),
    }
    for title, code in BLOCKS:
        if title == "replay guard":  # which names its tokens as the first block does
            names["token"] = Issuer("https://idp.example", THEIRS, audience="api").issue("bob")
        exec(compile(code, f"docs/one_time.md, {title}", "exec"), names)
    yield names
    auth.close()


def proof(auth: Auth) -> str:
    key = Key.generate("ES256")
    claims = {"jti": "1", "htm": "GET", "htu": "https://api.example/orders", "iat": int(auth.now())}
    return jws.sign(json.dumps(claims).encode(), key, {"typ": "dpop+jwt", "jwk": key.public().to_jwk()})


def last_token(names: dict[str, Any]) -> str:
    return str(names["mails"][-1][1]).partition("#")[2]


def test_there_is_a_block_for_each_use() -> None:
    assert [title for title, _ in BLOCKS] == [
        "once", "password reset", "e-mail verification", "magic link", "invitation", "replay guard",
    ]  # fmt: skip


def test_a_forgotten_password_is_reset_once_and_nobody_learns_who_has_an_account(
    names: dict[str, Any],
) -> None:
    auth = names["auth"]
    before = auth.login("alice", PASSWORD)
    names["forgot"]("nobody")
    assert names["mails"] == []
    names["forgot"]("alice")
    token = last_token(names)
    names["reset"](token, OTHER)
    with pytest.raises(InvalidToken):
        auth.authenticate(before.access_token)
    assert auth.login("alice", OTHER)
    with pytest.raises(TokenSpent):
        names["reset"](token, PASSWORD)


def test_a_change_of_the_password_makes_earlier_tokens_worthless(names: dict[str, Any]) -> None:
    auth = names["auth"]
    names["forgot"]("alice")
    reset = last_token(names)
    names["send_link"](auth.accounts.find("alice"))
    auth.change_password(names["subject"], OTHER)
    with pytest.raises(InvalidToken, match="has changed since"):
        names["reset"](reset, PASSWORD)
    with pytest.raises(InvalidToken, match="has changed since"):
        names["log_in"](last_token(names), Client())
    assert auth.login("alice", OTHER)


def test_an_address_is_verified_and_no_other(names: dict[str, Any]) -> None:
    names["ask"]("7", "alice@shop.example")
    names["verify"](last_token(names))
    assert names["verified"] == {"7": "alice@shop.example"}


def test_a_magic_link_logs_in_once(names: dict[str, Any]) -> None:
    auth = names["auth"]
    names["send_link"](auth.accounts.find("alice"))
    tokens = names["log_in"](last_token(names), Client(ip_address="192.0.2.1"))
    assert auth.authenticate(tokens.access_token).username == "alice"
    with pytest.raises(TokenSpent):
        names["log_in"](last_token(names), Client())


@pytest.mark.parametrize("change", ["disabling", "password"])
def test_a_link_does_not_log_in_to_an_account_that_is_changed_in_that_moment(
    names: dict[str, Any], change: str
) -> None:
    auth = names["auth"]
    names["send_link"](auth.accounts.find("alice"))
    start = auth.start

    def changed_before(*arguments: Any, **named: Any) -> Any:
        if change == "disabling":
            auth.disable_account(names["subject"])
        else:
            auth.change_password(names["subject"], "another correct horse")
        return start(*arguments, **named)

    auth.start = changed_before
    with pytest.raises(InvalidCredentials if change == "disabling" else InvalidToken):
        names["log_in"](last_token(names), Client())
    assert auth.sessions(names["subject"]) == []


def test_an_invitation_makes_one_account_and_a_refused_name_costs_nothing(names: dict[str, Any]) -> None:
    auth = names["auth"]
    names["invite"]("bob@shop.example", ["read"])
    with pytest.raises(PasswordRejected):
        names["join"](last_token(names), "bob", "short")
    token = last_token(names)
    names["join"](token, "bob", PASSWORD)
    assert auth.login("bob", PASSWORD).scopes == ("read",)
    with pytest.raises(TokenSpent):
        names["join"](token, "mallory", PASSWORD)


def test_the_guard_has_let_each_token_through_once(names: dict[str, Any]) -> None:
    for claims, more in ((names["claims"], {}), (names["proof"].claims, {"max_age": 60})):
        with pytest.raises(TokenSpent):
            names["auth"].replay_guard.spend(claims, **more)
