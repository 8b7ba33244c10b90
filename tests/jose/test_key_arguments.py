from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from watchword import Issuer, Key, KeySet, MultiIssuer, Verifier
from watchword.errors import InvalidSettings
from watchword.jose import jwe, jws
from watchword.jwt import profiles

SECRET = "a secret of more than thirty-two characters"
KEY = Key.from_secret(secrets.token_bytes(32), "HS256")
SHARED = Key.from_secret(secrets.token_bytes(32), "dir")
PEM = Key.generate("ES256").to_pem(private=True)

# By what is given: the words that say what to write.
MISTAKES: dict[str, tuple[Any, str]] = {
    "text": (SECRET, "Key.from_secret"),
    "bytes": (SECRET.encode(), "Key.from_secret"),
    "PEM": (PEM, "Key.from_pem"),
    "PEM as bytes": (PEM.encode(), "Key.from_pem"),
    "path": (Path("key.pem"), "Key.from_pem"),
    "URL": ("https://issuer.example/jwks.json", "Verifier.from_issuer"),
    "JWK": (KEY.to_jwk(private=True), "Key.from_jwk"),
    "JWK as text": ('{"kty": "oct"}', "Key.from_jwk"),
    "JWK set": ({"keys": []}, "KeySet.from_jwks"),
    "key of cryptography": (ed25519.Ed25519PrivateKey.generate(), "Key.from_cryptography"),
    "None": (None, "not None"),
    "class": (KeySet, "not the class KeySet"),
    "number": (5, "not 5"),
}
SEVERAL = {"list": ([KEY], "KeySet("), "tuple": ((KEY, KEY), "KeySet(")}

TAKES_A_KEY: dict[str, Callable[[Any], object]] = {
    "key, Issuer": lambda given: Issuer("https://issuer.example", given),
    "encrypt_to, Issuer": lambda given: Issuer("https://issuer.example", KEY, encrypt_to=given or SECRET),
    "key, jws.sign": lambda given: jws.sign(b"", given),
    "key, jws.sign_json": lambda given: jws.sign_json(b"", [given]),
    "key, jwe.encrypt": lambda given: jwe.encrypt(b"", given),
    "recipients, jwe.encrypt_json": lambda given: jwe.encrypt_json(b"", [given]),
    "keys, KeySet": lambda given: KeySet([given]),
}
TAKES_KEYS: dict[str, Callable[[Any], object]] = {
    "keys, Verifier": Verifier,
    "decrypt_with, Verifier": lambda given: Verifier(KEY, decrypt_with=SECRET if given is None else given),
    "keys, access_token": lambda given: profiles.access_token_verifier(given, issuer="i", audience="a"),
    "keys, client_assertion": lambda given: profiles.client_assertion_verifier(
        given, client_id="i", audience="a"
    ),
    "keys, jws.verify": lambda given: jws.verify(jws.sign(b"", KEY), given),
    "keys, jws.verify_json": lambda given: jws.verify_json(jws.sign_json(b"", [KEY]), given),
    "keys, jwe.decrypt": lambda given: jwe.decrypt(jwe.encrypt(b"", SHARED), given),
    "keys, jwe.decrypt_json": lambda given: jwe.decrypt_json(jwe.encrypt_json(b"", [SHARED]), given),
}


def refusal(call: Callable[[Any], object], given: Any) -> str:
    with pytest.raises(InvalidSettings) as caught:
        call(given)
    return str(caught.value)


@pytest.mark.parametrize("place", [*TAKES_A_KEY, *TAKES_KEYS])
def test_what_is_not_a_key_is_refused_with_what_to_write_instead(place: str) -> None:
    argument = place.partition(",")[0]
    mistakes = MISTAKES | (SEVERAL if place in TAKES_KEYS else {})
    for given, advice in mistakes.values():
        said = refusal((TAKES_A_KEY | TAKES_KEYS)[place], given)
        assert said.startswith(f"{argument} must be a Key"), said
        assert given is None or advice in said, said
        assert "secret of more" not in said
        assert "PRIVATE" not in said


@pytest.mark.parametrize("payload", ["text", {"sub": "user-1"}, None], ids=str)
def test_what_is_signed_or_encrypted_is_bytes(payload: Any) -> None:
    for call in (
        lambda: jws.sign(payload, KEY),
        lambda: jws.sign_json(payload, [KEY]),
        lambda: jwe.encrypt(payload, SHARED),
        lambda: jwe.encrypt_json(payload, [SHARED]),
    ):
        with pytest.raises(InvalidSettings, match="must be bytes, not "):
            call()
    if payload is not None:
        with pytest.raises(InvalidSettings, match="payload must be bytes"):
            jws.verify(jws.sign(b"", KEY, detached=True), KEY, payload=payload)


@pytest.mark.parametrize("given", [KEY, SECRET, {}, None, jws.Signing(KEY), jwe.Recipient(SHARED)])
def test_several_keys_come_in_a_list(given: Any) -> None:
    for argument, call in {
        "signers": lambda given: jws.sign_json(b"", given),
        "recipients": lambda given: jwe.encrypt_json(b"", given),
        "keys": KeySet,
    }.items():
        said = refusal(call, given)
        assert said.startswith(f"{argument} must be a list of keys, not ")
        assert "secret of more" not in said


@pytest.mark.parametrize("given", [SECRET, 5, [SECRET], [KEY], None])
def test_several_issuers_are_verifiers(given: Any) -> None:
    said = refusal(MultiIssuer, given)
    assert said.startswith("verifiers must be a collection of Verifiers, not ")
    assert "secret" not in said


def test_a_path_of_any_kind_is_told_as_one(tmp_path: Path) -> None:
    with os.scandir(tmp_path.parent) as found:
        assert "from_pem" in refusal(Verifier, next(found))
