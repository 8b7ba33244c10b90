"""Mend harmless defects of the JWKs that issuers publish.

These defects are faults of the issuer that do not change the key. Keys are written in the canonical form, so
a thumbprint is the same with and without the defect (RFC 7638 §3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["mend"]

# An empty list of certificates, primes or operations has no meaning. .NET writes all three.
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

    Null members and empty lists are dropped. Key material in standard Base64, with or without padding,
    becomes base64url (as Battle.net and PayPal need).
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
