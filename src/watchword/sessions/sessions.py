"""Start, refresh, end and list sessions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import msgspec

from watchword.clocks import measure_since
from watchword.errors import InvalidCredentials
from watchword.events import Event, LoginFailed, LoginSucceeded
from watchword.jwt.issuer import Issuer
from watchword.jwt.verifier import Verifier
from watchword.sessions import rotation
from watchword.sessions.clients import Client, clean_client
from watchword.sessions.endings import NamedSession, SessionEndings, describe_session
from watchword.sessions.grants import Grant, Grants, Refusal, SubjectClaims
from watchword.sessions.login_arguments import check_login, check_subject
from watchword.sessions.refresh_tokens import RefreshClaims
from watchword.sessions.refresher import SessionRefresher
from watchword.sessions.revocations import Revocations
from watchword.sessions.shared_settings import SharedSettings
from watchword.sessions.subjects import LoginProof
from watchword.sessions.token_pairs import TokenPairs, Tokens
from watchword.settings import Settings
from watchword.stores.contract import (
    AccountStore,
    EndReason,
    NewSession,
    Session,
    SessionStore,
    SessionTimes,
    make_session_id,
)

__all__ = ["Sessions"]


class Sessions:
    """Starts, refreshes, ends and lists sessions.

    Args:
        store: the store of the sessions.
        accounts: the store of our accounts, which each refresh reads.
        access: issues access tokens, of type ``at+jwt``.
        refresh: issues refresh tokens, of type ``rt+jwt``, to itself as audience.
        refresh_verifier: verifies refresh tokens; see
            :func:`~watchword.sessions.refresh_tokens.refresh_verifier`.
        revocations: the ended sessions that this process knows.
        settings: the lifetimes, the refresh window and the bounds.
        subject_claims: see :class:`~watchword.sessions.grants.Grants`.
        notify: called with every event.
    """

    def __init__(
        self,
        store: SessionStore,
        *,
        accounts: AccountStore,
        access: Issuer,
        refresh: Issuer,
        refresh_verifier: Verifier[RefreshClaims],
        revocations: Revocations,
        settings: Settings,
        subject_claims: SubjectClaims | None = None,
        notify: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._grants = Grants(accounts, subject_claims)
        self._pairs = TokenPairs(access=access, refresh=refresh, settings=settings)
        self._revocations = revocations
        self._settings = settings
        self._notify = notify
        self._endings = SessionEndings(store, revocations, notify)
        self._times = _to_times(settings)
        self._refresher = SessionRefresher(
            store,
            refresh_verifier,
            grants=self._grants,
            pairs=self._pairs,
            endings=self._endings,
            revocations=revocations,
            settings=settings,
            times=self._times,
            notify=notify,
        )

    def read_mark(self) -> str:
        """Return a mark of the present moment. Read it before a subject proves its identity.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        return self._store.read_mark()

    def start(self, proof: LoginProof, client: Client | None = None) -> Tokens:
        """Start a session for a subject that has just proven its identity. Return its first pair of tokens.

        Everything that can refuse is asked before the session starts. If all sessions of the subject end
        after the mark was read, no session starts.

        Raises:
            InvalidCredentials: the account is disabled, ``subject_claims`` refuses the subject, or all of the
                subject's sessions ended after the mark was read.
            InvalidSettings: the subject or the username is not text, or a scope, ``amr`` or
                ``lifetime`` is malformed.
            Unissuable: the subject's claims, or what ``subject_claims`` returned, cannot be issued.
            StoreUnavailable: the store does not answer.
        """
        bounds = check_login(proof, self._settings)
        subject, client = proof.subject.id, clean_client(client)
        self._revocations.ensure_fresh()  # A compromised key must not sign.
        try:
            grant = self._grants.decide_login(proof.subject, bounds, proof.account)
        except Refusal:
            raise self._refuse_login(subject, client, proof.began) from None
        new = NewSession(
            id=make_session_id(subject),
            subject=subject,
            amr=bounds.amr,
            claims=bounds.claims,
            lifetime=bounds.lifetime,
            **msgspec.structs.asdict(grant.to_details(client, self._settings)),
        )
        now = self._revocations.now()
        # A trial. Tokens that cannot be signed must not start a session, nor end the oldest session for it.
        self._issue(rotation.begin(new, self._times, now=now), grant, now)
        started = self._store.start_session(
            new, self._times, max_live=self._settings.max_sessions, mark=proof.mark
        )
        if started is None or started[0].session.ended_at is not None:
            raise self._refuse_login(subject, client, proof.began)
        timed, surplus = started
        self._endings.report(surplus, "too_many_sessions", client)
        try:
            tokens = self._issue(timed.session, grant, timed.now)
        except BaseException:
            self._endings.end(new.id, "login_failed", client)
            raise
        seconds = measure_since(proof.began)
        self._notify(LoginSucceeded(**describe_session(timed.session, client), seconds=seconds))
        return tokens

    def refresh(
        self, refresh_token: str, client: Client | None = None, scopes: Collection[str] | None = None
    ) -> Tokens:
        """Return the next pair for a refresh token. :mod:`watchword.sessions.rotation` decides whether.

        Everything that can refuse or fail comes before the swap, the signer included. So a failure costs
        nothing: the same refresh token works when the failure is over.

        Args:
            refresh_token: the refresh token.
            client: the client of the request.
            scopes: the scopes for the access token. ``None`` for all that the session is granted.

        Raises:
            InvalidGrant: the token is not ours, has expired or was used before, its session is over, or its
                subject is refused.
            InvalidScope: the session is not granted a scope.
            StoreUnavailable: the store does not answer.
        """
        return self._refresher.refresh(refresh_token, clean_client(client), scopes)

    def read_refresh_token(self, refresh_token: str) -> NamedSession:
        """Return the session of a refresh token, for a logout. Token and session may be expired.

        Raises:
            InvalidGrant: the token is not ours.
        """
        token = self._refresher.verify(refresh_token)
        return self.name_session(token.sid, token.sub)

    def name_session(self, session_id: str, subject: str | None = None) -> NamedSession:
        """Return a session whose last access token is not known. It may have been issued just now."""
        return NamedSession(session_id, subject, self._revocations.now() + self._times.access)

    def log_out(self, named: NamedSession, client: Client | None = None) -> None:
        """End a session, even if the store has forgotten it.

        Raises:
            StoreUnavailable: the store does not answer. The session may go on.
        """
        self._endings.log_out(named, clean_client(client))

    def keep(self, session_id: str, subject: str, credentials_version: int) -> None:
        """Let a session go on past a change of its account's credentials.

        Raises:
            StoreUnavailable: the store does not answer. The session may end.
        """
        self._store.keep_session(session_id, subject, credentials_version)

    def replace_version(self, subject: str, before: int, after: int) -> None:
        """Let a subject's sessions of a version go on with another version of its credentials.

        Raises:
            StoreUnavailable: the store does not answer. The sessions may end at their next refresh.
        """
        self._store.replace_version(subject, before, after)

    def end_all(
        self,
        subject: str,
        reason: EndReason = "logout_all",
        keep: str | None = None,
        client: Client | None = None,
    ) -> int:
        """End every session of a subject, except ``keep``. Return how many this call has ended.

        Raises:
            InvalidSettings: the subject is not text, but for example a number. No session has such a subject.
            StoreUnavailable: the store does not answer. The sessions may go on.
        """
        check_subject(subject)
        return self._endings.end_all(subject, reason, keep, clean_client(client))

    def follow(self, shared: SharedSettings) -> None:
        """Use these lifetimes and this refresh window from now on, as all nodes do."""
        self._times = _to_times(shared)
        self._refresher.follow(self._times)

    def find_live(self, subject: str) -> Sequence[Session]:
        """Return the subject's sessions that have neither ended nor expired, newest first.

        Raises:
            InvalidSettings: the subject is not text.
            StoreUnavailable: the store does not answer.
        """
        check_subject(subject)
        return self._store.list_live_sessions(subject)

    def _issue(self, session: Session, grant: Grant, now: float) -> Tokens:
        return self._pairs.issue(session, grant, now, lifetime=self._times.access)

    def _refuse_login(self, subject: str, client: Client, began: float) -> InvalidCredentials:
        self._notify(LoginFailed(subject=subject, address=client.ip_address, seconds=measure_since(began)))
        return InvalidCredentials()


def _to_times(settings: Settings | SharedSettings) -> SessionTimes:
    return SessionTimes(
        access=settings.access_lifetime,
        idle=settings.idle_lifetime,
        absolute=settings.session_lifetime,
        window=settings.refresh_window,
    )
