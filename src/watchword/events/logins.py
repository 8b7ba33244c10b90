"""Events of logins."""

from __future__ import annotations

import logging

from watchword.events.event import Event

__all__ = ["LoginFailed", "LoginSucceeded", "LoginThrottled"]


class LoginSucceeded(Event, frozen=True, kw_only=True):
    """A session started.

    Attributes:
        seconds: how long the login took, including the password check.
    """

    name = "login"

    seconds: float | None = None


class LoginFailed(Event, frozen=True, kw_only=True):
    """A login failed: unknown user, wrong password or disabled account.

    Attributes:
        seconds: how long the check took.
    """

    name = "login_failed"
    level = logging.WARNING

    seconds: float | None = None


class LoginThrottled(Event, frozen=True, kw_only=True):
    """A login was refused and its password was not checked.

    Attributes:
        retry_after: seconds until the next attempt is checked.
    """

    name = "login_throttled"
    level = logging.WARNING

    retry_after: float
