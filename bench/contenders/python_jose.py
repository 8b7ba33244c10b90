"""python-jose: ``jwt.decode``, which does not give the header: its ``typ`` is not checked."""

from __future__ import annotations

import os
from typing import Any

from jose import jwk, jwt

import specimen
from cases import Case

_OPTIONS = {"require_exp": True, "require_iss": True, "require_aud": True}


def verify(alg: str) -> Case:
    key = jwk.construct(specimen.SECRET if alg == "HS256" else specimen.public_pem(alg), alg)
    algorithms = [alg]

    def call(token: str) -> dict[str, Any]:
        return jwt.decode(
            token, key, algorithms, issuer=specimen.ISSUER, audience=specimen.AUDIENCE, options=_OPTIONS
        )

    return Case(call, specimen.token(alg))


def issue() -> Case:
    def call(subject: str) -> str:
        content = specimen.fresh_claims(subject, os.urandom(16).hex())
        return jwt.encode(content, specimen.SECRET, "HS256")

    return Case(call, specimen.SUBJECT)
