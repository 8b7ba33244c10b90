"""Give requests with an identity the user of that identity: ``request.user`` and ``request.auser``."""

from __future__ import annotations

from copy import copy, deepcopy
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.apps import apps
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject, empty

from watchword.errors import InvalidToken
from watchword.sessions import Identity
from watchword.web.users import UserLoader

__all__ = ["RequestUser", "attach_anonymous", "attach_identity", "load_user"]

_USER = "_watchword_user"
# The base sets and reads the attributes of the user itself, and reads its own ones slowly.
_set, _get = object.__setattr__, object.__getattribute__


class RequestUser(SimpleLazyObject):
    """The user of a request with an identity, loaded once when a view asks.

    It does not hold the request. A request that holds itself waits for the garbage collector, which costs
    more than the guard.

    A subject that the project's function does not know is refused in a guarded view. Elsewhere its user is an
    ``AnonymousUser``, because a middleware that asks for the user must not fail, and an open view refuses
    nothing.

    Args:
        identity: the identity that the guard found.
        users: loads the user.
    """

    _wrapped = empty  # What the base sets in each object, at half of the cost of the guard.
    _identity: Identity
    _users: UserLoader
    _is_guarded = False
    _is_missing = False

    def __init__(self, identity: Identity, users: UserLoader) -> None:
        _set(self, "_identity", identity)
        _set(self, "_users", users)

    def _setup(self) -> None:
        users = self._users
        if not users.has_function:
            self._wrapped = _make_anonymous()
            return
        load = async_to_sync(users.load_async) if users.is_async else users.load
        try:
            self._wrapped = load(self._identity)
        except InvalidToken as error:
            self._wrapped = self._replace_missing(error)

    def __copy__(self) -> Any:
        return copy(self._load())

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return deepcopy(self._load(), memo)

    def _load(self) -> Any:
        if self._wrapped is empty:
            self._setup()
        return self._wrapped

    async def _load_async(self) -> Any:
        users = self._users
        if self._wrapped is not empty or not users.has_function:
            return self._load()
        # Django's own thread of the request, because another thread has another connection to the database.
        load = users.load_async if users.is_async else sync_to_async(users.load)
        try:
            self._wrapped = await load(self._identity)
        except InvalidToken as error:
            self._wrapped = self._replace_missing(error)
        return self._wrapped

    def _replace_missing(self, error: InvalidToken) -> Any:
        """Return what stands for a user that is missing. Raise the error in a guarded view."""
        if self._is_guarded:
            raise error
        _set(self, "_is_missing", True)
        return _make_anonymous()


_load, _load_async = RequestUser._load, RequestUser._load_async  # noqa: SLF001 -- users have names of their own


def attach_identity(
    request: HttpRequest, identity: Identity | None, users: UserLoader, *, is_guarded: bool = True
) -> None:
    """Set ``request.identity``, and ``request.user`` and ``request.auser`` for a request with an identity.

    The user is loaded when a view asks for it. Without an identity the user of Django's own session stays.
    With an identity it never stays, because a request must not act for two persons.

    Args:
        request: the request.
        identity: the identity that the guard found.
        users: loads the user.
        is_guarded: whether a guard has let the request pass. A subject without a user is refused then.
    """
    attributes = request.__dict__
    attributes["identity"] = identity
    if identity is None:
        if attributes.pop(_USER, None) is not None:  # It is the user of an identity that another guard found.
            attach_anonymous(request)
        return
    attributes["user"] = user = _find_user(request, identity, users)
    attributes["auser"] = partial(_load_async, user)
    if is_guarded:
        _set(user, "_is_guarded", True)
        if _get(user, "_is_missing"):  # A middleware has asked before the guard.
            user._wrapped = empty  # noqa: SLF001 -- as above


def attach_anonymous(request: HttpRequest) -> None:
    """Let a request act for no user, also if a cookie says that a user has logged in.

    Meant for frameworks that take every view out of Django's CSRF check. A page of another site sends the
    cookie of Django's session, too.
    """
    user = _make_anonymous()

    async def load_async() -> Any:
        return user

    attributes = request.__dict__
    attributes["identity"], attributes["user"], attributes["auser"] = None, user, load_async


def load_user(request: HttpRequest, identity: Identity, users: UserLoader) -> Any:
    """Return the user of an identity. Each request loads its user once.

    Returns:
        The user. An ``AnonymousUser`` if the project has no function that loads users.

    Raises:
        InvalidToken: the project's ``LOAD_USER`` knows no user for the identity.
    """
    return _load(_find_user(request, identity, users))


def _find_user(request: HttpRequest, identity: Identity, users: UserLoader) -> RequestUser:
    """Return the user that is attached to a request, if it is the user of this identity."""
    attributes = request.__dict__
    attached: RequestUser | None = attributes.get(_USER)
    if attached is None or attached._identity is not identity:  # noqa: SLF001 -- as above
        attached = attributes[_USER] = RequestUser(identity, users)
    return attached


def _make_anonymous() -> Any:
    if not apps.is_installed("django.contrib.auth"):
        return None
    from django.contrib.auth.models import AnonymousUser  # noqa: PLC0415 - its module needs the app installed

    return AnonymousUser()
