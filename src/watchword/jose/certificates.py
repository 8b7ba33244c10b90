"""The certificates of a JWK: kept, and checked to be those of its key, but never a reason to trust it.

RFC 7517 §4.7 to §4.9. Whether a certificate is valid, and who signed it, is nobody's question here.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Mapping

from cryptography import x509

from watchword.errors import InvalidKey, MalformedToken
from watchword.jose import base64url
from watchword.jose.asn1 import UNREADABLE
from watchword.jose.material import Material, public_half

__all__ = ["certificate_members"]

_MAX_CHAIN = 16  # certificates; real chains have up to five
_DIGESTS = {"x5t": "sha1", "x5t#S256": "sha256"}  # as the RFC names them; nothing rests on the first


def certificate_members(jwk: Mapping[str, object], material: Material) -> dict[str, object]:
    """The ``x5c``, ``x5t`` and ``x5t#S256`` of a JWK, those that it has.

    Raises:
        InvalidKey: one of them is malformed, or belongs to another key or certificate.
    """
    kept = {name: jwk[name] for name in ("x5c", *_DIGESTS) if name in jwk}
    first = None
    if "x5c" in kept:
        kept["x5c"], first = _chain(kept["x5c"], material)
    for name, digest in _DIGESTS.items():
        if name in kept:
            _check_digest(name, kept[name], digest, first)
    return kept


def _chain(x5c: object, material: Material) -> tuple[tuple[str, ...], bytes]:
    """The chain, and its first certificate in DER."""
    if not isinstance(x5c, list | tuple) or not all(isinstance(text, str) for text in x5c):
        raise InvalidKey("the JWK's x5c is not an array of strings")
    if not 0 < len(x5c) <= _MAX_CHAIN:
        raise InvalidKey(f"the JWK's x5c has no certificate, or more than {_MAX_CHAIN}")
    try:
        chain = [binascii.a2b_base64(text, strict_mode=True) for text in x5c]
        key, *_ = [x509.load_der_x509_certificate(certificate).public_key() for certificate in chain]
    except UNREADABLE:
        raise InvalidKey("the JWK's x5c is not a chain of certificates") from None
    if isinstance(material, bytes) or public_half(material) != key:  # RFC 7517 §4.7
        raise InvalidKey("the JWK's x5c is for another key")
    return tuple(x5c), chain[0]


def _check_digest(name: str, stated: object, digest: str, certificate: bytes | None) -> None:
    try:
        octets = base64url.decode(stated) if isinstance(stated, str) else b""
    except MalformedToken:
        octets = b""
    if len(octets) != hashlib.new(digest, usedforsecurity=False).digest_size:
        raise InvalidKey(f"the JWK's {name} is not a digest in base64url")
    if certificate is not None and hashlib.new(digest, certificate, usedforsecurity=False).digest() != octets:
        raise InvalidKey(f"the JWK's {name} is that of another certificate")
