"""Every error of Watchword: a tree with a single root, and a stable ``code`` for each error.

The codes are part of the public contract. HTTP bodies and logs contain them, and they never change. The
messages are for people. They never contain a token, a key, a password or text from an unverified token.
"""

from watchword.errors.availability import (
    KeysUnavailable,
    Overloaded,
    RevocationsUnavailable,
    StoreUnavailable,
    Unavailable,
)
from watchword.errors.logins import (
    AccountNotFound,
    InvalidCredentials,
    InvalidGrant,
    PasswordRejected,
    Throttled,
    UsernameRejected,
    UsernameTaken,
)
from watchword.errors.requests import (
    BodyTooLarge,
    InvalidRequest,
    MalformedCredentials,
    NotFound,
    UnsupportedMediaType,
)
from watchword.errors.root import (
    WatchwordError,
)
from watchword.errors.tokens import (
    BadSignature,
    DecryptionFailed,
    ExpiredToken,
    InsufficientScope,
    InvalidClaims,
    InvalidToken,
    MalformedClaim,
    MalformedToken,
    MissingClaim,
    MissingToken,
    NotYetValid,
    SessionEnded,
    StaleAuthentication,
    TokenSpent,
    TokenTooOld,
    UnknownKey,
    WrongAudience,
    WrongIssuer,
    WrongSubject,
    WrongType,
)
from watchword.errors.usage import (
    InvalidKey,
    InvalidSettings,
    MissingExtra,
    RotationRefused,
    Unissuable,
    WeakKey,
)

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
    "MalformedCredentials",
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
