"""oxyjwt: ``decode_complete`` without options, its fast path; ``typ`` and the presence of ``exp`` by hand."""

from __future__ import annotations

import os
from typing import Any

import oxyjwt

import specimen
from cases import Case


def verify(alg: str) -> Case:
    key, algorithms = _decoding_key(alg), [alg]

    def call(token: str) -> dict[str, Any]:
        decoded = oxyjwt.decode_complete(
            token, key, algorithms, issuer=specimen.ISSUER, audience=specimen.AUDIENCE
        )
        claims = decoded["payload"]
        if decoded["header"].get("typ") != specimen.TYPE or "exp" not in claims:
            raise oxyjwt.InvalidTokenError
        return claims

    return Case(call, specimen.token(alg))


def issue() -> Case:
    key = oxyjwt.EncodingKey.from_secret(specimen.SECRET)

    def call(subject: str) -> str:
        content = specimen.fresh_claims(subject, os.urandom(16).hex())
        return oxyjwt.encode(content, key, "HS256")

    return Case(call, specimen.SUBJECT)


def _decoding_key(alg: str) -> oxyjwt.DecodingKey:
    match alg:
        case "HS256":
            return oxyjwt.DecodingKey.from_secret(specimen.SECRET)
        case "RS256":
            return oxyjwt.DecodingKey.from_rsa_pem(specimen.public_pem(alg))
        case "ES256":
            return oxyjwt.DecodingKey.from_ec_pem(specimen.public_pem(alg))
    return oxyjwt.DecodingKey.from_ed_pem(specimen.public_pem(alg))
