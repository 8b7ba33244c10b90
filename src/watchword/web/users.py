"""Load the application's own user for an identity."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from watchword.errors import InvalidSettings, InvalidToken
from watchword.jwt.expectations import check_callable
from watchword.sessions import Identity

__all__ = ["LoadUser", "UserLoader"]

LoadUser = Callable[[Identity], Any]
"""Returns the application's user for an identity, or ``None``. It may be a coroutine function."""


class UserLoader:
    """Loads the application's user for an identity with the ``load_user`` of the application.

    The adapter keeps the result with the request, so that each request loads its user once at most.

    Args:
        load_user: returns the user for an identity, or ``None`` if the subject has no user. ``None`` if the
            application has no such function.

    Attributes:
        is_async: whether ``load_user`` is a coroutine function. Such a function needs :meth:`load_async`.

    Raises:
        InvalidSettings: ``load_user`` is not a function.
    """

    def __init__(self, load_user: LoadUser | None = None) -> None:
        if load_user is not None:
            check_callable("load_user", load_user)
        self._load_user = load_user
        self.is_async = load_user is not None and _is_coroutine_function(load_user)

    @property
    def has_function(self) -> bool:
        """Whether there is a function that loads users."""
        return self._load_user is not None

    def refuse_async(self) -> None:
        """Raise if ``load_user`` is a coroutine function. Adapters without an event loop call this.

        Raises:
            InvalidSettings: it is a coroutine function.
        """
        if self.is_async:
            raise InvalidSettings(
                "load_user must be a plain function here, not a coroutine function (async def): "
                "no event loop runs that could await it"
            )

    def load(self, identity: Identity) -> Any:
        """Return the user of an identity.

        Raises:
            InvalidToken: the subject has no user.
            InvalidSettings: there is no ``load_user``, or it is a coroutine function.
        """
        self.refuse_async()
        user = self._obtain_function()(identity)
        if inspect.iscoroutine(user):
            user.close()  # Otherwise Python warns that it was never awaited.
            raise InvalidSettings("load_user must return the user here, not a coroutine")
        return _check_user(user)

    async def load_async(self, identity: Identity) -> Any:
        """Return the user of an identity. A plain ``load_user`` runs in a thread.

        Raises:
            InvalidToken: the subject has no user.
            InvalidSettings: there is no ``load_user``.
        """
        load_user = self._obtain_function()
        if self.is_async:
            return _check_user(await load_user(identity))
        from asyncio import to_thread  # noqa: PLC0415 - loaded where this runs, and large

        user = await to_thread(load_user, identity)
        return _check_user(await user if inspect.isawaitable(user) else user)

    def _obtain_function(self) -> LoadUser:
        if self._load_user is None:
            raise InvalidSettings(
                "there is no function that loads a user: give load_user= to the extension, "
                "a function of the identity that returns the user of the application"
            )
        return self._load_user


def _is_coroutine_function(function: LoadUser) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object may have an async __call__
    )


def _check_user(user: Any) -> Any:
    if user is None:
        raise InvalidToken("the subject of the token has no user here")
    return user
