from __future__ import annotations

import base64
import datetime as dt
import hashlib
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from cryptography.hazmat.primitives.serialization import Encoding

from watchword.errors import InvalidKey
from watchword.jose import Key, base64url
from watchword.jose.algorithms.table import choose_algorithm

KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def certificate(key: ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=1))
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


FIRST, SECOND = certificate(KEY), certificate(OTHER)
UNKNOWN_VERSION = FIRST.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x7a")
NEGATIVE_SERIAL = FIRST.replace(b"\x02\x01\x02\x02\x01\x01", b"\x02\x01\x02\x02\x01\x81")
JWK = Key.from_der(FIRST).to_jwk()
SHA1, SHA256 = (base64url.encode(hashlib.new(name, FIRST).digest()) for name in ("sha1", "sha256"))
OTHERS = {"x5t": hashlib.sha1(SECOND).digest(), "x5t#S256": hashlib.sha256(SECOND).digest()}
CERTIFIED = {"x5c": [base64_of(FIRST), base64_of(SECOND)], "x5t": SHA1, "x5t#S256": SHA256}


def test_certificates_are_kept() -> None:
    key = Key.from_jwk({**JWK, **CERTIFIED})
    assert key.to_jwk() == key.public().to_jwk() == {**JWK, **CERTIFIED}


@pytest.mark.parametrize("name", ["x5t", "x5t#S256"])
def test_digests_are_kept_without_the_certificate(name: str) -> None:
    assert Key.from_jwk({**JWK, name: CERTIFIED[name]}).to_jwk() == {**JWK, name: CERTIFIED[name]}


def test_the_private_half_keeps_them_too() -> None:
    private = Key.from_jwk({**Key(choose_algorithm("ES256", "P-256"), KEY).to_jwk(private=True), **CERTIFIED})
    assert private.to_jwk(private=True)["x5c"] == CERTIFIED["x5c"]


def test_a_chain_may_have_sixteen_certificates() -> None:
    chain = [base64_of(FIRST)] * 16
    assert Key.from_jwk({**JWK, "x5c": chain}).to_jwk()["x5c"] == chain


def test_what_was_kept_cannot_be_changed_from_outside() -> None:
    chain = [base64_of(FIRST)]
    key = Key.from_jwk({**JWK, "x5c": chain})
    chain.append("another")
    key.to_jwk()["x5c"].append("another")
    assert key.to_jwk()["x5c"] == [base64_of(FIRST)]


@pytest.mark.parametrize(
    "x5c",
    [
        pytest.param([base64_of(SECOND)], id="certificate-of-another-key"),
        pytest.param([base64_of(SECOND), base64_of(FIRST)], id="chain-the-wrong-way-round"),
        pytest.param([base64_of(certificate(dsa.generate_private_key(1024)))], id="dsa"),
    ],
)
def test_a_certificate_of_another_key_is_a_contradiction(x5c: list[str]) -> None:
    with pytest.raises(InvalidKey, match="x5c is the certificate of another key"):
        Key.from_jwk({**JWK, "x5c": x5c})


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"x5c": []}, id="no-certificate"),
        pytest.param({"x5c": [base64_of(FIRST)] * 17}, id="too-many"),
        pytest.param({"x5c": base64_of(FIRST)}, id="text"),
        pytest.param({"x5c": [FIRST]}, id="bytes"),
        pytest.param({"x5c": None}, id="null"),
        pytest.param({"x5c": [base64_of(FIRST), 7]}, id="a-number-behind"),
        pytest.param({"x5c": [base64_of(FIRST), "AAAA"]}, id="garbage-behind"),
        pytest.param({"x5c": ["AAAA"]}, id="garbage"),
        pytest.param({"x5c": [base64_of(UNKNOWN_VERSION)]}, id="unknown-version"),
        pytest.param({"x5c": [base64_of(NEGATIVE_SERIAL)]}, id="negative-serial-where-warnings-are-errors"),
        pytest.param({"x5c": ["é"]}, id="no-ascii"),
        pytest.param({"x5c": ["\ud800"]}, id="no-unicode"),
        pytest.param({"x5c": [base64_of(FIRST) + "\n"]}, id="white-space"),
        pytest.param({"x5c": [base64url.encode(FIRST + b"\xff\xff")]}, id="base64url"),
        pytest.param({"x5c": [base64_of(FIRST + b"\0")]}, id="something-behind-it"),
        pytest.param({"x5t": SHA256}, id="digest-too-long"),
        pytest.param({"x5t#S256": SHA1}, id="digest-too-short"),
        pytest.param({"x5t#S256": SHA256 + "="}, id="digest-padded"),
        pytest.param({"x5t#S256": hashlib.sha256(FIRST).hexdigest()}, id="digest-in-hex"),
        pytest.param({"x5t": base64url.encode(hashlib.sha1(FIRST).hexdigest().encode())}, id="hex-inside"),
        pytest.param({"x5t": ""}, id="digest-empty"),
        pytest.param({"x5t#S256": None}, id="digest-null"),
        pytest.param({"x5t#S256": 7}, id="digest-a-number"),
    ],
)
def test_what_cannot_be_read_of_a_certificate_is_left_out_and_costs_nothing(members: dict[str, Any]) -> None:
    assert Key.from_jwk({**JWK, **members}).to_jwk() == JWK


@pytest.mark.parametrize("name", OTHERS)
def test_the_digest_of_another_certificate_than_the_first_is_left_out(name: str) -> None:
    members = CERTIFIED | {name: base64url.encode(OTHERS[name])}
    rest = {other: value for other, value in CERTIFIED.items() if other != name}
    assert Key.from_jwk({**JWK, **members}).to_jwk() == {**JWK, **rest}


def test_a_secret_has_no_certificate() -> None:
    secret = Key.generate("HS256").to_jwk(private=True)
    with pytest.raises(InvalidKey):
        Key.from_jwk({**secret, "x5c": [base64_of(FIRST)]})


def test_a_certificate_takes_the_place_of_no_member() -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk({"kty": "EC", "x5c": [base64_of(FIRST)]}, "ES256")
