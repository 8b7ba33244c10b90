"""Every error of Watchword: one root, one tree, a stable ``code`` each.

Codes are part of the public contract: they stand in HTTP bodies and in logs, and never change.
Messages are for people; they never contain a token, a key, a password or text from an unverified token.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AccountNotFound",
    "BadSignature",
    "BodyTooLarge",
    "DecryptionFailed",
    "ExpiredToken",
    "InsufficientScope",
    "InvalidClaims",
    "InvalidCredentials",
    "InvalidGrant",
    "InvalidKey",
    "InvalidRequest",
    "InvalidSettings",
    "InvalidToken",
    "KeysUnavailable",
    "MalformedClaim",
    "MalformedToken",
    "MissingClaim",
    "MissingExtra",
    "MissingToken",
    "NotFound",
    "NotYetValid",
    "Overloaded",
    "PasswordRejected",
    "RevocationsUnavailable",
    "RotationRefused",
    "SessionEnded",
    "StaleAuthentication",
    "StoreUnavailable",
    "Throttled",
    "TokenSpent",
    "TokenTooOld",
    "Unavailable",
    "Unissuable",
    "UnknownKey",
    "UnsupportedMediaType",
    "UsernameRejected",
    "UsernameTaken",
    "WatchwordError",
    "WeakKey",
    "WrongAudience",
    "WrongIssuer",
    "WrongSubject",
    "WrongType",
]


class WatchwordError(Exception):
    """The root: catching this catches all that Watchword raises on purpose.

    Attributes:
        code: stable snake_case name of the error.
        status: the HTTP status that fits, where one does.
        description: the default sentence for people.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int | None] = None
    description: ClassVar[str] = "something went wrong"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.description)


# -- tokens ------------------------------------------------------------------------------------


class InvalidToken(WatchwordError):
    """The token is not to be trusted (RFC 6750 §3.1 ``invalid_token``)."""

    code = "invalid_token"
    status = 401
    description = "the token is not valid"


class MissingToken(InvalidToken):
    """The request carries no token at all."""

    code = "missing_token"
    description = "a bearer token is needed"


class MalformedToken(InvalidToken):
    """The bytes are not a token of the expected form."""

    code = "malformed_token"
    description = "the token is malformed"


class UnknownKey(InvalidToken):
    """No key that we hold fits the token's ``kid`` and ``alg``."""

    code = "unknown_key"
    description = "no key that is known here has the kid and the alg of the token"


class BadSignature(InvalidToken):
    """The signature does not fit the content under any candidate key."""

    code = "bad_signature"
    description = "the token's signature does not verify"


class DecryptionFailed(InvalidToken):
    """Decryption failed; which step did is not told, on purpose (RFC 7516 §11.5)."""

    code = "decryption_failed"
    description = "the token cannot be decrypted"


class InvalidClaims(InvalidToken):
    """The signature is good but a claim is not.

    Attributes:
        claim: name of the claim (or header member) that decided.
        failures: every failed claim of this token, this one first.
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
    """``iat``, or the login's ``auth_time``, lies further back than ``max_age`` allows."""

    code = "token_too_old"
    description = "the token was issued too long ago"


class WrongIssuer(InvalidClaims):
    """``iss`` is not an expected issuer (RFC 7519 §4.1.1)."""

    code = "wrong_issuer"
    description = "the token comes from another issuer"


class WrongAudience(InvalidClaims):
    """``aud`` does not name us (RFC 7519 §4.1.3)."""

    code = "wrong_audience"
    description = "the token is meant for another audience"


class WrongSubject(InvalidClaims):
    """``sub`` is not the expected subject (RFC 7519 §4.1.2)."""

    code = "wrong_subject"
    description = "the token is about another subject"


class WrongType(InvalidClaims):
    """The header's ``typ`` names another kind of token (RFC 8725 §3.11)."""

    code = "wrong_type"
    description = "the token is of another kind"


class MissingClaim(InvalidClaims):
    """A required claim is absent or null."""

    code = "missing_claim"
    description = "the token lacks a required claim"

    def __init__(self, message: str | None = None, *, claim: str | None = None) -> None:
        super().__init__(message or (claim and f"the token lacks the required claim {claim}"), claim=claim)


class MalformedClaim(InvalidClaims):
    """A claim is there but not of the type that it must have."""

    code = "malformed_claim"
    description = "a claim of the token has the wrong type"

    def __init__(self, message: str | None = None, *, claim: str | None = None) -> None:
        super().__init__(message or (claim and f"the claim {claim} has the wrong type"), claim=claim)


# -- logins and sessions -------------------------------------------------------------------------


class SessionEnded(InvalidToken):
    """The token was good, but its session is over (logout, reuse, disabled account)."""

    code = "session_ended"
    description = "the session has ended"


class TokenSpent(InvalidToken):
    """The token was good, but works once and was used before."""

    code = "token_spent"
    description = "the token was used before"


class StaleAuthentication(InvalidToken):
    """The login behind the token is too long ago for what is asked (RFC 9470).

    Attributes:
        max_age: seconds ago that it may have been at most.
    """

    code = "insufficient_user_authentication"
    description = "a more recent login is needed"

    def __init__(self, message: str | None = None, *, max_age: int = 0) -> None:
        super().__init__(message)
        self.max_age = max_age


class InsufficientScope(WatchwordError):
    """The token is good but does not carry the scopes asked for (RFC 6750 §3.1)."""

    code = "insufficient_scope"
    status = 403
    description = "the token does not carry the scope that this needs"

    def __init__(self, message: str | None = None, *, scopes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.scopes = scopes


class InvalidCredentials(WatchwordError):
    """Unknown user, wrong password or disabled account: deliberately one answer."""

    code = "invalid_credentials"
    status = 401
    description = "username or password is wrong"


class InvalidGrant(WatchwordError):
    """The refresh token is not, or no longer, good (RFC 6749 §5.2)."""

    code = "invalid_grant"
    status = 400
    description = "the refresh token is not valid"


class Throttled(WatchwordError):
    """Too many failures; nothing was checked.

    Attributes:
        retry_after: seconds until another try is looked at.
    """

    code = "throttled"
    status = 429
    description = "too many failed attempts, try again later"

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AccountNotFound(WatchwordError):
    """No account has that name or subject."""

    code = "account_not_found"
    status = 404
    description = "there is no such account"


class UsernameTaken(WatchwordError):
    """Another account has that name (names are compared case-folded)."""

    code = "username_taken"
    status = 409
    description = "that username is taken"


class UsernameRejected(WatchwordError):
    """The username is empty, too long, or has characters that cannot be seen."""

    code = "username_rejected"
    status = 422
    description = "that username cannot be used"


class PasswordRejected(WatchwordError):
    """The new password cannot be used; the message says why.

    Attributes:
        reason: ``too_short``, ``too_long``, ``not_text``, ``common``, ``repeated``, ``sequence``,
            ``username``, ``service`` or ``breached``.
    """

    code = "password_rejected"
    status = 422
    description = "that password cannot be used"

    def __init__(self, message: str | None = None, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


# -- requests ------------------------------------------------------------------------------------


class InvalidRequest(WatchwordError):
    """The request is not of the documented form (RFC 6749 §5.2)."""

    code = "invalid_request"
    status = 400
    description = "the request is not of the expected form"


class NotFound(WatchwordError):
    """There is nothing here, or it is not yours to see."""

    code = "not_found"
    status = 404
    description = "there is nothing here"


class BodyTooLarge(WatchwordError):
    """The body is over its bound."""

    code = "body_too_large"
    status = 413
    description = "the request body is too large"


class UnsupportedMediaType(WatchwordError):
    """The body is not declared as JSON."""

    code = "unsupported_media_type"
    status = 415
    description = "the request body must be application/json"


# -- the world -----------------------------------------------------------------------------------


class Unavailable(WatchwordError):
    """Something that we stand on does not answer; trying later may help.

    Attributes:
        retry_after: seconds after which a retry makes sense.
    """

    code = "unavailable"
    status = 503
    description = "the service is not available right now"

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StoreUnavailable(Unavailable):
    """The store (database) does not answer."""

    code = "store_unavailable"
    description = "the store does not answer"


class RevocationsUnavailable(Unavailable):
    """The store answers, but no news of ended sessions come."""

    code = "revocations_unavailable"
    description = "no news of ended sessions come"


class KeysUnavailable(Unavailable):
    """No verification key could be had: says nothing about the token."""

    code = "keys_unavailable"
    description = "the verification keys are not available"


class Overloaded(Unavailable):
    """As many passwords as may be are being hashed, or as many bodies read, or there is no memory."""

    code = "overloaded"
    description = "too many logins at once, try again"


# -- set-up --------------------------------------------------------------------------------------


class InvalidKey(WatchwordError):
    """The key cannot be read, or not be used for what was asked of it."""

    code = "invalid_key"
    description = "the key is not usable"


class WeakKey(InvalidKey):
    """The key is too small for its algorithm (RFC 7518 §3.2, §3.3)."""

    code = "weak_key"
    description = "the key is too weak"


class InvalidSettings(WatchwordError):
    """A setting is unknown, of the wrong type or out of range."""

    code = "invalid_settings"
    description = "the settings are not usable"


class RotationRefused(WatchwordError):
    """A change of the signing keys that cannot be made, or not now."""

    code = "rotation_refused"
    description = "the signing keys cannot be changed like that"


class Unissuable(WatchwordError):
    """A token cannot be made of these claims or this header; it was about to be, no token is at fault."""

    code = "unissuable"
    description = "a token cannot be made of that"


class MissingExtra(WatchwordError, ImportError):
    """An optional dependency is not installed; the message says which line installs it."""

    code = "missing_extra"
    description = "an optional dependency is not installed"

    @classmethod
    def named(cls, extra: str) -> MissingExtra:
        """The error for the extra of that name."""
        return cls(f"this needs an extra: pip install 'watchword[{extra}]'")
