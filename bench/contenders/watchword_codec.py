"""Watchword's Issuer and Verifier."""

from __future__ import annotations

from typing import Any

import specimen
from cases import Case
from watchword import Claims, Issuer, Key, KeySet, Verifier
from watchword.jose import jws


class ScopedClaims(Claims, frozen=True):
    """What a service would declare."""

    scope: str = ""


def verify_cold(alg: str, claims: str) -> Case:
    return _verification(alg, claims, specimen.token(alg), cache_size=0)


def verify_warm(alg: str, claims: str) -> Case:
    return _verification(alg, claims, specimen.token(alg))


def verify_sized(length: str) -> Case:
    """A token of so many characters, never seen before."""
    return _verification(
        "HS256", "dict", specimen.token("HS256", specimen.sized_claims(int(length))), cache_size=0
    )


def look_up(keys: str) -> Case:
    """A signature by one key of so many, found by its ``kid`` each time: no header is remembered here."""
    owned = Key.from_secret(specimen.SECRET, "HS256", kid="key-of-the-token")
    key_set = KeySet([*(Key.generate("HS256") for _ in range(int(keys) - 1)), owned])
    return Case(lambda token: jws.verify(token, key_set), specimen.token("HS256", kid=owned.kid))


def issue() -> Case:
    issuer = Issuer(specimen.ISSUER, _key("HS256"), audience=specimen.AUDIENCE)
    return Case(lambda subject: issuer.issue(subject, {"scope": "read write"}), specimen.SUBJECT)


def _verification(alg: str, claims: str, token: str, **options: Any) -> Case:
    verifier = Verifier(
        _key(alg),
        issuer=specimen.ISSUER,
        audience=specimen.AUDIENCE,
        typ=specimen.TYPE,
        claims=ScopedClaims if claims == "typed" else dict,
        **options,
    )
    return Case(verifier.verify, token)


def _key(alg: str) -> Key:
    if alg == "HS256":
        return Key.from_secret(specimen.SECRET, alg)
    return Key.from_pem(specimen.private_pem(alg), alg)
