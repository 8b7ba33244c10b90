"""What an extension has in an application: settings, endpoints, a guard, and an Auth that opens late."""

from __future__ import annotations

import difflib
import inspect
import logging
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from watchword.auth import Auth
from watchword.auth_arguments import check_auth_arguments
from watchword.errors import InvalidSettings, WatchwordError
from watchword.events import Listener
from watchword.forks import PerProcess
from watchword.keyring.operator_secret import refuse_missing_secret
from watchword.sessions import Client
from watchword.settings import Settings, check_settings
from watchword.stores import is_in_memory, resolve_settings
from watchword.web.authenticators import AnyVerifier, AuthOrVerifier, check_auth
from watchword.web.endpoints import Endpoints, Route, find_resource_metadata
from watchword.web.guard import Guard
from watchword.web.http import Request, Response
from watchword.web.live_sessions import LiveSessions
from watchword.web.responses import to_error_response
from watchword.web.users import LoadUser, UserLoader

__all__ = ["Installation", "check_arguments", "make_repeatable", "warn_of_default_issuer"]

logger = logging.getLogger("watchword.web")

_DEFAULT_PREFIX = Settings().prefix
_ISSUER_NAMES = ("issuer", "ISSUER", "WATCHWORD_ISSUER")  # an argument, an entry for Django, everywhere else
_URLS = ("database_url", "issuer", "audience")  # These arguments of an Auth are settings as well.


def check_arguments(
    auth: AuthOrVerifier | None, settings: Settings | None, options: Mapping[str, Any]
) -> None:
    """Raise unless an extension can be made of these arguments.

    Args:
        auth: what the application made itself. ``None`` to make an Auth.
        settings: settings in place of the application's settings.
        options: further arguments for that Auth.

    Raises:
        InvalidSettings: an argument has the wrong type.
        TypeError: an argument is not an argument of an Auth, or would be ignored beside the given Auth.
    """
    if auth is not None:
        check_auth(auth)
    _check_names(options)
    ignored = [*options, *(["settings"] if isinstance(auth, Auth) and settings is not None else [])]
    if auth is not None and ignored:
        names, kind = ", ".join(ignored), type(auth).__name__
        raise TypeError(f"{names} would have no effect beside auth=: give it to the {kind} itself")
    check_auth_arguments(options)
    check_settings(settings)


def make_repeatable(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments for an Auth with a tuple of listeners: each opening of the store reads them again."""
    listeners = options.get("listeners")
    return {**options, "listeners": tuple(listeners)} if isinstance(listeners, Iterable) else dict(options)


def warn_of_default_issuer(settings: Settings, *sources: Container[str]) -> None:
    """Log a warning if no source names an issuer. The default is meant for trials on this machine.

    Args:
        settings: the settings of the extension.
        sources: what the settings were read from, by the names of settings, entries or variables.
    """
    is_named = any(name in source for source in sources for name in _ISSUER_NAMES)
    if not is_named and settings.issuer == Settings().issuer:
        logger.warning(
            "WATCHWORD_ISSUER is not set: tokens are issued by %s. "
            "Set it to the public URL of this service before anything else relies on its tokens.",
            settings.issuer,
        )


class Installation:
    """What one extension has in one application.

    The store is opened at the first token or by :meth:`open`. An application that is imported before its
    server forks, or by a command of the framework, opens nothing.

    Args:
        auth: what the application made itself. ``None`` to make an Auth.
        options: further arguments for that Auth.
        settings: the settings for that Auth. Without an Auth only ``scope_claim``, ``token_header`` and
            ``resource`` count.
        switches: which endpoints are served.
        also: verifiers of other kinds of tokens, which the guard accepts too.
        load_user: returns the application's user for an identity.
        resolve: makes the database's path absolute, so that it stays where it is at the start.
        before_opening: called with the settings before the store is opened.
        find_request: returns the running request, or ``None`` outside of requests. The methods of the Auth
            use the client of that request where they are given no client.

    Attributes:
        settings: the settings, with an absolute path of the database.
        endpoints: the endpoints. ``None`` without an Auth.
        guard: the guard of the views. It is another object once the Auth is open. So an adapter must not keep
            it from one request to the next.
        users: loads the application's user for an identity.
        live_sessions: tells connections that outlive their request when their session has ended.

    Raises:
        InvalidSettings: a URL is not the URL of a store, a store on a server has no secret, a switch does not
            have the name of an endpoint, or ``load_user`` is not a function.
    """

    guard: Guard

    def __init__(
        self,
        auth: AuthOrVerifier | None,
        options: Mapping[str, Any],
        settings: Settings,
        *,
        switches: Mapping[str, bool] | None = None,
        also: Iterable[AnyVerifier] = (),
        load_user: LoadUser | None = None,
        resolve: Callable[[Settings], Settings] = resolve_settings,
        before_opening: Callable[[Settings], None] = lambda _: None,
        find_request: Callable[[], Request | None] | None = None,
    ) -> None:
        self._given = auth
        self._options = {name: value for name, value in options.items() if name not in _URLS}
        urls = {name: options[name] for name in _URLS if options.get(name) is not None}
        self.settings = msgspec.structs.replace(settings, **urls)
        self.users = UserLoader(load_user)
        self._also = tuple(also)
        self._before_opening = before_opening
        self._find_request = find_request
        self._opening = PerProcess(threading.Lock)
        if self.opens_database:
            self.settings = resolve(self.settings)
            refuse_missing_secret(self.settings)
        self.endpoints: Endpoints | None = None
        if auth is None or isinstance(auth, Auth):
            self.endpoints = Endpoints(self.open, self.settings, switches, find_auth=lambda: self._auth)
        elif switches is not None:
            raise InvalidSettings(
                "endpoints needs an Auth, and this extension was given a Verifier, which has no endpoints"
            )
        self.live_sessions = LiveSessions(
            None if self.endpoints is None else self.open,
            lambda: self.guard.now(),  # noqa: PLW0108 - the guard is another object once the Auth is open
        )
        # Without endpoints no metadata are served, to which a challenge could lead.
        resource = "" if self.endpoints is None else self.settings.resource
        self._resource_metadata = find_resource_metadata(resource)
        self._auth: Auth | None = None
        self._use(auth)

    @property
    def core(self) -> Auth:
        """The Auth, which is opened if it is not open."""
        return self.open()

    @property
    def desk(self) -> Auth:
        """Another name of :attr:`core`."""
        return self.open()

    def open(self) -> Auth:
        """Open the store if it is not open, and return the Auth.

        Raises:
            TypeError: the extension was given a Verifier.
            InvalidSettings: the settings do not fit what is in the store.
            StoreUnavailable: the store cannot be opened.
        """
        auth = self._auth
        if auth is not None:
            return auth
        if self._given is not None:
            raise TypeError("auth.core needs an Auth, and this extension was given a Verifier")
        # The lock belongs to this process and is made at the first token. A lock of the parent process may be
        # held for ever. Greenlets cannot wait for a lock from before gevent has patched the module.
        with self._opening.obtain():
            auth = self._auth  # Another thread may have opened it meanwhile.
            if auth is None:
                self._prepare_opening()
                auth = Auth(settings=self.settings, **self._options)
                self._use(auth)
            return auth

    def close(self) -> None:
        """Close the Auth if it was opened here. The next token opens it anew."""
        auth = self._auth
        if self._given is None and auth is not None:
            self._use(None)
            auth.close()

    @property
    def has_accounts(self) -> bool:
        """Whether the extension has an Auth, not a Verifier."""
        return self._given is None or isinstance(self._given, Auth)

    @property
    def opens_database(self) -> bool:
        """Whether the extension opens the database that its settings name."""
        return self._given is None and self._options.get("stores") is None

    @property
    def name(self) -> str:
        """The name by which a framework builds the URLs of the endpoints.

        It is ``watchword`` for the default prefix, and for the prefix ``/staff`` ``watchword_staff``. It has
        no dots and no colons, because frameworks separate names by them.
        """
        prefix = self.settings.prefix
        if prefix == _DEFAULT_PREFIX:
            return "watchword"
        return "watchword" + (prefix or "/root").replace("/", "_").replace(".", "-")

    @contextmanager
    def open_for_command(self, listener: Listener) -> Iterator[Auth]:
        """Open an Auth for a command of an administrator, and close it at the end.

        An Auth that the application made itself is used as it is, and stays open.

        Args:
            listener: receives every event, as the application's own listeners do.
        """
        if isinstance(self._given, Auth):
            self._given.add_listener(listener)
            try:
                yield self._given
            finally:
                self._given.remove_listener(listener)
            return
        self._prepare_opening()
        options = {**self._options, "listeners": [*self._options.get("listeners", ()), listener]}
        # A database that allows few connections must have a connection left for a command.
        settings = msgspec.structs.replace(self.settings, database_connections=1)
        auth = Auth(settings=settings, **options)
        try:
            yield auth
        finally:
            auth.close()

    def find_client(self, request: Request) -> Client:
        """Return the client of a request.

        Raises:
            TypeError: the extension was given a Verifier.
        """
        if self.endpoints is None:
            raise TypeError("auth.client() needs an Auth, and this extension was given a Verifier")
        return self.endpoints.clients.find(request)

    def to_error_response(self, error: WatchwordError) -> Response:
        """Return the response for an error of the guard, of an endpoint, or of a view.

        Adapters answer every error with it, because the challenge may name what the settings protect.
        """
        return to_error_response(error, self._resource_metadata)

    def select_routes(self, others: Iterable[Installation]) -> Sequence[Route]:
        """Return the routes of the extension in an application that may have other extensions.

        The first extension of an application owns the paths below ``/.well-known/``.

        Args:
            others: what the earlier extensions have in the application.

        Raises:
            InvalidSettings: another extension has the same prefix, or would accept the same tokens.
        """
        if self.endpoints is None:
            return ()
        earlier = [other for other in others if other.endpoints is not None]
        self._check_others(earlier)
        return [route for route in self.endpoints.routes if not (earlier and route.is_well_known)]

    def _check_others(self, others: Iterable[Installation]) -> None:
        """Raise if the endpoints cannot stand beside the endpoints of other extensions."""
        prefix = self.settings.prefix
        for other in others:
            if other.settings.prefix == prefix:
                raise InvalidSettings(
                    f"prefix must differ from the prefixes of other extensions, and {prefix!r} is taken. "
                    'Give this extension settings=Settings(prefix="/staff", audience="staff")'
                )
            if self._has_tokens_of(other):
                raise InvalidSettings(
                    "audience or database_url must differ from the setting of the extension at "
                    f"{other.settings.prefix!r}: otherwise each extension accepts the tokens of the other. "
                    'Give this extension audience="staff", for example'
                )

    def _has_tokens_of(self, other: Installation) -> bool:
        """Return whether both accept the same tokens, because store, issuer and audience are the same."""
        one, two = (
            (each.database_url, each.sessions_url, each.issuer, each.audience)
            for each in (self.settings, other.settings)
        )
        return one == two and not is_in_memory(self.settings.database_url)

    def _prepare_opening(self) -> None:
        if self.opens_database:
            self._before_opening(self.settings)

    def _use(self, auth: AuthOrVerifier | None) -> None:
        """Authenticate with this from now on. ``None`` stands for an Auth that is not open."""
        self._auth = auth if isinstance(auth, Auth) else None
        if self._auth is not None and self._find_request is not None:
            self._auth.find_client = self._find_running_client
        self.guard = Guard(
            self.open if auth is None else auth,
            also=self._also,
            scope_claim=self.settings.scope_claim,
            token_header=self.settings.token_header,
        )

    def _find_running_client(self) -> Client | None:
        request = None if self._find_request is None else self._find_request()
        return None if request is None else self.find_client(request)


def _check_names(options: Mapping[str, Any]) -> None:
    known = list(inspect.signature(Auth).parameters)
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f". Did you mean {near[0]}?" if near else ""
            raise TypeError(f"{name} is not an argument of an Auth{hint}")
