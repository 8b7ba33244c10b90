"""Keys in PEM and DER, to and from cryptography's key objects.

Read are PKCS#1 (RFC 8017), SEC 1 (RFC 5915), PKCS#8 (RFC 5958), plain and encrypted, SubjectPublicKeyInfo and
X.509 certificates (RFC 5280). OpenSSH has a format of its own, which is not read.
"""

from __future__ import annotations

import re
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
    load_pem_private_key,
    load_pem_public_key,
)

from watchword.errors import InvalidKey
from watchword.jose.material import Private, Public

__all__ = ["UNREADABLE", "from_der", "from_pem", "to_der", "to_pem"]

UNREADABLE = (ValueError, UnsupportedAlgorithm, InternalError, x509.InvalidVersion, Warning)
"""What cryptography raises where bytes are no key and no certificate. The last three are no ValueErrors, but
stand for a private Ed25519 key of a wrong length, for a certificate of an unknown version, and, where
warnings are errors, for one that its next release will not read."""

_MAX = 65_536  # bytes; the largest key that is usable here needs a quarter, in PEM

_Reader: TypeAlias = Callable[[bytes, bytes | None], object]


def from_pem(pem: bytes, password: bytes | None) -> Private | Public:
    """The key in a PEM text: that of its first key or certificate.

    Raises:
        InvalidKey: it holds none, one of an unknown type, or the password does not fit.
    """
    for label in _LABEL.findall(pem):
        if label in _PEM_READERS:
            return _read(pem, password, _PEM_READERS[label])
    raise InvalidKey("there is no key or certificate in PEM here")


def from_der(der: bytes, password: bytes | None) -> Private | Public:
    """The key in DER.

    Raises:
        InvalidKey: it is none, one of an unknown type, or the password does not fit.
    """
    for reader in _DER_READERS:
        with suppress(InvalidKey):
            return _read(der, password, reader)
    raise InvalidKey("that is no key in DER, or the password does not fit")


def to_pem(material: Private | Public, password: bytes | None = None) -> str:
    """PKCS#8 of a private key, encrypted if there is a password; SubjectPublicKeyInfo of a public one.

    Raises:
        InvalidKey: the password is empty or longer than 1,023 bytes.
    """
    return _written(material, Encoding.PEM, password).decode()


def to_der(material: Private | Public) -> bytes:
    """Plain PKCS#8 of a private key, SubjectPublicKeyInfo of a public one."""
    return _written(material, Encoding.DER, None)


def _read(data: bytes, password: bytes | None, reader: _Reader) -> Private | Public:
    if len(data) > _MAX:
        raise InvalidKey(f"a key has at most {_MAX} bytes")
    try:
        key = reader(data, password)
    except TypeError:
        raise InvalidKey("the key is encrypted and needs a password, or is not and needs none") from None
    except UNREADABLE:
        raise InvalidKey("the key cannot be read, or the password does not fit") from None
    if not isinstance(key, Private | Public):
        raise InvalidKey("no algorithm here uses that type of key")
    return key


def _public(load: Callable[[bytes], object]) -> _Reader:
    def read(data: bytes, password: bytes | None) -> object:
        if password is not None:
            raise TypeError  # as cryptography does with a private key that is not encrypted
        return load(data)

    return read


_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,32})-----")
_PEM_READERS: dict[bytes, _Reader] = {
    **dict.fromkeys(
        (b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY"),
        load_pem_private_key,
    ),
    **dict.fromkeys((b"PUBLIC KEY", b"RSA PUBLIC KEY"), _public(load_pem_public_key)),
    b"CERTIFICATE": _public(lambda data: x509.load_pem_x509_certificate(data).public_key()),
}
_DER_READERS: tuple[_Reader, ...] = (
    _public(load_der_public_key),
    _public(lambda data: x509.load_der_x509_certificate(data).public_key()),
    load_der_private_key,
)


def _written(material: Private | Public, encoding: Encoding, password: bytes | None) -> bytes:
    if not isinstance(material, Private):
        return material.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    try:
        return material.private_bytes(encoding, PrivateFormat.PKCS8, _encryption(password))
    except ValueError:
        raise InvalidKey("a password has between 1 and 1023 bytes") from None


def _encryption(password: bytes | None) -> KeySerializationEncryption:
    return NoEncryption() if password is None else BestAvailableEncryption(password)
