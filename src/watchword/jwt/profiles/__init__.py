"""Make Verifiers for the tokens of OAuth and OpenID Connect. Each profile rejects other kinds of token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchword.deprecation import warn_renamed
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
    _RENAMED = {
        "access_token": access_token_verifier,
        "client_assertion": client_assertion_verifier,
        "id_token": id_token_verifier,
        "logout_token": logout_token_verifier,
    }

    def __getattr__(name: str) -> Any:
        if name not in _RENAMED:
            raise AttributeError(f"module 'watchword.jwt.profiles' has no attribute {name!r}")
        warn_renamed(f"profiles.{name}", f"profiles.{name}_verifier")
        return _RENAMED[name]
