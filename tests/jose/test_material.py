from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from watchword.errors import InvalidKey, WeakKey
from watchword.jose import Key, base64url

SPKI = PublicFormat.SubjectPublicKeyInfo


def uint(number: int) -> str:
    return base64url.encode(number.to_bytes((number.bit_length() + 7) // 8))


def lengthened(text: str) -> str:
    return base64url.encode(b"\0" + base64url.decode(text))


def changed(text: str) -> str:
    octets = bytearray(base64url.decode(text))
    octets[-1] ^= 2
    return base64url.encode(bytes(octets))


@pytest.fixture(scope="module")
def rsa_jwk(rsa: Key) -> dict[str, str]:
    return rsa.to_jwk(private=True)


def certificate() -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    return (
        x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=1))
    ).sign(key, hashes.SHA256())


PUBLIC = ed25519.Ed25519PrivateKey.generate().public_key()
RSA_PUBLIC = rsa.generate_private_key(65537, 2048).public_key()


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(PUBLIC.public_bytes(Encoding.PEM, SPKI), id="pem"),
        pytest.param(b"\n\n " + PUBLIC.public_bytes(Encoding.PEM, SPKI), id="pem-after-white-space"),
        pytest.param(RSA_PUBLIC.public_bytes(Encoding.PEM, PublicFormat.PKCS1), id="pkcs1"),
        pytest.param(RSA_PUBLIC.public_bytes(Encoding.DER, SPKI), id="der"),
        pytest.param(PUBLIC.public_bytes(Encoding.DER, SPKI), id="der-of-ed25519"),
        pytest.param(
            base64.b64encode(RSA_PUBLIC.public_bytes(Encoding.DER, SPKI)), id="pem-without-its-lines"
        ),
        pytest.param(base64.encodebytes(RSA_PUBLIC.public_bytes(Encoding.DER, SPKI)), id="pem-body"),
        pytest.param(PUBLIC.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH), id="openssh"),
        pytest.param(
            ec.generate_private_key(ec.SECP256R1())
            .public_key()
            .public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
            id="openssh-ecdsa",
        ),
        pytest.param(certificate().public_bytes(Encoding.PEM), id="certificate"),
        pytest.param(certificate().public_bytes(Encoding.DER), id="certificate-der"),
        pytest.param(json.dumps(Key.generate("EdDSA").to_jwk()), id="jwk"),
        pytest.param(json.dumps(Key.generate("EdDSA").to_jwk(), indent=1), id="jwk-with-white-space"),
    ],
)
def test_public_key_text_is_no_secret(secret: str | bytes) -> None:
    with pytest.raises(InvalidKey):
        Key.from_secret(secret, "HS256")
    octets = secret.encode() if isinstance(secret, str) else secret
    with pytest.raises(InvalidKey):
        Key.from_jwk({"kty": "oct", "k": base64url.encode(octets)}, "HS256")


@pytest.mark.parametrize("secret", [b"0" * 64, b"0\x82" + b"\x01" * 62, b"MIIBIjAN" * 8, b"ssh" * 22])
def test_a_secret_that_merely_looks_like_a_key_is_one(secret: bytes) -> None:
    assert Key.from_secret(secret, "HS256").material == secret


def test_rsa_under_2048_bits_is_too_weak() -> None:
    small = rsa.generate_private_key(65537, 1024)
    with pytest.raises(WeakKey):
        Key.from_pem(small.public_key().public_bytes(Encoding.PEM, SPKI), "RS256")
    numbers = small.public_key().public_numbers()
    with pytest.raises(WeakKey):
        Key.from_jwk({"kty": "RSA", "n": uint(numbers.n), "e": uint(numbers.e)}, "RS256")


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 17, 65_535])
def test_small_rsa_exponents_are_too_weak(exponent: int, rsa_jwk: dict[str, str]) -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk({"kty": "RSA", "n": rsa_jwk["n"], "e": uint(exponent)}, "RS256")


def test_an_even_rsa_exponent_is_rejected(rsa_jwk: dict[str, str]) -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk({"kty": "RSA", "n": rsa_jwk["n"], "e": uint(65_538)}, "RS256")


def test_an_enormous_rsa_modulus_is_rejected_before_it_costs_anything() -> None:
    with pytest.raises(InvalidKey, match="16384"):
        Key.from_jwk({"kty": "RSA", "n": uint(2**17_000 + 1), "e": "AQAB"}, "RS256")


def test_an_rsa_private_key_without_its_primes_is_completed(rsa: Key, rsa_jwk: dict[str, str]) -> None:
    short = {name: value for name, value in rsa_jwk.items() if name not in {"p", "q", "dp", "dq", "qi"}}
    rsa.verify(b"data", Key.from_jwk(short).sign(b"data"))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda jwk: jwk | {"d": changed(jwk["d"])}, id="another-d"),
        pytest.param(lambda jwk: jwk | {"dp": changed(jwk["dp"])}, id="another-dp"),
        pytest.param(lambda jwk: jwk | {"oth": []}, id="three-primes"),
        pytest.param(lambda jwk: {n: v for n, v in jwk.items() if n != "q"}, id="half-of-the-primes"),
        pytest.param(lambda jwk: {n: v for n, v in jwk.items() if n != "n"}, id="no-modulus"),
        pytest.param(lambda jwk: jwk | {"n": lengthened(jwk["n"])}, id="leading-zeros"),
        pytest.param(lambda jwk: jwk | {"e": "AQAB=="}, id="padding"),
        pytest.param(lambda jwk: jwk | {"e": 65537}, id="a-number"),
        pytest.param(
            lambda jwk: {"kty": "RSA", "n": jwk["n"], "e": "AQAB", "d": changed(jwk["d"])},
            id="another-d-alone",
        ),
    ],
)
def test_rsa_members_that_make_no_key_are_rejected(
    change: Callable[[dict[str, str]], dict[str, Any]], rsa_jwk: dict[str, str]
) -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk(change(rsa_jwk), "RS256")


EC, OTHER_EC = Key.generate("ES256").to_jwk(private=True), Key.generate("ES256").to_jwk(private=True)
OKP, OTHER_OKP = Key.generate("EdDSA").to_jwk(private=True), Key.generate("EdDSA").to_jwk(private=True)


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param(EC | {"y": changed(EC["y"])}, id="point-not-on-the-curve"),
        pytest.param(EC | {"x": lengthened(EC["x"])}, id="coordinate-too-long"),
        pytest.param(EC | {"x": EC["x"][:-4]}, id="coordinate-too-short"),
        pytest.param(EC | {"d": lengthened(EC["d"])}, id="private-key-too-long"),
        pytest.param(EC | {"d": OTHER_EC["d"]}, id="another-private-key"),
        pytest.param(EC | {"d": base64url.encode(bytes(32))}, id="private-key-zero"),
        pytest.param(EC | {"d": base64url.encode(b"\xff" * 32)}, id="private-key-past-the-order"),
        pytest.param(
            EC | {"x": base64url.encode(bytes(32)), "y": base64url.encode(bytes(32))}, id="infinity"
        ),
        pytest.param(EC | {"crv": "P-384"}, id="another-curve"),
        pytest.param(EC | {"crv": "secp256k1"}, id="unknown-curve"),
        pytest.param(EC | {"crv": None}, id="no-curve"),
        pytest.param(EC | {"crv": "Ed25519"}, id="curve-of-another-type"),
        pytest.param(EC | {"kty": "OKP"}, id="type-of-another-curve"),
        pytest.param(EC | {"kty": ["EC"]}, id="type-a-list"),
        pytest.param(EC | {"kty": "ec"}, id="type-in-lower-case"),
        pytest.param(EC | {"alg": "ES384"}, id="algorithm-of-another-curve"),
        pytest.param(OKP | {"d": OTHER_OKP["d"]}, id="okp-another-private-key"),
        pytest.param(OKP | {"x": OKP["x"][:-4]}, id="okp-too-short"),
        pytest.param(OKP | {"d": OKP["d"][:-4]}, id="okp-private-too-short"),
        pytest.param(OKP | {"crv": "Ed448"}, id="okp-another-curve"),
        pytest.param(OKP | {"crv": "X25519"}, id="okp-for-key-agreement"),
        pytest.param(OKP | {"alg": "Ed448"}, id="okp-algorithm-of-another-curve"),
        pytest.param({"kty": "oct"}, id="secret-missing"),
        pytest.param({"kty": "oct", "k": None, "alg": "HS256"}, id="secret-null"),
    ],
)
def test_members_that_make_no_key_are_rejected(jwk: dict[str, Any]) -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk(jwk)


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", id="garbage"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", id="private-garbage"),
        pytest.param("\ud800", id="no-unicode"),
        pytest.param(
            x25519.X25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, SPKI), id="x25519"
        ),
        pytest.param(
            dsa.generate_private_key(1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            id="dsa",
        ),
        pytest.param(
            ec.generate_private_key(ec.SECP224R1()).public_key().public_bytes(Encoding.PEM, SPKI), id="p-224"
        ),
    ],
)
def test_pem_that_holds_no_usable_key_is_rejected(pem: str | bytes) -> None:
    with pytest.raises(InvalidKey):
        Key.from_pem(pem)


@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
def test_the_private_forms_of_pem_are_read(form: PrivateFormat) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    pem = key.private_bytes(Encoding.PEM, form, NoEncryption())
    assert Key.from_pem(pem).is_private
