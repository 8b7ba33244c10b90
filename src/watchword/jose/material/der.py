"""Keys in DER (ASN.1), to and from cryptography's key objects.

Reads PKCS#1 (RFC 8017), SEC 1 (RFC 5915), PKCS#8 (RFC 5958, plain and encrypted), SubjectPublicKeyInfo and
X.509 certificates (RFC 5280). Writes PKCS#8 and SubjectPublicKeyInfo.
"""

from __future__ import annotations

from contextlib import suppress

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from watchword.errors import InvalidKey
from watchword.jose.material.kinds import PrivateKey, PublicKey
from watchword.jose.material.loaders import Loader, load_key, make_public_loader

__all__ = ["encode_key", "read_der", "write_der"]

_LOADERS: tuple[Loader, ...] = (
    make_public_loader(load_der_public_key),
    make_public_loader(lambda data: x509.load_der_x509_certificate(data).public_key()),
    load_der_private_key,
)


def read_der(der: bytes, password: bytes | None) -> PrivateKey | PublicKey:
    """Read a key in DER.

    Raises:
        InvalidKey: the bytes are not a key, the key has an unknown type, or the password is wrong.
    """
    for loader in _LOADERS:
        with suppress(InvalidKey):
            return load_key(der, password, loader)
    raise InvalidKey("the bytes are not a usable key in DER, or the password is wrong")


def write_der(material: PrivateKey | PublicKey) -> bytes:
    """Write a private key as plain PKCS#8, a public key as SubjectPublicKeyInfo."""
    return encode_key(material, Encoding.DER, None)


def encode_key(material: PrivateKey | PublicKey, encoding: Encoding, password: bytes | None) -> bytes:
    """Write the ASN.1 of a key in DER or PEM. Encrypt a private key if there is a password.

    Raises:
        InvalidKey: the password is empty or longer than 1,023 bytes.
    """
    if not isinstance(material, PrivateKey):
        return material.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    try:
        encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
        return material.private_bytes(encoding, PrivateFormat.PKCS8, encryption)
    except ValueError:
        raise InvalidKey(
            f"a password needs 1 to 1023 bytes, this password has {len(password or b'')}"
        ) from None
