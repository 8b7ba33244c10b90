"""Make Verifiers for the tokens of OAuth and OpenID Connect. Each profile rejects other kinds of token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchword.deprecation import make_getattr
from watchword.jwt.profiles.access_tokens import AccessTokenClaims, Confirmation, access_token_verifier
from watchword.jwt.profiles.client_assertions import ClientAssertionClaims, client_assertion_verifier
from watchword.jwt.profiles.dpop import DpopProofVerifier, Proof, ProofClaims, dpop_proof_verifier
from watchword.jwt.profiles.dpop import dpop_proof as dpop_proof  # deprecated, so not in __all__
from watchword.jwt.profiles.id_tokens import IdTokenClaims, id_token_verifier
from watchword.jwt.profiles.logout_tokens import LogoutTokenClaims, logout_token_verifier

__all__ = [
    "AccessTokenClaims",
    "ClientAssertionClaims",
    "Confirmation",
    "DpopProofVerifier",
    "IdTokenClaims",
    "LogoutTokenClaims",
    "Proof",
    "ProofClaims",
    "access_token_verifier",
    "client_assertion_verifier",
    "dpop_proof_verifier",
    "id_token_verifier",
    "logout_token_verifier",
]

if TYPE_CHECKING:
    access_token = access_token_verifier
    client_assertion = client_assertion_verifier
    id_token = id_token_verifier
    logout_token = logout_token_verifier
else:
    _OLD_NAMES = ("access_token", "client_assertion", "id_token", "logout_token")
    __getattr__ = make_getattr(__name__, {name: f"{__name__}.{name}_verifier" for name in _OLD_NAMES})
