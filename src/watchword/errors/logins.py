"""Errors about logins, refreshes and accounts."""

from __future__ import annotations

from watchword.errors.root import WatchwordError

__all__ = [
    "AccountNotFound",
    "InvalidCredentials",
    "InvalidGrant",
    "PasswordRejected",
    "Throttled",
    "UsernameRejected",
    "UsernameTaken",
]


class InvalidCredentials(WatchwordError):
    """The user is unknown, the password is wrong, or the account is disabled. All three look the same."""

    code = "invalid_credentials"
    status = 401
    description = "username or password is wrong"


class InvalidGrant(WatchwordError):
    """The refresh token is not valid, or not any more (RFC 6749 §5.2)."""

    code = "invalid_grant"
    status = 400
    description = "the refresh token is not valid"


class Throttled(WatchwordError):
    """Too many attempts failed. The password was not checked.

    Attributes:
        retry_after: seconds until the next attempt is checked.
    """

    code = "throttled"
    status = 429
    description = "too many failed attempts, try again later"

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AccountNotFound(WatchwordError):
    """No account has that username or subject."""

    code = "account_not_found"
    status = 404
    description = "there is no such account"


class UsernameTaken(WatchwordError):
    """Another account has that username. Usernames are compared case-folded."""

    code = "username_taken"
    status = 409
    description = "that username is taken"


class UsernameRejected(WatchwordError):
    """The username is empty, too long, or has invisible characters."""

    code = "username_rejected"
    status = 422
    description = "that username cannot be used"


class PasswordRejected(WatchwordError):
    """The new password is not accepted. The message gives the reason.

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
