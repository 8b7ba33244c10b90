"""Keys exchanged with joserfc and jwcrypto, both ways: each kind they know, each form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import JWKRegistry
from jwcrypto.jwk import JWK

from watchword.jose import Key

KINDS = {
    "oct": ("oct", 512, "HS512"),
    "RSA": ("RSA", 2048, "PS256"),
    "P-256": ("EC", "P-256", "ES256"),
    "P-384": ("EC", "P-384", "ES384"),
    "P-521": ("EC", "P-521", "ES512"),
    "secp256k1": ("EC", "secp256k1", "ES256K"),
    "Ed25519": ("OKP", "Ed25519", "EdDSA"),
    "Ed448": ("OKP", "Ed448", "EdDSA"),
    "X25519": ("OKP", "X25519", "ECDH-ES"),
    "X448": ("OKP", "X448", "ECDH-ES"),
}
EACH_KIND = pytest.mark.parametrize(("kty", "parameter", "alg"), KINDS.values(), ids=KINDS)


def of_joserfc(kty: str, parameter: Any) -> tuple[dict[str, Any], str]:
    key = JWKRegistry.generate_key(kty, parameter)
    return dict(key.as_dict(private=True)), key.thumbprint()


def of_jwcrypto(kty: str, parameter: Any) -> tuple[dict[str, Any], str]:
    size = {"crv": parameter} if isinstance(parameter, str) else {"size": parameter}
    key = JWK.generate(kty=kty, **size)
    return key.export(as_dict=True), key.thumbprint()


@EACH_KIND
@pytest.mark.parametrize("generate", [of_joserfc, of_jwcrypto])
def test_a_key_of_theirs_is_read_and_written_the_same(
    generate: Callable[[str, Any], tuple[dict[str, Any], str]], kty: str, parameter: Any, alg: str
) -> None:
    jwk, thumbprint = generate(kty, parameter)
    key = Key.from_jwk(jwk, alg)
    assert key.thumbprint == thumbprint
    assert jwk.items() - {("kid", jwk.get("kid"))} <= key.to_jwk(private=True).items()


@EACH_KIND
def test_a_key_of_ours_is_read_by_them(kty: str, parameter: Any, alg: str) -> None:
    key = Key.generate(alg, crv=parameter if kty == "OKP" else None)
    jwk = key.to_jwk(private=True)
    theirs = JWKRegistry.import_key(jwk)
    assert theirs.thumbprint() == JWK(**jwk).thumbprint() == key.thumbprint
    assert theirs.thumbprint_uri() == JWK(**jwk).thumbprint_uri() == key.thumbprint_uri


@EACH_KIND
def test_pem_goes_both_ways(kty: str, parameter: Any, alg: str) -> None:
    if kty == "oct" or parameter == "X448":  # jwcrypto reads no X448 from PEM
        return
    key = Key.generate(alg, crv=parameter if kty == "OKP" else None)
    password = "a pass phrase"
    encrypted = key.to_pem(private=True, password=password).encode()
    theirs = JWK.from_pem(encrypted, password.encode())
    assert theirs.thumbprint() == key.thumbprint
    again = theirs.export_to_pem(private_key=True, password=password.encode())
    assert Key.from_pem(again, alg, password=password).thumbprint == key.thumbprint
    assert Key.from_pem(theirs.export_to_pem(), alg).to_pem() == key.to_pem()


@pytest.mark.parametrize("alg", ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"])
def test_keys_of_ml_dsa_go_both_ways(alg: str) -> None:
    theirs, ours = JWK.generate(kty="AKP", alg=alg), Key.generate(alg)
    assert Key.from_jwk(theirs.export(as_dict=True)).thumbprint == theirs.thumbprint()
    assert JWK(**ours.to_jwk(private=True)).thumbprint() == ours.thumbprint
