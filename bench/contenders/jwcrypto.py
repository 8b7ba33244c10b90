"""jwcrypto: ``JWT`` with the claims to check."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

from jwcrypto import jwk, jwt

import specimen
from cases import Case

_CHECKS = {"iss": specimen.ISSUER, "aud": specimen.AUDIENCE, "exp": None}


def verify(alg: str) -> Case:
    key, algorithms = _key(alg), [alg]

    def call(token: str) -> dict[str, Any]:
        decoded = jwt.JWT(jwt=token, key=key, algs=algorithms, check_claims=_CHECKS, expected_type="JWS")
        if decoded.token.jose_header.get("typ") != specimen.TYPE:
            raise jwt.JWTInvalidClaimValue
        return json.loads(decoded.claims)

    return Case(call, specimen.token(alg))


def issue() -> Case:
    key = _key("HS256")
    header = {"alg": "HS256", "typ": specimen.TYPE}

    def call(subject: str) -> str:
        content = specimen.fresh_claims(subject, os.urandom(16).hex())
        token = jwt.JWT(header=header, claims=content)
        token.make_signed_token(key)
        return token.serialize()

    return Case(call, specimen.SUBJECT)


def _key(alg: str) -> jwk.JWK:
    if alg == "HS256":
        return jwk.JWK(kty="oct", k=base64.urlsafe_b64encode(specimen.SECRET.encode()).rstrip(b"=").decode())
    return jwk.JWK.from_pem(specimen.public_pem(alg))
