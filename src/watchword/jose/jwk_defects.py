"""Harmless defects of the JWKs that issuers publish.

Each of them is a fault of the issuer, and none makes the key another. Keys are read without them and written
in the canonical form, so a thumbprint is the same with and without the defect (RFC 7638 §3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["mend"]

# An empty list of certificates, further primes or operations says nothing. .NET writes all of them.
_LISTS = frozenset({"x5c", "oth", "key_ops"})
_OCTETS: Mapping[str, frozenset[str]] = {
    "oct": frozenset({"k"}),
    "RSA": frozenset({"n", "e", "d", "p", "q", "dp", "dq", "qi"}),
    "EC": frozenset({"x", "y", "d"}),
    "OKP": frozenset({"x", "d"}),
    "AKP": frozenset({"pub", "priv"}),
}
_TO_URL = str.maketrans("+/", "-_")


def mend(jwk: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a JWK without their harmless defects.

    Members that are null, and empty lists, count as absent. Key material in standard Base64, with or without
    padding, becomes base64url (Battle.net, PayPal).
    """
    kty = jwk.get("kty")
    octets = _OCTETS.get(kty, frozenset()) if isinstance(kty, str) else frozenset()
    mended = {}
    for name, value in jwk.items():
        if value is None or (name in _LISTS and isinstance(value, list | tuple) and not value):
            continue
        is_respelled = name in octets and isinstance(value, str)
        mended[name] = value.rstrip("=").translate(_TO_URL) if is_respelled else value
    return mended
