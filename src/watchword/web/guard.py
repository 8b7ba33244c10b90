"""The guard of views, which the adapters of all frameworks share."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from watchword.arguments import describe
from watchword.auth import Auth
from watchword.durations import Duration, to_seconds
from watchword.errors import (
    InsufficientScope,
    InvalidSettings,
    InvalidToken,
    MissingToken,
    StaleAuthentication,
    UnknownKey,
    WatchwordError,
    WrongType,
)
from watchword.scopes import check_scopes
from watchword.sessions import Identity
from watchword.web.authenticators import AnyVerifier, AuthOrVerifier, to_authenticator
from watchword.web.credentials import find_bearer_token, refuse_refresh_token
from watchword.web.http import Request

__all__ = ["Guard", "Requirements", "refuse_uncallable"]


class Requirements:
    """What a view requires of a request. Immutable.

    Args:
        scopes: the token must grant all of these.
        any_scopes: the token must grant at least one of these. An empty collection is refused.
        fresh: how long ago the subject may have logged in at most, in seconds or as a timedelta.
        optional: a request without a token passes, without an identity. A request with a bad token does not.

    Raises:
        InvalidSettings: an argument is of the wrong form.
    """

    __slots__ = ("_any_scopes", "_max_age", "_scopes", "optional")

    def __init__(
        self,
        *,
        scopes: Iterable[str] = (),
        any_scopes: Iterable[str] | None = None,
        fresh: Duration | None = None,
        optional: bool = False,
    ) -> None:
        if not isinstance(optional, bool):  # "no" would leave the view open
            raise InvalidSettings(f"optional must be True or False, not {describe(optional)}")
        self.optional = optional
        self._scopes = frozenset(check_scopes(scopes))
        self._any_scopes = None if any_scopes is None else _check_any_scopes(any_scopes)
        self._max_age = None if fresh is None else to_seconds("fresh", fresh)

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that the token must grant, all of them."""
        return self._scopes

    def check_anonymous(self) -> None:
        """Raise unless a request without a token may pass.

        Raises:
            MissingToken: the identity is not optional.
        """
        if not self.optional:
            raise MissingToken

    def check(self, identity: Identity, now: Callable[[], float]) -> None:
        """Raise unless a bearer token with this identity is enough.

        Args:
            identity: the identity in a verified token.
            now: the clock, in seconds since the epoch.

        Raises:
            InvalidToken: the token is bound to a key, so it is worthless as a bearer token (RFC 9449 §7.2,
                RFC 8705 §3). A stolen token would otherwise let the thief in.
            InsufficientScope: a scope is missing.
            StaleAuthentication: the login was longer ago, or the token does not say when it was.
        """
        if identity.is_bound:
            raise InvalidToken("the token is bound to a key (cnf), and a bearer token has no proof of it")
        if not self._scopes.issubset(identity.scopes):
            raise InsufficientScope(scopes=tuple(sorted(self._scopes)))
        if self._any_scopes is not None and self._any_scopes.isdisjoint(identity.scopes):
            raise InsufficientScope(
                "the token carries none of the scopes that open this", scopes=tuple(sorted(self._any_scopes))
            )
        if self._max_age is not None and not _is_fresh(identity, now(), self._max_age):
            raise StaleAuthentication(max_age=int(self._max_age))


_NO_REQUIREMENTS = Requirements()
_OPTIONAL = Requirements(optional=True)


class Guard:
    """Finds the identity of a request and checks what the view requires.

    An adapter makes ``Requirements`` once for each view.

    Args:
        auth: an :class:`~watchword.Auth`, a :class:`~watchword.Verifier` or a
            :class:`~watchword.MultiIssuer`. Or a function that opens an Auth at the first token.
        also: verifiers of other kinds of tokens, which are accepted too. They are asked in turn about a token
            that ``auth`` finds invalid, and must return claims as a dict. :meth:`Identity.from_claims` makes
            the identity of these claims. Its ``session_id`` does not belong to a session of ours.
        scope_claim: the claim that holds the scopes of another issuer's tokens.
        token_header: the header that holds the token.

    Attributes:
        now: the clock, in seconds since the epoch. It is the clock of ``auth``.

    Raises:
        InvalidSettings: an argument is of the wrong form.
    """

    now: Callable[[], float]

    def __init__(
        self,
        auth: AuthOrVerifier | Callable[[], Auth],
        *,
        also: Iterable[AnyVerifier] = (),
        scope_claim: str = "scope",
        token_header: str = "Authorization",  # noqa: S107 - not a token
    ) -> None:
        self._token_header = token_header
        authenticator = to_authenticator(auth, also, scope_claim)
        self._authenticate = authenticator.authenticate
        self._authenticate_async = authenticator.authenticate_async
        self.now = authenticator.now

    def check(self, request: Request, requirements: Requirements = _NO_REQUIREMENTS) -> Identity | None:
        """Return the identity of a request, if the request may pass.

        Returns:
            The identity. ``None`` for a request without a token where the identity is optional. ``None`` for
            every OPTIONS request too, because browsers send preflights without tokens.

        Raises:
            MissingToken: the request has no token.
            MalformedCredentials: the header for the token is not a single well-formed header.
            InvalidToken: the token is not acceptable, or :class:`StaleAuthentication`.
            InsufficientScope: the token does not grant a required scope.
            Unavailable: the store or the keys are not available.
        """
        if request.method == "OPTIONS":
            return None
        token = find_bearer_token(request, self._token_header)
        if token is None:
            requirements.check_anonymous()
            return None
        try:
            identity = self._authenticate(token)
        except (UnknownKey, WrongType):
            refuse_refresh_token(token)
            raise
        requirements.check(identity, self.now)
        return identity

    async def check_async(
        self, request: Request, requirements: Requirements = _NO_REQUIREMENTS
    ) -> Identity | None:
        """Do what :meth:`check` does without blocking the event loop."""
        if request.method == "OPTIONS":
            return None
        token = find_bearer_token(request, self._token_header)
        if token is None:
            requirements.check_anonymous()
            return None
        try:
            identity = await self._authenticate_async(token)
        except (UnknownKey, WrongType):
            refuse_refresh_token(token)
            raise
        requirements.check(identity, self.now)
        return identity

    def identify(self, request: Request) -> Identity | None:
        """Return the identity of a request, and refuse no request. Meant for a middleware of all views.

        Returns:
            The identity. ``None`` without a good token, and while the store or the keys are not available.

        Raises:
            WatchwordError: an error without a status, which is a mistake of the application.
        """
        try:
            return self.check(request, _OPTIONAL)
        except WatchwordError as error:
            if error.status is None:  # It is not the client's.
                raise
            return None

    async def identify_async(self, request: Request) -> Identity | None:
        """Do what :meth:`identify` does without blocking the event loop."""
        try:
            return await self.check_async(request, _OPTIONAL)
        except WatchwordError as error:
            if error.status is None:  # It is not the client's.
                raise
            return None

    def check_identity(self, identity: Identity | None, requirements: Requirements) -> None:
        """Raise unless the identity that was found earlier in a request is enough.

        Meant for a framework that finds the identity first, in a middleware, and learns later what the view
        requires.

        Args:
            identity: what :meth:`check` returned. ``None`` for a request without an identity.
            requirements: what the view requires.

        Raises:
            MissingToken: there is no identity, and it is not optional.
            InvalidToken: as in :meth:`Requirements.check`.
            InsufficientScope: a scope is missing.
            StaleAuthentication: the login was longer ago.
        """
        if identity is None:
            requirements.check_anonymous()
        else:
            requirements.check(identity, self.now)


def refuse_uncallable(view: object, kinds: str) -> None:
    """Raise unless what ``protect()`` was given can be called. Mostly it is a scope.

    Args:
        view: what was given.
        kinds: what the guard of the framework guards, for the error.

    Raises:
        InvalidSettings: it cannot be called.
    """
    if not callable(view):
        raise InvalidSettings(
            f"protect() guards {kinds}, not {type(view).__name__}. Scopes are given by name: "
            'protect(scopes="read write")'
        )


def _check_any_scopes(any_scopes: Iterable[str]) -> frozenset[str]:
    checked = frozenset(check_scopes(any_scopes, "any_scopes"))
    if not checked:
        raise InvalidSettings("any_scopes must name at least one scope. Leave it out to require no scope.")
    return checked


def _is_fresh(identity: Identity, now: float, max_age: float) -> bool:
    return identity.authenticated_at is not None and now - identity.authenticated_at <= max_age
