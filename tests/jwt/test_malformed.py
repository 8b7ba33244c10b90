"""A token with something around it: what is wrong is said, and nothing of what the token says."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from watchword import Issuer, Key, MultiIssuer, Verifier, inspect_unverified
from watchword.errors import InvalidSettings, MalformedToken
from watchword.jose import jwe, jws

ISSUER = "https://issuer.example"
KEY = Key.from_secret(secrets.token_bytes(32), "HS256", kid="k1")
SHARED = Key.from_secret(secrets.token_bytes(32), "dir")
TOKEN = Issuer(ISSUER, KEY).issue("user-1")
NESTED = Issuer(ISSUER, KEY, encrypt_to=SHARED).issue("user-1")
HEADER, PAYLOAD, SIGNATURE = TOKEN.split(".")

VERIFIER = Verifier(KEY, issuer=ISSUER)
VERIFIER.verify(TOKEN)  # so that the header is known, and the token remembered

TAKES_A_TOKEN: dict[str, Callable[[Any], object]] = {
    "warm": VERIFIER.verify,
    "cold": lambda token: Verifier(KEY, issuer=ISSUER).verify(token),
    "many": lambda token: raised(next(iter(VERIFIER.verify_many([token])))),
    "several issuers": MultiIssuer([VERIFIER]).verify,
    "inspect": inspect_unverified,
    "jws": lambda token: jws.verify(token, KEY),
}


def raised(outcome: object) -> object:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def message(call: Callable[[Any], object], token: Any) -> str:
    with pytest.raises(MalformedToken) as caught:
        call(token)
    return str(caught.value)


@pytest.mark.parametrize("place", TAKES_A_TOKEN)
@pytest.mark.parametrize(
    ("token", "said"),
    [
        (TOKEN.encode(), "must be a str, not bytes: decode it first"),
        (None, "must be a str, not None"),
        ("", "the token is empty"),
        (TOKEN + "\n", "white space or a line break"),
        (" " + TOKEN, "white space or a line break"),
        (f"{HEADER}.{PAYLOAD[:9]}\n{PAYLOAD[9:]}.{SIGNATURE}", "white space or a line break"),
        (f'"{TOKEN}"', "a quotation mark"),
        (f"'{TOKEN}'", "a quotation mark"),
        (f"Bearer {TOKEN}", "'Bearer ' in front of it"),
        (f"bearer {TOKEN}", "'Bearer ' in front of it"),
        (TOKEN + "=", "padding (=)"),
        (f"{HEADER}.{PAYLOAD}.+/{SIGNATURE[2:]}", "contains + or /"),
        (f"{HEADER}.{PAYLOAD}.*{SIGNATURE[1:]}", "a character other than"),
        (f"{HEADER}.{PAYLOAD}.{SIGNATURE}\N{ZERO WIDTH SPACE}", "not ASCII"),
        (f"{HEADER}.{PAYLOAD}.A", "no bytes encode to"),
        (f"{HEADER}.{PAYLOAD}", "3 segments with full stops between them, not 2"),
        (f"{TOKEN}.{SIGNATURE}", "3 segments with full stops between them, not 4"),
        (json.dumps(jws.sign_json(b"{}", [KEY])), "JSON serialization"),
    ],
    ids=lambda value: None if isinstance(value, str) and value.startswith(HEADER) else repr(value)[:24],
)
def test_what_is_wrong_with_a_token_is_said_everywhere(token: Any, said: str, place: str) -> None:
    found = message(TAKES_A_TOKEN[place], token)
    assert said in found
    assert all(part not in found for part in (HEADER, PAYLOAD[:9], SIGNATURE))
    assert '"' not in found, "it stands between quotation marks in WWW-Authenticate"


@pytest.mark.parametrize("place", [place for place in TAKES_A_TOKEN if place != "inspect"])
def test_an_encrypted_token_is_told_from_a_signed_one(place: str) -> None:
    assert "this is an encrypted token (JWE)" in message(TAKES_A_TOKEN[place], NESTED)


@pytest.mark.parametrize("given", [TOKEN, TOKEN.encode(), None, 5], ids=["str", "bytes", "None", "number"])
def test_a_batch_is_several_tokens(given: Any) -> None:
    for call in (VERIFIER.verify_many, MultiIssuer([VERIFIER]).verify_many):
        with pytest.raises(
            InvalidSettings, match=r"^tokens must be an iterable of tokens, such as a list, not "
        ):
            call(given)


@pytest.mark.parametrize("token", [None, 5, "{", b"{}", "x" * 1_048_577], ids=lambda token: str(token)[:9])
def test_what_is_wrong_with_a_token_in_json_serialization_is_said(token: Any) -> None:
    for call in (lambda given: jws.verify_json(given, KEY), lambda given: jwe.decrypt_json(given, SHARED)):
        assert message(call, token) != MalformedToken.description


def test_a_signed_token_is_told_from_an_encrypted_one() -> None:
    for call in (Verifier(KEY, decrypt_with=SHARED).verify, lambda token: jwe.decrypt(token, SHARED)):
        assert "this is a signed token (JWS)" in message(call, TOKEN)


def test_how_long_a_token_may_be_is_said() -> None:
    for call in (VERIFIER.verify, MultiIssuer([VERIFIER]).verify):
        assert message(call, TOKEN + "A" * 20_000) == "the token is longer than 16384 characters"


def test_what_is_inside_an_encrypted_token_is_said_to_be_missing() -> None:
    bare = jwe.encrypt(b'{"sub": "user-1"}', SHARED)
    assert "does not announce a signed token inside" in message(
        Verifier(KEY, decrypt_with=SHARED).verify, bare
    )


def test_of_an_encrypted_token_the_header_is_shown() -> None:
    shown = inspect_unverified(NESTED)
    assert (shown.header["alg"], shown.header["cty"], shown.claims, shown.is_encrypted) == (
        "dir",
        "JWT",
        {},
        True,
    )
    assert repr(shown).endswith("claims=encrypted>")
    assert not inspect_unverified(TOKEN).is_encrypted
