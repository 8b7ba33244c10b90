"""Watchword's Issuer and Verifier."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import specimen
from watchword import Claims, Issuer, Key, Verifier
from worker import Case

_KEYS = {
    "HS256": Key.from_secret(specimen.SECRET, "HS256"),
    "EdDSA": Key.from_pem(
        specimen.EDDSA_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "EdDSA"
    ),
}


class ScopedClaims(Claims, frozen=True):
    """What a service would declare."""

    scope: str = ""


def hs256_verify_cold() -> Case:
    return _verification("HS256", cache_size=0)


def hs256_verify_cold_typed() -> Case:
    return _verification("HS256", cache_size=0, claims=ScopedClaims)


def hs256_verify_warm() -> Case:
    return _verification("HS256")


def hs256_verify_warm_typed() -> Case:
    return _verification("HS256", claims=ScopedClaims)


def eddsa_verify_cold() -> Case:
    return _verification("EdDSA", cache_size=0)


def eddsa_verify_warm() -> Case:
    return _verification("EdDSA")


def eddsa_verify_warm_typed() -> Case:
    return _verification("EdDSA", claims=ScopedClaims)


def hs256_issue() -> Case:
    issuer = Issuer(specimen.ISSUER, _KEYS["HS256"], audience=specimen.AUDIENCE)
    return Case(lambda subject: issuer.issue(subject, {"scope": "read write"}), specimen.SUBJECT)


def _verification(alg: str, **options: Any) -> Case:
    verifier = Verifier(
        _KEYS[alg], issuer=specimen.ISSUER, audience=specimen.AUDIENCE, typ=specimen.TYPE, **options
    )
    return Case(verifier.verify, specimen.token(alg))
