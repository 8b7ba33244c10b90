"""Nested JWTs (RFC 7519 §5.2): the cookbook's, and those exchanged with joserfc and jwcrypto, both ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwe as joserfc_jwe
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import JWKRegistry
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT

from watchword.jose import Key
from watchword.jwt import Issuer, Verifier

NOW = 1_700_000_000
CLAIMS: dict[str, Any] = {"iss": "i", "sub": "user-1", "aud": "api", "exp": NOW + 60}

Members = dict[str, Any]


def jwcrypto_makes(signing: Members, encrypting: Members, enc: str) -> str:
    inside = JWT(header={"alg": signing["alg"], "typ": "JWT"}, claims=CLAIMS)
    inside.make_signed_token(JWK(**signing))
    outside = JWT(header={"alg": encrypting["alg"], "enc": enc, "cty": "JWT"}, claims=inside.serialize())
    outside.make_encrypted_token(JWK(**encrypting))
    return str(outside.serialize())


def jwcrypto_reads(token: str, verifying: Members, decrypting: Members) -> Members:
    outside = JWT(jwt=token, key=JWK(**decrypting), expected_type="JWE")
    inside = JWT(jwt=outside.claims, key=JWK(**verifying), check_claims={"exp": None})
    claims: Members = json.loads(inside.claims)
    return claims


def joserfc_makes(signing: Members, encrypting: Members, enc: str) -> str:
    inside = joserfc_jwt.encode(
        {"alg": signing["alg"]}, CLAIMS, JWKRegistry.import_key(signing), [signing["alg"]]
    )
    header = {"alg": encrypting["alg"], "enc": enc, "cty": "JWT"}
    return joserfc_jwe.encrypt_compact(header, inside, JWKRegistry.import_key(encrypting))


def joserfc_reads(token: str, verifying: Members, decrypting: Members) -> Members:
    inside = joserfc_jwe.decrypt_compact(token, JWKRegistry.import_key(decrypting)).plaintext
    assert inside is not None
    return joserfc_jwt.decode(inside, JWKRegistry.import_key(verifying), [verifying["alg"]]).claims


PEERS = pytest.mark.parametrize(
    ("makes", "reads"),
    [
        pytest.param(jwcrypto_makes, jwcrypto_reads, id="jwcrypto"),
        pytest.param(joserfc_makes, joserfc_reads, id="joserfc"),
    ],
)
ALGORITHMS = pytest.mark.parametrize(
    ("alg", "management", "enc"),
    [
        ("HS256", "dir", "A256GCM"),
        ("ES256", "ECDH-ES", "A128GCM"),
        ("RS256", "RSA-OAEP", "A256GCM"),
        ("PS256", "A256KW", "A128CBC-HS256"),
    ],
)


@PEERS
@ALGORITHMS
def test_what_a_peer_nests_we_accept(
    makes: Callable[..., str], reads: Any, alg: str, management: str, enc: str
) -> None:
    signing, encrypting = Key.generate(alg), Key.generate(management)
    token = makes(signing.to_jwk(private=True), encrypting.to_jwk(private=True), enc)
    verifier = Verifier(signing, issuer="i", audience="api", decrypt_with=encrypting, clock=lambda: NOW)
    assert verifier.verify(token) == CLAIMS


@PEERS
@ALGORITHMS
def test_what_we_nest_a_peer_accepts(
    makes: Any, reads: Callable[..., Members], alg: str, management: str, enc: str
) -> None:
    signing, encrypting = Key.generate(alg), Key.generate(management)
    token = Issuer("i", signing, encrypt_to=encrypting, enc=enc).issue("user-1", {"scope": "read"})
    claims = reads(token, signing.to_jwk(private=True), encrypting.to_jwk(private=True))
    assert (claims["sub"], claims["scope"]) == ("user-1", "read")


def test_the_cookbooks_nested_token_is_accepted(load: Callable[[str], Any]) -> None:
    example = load("rfc7520-cookbook/6.nesting_signatures_and_encryption.json")
    verifier = Verifier(
        Key.from_jwk(example["sign"]["input"]["key"], "PS256"),
        issuer="hobbiton.example",
        decrypt_with=Key.from_jwk(example["encrypt"]["input"]["key"]),
        clock=lambda: 1_300_819_000,
    )
    assert verifier.verify(example["encrypt"]["output"]["compact"])["exp"] == 1_300_819_380
