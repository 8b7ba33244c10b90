import os
import time

import requests
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]


class AccessTokens(JWTBearerTokenValidator):
    jwks, fetched_at = None, 0.0

    def get_jwks(self):
        if self.jwks is None or time.monotonic() - self.fetched_at > 600:
            answer = requests.get(f"{ISSUER}/.well-known/jwks.json", timeout=10)
            answer.raise_for_status()
            self.jwks, self.fetched_at = answer.json(), time.monotonic()
        return self.jwks


access_tokens = AccessTokens(issuer=ISSUER, resource_server=AUDIENCE)


def verify(token, scopes=()):
    claims = access_tokens.authenticate_token(token)
    access_tokens.validate_token(claims, list(scopes), None)
    return claims
