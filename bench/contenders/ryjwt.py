"""ryjwt: ``decode``, which does not give the header: its ``typ`` is not checked.

That there is an ``exp`` is checked by hand.
"""

from __future__ import annotations

import os
from typing import Any

import ryjwt

import specimen
from cases import Case

_CHECKS: dict[str, Any] = {"issuer": specimen.ISSUER, "audience": specimen.AUDIENCE}


def verify(alg: str) -> Case:
    key = (
        ryjwt.SecretKey(specimen.SECRET, algorithms=["HS256"], **_CHECKS)
        if alg == "HS256"
        else ryjwt.PublicKey(specimen.public_pem(alg), algorithms=[alg], **_CHECKS)
    )

    def call(token: str) -> dict[str, Any]:
        claims = key.decode(token)
        if "exp" not in claims:
            raise ryjwt.InvalidTokenError
        return claims

    return Case(call, specimen.token(alg))


def issue() -> Case:
    key = ryjwt.SecretKey(specimen.SECRET, algorithms=["HS256"])

    def call(subject: str) -> str:
        content = specimen.fresh_claims(subject, os.urandom(16).hex())
        return key.encode(content)

    return Case(call, specimen.SUBJECT)
