"""Errors about services and resources that are not available at the moment."""

from __future__ import annotations

from watchword.errors.root import WatchwordError

__all__ = ["KeysUnavailable", "Overloaded", "RevocationsUnavailable", "StoreUnavailable", "Unavailable"]


class Unavailable(WatchwordError):
    """A service that Watchword needs does not answer. A later attempt may succeed.

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
    """The store (a database or Redis) does not answer."""

    code = "store_unavailable"
    description = "the store does not answer"


class RevocationsUnavailable(Unavailable):
    """The store answers, but this process does not learn of ended sessions."""

    code = "revocations_unavailable"
    description = "ended sessions cannot be read from the store"


class KeysUnavailable(Unavailable):
    """The verification keys cannot be fetched. The token may be valid or not."""

    code = "keys_unavailable"
    description = "the verification keys are not available"


class Overloaded(Unavailable):
    """Too many passwords are hashed or bodies are read at once, or there is no memory left."""

    code = "overloaded"
    description = "too many logins at once, try again"
