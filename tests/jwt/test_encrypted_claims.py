"""Claims that are only encrypted, under a secret that is shared."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from watchword.errors import (
    BadSignature,
    DecryptionFailed,
    ExpiredToken,
    InvalidClaims,
    InvalidSettings,
    MalformedToken,
    MissingClaim,
    UnknownKey,
    WrongAudience,
    WrongType,
)
from watchword.jose import Key, KeySet, jwe
from watchword.jwt import Claims, Issuer, Verifier

NOW = 1_700_000_000
SECRET = Key.generate("dir")
CLAIMS: dict[str, Any] = {"sub": "user-1", "exp": NOW + 900, "iat": NOW, "jti": "id"}


class Named(Claims):
    name: str


def clock() -> float:
    return NOW


def encrypt(claims: dict[str, Any] | bytes, key: Key = SECRET, enc: str = "A256GCM", **header: Any) -> str:
    content = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jwe.encrypt(content, key, enc, header)


@pytest.mark.parametrize(
    ("key", "enc"),
    [
        (SECRET, "A256GCM"),
        (Key.from_secret(b"\x07" * 64, "dir"), "A256CBC-HS512"),
        *((Key.generate(alg), "A128CBC-HS256") for alg in ("A128KW", "A256KW", "A128GCMKW", "A256GCMKW")),
    ],
    ids=lambda value: value if isinstance(value, str) else value.alg,
)
def test_claims_under_a_shared_secret_are_verified(key: Key, enc: str) -> None:
    token = encrypt(CLAIMS, key, enc)
    for keys in (key, KeySet([key])):
        verifier = Verifier.without_signature(decrypt_with=keys, clock=clock)
        assert verifier.verify(token) == verifier.verify(token) == CLAIMS
        assert list(verifier.verify_many([token])) == [CLAIMS]


def test_an_event_loop_and_a_batch_do_it_as_well() -> None:
    verifier = Verifier.without_signature(decrypt_with=SECRET, claims=Named)
    token = encrypt({"sub": "user-1", "exp": 2**40, "name": "Zoë"})
    with pytest.raises(StopIteration) as done:  # nothing is fetched, so it never suspends
        verifier.verify_async(token).send(None)
    assert done.value.value.name == "Zoë"
    assert [claims.name for claims in verifier.verify_many([token])] == ["Zoë"]  # type: ignore[union-attr]  # good


@pytest.mark.parametrize(
    ("expected", "change", "header", "error"),
    [
        ({}, {"exp": NOW - 31}, {}, ExpiredToken),
        ({}, {"exp": None}, {}, MissingClaim),
        ({}, {"aud": "other"}, {}, WrongAudience),
        ({"audience": "api"}, {}, {}, MissingClaim),
        ({"issuer": "i"}, {}, {}, MissingClaim),
        ({}, {}, {"typ": "at+jwt"}, WrongType),
        ({"typ": "at+jwt"}, {}, {}, WrongType),
        ({"claims": Named}, {"name": 5}, {}, InvalidClaims),
        ({}, {}, {"sub": "user-2"}, InvalidClaims),
        ({"rule": lambda *_: [InvalidClaims("no")]}, {}, {}, InvalidClaims),
    ],
)
def test_everything_is_expected_as_in_any_verifier(
    expected: dict[str, Any], change: dict[str, Any], header: dict[str, Any], error: type[InvalidClaims]
) -> None:
    token = encrypt({name: value for name, value in (CLAIMS | change).items() if value is not None}, **header)
    with pytest.raises(error):
        Verifier.without_signature(decrypt_with=SECRET, clock=clock, **expected).verify(token)


@pytest.mark.parametrize(
    "alg", ["HS256", "ES256", "RSA-OAEP", "ECDH-ES", "ECDH-ES+A128KW", "PBES2-HS256+A128KW"]
)
def test_only_a_shared_secret_does_without_a_signature(alg: str) -> None:
    key = Key.generate(alg)
    for keys in (key, KeySet([SECRET, key])):
        with pytest.raises(
            InvalidSettings, match=f"^decrypt_with must be a shared secret .*{alg.partition('+')[0]}"
        ):
            Verifier.without_signature(decrypt_with=keys)


@pytest.mark.parametrize("keys", [None, "a secret of more than thirty-two characters", KeySet([])], ids=repr)
def test_there_is_a_key(keys: Any) -> None:
    with pytest.raises(InvalidSettings, match=r"^decrypt_with must be a Key or a KeySet"):
        Verifier.without_signature(decrypt_with=keys)


def test_what_is_signed_or_by_another_key_is_refused(key: Key, forge: Callable[..., str]) -> None:
    verifier = Verifier.without_signature(decrypt_with=SECRET, clock=clock)
    nested = Issuer("i", key, encrypt_to=SECRET, clock=clock).issue("user-1")
    assert verifier.verify(encrypt(CLAIMS, cty="json")) == CLAIMS
    with pytest.raises(MalformedToken, match="a signed token inside the encrypted token"):
        verifier.verify(encrypt(CLAIMS, cty="JWT"))
    for token in (nested, forge(CLAIMS), encrypt(b"[]"), encrypt(b""), "a.b.c.d.e", "", None, "A" * 16_385):
        with pytest.raises(MalformedToken):
            verifier.verify(token)  # type: ignore[arg-type]  # None is none
    with pytest.raises(DecryptionFailed):
        verifier.verify(encrypt(CLAIMS, Key.generate("dir")))
    with pytest.raises(UnknownKey):
        verifier.verify(encrypt(CLAIMS, Key.generate("A256KW")))


def test_no_other_verifier_takes_what_is_only_encrypted(key: Key) -> None:
    for verifier in (Verifier(key, clock=clock), Verifier(key, decrypt_with=SECRET, clock=clock)):
        with pytest.raises(MalformedToken):
            verifier.verify(encrypt(CLAIMS))
        with pytest.raises(MalformedToken):
            verifier.verify(encrypt(CLAIMS, cty="JWT"))


def test_no_cached_header_of_an_encrypted_token_accepts_a_signature() -> None:
    verifier = Verifier.without_signature(decrypt_with=SECRET, clock=clock)
    verifier.verify(encrypt(CLAIMS))
    (header,) = verifier._caches.headers.values()
    with pytest.raises(BadSignature):
        header.check_signature(b"signed", b"signature")
