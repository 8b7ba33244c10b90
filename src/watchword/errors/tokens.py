"""Errors about tokens and their claims."""

from __future__ import annotations

from watchword.errors.root import WatchwordError

__all__ = [
    "BadSignature",
    "DecryptionFailed",
    "ExpiredToken",
    "InsufficientScope",
    "InvalidClaims",
    "InvalidToken",
    "MalformedClaim",
    "MalformedToken",
    "MissingClaim",
    "MissingToken",
    "NotYetValid",
    "SessionEnded",
    "StaleAuthentication",
    "TokenSpent",
    "TokenTooOld",
    "UnknownKey",
    "WrongAudience",
    "WrongIssuer",
    "WrongSubject",
    "WrongType",
]


class InvalidToken(WatchwordError):
    """The token must not be trusted (RFC 6750 §3.1 ``invalid_token``)."""

    code = "invalid_token"
    status = 401
    description = "the token is not valid"


class MissingToken(InvalidToken):
    """The request has no token."""

    code = "missing_token"
    description = "a bearer token is needed"


class MalformedToken(InvalidToken):
    """The bytes do not have the form of a token."""

    code = "malformed_token"
    description = "the token is malformed"


class UnknownKey(InvalidToken):
    """No key here has the ``kid`` and the ``alg`` of the token."""

    code = "unknown_key"
    description = "no key that is known here has the kid and the alg of the token"


class BadSignature(InvalidToken):
    """The signature does not verify with any candidate key."""

    code = "bad_signature"
    description = "the token's signature does not verify"


class DecryptionFailed(InvalidToken):
    """Decryption failed. The error does not tell which step failed, on purpose (RFC 7516 §11.5)."""

    code = "decryption_failed"
    description = "the token cannot be decrypted"


# -- claims --------------------------------------------------------------------------------------


class InvalidClaims(InvalidToken):
    """The signature verifies but a claim is not accepted.

    Attributes:
        claim: the name of the claim, or of the header member.
        failures: the errors about all failed claims of the token. This error comes first.
    """

    code = "invalid_claims"
    description = "the token's claims are not acceptable"

    def __init__(self, message: str | None = None, *, claim: str | None = None) -> None:
        super().__init__(message)
        self.claim = claim
        self.failures: tuple[InvalidClaims, ...] = (self,)


class ExpiredToken(InvalidClaims):
    """``exp`` has passed (RFC 7519 §4.1.4)."""

    code = "expired_token"
    description = "the token has expired"


class NotYetValid(InvalidClaims):
    """``nbf`` or ``iat`` lies in the future (RFC 7519 §4.1.5, §4.1.6)."""

    code = "not_yet_valid"
    description = "the token is not valid yet"


class TokenTooOld(InvalidClaims):
    """``iat``, or the login's ``auth_time``, is older than ``max_age`` allows."""

    code = "token_too_old"
    description = "the token was issued too long ago"


class WrongIssuer(InvalidClaims):
    """``iss`` is not an expected issuer (RFC 7519 §4.1.1)."""

    code = "wrong_issuer"
    description = "the token comes from another issuer"


class WrongAudience(InvalidClaims):
    """``aud`` does not name an expected audience (RFC 7519 §4.1.3)."""

    code = "wrong_audience"
    description = "the token is meant for another audience"


class WrongSubject(InvalidClaims):
    """``sub`` is not the expected subject (RFC 7519 §4.1.2)."""

    code = "wrong_subject"
    description = "the token is about another subject"


class WrongType(InvalidClaims):
    """The ``typ`` in the header names another kind of token (RFC 8725 §3.11)."""

    code = "wrong_type"
    description = "the token is of another kind"


class MissingClaim(InvalidClaims):
    """A required claim is absent or null."""

    code = "missing_claim"
    description = "the token lacks a required claim"

    def __init__(self, message: str | None = None, *, claim: str | None = None) -> None:
        super().__init__(message or (claim and f"the token lacks the required claim {claim}"), claim=claim)


class MalformedClaim(InvalidClaims):
    """A claim has the wrong type."""

    code = "malformed_claim"
    description = "a claim of the token has the wrong type"

    def __init__(self, message: str | None = None, *, claim: str | None = None) -> None:
        super().__init__(message or (claim and f"the claim {claim} has the wrong type"), claim=claim)


# -- what a valid token does not grant -------------------------------------------------------------


class SessionEnded(InvalidToken):
    """The token is valid, but its session has ended (logout, reuse, disabled account)."""

    code = "session_ended"
    description = "the session has ended"


class TokenSpent(InvalidToken):
    """The token is valid, but it works once and was used before."""

    code = "token_spent"
    description = "the token was used before"


class StaleAuthentication(InvalidToken):
    """The login behind the token is too old for the request (RFC 9470).

    Attributes:
        max_age: the greatest age of a login that is accepted, in seconds.
    """

    code = "insufficient_user_authentication"
    description = "a more recent login is needed"

    def __init__(self, message: str | None = None, *, max_age: int = 0) -> None:
        super().__init__(message)
        self.max_age = max_age


class InsufficientScope(WatchwordError):
    """The token is valid but does not grant the scopes that the request needs (RFC 6750 §3.1).

    Attributes:
        scopes: the scopes that the request needs.
    """

    code = "insufficient_scope"
    status = 403
    description = "the token does not grant the scopes that the request needs"

    def __init__(self, message: str | None = None, *, scopes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.scopes = scopes
