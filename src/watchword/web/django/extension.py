"""Watchword for Django: ``auth`` and ``protect`` of the project, and further extensions beside them."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar, overload

import msgspec
from django.conf import settings as project
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern

from watchword.auth import Auth
from watchword.durations import Duration
from watchword.errors import InvalidSettings, WatchwordError
from watchword.forks import PerProcess
from watchword.sessions import Client, Identity
from watchword.settings import Settings
from watchword.stores import resolve_settings
from watchword.web.authenticators import AnyVerifier, AuthOrVerifier, check_also
from watchword.web.django.configuration import Configuration, find_base_folder, read_configuration
from watchword.web.django.endpoints import make_patterns
from watchword.web.django.own_users import ScopesFrom, make_own_users
from watchword.web.django.request_users import attach_identity
from watchword.web.django.requests import DjangoRequest
from watchword.web.django.responses import to_refusal, vary_response
from watchword.web.django.running import find_running_request
from watchword.web.django.views import ViewGuard, guard_view
from watchword.web.guard import Guard, Requirements
from watchword.web.installation import (
    Installation,
    check_arguments,
    make_repeatable,
)
from watchword.web.users import LoadUser

__all__ = ["Watchword", "list_extensions"]

V = TypeVar("V", bound=Callable[..., Any])

_APP_NAME = "watchword"
# On a request: the guard that has verified its token, and the identity in it. A token is verified once.
_KNOWN = "_watchword_known"

# Every extension, and the URLconf of the project in which it has its endpoints.
_extensions: weakref.WeakKeyDictionary[Watchword, str | None] = weakref.WeakKeyDictionary()


def list_extensions() -> list[Watchword]:
    """List the extensions of this process. The default extension comes first."""
    return list(_extensions)


class Watchword:
    """What a Django project has of Watchword: guard, identities and endpoints.

    A project imports ``auth`` and ``protect`` from :mod:`watchword.web.django`, which take everything from
    ``WATCHWORD`` in the project's settings. A second extension, with tokens and endpoints of its own, is made
    by ``Watchword(settings=...)``. It may be made before the settings are there: everything is read at the
    first use. The store is opened at the first token, or by :meth:`open`. A relative path of an SQLite file
    is relative to ``BASE_DIR``.

    Args:
        auth: an :class:`~watchword.Auth` that the project made. Or a :class:`~watchword.Verifier` or
            :class:`~watchword.MultiIssuer`, for an API that verifies another issuer's tokens: the extension
            then has a guard and identities, but no endpoints. By default an Auth made from the settings.
        also: verifiers of other kinds of tokens, which the guard accepts as well.
        settings: replaces ``WATCHWORD`` and the environment.
        endpoints: which endpoints are served, by name. ``{"login": False}`` makes our login a 404.
        load_user: returns the user of the project for an identity.
        users: ``"django"`` or ``"accounts"``: whose passwords are checked. By default the users of
            ``django.contrib.auth`` where it is installed, and otherwise the accounts in the store.
        scopes_from: where the scopes of Django's users come from.
        auth_options: further arguments for that Auth, such as ``keys``, ``check_password``,
            ``subject_claims`` and ``listeners``.

    Raises:
        InvalidSettings: an argument has the wrong form.
        TypeError: an argument is not an argument of an Auth, or would be ignored beside the given Auth.
    """

    def __init__(
        self,
        auth: AuthOrVerifier | None = None,
        *,
        also: Iterable[AnyVerifier] = (),
        settings: Settings | None = None,
        endpoints: Mapping[str, bool] | None = None,
        load_user: LoadUser | None = None,
        users: str | None = None,
        scopes_from: ScopesFrom = None,
        **auth_options: Any,
    ) -> None:
        auth_options = make_repeatable(auth_options)
        check_arguments(auth, settings, auth_options)
        self._given = auth
        self._also = check_also(also)
        self._settings = settings
        self._endpoints = endpoints
        self._load_user = load_user
        self._users = users
        self._scopes_from = scopes_from
        self._auth_options = auth_options
        self._making = PerProcess(threading.Lock)
        self._installation: Installation | None = None
        self._is_in_memory = False
        self._has_django_users = False
        _extensions[self] = None

    # -- the Auth ----------------------------------------------------------------------------------

    @property
    def core(self) -> Auth:
        """The Auth. It is opened if it is not open.

        Raises:
            TypeError: the extension was given a Verifier.
            InvalidSettings: the settings are not usable, or do not fit what is in the store.
            StoreUnavailable: the store cannot be opened.
        """
        return self.installation.open()

    @property
    def desk(self) -> Auth:
        """Another name of :attr:`core`."""
        return self.core

    def open(self) -> None:
        """Open the store now, not at the first token. Mistakes then show at the start.

        Raises:
            TypeError, InvalidSettings, StoreUnavailable: as :attr:`core`.
        """
        self.installation.open()

    def close(self) -> None:
        """Close the connections and threads that were opened here. A later request opens the store anew."""
        if self._installation is not None:
            self._installation.close()

    def client(self, request: HttpRequest) -> Client:
        """Return the address and user agent of a request's client, behind trusted proxies or not.

        Within a request the methods of :attr:`core` use this client where they are given none.

        Raises:
            TypeError: the extension was given a Verifier.
        """
        return self.installation.find_client(DjangoRequest(request))

    # -- the guard ---------------------------------------------------------------------------------

    @overload
    def protect(self, view: V, /) -> V: ...

    @overload
    def protect(
        self,
        view: None = None,
        /,
        *,
        scopes: Iterable[str] = (),
        any_scopes: Iterable[str] | None = None,
        fresh: Duration | None = None,
        optional: bool = False,
    ) -> Callable[[V], V]: ...

    def protect(
        self,
        view: Callable[..., Any] | None = None,
        /,
        *,
        scopes: Iterable[str] = (),
        any_scopes: Iterable[str] | None = None,
        fresh: Duration | None = None,
        optional: bool = False,
    ) -> Callable[..., Any]:
        """Guard a view: a function, a method or a class. The view is called only with a good token.

        Any other request gets the response with the error. An OPTIONS request needs no token, and the view is
        not called for it.

        Args:
            view: the view, if there are no parentheses.
            scopes: the token must grant all of these. Otherwise 403.
            any_scopes: the token must grant at least one of these. Otherwise 403.
            fresh: how long ago the subject may have logged in at most, in seconds or as a timedelta.
                Otherwise 401.
            optional: a request without a token passes, with ``None`` as its identity. A request with a bad
                token does not.

        Raises:
            InvalidSettings: an argument has the wrong form, this is not a view, or it is an operation of
                ninja that is served without the guard already.
        """
        requirements = Requirements(scopes=scopes, any_scopes=any_scopes, fresh=fresh, optional=optional)
        guard = ViewGuard(
            partial(self._admit, requirements),
            partial(self._admit_async, requirements),
            self._vary,
            self._refuse,
            optional,
        )
        return partial(guard_view, guard=guard) if view is None else guard_view(view, guard)

    def identify(self, request: HttpRequest) -> Identity | None:
        """Return the identity of a request, or ``None`` without a good token. The middleware asks for it."""
        guard = self.installation.guard
        return _remember(request, guard, guard.identify(DjangoRequest(request)))

    async def identify_async(self, request: HttpRequest) -> Identity | None:
        """Do what :meth:`identify` does without blocking the event loop."""
        guard = self.installation.guard
        return _remember(request, guard, await guard.identify_async(DjangoRequest(request)))

    def _admit(self, requirements: Requirements, request: HttpRequest) -> Identity | None:
        """Return the identity of a request that may pass, and attach it to the request."""
        installation, known = self.installation, request.__dict__.get(_KNOWN)
        guard = installation.guard
        if known is not None and known[0] is guard:
            identity = known[1]
            guard.check_identity(identity, requirements)
        else:
            identity = guard.check(DjangoRequest(request), requirements)
        attach_identity(request, identity, installation.users)
        return identity  # type: ignore[no-any-return]

    async def _admit_async(self, requirements: Requirements, request: HttpRequest) -> Identity | None:
        installation, known = self.installation, request.__dict__.get(_KNOWN)
        guard = installation.guard
        if known is not None and known[0] is guard:
            identity = known[1]
            guard.check_identity(identity, requirements)
        else:
            identity = await guard.check_async(DjangoRequest(request), requirements)
        attach_identity(request, identity, installation.users)
        return identity  # type: ignore[no-any-return]

    def _vary(self, response: Any) -> Any:
        return vary_response(response, self.installation.settings.token_header)

    def _refuse(self, error: WatchwordError) -> HttpResponse:
        return to_refusal(self.installation, error)

    # -- the project ---------------------------------------------------------------------------------

    @property
    def urls(self) -> tuple[Sequence[URLPattern], str, str]:
        """The URL patterns of the endpoints, for ``path("", staff.urls)`` as with ``admin.site.urls``.

        Raises:
            InvalidSettings: the settings are not usable, or another extension has the same prefix or would
                accept the same tokens.
        """
        urlconf = project.ROOT_URLCONF
        others = [each for each, place in _extensions.items() if place == urlconf and each is not self]
        patterns = make_patterns(lambda: self.installation, [each.installation for each in others])
        _extensions[self] = urlconf
        return patterns, _APP_NAME, self.installation.name

    @property
    def has_urls(self) -> bool:
        """Whether URLs of the project lead to the endpoints of this extension."""
        return _extensions[self] is not None

    @property
    def installation(self) -> Installation:
        """What the extension has in the project. For adapters of further frameworks.

        It is another object after a change of the settings in a test, so it must not be kept.

        Raises:
            InvalidSettings: the settings are not usable.
        """
        made = self._installation
        if made is not None:
            return made
        with self._making.obtain():
            if self._installation is None:
                self._installation = self._make_installation()
            return self._installation

    @property
    def has_django_users(self) -> bool:
        """Whether the users of ``django.contrib.auth`` log in here.

        Raises:
            InvalidSettings: the settings are not usable.
        """
        return self.installation is not None and self._has_django_users

    def reset(self) -> None:
        """Close the store, and read the settings anew at the next use. Meant for tests."""
        installation, self._installation = self._installation, None
        if installation is not None:
            installation.close()

    @contextmanager
    def replace_store(self) -> Iterator[Auth]:
        """Use a fresh store in memory for a while. Meant for tests.

        Raises:
            InvalidSettings: the project made the Auth itself, so its store cannot be replaced.
        """
        before = self._installation, self._is_in_memory
        self._installation, self._is_in_memory = None, True
        try:
            yield self.core
        finally:
            self.reset()
            self._installation, self._is_in_memory = before

    def _make_installation(self) -> Installation:
        configuration = self._read_configuration()
        own_users = make_own_users(configuration)
        if own_users is not None:
            configuration = own_users.add_to(configuration)
        self._has_django_users = own_users is not None
        settings, options = configuration.settings, dict(configuration.auth_options)
        if self._is_in_memory:
            if isinstance(configuration.auth, Auth):
                raise InvalidSettings(
                    "the project made the Auth itself, so its store cannot be replaced: "
                    'give that Auth Settings(database_url="sqlite://") in tests'
                )
            settings = msgspec.structs.replace(
                settings, database_url="sqlite://", sessions_url="", sessions_wait_replicas=0
            )
            options = {
                name: value for name, value in options.items() if name not in {"stores", "database_url"}
            }
        return Installation(
            configuration.auth,
            options,
            settings,
            switches=configuration.endpoints,
            also=configuration.also,
            load_user=configuration.load_user,
            resolve=partial(resolve_settings, folder=find_base_folder()),
            find_request=find_running_request,
        )

    def _read_configuration(self) -> Configuration:
        """Return what the arguments say, and the project's configuration for the rest."""
        if isinstance(self._given, Auth):
            base = Configuration(settings=self._given.settings)
        elif self._settings is not None:
            base = Configuration(settings=self._settings)
        else:
            base = read_configuration()
        given = {
            "auth": self._given,
            "also": self._also or None,
            "endpoints": self._endpoints,
            "load_user": self._load_user,
            "users": self._users,
            "scopes_from": self._scopes_from,
            "auth_options": {**base.auth_options, **self._auth_options},
        }
        return msgspec.structs.replace(base, **{name: v for name, v in given.items() if v is not None})


def _remember(request: HttpRequest, guard: Guard, identity: Identity | None) -> Identity | None:
    """Keep a good identity with the request. A view that demands more asks the guard what is wrong."""
    if identity is not None:
        request.__dict__[_KNOWN] = (guard, identity)
    return identity
