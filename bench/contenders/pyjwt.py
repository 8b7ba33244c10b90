"""PyJWT, with the checks that Watchword makes by itself."""

from __future__ import annotations

import os
import time
from typing import Any

import jwt

import specimen
from worker import Case

_CHECKS: dict[str, Any] = {
    "issuer": specimen.ISSUER,
    "audience": specimen.AUDIENCE,
    "options": {"require": ["exp", "iss", "aud"]},
}


def hs256_verify() -> Case:
    return _verification("HS256", specimen.SECRET)


def hs256_verify_by_two_calls() -> Case:
    """As with ``decode_complete``, but by ``decode``, which does not give the ``typ``."""

    def call(token: str) -> dict[str, Any]:
        if jwt.get_unverified_header(token).get("typ") != specimen.TYPE:
            raise jwt.InvalidTokenError
        return jwt.decode(token, specimen.SECRET, algorithms=["HS256"], **_CHECKS)

    return Case(call, specimen.token("HS256"))


def eddsa_verify() -> Case:
    return _verification("EdDSA", specimen.EDDSA_KEY.public_key())


def hs256_issue() -> Case:
    content = specimen.claims()

    def call(subject: str) -> str:
        now = int(time.time())
        fields = {**content, "sub": subject, "iat": now, "exp": now + 900, "jti": os.urandom(16).hex()}
        return jwt.encode(fields, specimen.SECRET, "HS256")

    return Case(call, specimen.SUBJECT)


def _verification(alg: str, key: Any) -> Case:
    def call(token: str) -> dict[str, Any]:
        # what decode() calls: the header comes with it, so that its typ costs no second parse
        decoded = jwt.decode_complete(token, key, algorithms=[alg], **_CHECKS)
        if decoded["header"].get("typ") != specimen.TYPE:
            raise jwt.InvalidTokenError
        return decoded["payload"]

    return Case(call, specimen.token(alg))
