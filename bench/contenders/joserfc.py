"""joserfc: ``decode``, then its registry of claims."""

from __future__ import annotations

import os
import warnings
from typing import Any

from joserfc import jwk, jwt
from joserfc.errors import InvalidTokenError, SecurityWarning

import specimen
from cases import Case

warnings.simplefilter("ignore", SecurityWarning)  # at the name EdDSA, which RFC 9864 deprecates

_registry = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": specimen.ISSUER},
    aud={"essential": True, "value": specimen.AUDIENCE},
    exp={"essential": True},
)


def verify(alg: str) -> Case:
    key, algorithms = _key(alg), [alg]

    def call(token: str) -> dict[str, Any]:
        decoded = jwt.decode(token, key, algorithms)
        if decoded.header.get("typ") != specimen.TYPE:
            raise InvalidTokenError
        _registry.validate(decoded.claims)
        return decoded.claims

    return Case(call, specimen.token(alg))


def issue() -> Case:
    key, algorithms = _key("HS256"), ["HS256"]

    def call(subject: str) -> str:
        content = specimen.fresh_claims(subject, os.urandom(16).hex())
        return jwt.encode({"alg": "HS256"}, content, key, algorithms)

    return Case(call, specimen.SUBJECT)


def _key(alg: str) -> jwk.Key:
    if alg == "HS256":
        return jwk.OctKey.import_key(specimen.SECRET)
    types = {"RS256": jwk.RSAKey, "ES256": jwk.ECKey, "EdDSA": jwk.OKPKey}
    return types[alg].import_key(specimen.public_pem(alg))
