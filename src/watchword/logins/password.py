"""Prove a subject by username and password."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from watchword.accounts import LoginThrottle
from watchword.accounts.throttle import Attempt
from watchword.arguments import describe
from watchword.clocks import measure_since, read_clock
from watchword.errors import (
    InvalidCredentials,
    InvalidRequest,
    InvalidSettings,
    StoreUnavailable,
    Throttled,
    WatchwordError,
)
from watchword.events import Event, LoginFailed, LoginThrottled
from watchword.sessions import LoginProof, Subject
from watchword.stores.contract import Account

__all__ = ["PasswordLogin"]

logger = logging.getLogger("watchword.auth")

AMR = ("pwd",)  # RFC 8176 §2


class PasswordLogin:
    """Prove a subject by username and password, behind the throttle. Starts no session.

    Args:
        check: called with username and password. Returns the account, or the application's own
            :class:`Subject`. Returns ``None`` or raises :class:`~watchword.errors.InvalidCredentials` if the
            password is wrong.
        throttle: decides whether an attempt is checked.
        read_mark: returns the store's mark of the present moment.
        notify: called with an event for each failed and each throttled attempt.
    """

    def __init__(
        self,
        check: Callable[[str, str], Account | Subject | None],
        throttle: LoginThrottle,
        *,
        read_mark: Callable[[], str],
        notify: Callable[[Event], None],
    ) -> None:
        self._check = check
        self._throttle = throttle
        self._read_mark = read_mark
        self._notify = notify

    def prove(self, username: str, password: str, address: str | None = None) -> LoginProof:
        """Check a password and return the proof of the login.

        An exception of the check says nothing about the password. It is raised again, and the attempt is not
        counted.

        Args:
            username: the username.
            password: the password.
            address: the client's IP address, if it is known.

        Raises:
            InvalidRequest: the username or password is not text. A login view of the application may pass on
                any value of a JSON body, and some databases take an object for a query.
            InvalidCredentials: the username is unknown, the password is wrong, or the account is disabled.
            Throttled: there were too many failures. The password was not checked.
            InvalidSettings: the application's check returned an unusable value.
        """
        for name, value in (("username", username), ("password", password)):
            if not isinstance(value, str):
                raise InvalidRequest(f"the {name} must be text, not {type(value).__name__}")
        began = read_clock()
        attempt = self._admit(username, address)
        proof = self._prove_admitted(attempt, username, password, began)
        if proof is None:
            self._throttle.record_failure(attempt)
            self._notify(LoginFailed(address=address, seconds=measure_since(began)))
            raise InvalidCredentials
        self._throttle.record_success(attempt)
        return proof

    def _admit(self, username: str, address: str | None) -> Attempt:
        try:
            return self._throttle.admit(username, address)
        except Throttled as error:
            self._notify(LoginThrottled(address=address, retry_after=error.retry_after))
            raise

    def _prove_admitted(
        self, attempt: Attempt, username: str, password: str, began: float
    ) -> LoginProof | None:
        """Return the proof, or ``None`` if the password is wrong."""
        try:
            mark = self._read_mark()  # Before the check, so that an end of all sessions since then wins.
            return _to_proof(self._check(username, password), mark, began)
        except InvalidCredentials:
            return None
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, WatchwordError):
                logger.exception("check_password failed: nothing was counted, and no session started")
            with suppress(StoreUnavailable):  # The caller has to learn of the first failure.
                self._throttle.refund(attempt)
            raise


def _to_proof(found: object, mark: str, began: float) -> LoginProof | None:
    if found is None:
        return None
    if isinstance(found, Account):
        return LoginProof.from_account(found, amr=AMR, mark=mark, began=began)
    if not isinstance(found, Subject):
        raise InvalidSettings(f"check_password must return a Subject or None, not {describe(found)}")
    return LoginProof(subject=found, amr=AMR, mark=mark, began=began)
