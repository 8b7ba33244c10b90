"""What one extension has in one Flask application: settings, endpoints, and the front desk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import flask
import msgspec
from werkzeug.exceptions import RequestEntityTooLarge

from watchword.auth import Auth
from watchword.errors import BodyTooLarge, InvalidSettings, NotFound
from watchword.events import Listener
from watchword.forks import PerProcess
from watchword.jwt.multi_issuer import MultiIssuer
from watchword.jwt.verifier import Verifier
from watchword.keyring.sealed import refuse_missing_secret
from watchword.sessions import Client
from watchword.sessions.access_tokens import Identity
from watchword.settings import Settings
from watchword.web.endpoints import Endpoints, Request, Response, Route
from watchword.web.flask.errors import to_flask
from watchword.web.flask.instance_folder import make_folder, resolve_in_folder

__all__ = ["INSTALLATIONS", "FrontDesk", "Installation", "list_installations"]

INSTALLATIONS = "watchword.all"  # in app.extensions

FrontDesk: TypeAlias = Auth | Verifier[dict[str, Any]] | MultiIssuer[dict[str, Any]]

_URLS = ("database_url", "issuer", "audience")  # arguments of an Auth that are settings as well


class Installation:
    """What one extension has in one application.

    The store is opened when it is first needed, or by :meth:`open`, not before: an application that is
    imported before its server forks, or by ``flask routes``, opens nothing.

    Args:
        given: what the application made itself; ``None`` to make an Auth.
        options: for that Auth.
        settings: for that Auth, and the name of the claim with the scopes for all others.
        switches: which endpoints are served.
        folder: the application's instance folder. The path of an SQLite file is relative to it.

    Attributes:
        authenticate: takes a token and returns its identity.
        now: what time it is, in seconds since the epoch.
        endpoints: ``None`` without an Auth.

    Raises:
        InvalidSettings: a URL is not one of a store, a store on a server has no secret, or a switch is not of
            an endpoint.
    """

    def __init__(
        self,
        given: FrontDesk | None,
        options: Mapping[str, Any],
        settings: Settings,
        switches: Mapping[str, bool] | None,
        folder: Path,
    ) -> None:
        self._given = given
        self._folder = folder
        self._options = {name: value for name, value in options.items() if name not in _URLS}
        said = {name: options[name] for name in _URLS if options.get(name) is not None}
        self.settings = msgspec.structs.replace(settings, **said)
        self._opening = PerProcess(threading.Lock)
        self.endpoints: Endpoints | None = None
        if given is None:
            self.settings = resolve_in_folder(self.settings, folder)
            refuse_missing_secret(self.settings)
        if given is None or isinstance(given, Auth):
            self.endpoints = Endpoints(self.open, self.settings, switches)
        elif switches is not None:
            raise InvalidSettings("endpoints: a bare Verifier brings no endpoints that could be switched")
        self._use(given)

    @property
    def desk(self) -> Auth:
        """The front desk, opened if need be."""
        return self.open()

    def open(self) -> Auth:
        """Open the store if it is not open, and return the front desk.

        Raises:
            TypeError: the extension has a bare Verifier.
            InvalidSettings: the settings do not fit what is in the store.
            StoreUnavailable: the store cannot be opened.
        """
        desk = self._desk
        if desk is None:
            # A lock of this process, made at the first request: a parent that forks may hold its own, and
            # before gevent has patched the module it would be one that greenlets cannot wait for.
            with self._opening.obtain():
                if self._desk is None:
                    make_folder(self.settings, self._folder)
                    self._use(Auth(settings=self.settings, **self._options))
                desk = self._desk
        if not isinstance(desk, Auth):
            raise TypeError("a bare Verifier has no front desk")
        return desk

    def close(self) -> None:
        """Close the front desk if it was opened here. The next request opens it anew."""
        desk = self._desk
        if self._given is None and isinstance(desk, Auth):
            self._use(None)
            desk.close()

    @property
    def has_accounts(self) -> bool:
        """Whether there is an Auth behind the extension, not a bare Verifier."""
        return self._given is None or isinstance(self._given, Auth)

    @property
    def opens_database(self) -> bool:
        """Whether the extension opens the database that its settings name."""
        return self._given is None and self._options.get("stores") is None

    @contextmanager
    def open_for_command(self, listener: Listener) -> Iterator[Auth]:
        """Open an Auth for a command of an administrator, and close it at the end.

        An Auth that the application made itself is used as it is, and stays open.

        Args:
            listener: receives every event, as the application's own listeners do.
        """
        if isinstance(self._given, Auth):
            self._given.add_listener(listener)
            yield self._given
            return
        make_folder(self.settings, self._folder)
        options = {**self._options, "listeners": [*self._options.get("listeners", ()), listener]}
        # A database that allows few connections must have a connection left for a command.
        settings = msgspec.structs.replace(self.settings, database_connections=1)
        auth = Auth(settings=settings, **options)
        try:
            yield auth
        finally:
            auth.close()

    def client(self, request: flask.Request) -> Client:
        """Return the client of a request.

        Raises:
            TypeError: the extension has a bare Verifier.
        """
        if self.endpoints is None:
            raise TypeError("a bare Verifier has no clients")
        return self.endpoints.client(_describe(request))

    def shares_tokens_with(self, other: Installation) -> bool:
        """Return whether the tokens of one are good at the other: store, issuer and audience are the same."""
        from watchword.stores.sql.url import is_in_memory, parse_url  # noqa: PLC0415 -- needs the extra `sql`

        one, two = (
            (s.database_url, s.sessions_url, s.issuer, s.audience) for s in (self.settings, other.settings)
        )
        return one == two and not is_in_memory(parse_url(self.settings.database_url))

    def blueprint(self, name: str, *, jwks: bool) -> flask.Blueprint:
        """Return the endpoints as a blueprint.

        Args:
            name: of the blueprint.
            jwks: whether the key set, whose path is the same for all extensions, is among them.
        """
        blueprint = flask.Blueprint(name, __name__)
        for route in self.endpoints.routes if self.endpoints else ():
            if jwks or route.name != "jwks":
                blueprint.add_url_rule(
                    route.path,
                    route.name,
                    _view(route, self.settings.max_body),
                    methods=[route.method],
                    # A client repeats the body of a redirected request, password included.
                    strict_slashes=True,
                    merge_slashes=False,
                )
        return blueprint

    def _use(self, desk: FrontDesk | None) -> None:
        """Authenticate with this from now on; ``None`` for one that has still to be opened."""
        self._desk = desk
        if desk is None:
            self.authenticate: Callable[[str], Identity] = lambda token: self.open().authenticate(token)
            self.now: Callable[[], float] = lambda: self.open().now()
        elif isinstance(desk, Auth):
            desk.find_client = self._find_client
            self.authenticate, self.now = desk.authenticate, desk.now
        else:
            self.authenticate, self.now = _authenticate_with(desk, self.settings.scope_claim), desk.clock

    def _find_client(self) -> Client | None:
        return self.client(flask.request) if flask.has_request_context() else None


def list_installations(app: flask.Flask) -> list[Installation]:
    """List what the extensions have in an application. The first extension comes first."""
    return list(app.extensions.get(INSTALLATIONS, {}).values())


def _authenticate_with(
    verifier: Verifier[dict[str, Any]] | MultiIssuer[dict[str, Any]], scope_claim: str
) -> Callable[[str], Identity]:
    def authenticate(token: str) -> Identity:
        return Identity.from_claims(verifier.verify(token), scope_claim=scope_claim)

    return authenticate


def _view(route: Route, max_body: int) -> Callable[..., flask.Response]:
    handler: Callable[[Request], Response] = route.handler

    def view(session_id: str = "") -> flask.Response:
        if flask.request.environ["PATH_INFO"].startswith("//"):  # werkzeug takes them for a single slash
            raise NotFound
        return to_flask(handler(_describe(flask.request, _read_body(max_body), session_id)))

    return view


def _read_body(max_body: int) -> bytes:
    request = flask.request
    request.max_content_length = max_body + 1  # a chunked body is cut off there without an error
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise BodyTooLarge from None
    if len(body) > max_body:
        raise BodyTooLarge
    return body


def _describe(request: flask.Request, body: bytes = b"", session_id: str = "") -> Request:
    """Return Flask's request as ours."""
    return Request(
        body=body,
        content_type=request.content_type,
        authorization=request.environ.get("HTTP_AUTHORIZATION"),
        user_agent=request.environ.get("HTTP_USER_AGENT"),
        peer=request.remote_addr,
        forwarded_for=request.environ.get("HTTP_X_FORWARDED_FOR"),
        if_none_match=request.environ.get("HTTP_IF_NONE_MATCH"),
        session_id=session_id,
    )
