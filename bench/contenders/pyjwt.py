"""PyJWT, as its documentation has it, and in its quickest way.

The latter is ``decode_complete``, which gives the header too, so that its ``typ`` costs no second parse.
"""

from __future__ import annotations

import os
from typing import Any

import jwt
from jwt.algorithms import HMACAlgorithm

import specimen
from cases import Case

_jwt = jwt.PyJWT(options={"require": ["exp", "iss", "aud"]})


def verify(alg: str) -> Case:
    key: Any = _secret() if alg == "HS256" else specimen.private_key(alg).public_key()
    algorithms = [alg]

    def call(token: str) -> dict[str, Any]:
        decoded = _jwt.decode_complete(
            token, key, algorithms, issuer=specimen.ISSUER, audience=specimen.AUDIENCE
        )
        if decoded["header"].get("typ") != specimen.TYPE:
            raise jwt.InvalidTokenError
        return decoded["payload"]

    return Case(call, specimen.token(alg))


def decode() -> Case:
    options: Any = {"require": ["exp", "iss", "aud"]}

    def call(token: str) -> dict[str, Any]:
        if jwt.get_unverified_header(token).get("typ") != specimen.TYPE:
            raise jwt.InvalidTokenError
        return jwt.decode(
            token,
            specimen.SECRET,
            algorithms=["HS256"],
            issuer=specimen.ISSUER,
            audience=specimen.AUDIENCE,
            options=options,
        )

    return Case(call, specimen.token("HS256"))


def issue() -> Case:
    key = _secret()

    def call(subject: str) -> str:
        content = specimen.fresh_claims(subject, os.urandom(16).hex())
        return _jwt.encode(content, key, "HS256")

    return Case(call, specimen.SUBJECT)


def _secret() -> jwt.PyJWK:
    return jwt.PyJWK.from_dict(HMACAlgorithm.to_jwk(specimen.SECRET, as_dict=True), "HS256")
