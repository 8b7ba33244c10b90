from __future__ import annotations

import base64
import datetime as dt
import json
import secrets

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from watchword.errors import InvalidKey, WeakKey
from watchword.jose import Key, KeySet, base64url, jwe

SPKI = PublicFormat.SubjectPublicKeyInfo


def uint(number: int) -> str:
    return base64url.encode(number.to_bytes((number.bit_length() + 7) // 8))


def certificate() -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    return (
        x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=1))
    ).sign(key, hashes.SHA256())


PUBLIC = ed25519.Ed25519PrivateKey.generate().public_key()
RSA_PUBLIC = rsa.generate_private_key(65537, 2048).public_key()
OPENSSH = PUBLIC.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(PUBLIC.public_bytes(Encoding.PEM, SPKI), id="pem"),
        pytest.param(b"\n\n " + PUBLIC.public_bytes(Encoding.PEM, SPKI), id="pem-after-white-space"),
        # CVE-2026-102268: cryptography reads these as well
        pytest.param(
            PUBLIC.public_bytes(Encoding.PEM, SPKI).replace(b"\n", b"\r"), id="pem-without-line-feeds"
        ),
        pytest.param(PUBLIC.public_bytes(Encoding.PEM, SPKI).replace(b"\n", b" "), id="pem-on-one-line"),
        pytest.param(
            PUBLIC.public_bytes(Encoding.PEM, SPKI).replace(b"-----END", b"\t-----END"),
            id="pem-with-its-end-indented",
        ),
        pytest.param(RSA_PUBLIC.public_bytes(Encoding.PEM, PublicFormat.PKCS1), id="pkcs1"),
        pytest.param(RSA_PUBLIC.public_bytes(Encoding.DER, SPKI), id="der"),
        pytest.param(PUBLIC.public_bytes(Encoding.DER, SPKI), id="der-of-ed25519"),
        pytest.param(
            base64.b64encode(RSA_PUBLIC.public_bytes(Encoding.DER, SPKI)), id="pem-without-its-lines"
        ),
        pytest.param(base64.encodebytes(RSA_PUBLIC.public_bytes(Encoding.DER, SPKI)), id="pem-body"),
        pytest.param(OPENSSH, id="openssh"),
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
        pytest.param(json.dumps(json.dumps(Key.generate("EdDSA").to_jwk())), id="jwk-in-a-json-string"),
        pytest.param(str(Key.generate("EdDSA").to_jwk()), id="jwk-as-python-shows-it"),
        pytest.param(
            json.dumps(Key.generate("EdDSA").to_jwk()).replace("kty", r"\u006b\u0074\u0079"),
            id="jwk-with-letters-escaped",
        ),
        pytest.param("\ufeff" + json.dumps(Key.generate("EdDSA").to_jwk()), id="jwk-after-a-byte-order-mark"),
        pytest.param(json.dumps(KeySet([Key.generate("EdDSA")]).to_jwks()), id="jwks"),
        pytest.param(b"\xef\xbb\xbf" + OPENSSH, id="openssh-after-a-byte-order-mark"),
        pytest.param(b'command="true" ' + OPENSSH, id="openssh-of-authorized_keys"),
        pytest.param(OPENSSH.split()[1], id="openssh-without-its-name"),
        pytest.param(b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", id="ssh2"),
        pytest.param(b"\n\t " + RSA_PUBLIC.public_bytes(Encoding.DER, SPKI), id="der-after-white-space"),
        pytest.param(
            b"\xef\xbb\xbf" + RSA_PUBLIC.public_bytes(Encoding.DER, SPKI), id="der-after-a-byte-order-mark"
        ),
        pytest.param(
            b"\xef\xbb\xbf" + base64.encodebytes(RSA_PUBLIC.public_bytes(Encoding.DER, SPKI)),
            id="pem-body-after-a-byte-order-mark",
        ),
        pytest.param(
            base64.urlsafe_b64encode(RSA_PUBLIC.public_bytes(Encoding.DER, SPKI)).rstrip(b"="), id="base64url"
        ),
        pytest.param(base64.b64encode(PUBLIC.public_bytes(Encoding.PEM, SPKI)), id="pem-in-base64"),
        pytest.param(base64.b64encode(certificate().public_bytes(Encoding.DER)), id="x5c"),
    ],
)
def test_public_key_text_is_no_secret(secret: str | bytes) -> None:
    with pytest.raises(InvalidKey):
        Key.from_secret(secret, "HS256")
    octets = secret.encode() if isinstance(secret, str) else secret
    with pytest.raises(InvalidKey):
        Key.from_jwk({"kty": "oct", "k": base64url.encode(octets)}, "HS256")


@pytest.mark.parametrize(
    "secret", [b"0" * 64, b"0\x82" + b"\x01" * 62, b"MIIBIjAN" * 8, b"ssh" * 22, b"ssh-" * 16, b"{" * 64]
)
def test_a_secret_that_merely_looks_like_a_key_is_one(secret: bytes) -> None:
    assert Key.from_secret(secret, "HS256").material == secret


def test_a_secret_that_is_almost_a_certificate_is_one() -> None:
    third, unknown = b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x7a"  # RFC 5280 §4.1.2.1: the version
    secret = certificate().public_bytes(Encoding.DER).replace(third, unknown)
    assert Key.from_secret(secret, "HS256").material == secret


def test_a_certificate_that_one_is_warned_of_is_no_secret() -> None:
    first, negative = b"\x02\x01\x02\x02\x01\x01", b"\x02\x01\x02\x02\x01\x81"  # the serial number
    with pytest.raises(InvalidKey):
        Key.from_secret(certificate().public_bytes(Encoding.DER).replace(first, negative), "HS256")


def test_random_secrets_are_secrets() -> None:
    for encode in (bytes, base64.b64encode, base64.urlsafe_b64encode, bytes.hex):
        for _ in range(200):
            assert Key.from_secret(encode(secrets.token_bytes(64)), "HS512")


@pytest.mark.parametrize(
    ("alg", "least"),
    [("HS256", 32), ("HS384", 48), ("HS512", 64), ("PBES2-HS256+A128KW", 16), ("PBES2-HS512+A256KW", 32)],
)
def test_a_secret_is_at_least_as_long_as_its_algorithm_needs(alg: str, least: int) -> None:
    assert Key.from_secret("s" * least, alg).alg == Key.from_secret("s" * 99, alg).alg == alg
    assert len(Key.generate(alg).material) == least  # type: ignore[arg-type]  # bytes
    for length in (least - 1, 0):
        with pytest.raises(WeakKey):
            Key.from_secret(b"s" * length, alg)


@pytest.mark.parametrize(
    ("alg", "lengths"),
    [("A128KW", {16}), ("A192GCMKW", {24}), ("A256KW", {32}), ("dir", {16, 24, 32, 48, 64})],
)
def test_a_secret_has_exactly_the_length_that_its_algorithm_needs(alg: str, lengths: set[int]) -> None:
    for length in range(70):
        if length in lengths:
            assert Key.from_secret(b"s" * length, alg).alg == alg
        else:
            with pytest.raises(InvalidKey):
                Key.from_secret(b"s" * length, alg)


def test_a_weak_secret_is_a_jwks_own_affair_too() -> None:
    with pytest.raises(WeakKey):
        Key.from_jwk({"kty": "oct", "k": "AAAA"}, "HS256")


def test_rsa_under_2048_bits_is_too_weak() -> None:
    small = rsa.generate_private_key(65537, 1024)
    with pytest.raises(WeakKey):
        Key.from_pem(small.public_key().public_bytes(Encoding.PEM, SPKI), "RS256")
    numbers = small.public_key().public_numbers()
    with pytest.raises(WeakKey):
        Key.from_jwk({"kty": "RSA", "n": uint(numbers.n), "e": uint(numbers.e)}, "RS256")


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 17, 65_535])
def test_small_rsa_exponents_are_too_weak(exponent: int, rsa: Key) -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk({"kty": "RSA", "n": rsa.to_jwk()["n"], "e": uint(exponent)}, "RS256")


def test_an_even_rsa_exponent_is_rejected(rsa: Key) -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk({"kty": "RSA", "n": rsa.to_jwk()["n"], "e": uint(65_538)}, "RS256")


def test_an_enormous_rsa_modulus_is_rejected_before_it_costs_anything() -> None:
    with pytest.raises(InvalidKey, match="16384"):
        Key.from_jwk({"kty": "RSA", "n": uint(2**17_000 + 1), "e": "AQAB"}, "RS256")


def test_an_even_rsa_modulus_is_rejected(rsa: Key) -> None:
    even = int.from_bytes(base64url.decode(rsa.to_jwk()["n"])) + 1
    with pytest.raises(InvalidKey, match="odd"):
        Key.from_jwk({"kty": "RSA", "n": uint(even), "e": "AQAB"}, "RS256")


@pytest.mark.parametrize(("exponent", "good"), [(2**64 - 1, True), (2**64 + 1, False), (2**2050 + 1, False)])
def test_an_rsa_exponent_has_at_most_64_bits(exponent: int, good: bool) -> None:
    jwk = {"kty": "RSA", "n": uint(2**4095 + 1), "e": uint(exponent)}
    if good:
        assert jwe.encrypt(b"x", Key.from_jwk(jwk, "RSA-OAEP"))
        return
    with pytest.raises(InvalidKey, match="64 bits"):
        Key.from_jwk(jwk, "RSA-OAEP")


@pytest.mark.parametrize(("bits", "good"), [(2047, False), (2048, True), (16_384, True), (16_385, False)])
def test_the_bounds_of_an_rsa_modulus_are_exact(bits: int, good: bool) -> None:
    jwk = {"kty": "RSA", "n": uint(2 ** (bits - 1) + 1), "e": "AQAB"}
    if good:
        assert not Key.from_jwk(jwk, "RS256").is_private
        return
    with pytest.raises(InvalidKey):
        Key.from_jwk(jwk, "RS256")


def test_an_rsa_key_with_the_primes_of_roca_is_too_weak() -> None:
    # CVE-2017-15361: the primes are k * M + (65537^a mod M), where M is the product of the first primes
    product = 1
    for prime in (n for n in range(2, 702) if all(n % d for d in range(2, n))):
        product *= prime
    factors = [k * product + pow(65537, 5 * k, product) for k in (2**53 + 5, 2**53 + 77)]
    modulus = factors[0] * factors[1]
    assert modulus.bit_length() >= 2048
    with pytest.raises(WeakKey, match="CVE-2017-15361"):
        Key.from_jwk({"kty": "RSA", "n": uint(modulus), "e": "AQAB"}, "RS256")
