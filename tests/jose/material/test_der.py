from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import InvalidKey
from watchword.jose import Key
from watchword.jose.material.der import read_der, write_der
from watchword.jose.material.pem import read_pem, write_pem

SPKI = PublicFormat.SubjectPublicKeyInfo
PASSWORD = b"a pass phrase"


def certificate(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)  # Expired. Validity is not checked.
    return x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=1)).sign(
        key, hashes.SHA256()
    )


EC, RSA = ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)
PLAIN, ENCRYPTED = NoEncryption(), BestAvailableEncryption(PASSWORD)
TRADITIONAL, PKCS8 = PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8

UNKNOWN_VERSION = (
    certificate(EC).public_bytes(Encoding.DER).replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x7a")
)

ENCODINGS = pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER], ids=["PEM", "DER"])
KEYS = pytest.mark.parametrize(("key", "alg"), [(EC, "ES384"), (RSA, "RS256")], ids=["EC", "RSA"])


def read(data: bytes, encoding: Encoding, alg: str, password: bytes | None = None) -> Key:
    form = Key.from_pem if encoding is Encoding.PEM else Key.from_der
    return form(data, alg, password=password)


def spki(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, SPKI).decode()


@ENCODINGS
@KEYS
@pytest.mark.parametrize("form", [TRADITIONAL, PKCS8], ids=["traditional", "pkcs8"])
def test_a_private_key_is_read(key, alg: str, encoding: Encoding, form: PrivateFormat) -> None:
    private = read(key.private_bytes(encoding, form, PLAIN), encoding, alg)
    assert private.is_private
    assert private.to_pem() == spki(key)


@ENCODINGS
@KEYS
def test_an_encrypted_private_key_opens_with_its_password_only(key, alg: str, encoding: Encoding) -> None:
    data = key.private_bytes(encoding, PKCS8, ENCRYPTED)
    assert read(data, encoding, alg, PASSWORD).is_private
    for password in (None, b"another", b"", PASSWORD + b"x"):
        with pytest.raises(InvalidKey):
            read(data, encoding, alg, password)


@ENCODINGS
@KEYS
def test_a_public_key_is_read(key, alg: str, encoding: Encoding) -> None:
    public = read(key.public_key().public_bytes(encoding, SPKI), encoding, alg)
    assert not public.is_private
    assert public.to_pem() == spki(key)


@ENCODINGS
@KEYS
def test_of_a_certificate_the_public_key_is_read(key, alg: str, encoding: Encoding) -> None:
    public = read(certificate(key).public_bytes(encoding), encoding, alg)
    assert not public.is_private
    assert public.to_pem() == spki(key)


@ENCODINGS
@KEYS
def test_a_password_for_what_is_not_encrypted_is_refused(key, alg: str, encoding: Encoding) -> None:
    for data in (
        key.private_bytes(encoding, PKCS8, PLAIN),
        key.public_key().public_bytes(encoding, SPKI),
        certificate(key).public_bytes(encoding),
    ):
        with pytest.raises(InvalidKey):
            read(data, encoding, alg, PASSWORD)


@ENCODINGS
def test_pkcs_1_of_a_public_key_is_read(encoding: Encoding) -> None:
    data = RSA.public_key().public_bytes(encoding, PublicFormat.PKCS1)
    assert read(data, encoding, "PS256").to_pem() == spki(RSA)


def test_a_traditional_key_with_a_password_is_read() -> None:
    assert Key.from_pem(EC.private_bytes(Encoding.PEM, TRADITIONAL, ENCRYPTED), password=PASSWORD).is_private


def test_the_parameters_before_a_traditional_key_are_passed_over() -> None:
    parameters = "-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n"
    key = EC.private_bytes(Encoding.PEM, TRADITIONAL, PLAIN).decode()
    assert Key.from_pem(f"My key:\n{parameters}{key}").is_private


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"no key", id="text"),
        pytest.param(b"-----BEGIN PUBLIC KEY-----", id="only-the-beginning"),
        pytest.param(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", id="garbage"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", id="private-garbage"),
        pytest.param(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", id="no-certificate"),
        pytest.param(UNKNOWN_VERSION, id="certificate-of-an-unknown-version"),
        pytest.param(
            EC.public_key().public_bytes(Encoding.PEM, SPKI).replace(b"\n", b"\n" * 30_000), id="enormous"
        ),
    ],
)
def test_what_holds_no_key_is_rejected(data: bytes) -> None:
    for form in (Key.from_pem, Key.from_der):
        with pytest.raises(InvalidKey):
            form(data)


def test_the_length_of_a_text_is_bounded() -> None:
    pem = EC.private_bytes(Encoding.PEM, PKCS8, PLAIN)
    assert Key.from_pem(pem.rjust(65_536)).is_private
    with pytest.raises(InvalidKey, match="65536"):
        Key.from_pem(pem.rjust(65_537))


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(dsa.generate_private_key(1024), id="dsa"),
        pytest.param(ec.generate_private_key(ec.SECP224R1()), id="p-224"),
        pytest.param(ec.generate_private_key(ec.BrainpoolP256R1()), id="brainpool"),
    ],
)
def test_a_type_of_key_that_no_algorithm_uses_is_rejected(key) -> None:
    for data in (
        key.private_bytes(Encoding.PEM, PKCS8, PLAIN),
        key.public_key().public_bytes(Encoding.PEM, SPKI),
    ):
        with pytest.raises(InvalidKey, match="no algorithm here"):
            Key.from_pem(data)


@pytest.mark.parametrize("oid", range(0x6E, 0x72), ids=["X25519", "X448", "Ed25519", "Ed448"])  # RFC 8410 §3
@pytest.mark.parametrize("size", [0, 31, 33, 58])
def test_a_private_key_of_a_wrong_length_is_rejected(oid: int, size: int) -> None:
    octets = bytes([0x04, size + 2, 0x04, size]) + bytes(size)
    content = b"\x02\x01\x00\x30\x05\x06\x03\x2b\x65" + bytes([oid]) + octets
    with pytest.raises(InvalidKey):
        read_der(b"\x30" + bytes([len(content)]) + content, None)


def test_text_that_is_no_unicode_is_rejected() -> None:
    with pytest.raises(InvalidKey):
        Key.from_pem("\ud800")


def test_every_kind_of_key_survives_the_way_through_pem_and_der(key_of_each_kind: Key) -> None:
    material = key_of_each_kind.material
    if isinstance(material, bytes):
        for write in (key_of_each_kind.to_pem, key_of_each_kind.to_der):
            with pytest.raises(InvalidKey):
                write(private=True)
        return
    for form, written in (
        (read_pem, write_pem(material).encode()),
        (read_der, write_der(material)),
    ):
        assert write_der(form(written, None)) == write_der(material)
    encrypted = write_pem(material, PASSWORD)
    assert encrypted.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert write_der(read_pem(encrypted.encode(), PASSWORD)) == write_der(material)


def test_the_public_half_of_every_kind_survives_too(key_of_each_kind: Key) -> None:
    if isinstance(key_of_each_kind.material, bytes):
        return
    public, alg = key_of_each_kind.public(), key_of_each_kind.alg
    for again in (Key.from_pem(public.to_pem(), alg), Key.from_der(public.to_der(), alg)):
        assert again.to_jwk() == public.to_jwk() == key_of_each_kind.to_jwk()
    with pytest.raises(InvalidKey):
        public.to_pem(private=True)
    with pytest.raises(InvalidKey):
        public.to_der(private=True)


@pytest.mark.parametrize("password", ["", "x" * 1024, "\ud800"])
def test_a_password_that_cannot_encrypt_is_refused(password: str) -> None:
    with pytest.raises(InvalidKey):
        Key.generate("EdDSA").to_pem(private=True, password=password)


def test_a_public_key_is_not_encrypted() -> None:
    with pytest.raises(InvalidKey):
        Key.generate("EdDSA").to_pem(password="a pass phrase")


DER = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.DER, SPKI)


@given(st.binary(max_size=100), st.integers(0, len(DER)), st.none() | st.binary(max_size=5))
def test_bytes_are_a_key_or_an_error_of_ours(data: bytes, place: int, password: bytes | None) -> None:
    for der in (data, DER[:place] + data + DER[place + len(data) :], b"0" + data):
        try:
            assert Key.from_der(der, password=password).alg == "EdDSA"
        except InvalidKey:
            continue
