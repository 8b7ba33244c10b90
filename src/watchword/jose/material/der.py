"""Keys in DER, to and from cryptography's key objects; and their PEM, written.

Read are PKCS#1 (RFC 8017), SEC 1 (RFC 5915), PKCS#8 (RFC 5958), plain and encrypted, SubjectPublicKeyInfo and
X.509 certificates (RFC 5280). What PEM and other texts hold is read by :mod:`watchword.jose.material.pem`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from watchword.errors import InvalidKey
from watchword.jose.material.kinds import PrivateKey, PublicKey

__all__ = ["MAX_KEY", "UNREADABLE", "Reader", "from_der", "public_reader", "read", "to_der", "to_pem"]

UNREADABLE = (ValueError, UnsupportedAlgorithm, InternalError, x509.InvalidVersion, Warning)
"""What cryptography raises where bytes are no key and no certificate. The last three are no ValueErrors, but
stand for a private Ed25519 key of a wrong length, for a certificate of an unknown version, and, where
warnings are errors, for one that its next release will not read."""

MAX_KEY = 65_536
"""Longest key, in bytes; the largest that is usable here needs a quarter, in PEM."""

Reader: TypeAlias = Callable[[bytes, bytes | None], object]
"""Takes the bytes of a key and a password; raises TypeError if there is one too many, or none."""


def from_der(der: bytes, password: bytes | None) -> PrivateKey | PublicKey:
    """The key in DER.

    Raises:
        InvalidKey: it is none, one of an unknown type, or the password does not fit.
    """
    for reader in _DER_READERS:
        with suppress(InvalidKey):
            return read(der, password, reader)
    raise InvalidKey("the bytes are not a key in DER that is usable here, or the password does not fit")


def to_pem(material: PrivateKey | PublicKey, password: bytes | None = None) -> str:
    """PKCS#8 of a private key, encrypted if there is a password; SubjectPublicKeyInfo of a public one.

    Raises:
        InvalidKey: the password is empty or longer than 1,023 bytes.
    """
    return _written(material, Encoding.PEM, password).decode()


def to_der(material: PrivateKey | PublicKey) -> bytes:
    """Plain PKCS#8 of a private key, SubjectPublicKeyInfo of a public one."""
    return _written(material, Encoding.DER, None)


def read(data: bytes, password: bytes | None, reader: Reader) -> PrivateKey | PublicKey:
    """Read a key in the form that a reader knows.

    Raises:
        InvalidKey: it cannot be read, is of an unknown type, or the password does not fit.
    """
    if len(data) > MAX_KEY:
        raise InvalidKey(f"a key may have at most {MAX_KEY} bytes, not {len(data)}")
    try:
        key = reader(data, password)
    except TypeError:
        raise InvalidKey(_NOT_ENCRYPTED if password is not None else _ENCRYPTED) from None
    except UnsupportedAlgorithm as error:
        raise InvalidKey(_NO_BCRYPT if "bcrypt" in str(error) else _UNREADABLE) from None
    except UNREADABLE:
        raise InvalidKey(_UNREADABLE if password is None else _UNFIT) from None
    if not isinstance(key, PrivateKey | PublicKey):
        raise InvalidKey(f"no algorithm here uses a key of type {type(key).__name__}")
    return key


def public_reader(load: Callable[[bytes], object]) -> Reader:
    """Make a reader of a function for public keys, which have no password."""

    def reader(data: bytes, password: bytes | None) -> object:
        if password is not None:
            raise TypeError  # as cryptography does with a private key that is not encrypted
        return load(data)

    return reader


_ENCRYPTED = "the key is encrypted: give password="
_NOT_ENCRYPTED = "the key is not encrypted: leave password= out"
_UNREADABLE = "the key cannot be read: it is damaged, or of a type that is not usable here"
_UNFIT = "the key cannot be read: the password does not fit, or the key is damaged"
_NO_BCRYPT = (
    "an encrypted OpenSSH key needs the package bcrypt: install it, or convert a copy of the key "
    "with ssh-keygen -p -m PKCS8 -f FILE"
)


_DER_READERS: tuple[Reader, ...] = (
    public_reader(load_der_public_key),
    public_reader(lambda data: x509.load_der_x509_certificate(data).public_key()),
    load_der_private_key,
)


def _written(material: PrivateKey | PublicKey, encoding: Encoding, password: bytes | None) -> bytes:
    if not isinstance(material, PrivateKey):
        return material.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    try:
        return material.private_bytes(encoding, PrivateFormat.PKCS8, _encryption(password))
    except ValueError:
        raise InvalidKey(f"a password needs 1 to 1023 bytes, this one has {len(password or b'')}") from None


def _encryption(password: bytes | None) -> KeySerializationEncryption:
    return NoEncryption() if password is None else BestAvailableEncryption(password)
