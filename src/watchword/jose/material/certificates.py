"""Read the certificates of a JWK. They are never a reason to trust its key (RFC 7517 §4.7 to §4.9).

The validity and the issuer of a certificate are not checked. So a chain or digest that cannot be read is left
out, and the key is kept. A chain for another key is refused, because the JWK contradicts itself.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from watchword.errors import InvalidKey, MalformedToken
from watchword.jose import base64url
from watchword.jose.material.kinds import KeyMaterial, to_public
from watchword.jose.material.loaders import UNREADABLE

__all__ = ["read_certificates"]

_MAX_CHAIN = 16  # certificates. Real chains have up to five.
_DIGESTS = {"x5t": "sha1", "x5t#S256": "sha256"}  # SHA-1 is the RFC's choice. No decision depends on it.


def read_certificates(jwk: Mapping[str, Any], material: KeyMaterial) -> dict[str, object]:
    """Return the usable members ``x5c``, ``x5t`` and ``x5t#S256`` of a JWK.

    A chain that cannot be read is left out. So is a digest in another form (Auth0 and WSO2 write
    hexadecimal), or of another certificate than the first of the chain.

    Raises:
        InvalidKey: the chain is for another key.
    """
    kept: dict[str, object] = {}
    first = _read_first(jwk.get("x5c"))
    if first is not None:
        if isinstance(material, bytes) or to_public(material) != first.public_key():  # RFC 7517 §4.7
            raise InvalidKey("the JWK's x5c is the certificate of another key: leave it out or correct it")
        kept["x5c"] = tuple(jwk["x5c"])
    for name, digest in _DIGESTS.items():
        stated = jwk.get(name)
        if isinstance(stated, str) and _is_digest(stated, digest, first):
            kept[name] = stated
    return kept


def _read_first(x5c: object) -> x509.Certificate | None:
    """Return the first certificate of a chain, or ``None`` if a certificate cannot be read."""
    if not isinstance(x5c, list | tuple) or not 0 < len(x5c) <= _MAX_CHAIN:
        return None
    if not all(isinstance(text, str) for text in x5c):
        return None
    try:
        chain = [x509.load_der_x509_certificate(binascii.a2b_base64(text, strict_mode=True)) for text in x5c]
        chain[0].public_key()
    except UNREADABLE:
        return None
    return chain[0]


def _is_digest(stated: str, digest: str, certificate: x509.Certificate | None) -> bool:
    """Return whether a text is a digest in base64url, and fits the certificate if there is a certificate."""
    try:
        octets = base64url.decode(stated)
    except MalformedToken:
        return False
    if certificate is None:
        return len(octets) == hashlib.new(digest, usedforsecurity=False).digest_size
    der = certificate.public_bytes(Encoding.DER)
    return hashlib.new(digest, der, usedforsecurity=False).digest() == octets
