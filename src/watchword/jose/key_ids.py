"""Key ids (``kid``): the default of a key, and the check of an id that a caller gives."""

from __future__ import annotations

import hmac
import os

from watchword.errors import InvalidKey
from watchword.jose import base64url
from watchword.jose.algorithms.table import Algorithm
from watchword.jose.material.jwk_members import compute_thumbprint
from watchword.jose.material.kinds import KeyMaterial
from watchword.jose.material.texts import encode_text

__all__ = ["check_key_id", "make_key_id"]

_SECRET_ID = 8  # Bytes: enough to tell secrets apart, and less of a hint than a signature.


def make_key_id(algorithm: Algorithm, material: KeyMaterial) -> str:
    """Make the default key id: a thumbprint, a keyed hash of a secret, or random bytes for a password."""
    if not isinstance(material, bytes):
        return compute_thumbprint(material)
    if algorithm.is_for_passwords:
        return base64url.encode(os.urandom(16))
    # This helps an attacker to guess the secret no more than a token does: each guess costs an HMAC. No token
    # signs these bytes, because what a JWS signs contains a dot.
    return base64url.encode(hmac.digest(material, b"watchword kid of a secret", "sha256")[:_SECRET_ID])


def check_key_id(kid: object) -> str:
    """Return a key id if it can stand in a header, which is UTF-8.

    Raises:
        InvalidKey: it is not a string, or not Unicode.
    """
    if not isinstance(kid, str):
        raise InvalidKey(f"kid must be a string, not {type(kid).__name__}")
    encode_text("kid", kid)
    return kid
