"""webtoken: ``decode_complete``, which gives the header too."""

from __future__ import annotations

import os
from typing import Any

import webtoken

import specimen
from cases import Case

_OPTIONS = {"require": ["exp", "iss", "aud"]}


def verify(alg: str) -> Case:
    key = specimen.SECRET if alg == "HS256" else specimen.public_pem(alg)
    algorithms = [alg]

    def call(token: str) -> dict[str, Any]:
        decoded = webtoken.decode_complete(
            token, key, algorithms, _OPTIONS, audience=specimen.AUDIENCE, issuer=specimen.ISSUER
        )
        if decoded["header"].get("typ") != specimen.TYPE:
            raise webtoken.InvalidTokenError
        return decoded["payload"]

    return Case(call, specimen.token(alg))


def issue() -> Case:
    def call(subject: str) -> str:
        content = specimen.fresh_claims(subject, os.urandom(16).hex())
        return webtoken.encode(content, specimen.SECRET, "HS256")

    return Case(call, specimen.SUBJECT)
