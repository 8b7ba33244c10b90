"""Keys in PEM, to and from cryptography's key objects."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from watchword.errors import InvalidKey
from watchword.jose.material import Private, Public

__all__ = ["from_pem", "to_pem"]


def from_pem(pem: bytes, password: bytes | None) -> Private | Public:
    """The private or public key in a PEM text.

    Raises:
        InvalidKey: it holds none, one of an unknown type, or the password does not fit.
    """
    try:
        if b"PRIVATE KEY-----" in pem:
            material: object = serialization.load_pem_private_key(pem, password)
        else:
            material = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidKey("the PEM cannot be read, or the password does not fit") from None
    if not isinstance(material, Private | Public):
        raise InvalidKey("no algorithm here uses that type of key")
    return material


def to_pem(material: Private | Public) -> str:
    """PKCS#8 of a private key, SubjectPublicKeyInfo of a public one."""
    pem = serialization.Encoding.PEM
    if isinstance(material, Private):
        plain = serialization.NoEncryption()
        return material.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain).decode()
    return material.public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
