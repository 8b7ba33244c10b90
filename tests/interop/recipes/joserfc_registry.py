import os
import time

import requests
from joserfc import jwt
from joserfc.errors import InvalidClaimError
from joserfc.jwk import KeySet

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]
expected = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": AUDIENCE},
    exp={"essential": True},
    sub={"essential": True},
)
keys, fetched_at = None, 0.0


def fetch_keys():
    global keys, fetched_at
    if keys is None or time.monotonic() - fetched_at > 600:
        answer = requests.get(f"{ISSUER}/.well-known/jwks.json", timeout=10)
        answer.raise_for_status()
        keys, fetched_at = KeySet.import_key_set(answer.json()), time.monotonic()
    return keys


def verify(token):
    decoded = jwt.decode(token, fetch_keys(), algorithms=["ES256"])
    if decoded.header.get("typ") != "at+jwt":
        raise InvalidClaimError("typ")
    expected.validate(decoded.claims)
    return decoded.claims
