"""Ready-made policies for the tokens of OAuth and OpenID Connect: what each kind demands, in one place.

Each is a function named after its kind of token. Its rules keep the kinds apart: none passes as another.
"""

from watchword.jwt.profiles.access_tokens import AccessTokenClaims, Confirmation, access_token
from watchword.jwt.profiles.client_assertions import ClientAssertionClaims, client_assertion
from watchword.jwt.profiles.dpop import Proof, ProofClaims, dpop_proof
from watchword.jwt.profiles.id_tokens import IdTokenClaims, id_token
from watchword.jwt.profiles.logout_tokens import LogoutTokenClaims, logout_token

__all__ = [
    "AccessTokenClaims",
    "ClientAssertionClaims",
    "Confirmation",
    "IdTokenClaims",
    "LogoutTokenClaims",
    "Proof",
    "ProofClaims",
    "access_token",
    "client_assertion",
    "dpop_proof",
    "id_token",
    "logout_token",
]
