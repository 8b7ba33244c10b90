"""Harmless defects of the JWKs that issuers publish.

Each of them is a fault of the issuer, and none makes the key another. Keys are read without them and written
in the canonical form, so a thumbprint is the same with and without the defect (RFC 7638 §3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchword.errors import MalformedToken
from watchword.jose import base64url

__all__ = ["mend"]

# An empty list of certificates, further primes or operations says nothing. .NET writes all of them.
_LISTS = frozenset({"x5c", "oth", "key_ops"})
_INTEGERS = frozenset({"n", "e", "d", "p", "q", "dp", "dq", "qi"})  # RFC 7518 §6.3
_OCTETS: Mapping[str, frozenset[str]] = {
    "oct": frozenset({"k"}),
    "RSA": _INTEGERS,
    "EC": frozenset({"x", "y", "d"}),
    "OKP": frozenset({"x", "d"}),
    "AKP": frozenset({"pub", "priv"}),
}
_TO_URL = str.maketrans("+/", "-_")


def mend(jwk: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a JWK without their harmless defects.

    Members that are null, and empty lists, count as absent. Key material in standard Base64, with or without
    padding, becomes base64url (Battle.net, PayPal). RSA integers lose the zero octets in front (Java's
    ``BigInteger``; RFC 7518 §2 has none). Coordinates of curves keep theirs: they have one length (§6.2.1.2).
    """
    kty = jwk.get("kty")
    octets = _OCTETS.get(kty, frozenset()) if isinstance(kty, str) else frozenset()
    mended = {}
    for name, value in jwk.items():
        if value is None or (name in _LISTS and isinstance(value, list | tuple) and not value):
            continue
        if name in octets and isinstance(value, str):
            value = value.rstrip("=").translate(_TO_URL)  # noqa: PLW2901 - the same, spelled rightly
            if kty == "RSA":
                value = _shorten(value)  # noqa: PLW2901
        mended[name] = value
    return mended


def _shorten(integer: str) -> str:
    try:
        octets = base64url.decode(integer)
    except MalformedToken:
        return integer  # its reader says what is wrong with it
    return base64url.encode(octets.lstrip(b"\0")) if octets.startswith(b"\0") else integer
