"""Keys in the texts that people have, and what is said of texts that hold none."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from time import process_time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    ssh,
)
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import InvalidKey
from watchword.jose import Key
from watchword.jose.material.loaders import MAX_KEY


def certificate(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=1))
    return builder.sign(key, hashes.SHA256())


EC, RSA = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
PRIVATE = EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC = EC.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
CERTIFICATE = certificate(EC).public_bytes(Encoding.PEM).decode()
OTHERS = certificate(RSA).public_bytes(Encoding.PEM).decode()
BAG = "Bag Attributes\n    localKeyID: 14 3F\nsubject=CN = x\n"

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "\\n": lambda pem: pem.replace("\n", "\\n"),
    "\\r\\n": lambda pem: pem.replace("\n", "\\r\\n"),
    "\\\\n": lambda pem: pem.replace("\n", "\\\\n"),
    "CRLF": lambda pem: pem.replace("\n", "\r\n"),
    "in JSON": json.dumps,
    "in quotes": lambda pem: f"'{pem}' ",
    "spaces for breaks": lambda pem: pem.replace("\n", " "),
    "no breaks": lambda pem: pem.replace("\n", ""),
    "indented": lambda pem: pem.replace("\n", "\n    "),
    "byte order mark": lambda pem: "\ufeff" + pem,
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("text", [PRIVATE, PUBLIC, CERTIFICATE], ids=["private", "public", "certificate"])
def test_a_key_is_read_however_its_line_breaks_came(text: str, spell: Callable[[str], str]) -> None:
    key = Key.from_pem(spell(text))
    assert key.is_private == (text is PRIVATE)
    assert key.to_pem() == PUBLIC


def test_the_line_breaks_of_an_encrypted_traditional_key_may_be_written_out() -> None:
    pem = Key.from_pem(PRIVATE).to_pem(private=True, password="a password")
    assert Key.from_pem(pem.replace("\n", "\\n"), password="a password").is_private


@pytest.mark.parametrize(
    "text",
    [CERTIFICATE + PRIVATE, PRIVATE + CERTIFICATE, CERTIFICATE + OTHERS + PRIVATE, PUBLIC + PRIVATE,
     BAG + CERTIFICATE + BAG + PRIVATE, (CERTIFICATE + PRIVATE).replace("\n", "\\n")],
)  # fmt: skip
def test_the_private_key_of_a_bundle_is_taken_in_any_order(text: str) -> None:
    assert Key.from_pem(text).is_private


def test_of_several_certificates_the_first_is_taken() -> None:
    assert Key.from_pem(CERTIFICATE + OTHERS).to_pem() == PUBLIC
    assert Key.from_pem(OTHERS + CERTIFICATE, "RS256").alg == "RS256"


@pytest.mark.parametrize("pem", [PRIVATE, PUBLIC, CERTIFICATE], ids=["private", "public", "certificate"])
def test_the_bare_base64_of_a_key_is_read(pem: str) -> None:
    """Keycloak shows its public keys and certificates so."""
    lines = pem.splitlines()[1:-1]
    for text in ("".join(lines), "\n".join(lines), f'"{"".join(lines)}"'):
        assert Key.from_pem(text).to_pem() == PUBLIC


@pytest.mark.parametrize(
    "private", [EC, RSA, ed25519.Ed25519PrivateKey.generate()], ids=["EC", "RSA", "Ed25519"]
)
def test_an_openssh_key_is_read(private: ec.EllipticCurvePrivateKey) -> None:
    alg = "RS256" if private is RSA else None
    spki = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    text = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    line = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    assert Key.from_pem(text, alg).is_private
    assert Key.from_pem(text, alg).to_pem() == Key.from_pem(line + b" alice@laptop\n", alg).to_pem() == spki


# ssh-keygen -t ed25519 -N password
ENCRYPTED_SSH = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABCcGIxKz7
zkfRJeHBOhna3VAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIJnvCcgFVjAz0EOp
1v7qYUhW7zZyV2KXnznV8V8iYTARAAAAkKFbi6JMG+cP2XjlYjJ33/DeDs5D6/D33vKT1g
5uTWu+VESjZKUFDvwVB+z2HB4F0s8w2pVROSqddROkaI1mYn/GtqEUXZeDMe8Xx+mGyUj0
1WbhDFZw+/cP/Shq4w1nLTC5UxxXwgCB4uO+OHbzgIL+ngiNMi1f9UqbxsO3p/ou0Ohj0z
iuHAmnIAravojRgQ==
-----END OPENSSH PRIVATE KEY-----
"""

SAID = {
    "an encrypted key without its password": (
        lambda: Key.from_pem(Key.from_pem(PRIVATE).to_pem(private=True, password="x" * 8)),
        "is encrypted: give password=",
    ),
    "a password too many": (lambda: Key.from_pem(PRIVATE, password="x"), "leave password= out"),
    "a public key and a password": (lambda: Key.from_pem(PUBLIC, password="x"), "leave password= out"),
    "another password": (
        lambda: Key.from_pem(Key.from_pem(PRIVATE).to_pem(private=True, password="x" * 8), password="y"),
        "the password is wrong",
    ),
    "an encrypted OpenSSH key": (lambda: Key.from_pem(ENCRYPTED_SSH), "is encrypted: give password="),
    "an OpenSSH key of a token": (
        lambda: Key.from_pem("sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t x"),
        "has a type that no algorithm here uses",
    ),
    "an SSH2 key": (lambda: Key.from_pem("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n"), "ssh-keygen -i -f FILE"),
    "a text that is cut off": (lambda: Key.from_pem(PRIVATE[:100]), "END line of PRIVATE KEY is missing"),
    "a request": (
        lambda: Key.from_pem("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"),
        "CERTIFICATE REQUEST is not a usable key or certificate",
    ),
    "a JWK": (lambda: Key.from_pem(json.dumps(Key.from_pem(PUBLIC).to_jwk())), r"Key\.from_jwk"),
    "the name of a file": (lambda: Key.from_pem("keys/signing.pem"), "not its name"),
    "a name that looks like Base64": (lambda: Key.from_pem("MY_SIGNING_KEY"), "not the name of the file"),
    "DER": (lambda: Key.from_pem(Key.generate("RS256").public().to_der(), "RS256"), r"Key\.from_der"),
    "nothing": (lambda: Key.from_pem(""), "not a key or certificate in PEM"),
    "Base64 of something else": (
        lambda: Key.from_pem(base64.b64encode(b"\x30\x03abc").decode()), "neither in PEM nor in Base64"),
    "DSA": (
        lambda: Key.from_pem(
            dsa.generate_private_key(1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        ),
        "no algorithm here uses a key of type DSA",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "said"), SAID.values(), ids=SAID)
def test_what_is_wrong_with_a_text_is_said(make: Callable[[], Key], said: str) -> None:
    with pytest.raises(InvalidKey, match=said):
        make()


@pytest.mark.parametrize("piece", [b"\\", b"\\r", b"-----BEGIN PRIVATE KEY-----", b"ssh-a", b" \n"], ids=repr)
def test_no_text_costs_more_than_its_length(piece: bytes) -> None:
    text = piece * (MAX_KEY // len(piece))
    started = process_time()
    with pytest.raises(InvalidKey):
        Key.from_pem(text)
    assert process_time() - started < 1  # Seconds. It was 5 for the backslashes.


def test_a_block_that_is_cut_off_does_not_swallow_the_next_one() -> None:
    assert Key.from_pem(PUBLIC[:100] + "\n" + PUBLIC).to_pem() == PUBLIC


def test_a_package_that_an_encrypted_openssh_key_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "_bcrypt_supported", False)
    with pytest.raises(InvalidKey, match=r"needs the package bcrypt: .* ssh-keygen -p -m PKCS8 -f FILE"):
        Key.from_pem(ENCRYPTED_SSH, password="password")


@given(st.text(max_size=200) | st.text("-BEGIN PUBLICKEYsh\\n=A", max_size=200), st.integers(0, len(PRIVATE)))
def test_any_text_is_a_key_or_an_error_of_ours(text: str, place: int) -> None:
    for given_text in (text, PRIVATE[:place] + text + PRIVATE[place:], "ssh-ed25519 AAAA" + text):
        try:
            Key.from_pem(given_text.encode("utf-8", "replace"))
        except InvalidKey:
            continue
