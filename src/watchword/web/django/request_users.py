"""Give requests with an identity the user of that identity: ``request.user`` and ``request.auser``."""

from __future__ import annotations

from functools import partial
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.apps import apps
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from watchword.sessions import Identity
from watchword.web.users import UserLoader

__all__ = ["attach_identity", "load_user"]

_USER = "_watchword_user"


def attach_identity(request: HttpRequest, identity: Identity | None, users: UserLoader) -> None:
    """Set ``request.identity``, and ``request.user`` and ``request.auser`` for a request with an identity.

    The user is loaded when a view asks for it. Without an identity the user of Django's own session stays.
    With an identity it never stays, because a request must not act for two persons.

    Args:
        request: the request.
        identity: the identity that the guard found.
        users: loads the user.
    """
    attributes = request.__dict__
    if attributes.get("identity") is not identity:
        attributes.pop(_USER, None)  # A user may be loaded for the identity that another guard found.
    attributes["identity"] = identity
    if identity is None:
        return
    attributes["user"] = SimpleLazyObject(partial(load_user, request, identity, users))
    attributes["auser"] = partial(_load_user_async, request, identity, users)


def load_user(request: HttpRequest, identity: Identity, users: UserLoader) -> Any:
    """Return the user of an identity. Each request loads its user once.

    Returns:
        The user. An ``AnonymousUser`` if the project has no function that loads users.

    Raises:
        InvalidToken: the project's ``LOAD_USER`` knows no user for the identity.
    """
    attributes = request.__dict__
    if _USER not in attributes:
        load = async_to_sync(users.load_async) if users.is_async else users.load
        attributes[_USER] = load(identity) if users.has_function else _make_anonymous()
    return attributes[_USER]


async def _load_user_async(request: HttpRequest, identity: Identity, users: UserLoader) -> Any:
    attributes = request.__dict__
    if _USER in attributes or not users.has_function:
        return load_user(request, identity, users)
    # Django's own thread of the request, because another thread has another connection to the database.
    load = users.load_async if users.is_async else sync_to_async(users.load)
    attributes[_USER] = user = await load(identity)
    return user


def _make_anonymous() -> Any:
    if not apps.is_installed("django.contrib.auth"):
        return None
    from django.contrib.auth.models import AnonymousUser  # noqa: PLC0415 - its module needs the app installed

    return AnonymousUser()
