"""Check a password the way a login does: throttled, recorded, and refused before anything is hashed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from watchword.accounts.throttle import Attempt, LoginThrottle
from watchword.clocks import elapsed, seconds_since
from watchword.errors import InvalidCredentials, InvalidRequest, StoreUnavailable, Throttled
from watchword.events import Event, LoginFailed, LoginThrottled

__all__ = ["ThrottledCheck"]

_Found = TypeVar("_Found")


class ThrottledCheck(Generic[_Found]):
    """A password check behind the throttle.

    Args:
        check: called with username and password. Returns what it found. Returns ``None`` or raises
            :class:`~watchword.errors.InvalidCredentials` if the password is wrong.
        throttle: decides whether an attempt is looked at.
        notify: told of failed and throttled attempts.
    """

    def __init__(
        self,
        check: Callable[[str, str], _Found | None],
        throttle: LoginThrottle,
        notify: Callable[[Event], None],
    ) -> None:
        self._check = check
        self._throttle = throttle
        self._notify = notify

    def find(self, username: str, password: str, address: str | None) -> _Found:
        """Return what the check found.

        An exception of the check is neither a wrong password nor a right one: it is raised again, and the
        charge is taken back.

        Raises:
            InvalidRequest: the username or password is not text. A login view of the application may pass on
                what a JSON body has, and some databases take an object for a query.
            InvalidCredentials: the check found nothing.
            Throttled: there were too many failures; nothing was checked.
        """
        for name, value in (("username", username), ("password", password)):
            if not isinstance(value, str):
                raise InvalidRequest(f"the {name} must be text, not {type(value).__name__}")
        began = elapsed()
        attempt = self._admit(username, address)
        found = self._run(attempt, username, password)
        if found is None:
            self._throttle.record_failure(attempt)
            self._notify(LoginFailed(address=address, seconds=seconds_since(began)))
            raise InvalidCredentials
        self._throttle.record_success(attempt)
        return found

    def _admit(self, username: str, address: str | None) -> Attempt:
        try:
            return self._throttle.admit(username, address)
        except Throttled as error:
            self._notify(LoginThrottled(address=address, retry_after=error.retry_after))
            raise

    def _run(self, attempt: Attempt, username: str, password: str) -> _Found | None:
        try:
            return self._check(username, password)
        except InvalidCredentials:
            return None
        except BaseException:
            with suppress(StoreUnavailable):  # the caller has to hear of the first failure
                self._throttle.refund(attempt)
            raise
