"""Sessions: a login that goes on, refreshes itself, and can be taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from watchword.elapsed import elapsed, seconds_since
from watchword.errors import InvalidCredentials, InvalidGrant, InvalidToken, Unissuable
from watchword.events import (
    Event,
    LoginSucceeded,
    RefreshReplayed,
    RefreshReused,
    SessionRefreshed,
    SessionTerminated,
)
from watchword.jose.jwk import Key
from watchword.jose.ports import KeySource
from watchword.jwt.claims import Claims
from watchword.jwt.issuer import Issuer
from watchword.jwt.verifier import Verifier
from watchword.sessions.clients import Client, presentable
from watchword.sessions.revocations import Revocations
from watchword.sessions.rotation import Decision, decide
from watchword.settings import Settings
from watchword.stores.contract import (
    EndReason,
    NewSession,
    Session,
    SessionEnd,
    SessionStore,
    SessionTimes,
    TimedSession,
    checked_scopes,
    new_session_id,
)

__all__ = ["RefreshClaims", "Sessions", "Tokens", "refresh_verifier"]

# Refresh tokens are judged by the row, at the store's time. The verifier checks who made them, not when.
_ANY_TIME = 10**10

_OUR_CLAIMS = frozenset({"auth_time", "client_id", "preferred_username", "scope", "sid"})


class RefreshClaims(Claims, frozen=True, kw_only=True):
    """What a refresh token says, besides the registered claims.

    Attributes:
        sid: the session's id.
        gen: the session's generation when the token was issued.
    """

    exp: int
    sid: str
    gen: Annotated[int, msgspec.Meta(ge=1, lt=2**53)]


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What a login or a refresh hands out.

    Attributes:
        access_token: for the API; a JWT of type ``at+jwt`` (RFC 9068).
        refresh_token: for the next pair; good once, but for the window after it.
        expires_in: seconds for which the access token is good.
        refresh_expires_in: seconds for which the refresh token is good.
        scopes: what was granted.
        session_id: the session behind both.
        subject: whose session it is.
        token_type: how to present the access token (RFC 6750).
    """

    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int
    scopes: tuple[str, ...]
    session_id: str
    subject: str
    token_type: str = "Bearer"  # noqa: S105 -- the name of a scheme, no secret

    def body(self) -> dict[str, Any]:
        """The response body of RFC 6749 §5.1."""
        return {
            "access_token": self.access_token,
            "token_type": self.token_type,
            "expires_in": self.expires_in,
            "refresh_token": self.refresh_token,
            "refresh_expires_in": self.refresh_expires_in,
            "scope": " ".join(self.scopes),
        }

    def __repr__(self) -> str:
        return (
            f"Tokens(session_id={self.session_id!r}, subject={self.subject!r}, expires_in={self.expires_in})"
        )


class Sessions:
    """Starts, refreshes, ends and lists sessions.

    Args:
        store: where they are kept.
        access: issues access tokens, of type ``at+jwt``.
        refresh: issues refresh tokens, of type ``rt+jwt``, to itself as audience.
        refresh_verifier: verifies them; see :func:`refresh_verifier`.
        revocations: told at once of every end made here.
        settings: lifetimes, window, bounds.
        subject_claims: further claims of a subject's access tokens, asked for at every login and refresh;
            ``None`` refuses the subject. It may not return a claim that is ours.
        notify: told of every event.
    """

    def __init__(
        self,
        store: SessionStore,
        *,
        access: Issuer,
        refresh: Issuer,
        refresh_verifier: Verifier[RefreshClaims],
        revocations: Revocations,
        settings: Settings,
        subject_claims: Callable[[str], Mapping[str, Any] | None] | None = None,
        notify: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._access = access
        self._refresh = refresh
        self._refresh_verifier = refresh_verifier
        self._revocations = revocations
        self._settings = settings
        self._subject_claims = subject_claims
        self._notify = notify
        self._times = SessionTimes(
            access=settings.access_lifetime,
            idle=settings.idle_lifetime,
            absolute=settings.session_lifetime,
            window=settings.refresh_window,
        )

    def start(
        self,
        subject: str,
        username: str,
        scopes: Iterable[str] = (),
        client: Client | None = None,
        *,
        began: float | None = None,
    ) -> Tokens:
        """Start a session for a subject who has just proven who they are; the first pair of tokens.

        Args:
            subject: whose session it is.
            username: what to call them.
            scopes: what they are granted.
            client: where the request came from.
            began: when the login did, by :func:`~watchword.elapsed.elapsed`; by default now.

        Raises:
            InvalidCredentials: ``subject_claims`` refuses the subject.
            InvalidSettings: a scope is not of RFC 6749's form.
            Unissuable: ``subject_claims`` returned a claim that is ours to set.
            StoreUnavailable: the store does not answer.
        """
        began = elapsed() if began is None else began
        client = presentable(client)
        self._revocations.ensure_fresh()  # a key that was compromised must not sign
        new = NewSession(
            id=new_session_id(subject),
            subject=subject,
            username=username,
            scopes=checked_scopes(scopes),
            user_agent=client.user_agent,
            ip_address=client.ip_address,
        )
        timed, surplus = self._store.start_session(new, self._times, max_live=self._settings.max_sessions)
        self._ended(surplus, "too_many_sessions", client)
        try:
            # asked only now: whoever deactivates the subject from here on finds a session that can be ended
            tokens = self._pair(timed, self._claims_of(subject))
        except BaseException:
            self.end(new.id, "subject_refused", client)
            raise
        self._notify(LoginSucceeded(**_about(timed.session, client), seconds=seconds_since(began)))
        return tokens

    def refresh(self, refresh_token: str, client: Client | None = None) -> Tokens:
        """The next pair for a refresh token; :mod:`watchword.sessions.rotation` says which token gets which.

        Raises:
            InvalidGrant: the token is not ours, has expired or was used before, or its session is over.
            StoreUnavailable: the store does not answer.
        """
        began = elapsed()
        client = presentable(client)
        token = self._verified(refresh_token)
        timed = self._store.swap_session(
            token.sid, token.gen, self._times, user_agent=client.user_agent, ip_address=client.ip_address
        )
        if timed is None:
            timed = self._replayed(token, client, began)
        else:
            self._notify(SessionRefreshed(**_about(timed.session, client), seconds=seconds_since(began)))
        try:
            claims = self._claims_of(timed.session.subject)
        except InvalidCredentials:
            self.end(timed.session.id, "subject_refused", client)
            raise InvalidGrant from None
        return self._pair(timed, claims)

    def session_of(self, refresh_token: str) -> str:
        """The id of the session that a refresh token belongs to, however old both are: for logging out.

        Raises:
            InvalidGrant: the token is not ours.
        """
        return self._verified(refresh_token).sid

    def end(self, session_id: str, reason: EndReason = "logout", client: Client | None = None) -> None:
        """End a session. One that has ended before, or is not known, is no error.

        Raises:
            StoreUnavailable: the store does not answer; the session may go on.
        """
        ended = self._store.end_session(session_id, reason)
        if ended is not None:
            self._ended([ended], reason, presentable(client))
            return
        # ended by another process, perhaps, whose end has not been polled: it has to hold here at once too
        known = self._store.find_session(session_id)
        if known is not None:
            self._revocations.add([_end_of(known.session)])

    def end_all(
        self,
        subject: str,
        reason: EndReason = "logout_all",
        keep: str | None = None,
        client: Client | None = None,
    ) -> None:
        """End every session of a subject, except ``keep``.

        Raises:
            StoreUnavailable: the store does not answer; the sessions may go on.
        """
        ended = self._store.end_sessions(subject, reason, keep=keep)
        self._ended(ended, reason, presentable(client))

    def live(self, subject: str) -> Sequence[Session]:
        """The subject's sessions that are neither ended nor expired, newest first.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        return self._store.live_sessions(subject)

    def _verified(self, refresh_token: str) -> RefreshClaims:
        self._revocations.ensure_fresh()  # nor vouch for a token
        try:
            return self._refresh_verifier.verify(refresh_token)
        except InvalidToken:
            raise InvalidGrant from None

    def _replayed(self, token: RefreshClaims, client: Client, began: float) -> TimedSession:
        """The row for a token that swapped nothing, if it gets another pair of the row's generation."""
        timed = self._store.find_session(token.sid)
        if timed is None or token.exp <= timed.now:
            raise InvalidGrant
        session = timed.session
        decision = decide(session, token.gen, now=timed.now, window=self._times.window)
        if decision is Decision.ENDED:
            raise InvalidGrant
        if decision is Decision.REUSE:
            self._end_reused(session, token.gen, client)
            raise InvalidGrant
        # ROTATE too: the window was open when the swap was tried and passed before the row was read
        self._notify(
            RefreshReplayed(
                **_about(session, client), swapped_by=session.ip_address, seconds=seconds_since(began)
            )
        )
        return timed

    def _end_reused(self, session: Session, generation: int, client: Client) -> None:
        ended = self._store.end_session(session.id, "refresh_reused")
        if ended is None:
            return
        self._notify(
            RefreshReused(
                **_about(session, client),
                seen="recent_predecessor" if generation == session.generation - 1 else "old_lineage",
                swapped_by=session.ip_address,
            )
        )
        self._ended([ended], "refresh_reused", client)

    def _ended(self, sessions: Sequence[Session], reason: EndReason, client: Client) -> None:
        self._revocations.add([_end_of(session) for session in sessions])
        for session in sessions:
            self._notify(SessionTerminated(**_about(session, client), reason=reason))

    def _claims_of(self, subject: str) -> Mapping[str, Any]:
        """The application's claims for a subject.

        Raises:
            InvalidCredentials: it refuses the subject.
        """
        if self._subject_claims is None:
            return {}
        claims = self._subject_claims(subject)
        if claims is None:
            raise InvalidCredentials
        if not _OUR_CLAIMS.isdisjoint(claims):
            ours = ", ".join(sorted(_OUR_CLAIMS.intersection(claims)))
            raise Unissuable(f"subject_claims: {ours} are set by Watchword")
        return claims

    def _pair(self, timed: TimedSession, claims: Mapping[str, Any]) -> Tokens:
        """Tokens of the row's generation with the row's times, never those of a clock read while signing."""
        session, now = timed.session, int(timed.now)
        expires_in = int(session.access_until) - now
        refresh_expires_in = int(session.expires_at) - now
        access_claims = {
            **claims,
            "client_id": self._settings.client_id,
            "sid": session.id,
            "auth_time": int(session.authenticated_at),
            "preferred_username": session.username,
        }
        if session.scopes:
            access_claims["scope"] = " ".join(session.scopes)
        refresh_claims = {"sid": session.id, "gen": session.generation}
        return Tokens(
            access_token=self._access.issue(
                session.subject, access_claims, lifetime=expires_in, issued_at=now
            ),
            refresh_token=self._refresh.issue(
                session.subject, refresh_claims, lifetime=refresh_expires_in, issued_at=now
            ),
            expires_in=expires_in,
            refresh_expires_in=refresh_expires_in,
            scopes=session.scopes,
            session_id=session.id,
            subject=session.subject,
        )


def refresh_verifier(keys: Key | KeySource, *, issuer: str) -> Verifier[RefreshClaims]:
    """What verifies our refresh tokens: who made them, and not when, since the row decides that.

    A refresh token goes from its issuer to its issuer, and names both as ``iss`` and ``aud``.
    """
    return Verifier(
        keys, issuer=issuer, audience=issuer, typ="rt+jwt", claims=RefreshClaims, leeway=_ANY_TIME
    )


def _end_of(session: Session) -> SessionEnd:
    return SessionEnd(session.id, session.access_until)


def _about(session: Session, client: Client) -> dict[str, str | None]:
    return {"subject": session.subject, "session": session.id, "address": client.ip_address}
