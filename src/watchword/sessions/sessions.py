"""Sessions: a login that goes on, refreshes itself, and can be taken back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from watchword.arguments import describe, is_name
from watchword.clocks import elapsed, seconds_since
from watchword.errors import InvalidCredentials, InvalidGrant, InvalidSettings, InvalidToken
from watchword.events import (
    Event,
    LoginFailed,
    LoginSucceeded,
    RefreshReplayed,
    RefreshReplayedElsewhere,
    RefreshReused,
    SessionRefreshed,
    SessionTerminated,
)
from watchword.jwt.issuer import Issuer
from watchword.jwt.verifier import Verifier
from watchword.sessions import rotation
from watchword.sessions.clients import Client, clean_client, compare_clients
from watchword.sessions.grants import Grant, Grants, Refusal, SubjectClaims
from watchword.sessions.login_arguments import check_amr, check_claims
from watchword.sessions.refresh_tokens import RefreshClaims, SessionBounds
from watchword.sessions.revocations import Revocations
from watchword.sessions.rotation import RefreshDecision, decide_refresh
from watchword.sessions.shared_settings import SharedSettings
from watchword.sessions.token_pairs import TokenPairs, Tokens
from watchword.settings import Settings
from watchword.stores.contract import (
    Account,
    AccountStore,
    EndReason,
    NewSession,
    Session,
    SessionDetails,
    SessionEnd,
    SessionStore,
    SessionTimes,
    TimedSession,
    checked_scopes,
    is_session_id,
    new_session_id,
)

__all__ = ["SessionProof", "Sessions"]

logger = logging.getLogger("watchword.sessions")


class SessionProof(NamedTuple):
    """A session that a verified token or a caller names, whether or not the store knows it.

    Attributes:
        session_id: the session's id.
        subject: whose session it is; ``None`` if only its id is known.
        access_until: no access token of the session is good after it, as far as the token tells.
    """

    session_id: str
    subject: str | None
    access_until: float


class Sessions:
    """Starts, refreshes, ends and lists sessions.

    Args:
        store: where they are kept.
        accounts: our accounts, which each refresh looks at.
        access: issues access tokens, of type ``at+jwt``.
        refresh: issues refresh tokens, of type ``rt+jwt``, to itself as audience.
        refresh_verifier: verifies them; see :func:`refresh_verifier`.
        revocations: told at once of every end made here.
        settings: lifetimes, window, bounds.
        subject_claims: see :class:`~watchword.sessions.grants.Grants`.
        notify: told of every event.
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
        self._refresh_verifier = refresh_verifier
        self._revocations = revocations
        self._settings = settings
        self._notify = notify
        self._times = _to_times(settings)

    def read_mark(self) -> str:
        """Return a mark of the present moment, to read before a subject proves who they are.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        return self._store.read_mark()

    def start(
        self,
        subject: str,
        username: str,
        scopes: Iterable[str] | None = (),
        client: Client | None = None,
        *,
        account: Account | None = None,
        mark: str | None = None,
        began: float | None = None,
        amr: Sequence[str] = (),
        claims: Mapping[str, Any] | None = None,
    ) -> Tokens:
        """Start a session for a subject who has just proven who they are; the first pair of tokens.

        Everything that can refuse is asked before the session starts. If all sessions of the subject are
        ended meanwhile, no session starts.

        Args:
            subject: whose session it is.
            username: what to call them, if they are not an account.
            scopes: the most that they are granted; ``None`` for whatever their account has.
            client: where the request came from.
            account: the subject's account, if there is one.
            mark: read before the subject proved who they are; by default now.
            began: when the login did, by :func:`~watchword.clocks.elapsed`; by default now.
            amr: the methods that proved the subject's identity, by their names in RFC 8176.
            claims: further claims for every access token of the session.

        Raises:
            InvalidCredentials: the account is disabled, ``subject_claims`` refuses the subject, or all of the
                subject's sessions were ended since the mark.
            InvalidSettings: the subject or the username is not text, or a scope or ``amr`` is malformed.
            Unissuable: ``claims``, or what ``subject_claims`` returned, cannot be issued.
            StoreUnavailable: the store does not answer.
        """
        _check_text("subject", subject)
        _check_text("username", username)
        began = elapsed() if began is None else began
        client = clean_client(client)
        self._revocations.ensure_fresh()  # a key that was compromised must not sign
        mark = self._store.read_mark() if mark is None else mark
        bounds = SessionBounds(
            account=account is not None,
            scope=None if scopes is None else " ".join(checked_scopes(scopes)),
            preferred_username=username if account is None else None,
            amr=check_amr(amr),
            claims=check_claims(claims),
        )
        try:
            grant = self._grants.decide_login(subject, bounds, account)
        except Refusal:
            raise self._refuse_login(subject, client, began) from None
        details = self._make_details(grant, client)
        new = NewSession(id=new_session_id(subject), subject=subject, **msgspec.structs.asdict(details))
        now = self._revocations.now()
        # A trial: what cannot be signed must not start a session, nor end the oldest for it.
        self._issue(rotation.begin(new, self._times, now=now), grant, now)
        started = self._store.start_session(new, self._times, max_live=self._settings.max_sessions, mark=mark)
        if started is None or started[0].session.ended_at is not None:
            raise self._refuse_login(subject, client, began)
        timed, surplus = started
        self._note_ends(surplus, "too_many_sessions", client)
        try:
            tokens = self._issue(timed.session, grant, timed.now)
        except BaseException:
            self.end(new.id, "login_failed", client)
            raise
        self._notify(LoginSucceeded(**_describe_session(timed.session, client), seconds=seconds_since(began)))
        return tokens

    def refresh(self, refresh_token: str, client: Client | None = None) -> Tokens:
        """The next pair for a refresh token; :mod:`watchword.sessions.rotation` says which token gets which.

        Everything that can refuse or fail is asked before the swap, the signer included. So a failure costs
        nothing: the same refresh token works when it is over.

        Raises:
            InvalidGrant: the token is not ours, has expired or was used before, its session is over, or its
                subject may not go on.
            StoreUnavailable: the store does not answer.
        """
        began = elapsed()
        client = clean_client(client)
        token = self._verify(refresh_token)
        timed, decision = self._judge(token, client)
        grant = self._decide(token, timed.session, client)
        if decision is RefreshDecision.ROTATE:
            tokens = self._swap(token, timed, grant, client)
            if tokens is not None:
                self._notify(
                    SessionRefreshed(**_describe_session(timed.session, client), seconds=seconds_since(began))
                )
                return tokens
            # Another request was faster. ROTATE again would mean that the window has passed since then.
            timed, _ = self._judge(token, client)
        tokens = self._issue(timed.session, grant, timed.now)
        self._tell_replay(timed.session, client, began)
        return tokens

    def read_refresh_token(self, refresh_token: str) -> SessionProof:
        """Return which session a refresh token belongs to, however old both are: for logging out.

        Raises:
            InvalidGrant: the token is not ours.
        """
        token = self._verify(refresh_token)
        return self.name_session(token.sid, token.sub)

    def name_session(self, session_id: str, subject: str | None = None) -> SessionProof:
        """Return a session of which no access token is at hand: it may have been issued just now."""
        return SessionProof(session_id, subject, self._revocations.now() + self._times.access)

    def end(self, session_id: str, reason: EndReason = "logout", client: Client | None = None) -> bool:
        """End a session; whether it is known. One that has ended before, or is not known, is no error.

        Raises:
            StoreUnavailable: the store does not answer; the session may go on.
        """
        ended = self._store.end_session(session_id, reason)
        if ended is not None:
            self._note_ends([ended], reason, clean_client(client))
            return True
        # ended by another process, perhaps, whose end has not been polled: it has to hold here at once too
        known = self._store.find_session(session_id)
        if known is None:
            return False
        self._revocations.add([_to_end(known.session)])
        return True

    def log_out(self, proof: SessionProof, client: Client | None = None) -> None:
        """End a session, also where the store has forgotten it.

        No session has an id of another form than ours, so such an id is not recorded.

        Raises:
            StoreUnavailable: the store does not answer; the session may go on.
        """
        if self.end(proof.session_id, "logout", client) or not is_session_id(proof.session_id):
            return
        self._store.record_end(proof.session_id, "logout", proof.access_until)
        self._revocations.add([SessionEnd(proof.session_id, proof.access_until)])
        address = clean_client(client).ip_address
        self._notify(
            SessionTerminated(
                subject=proof.subject, session=proof.session_id, address=address, reason="logout"
            )
        )

    def keep(self, session_id: str, subject: str, credentials_version: int) -> None:
        """Let a session go on past a change of its account's credentials.

        Raises:
            StoreUnavailable: the store does not answer; the session may not go on.
        """
        self._store.keep_session(session_id, subject, credentials_version)

    def end_all(
        self,
        subject: str,
        reason: EndReason = "logout_all",
        keep: str | None = None,
        client: Client | None = None,
    ) -> int:
        """End every session of a subject, except ``keep``; how many that were.

        Raises:
            InvalidSettings: the subject is not text, such as an id that is a number. No session has it.
            StoreUnavailable: the store does not answer; the sessions may go on.
        """
        _check_text("subject", subject)
        ended = self._store.end_sessions(subject, reason, keep=keep)
        self._note_ends(ended, reason, clean_client(client))
        return len(ended)

    def follow(self, shared: SharedSettings) -> None:
        """Use these lifetimes and this refresh window from now on, as all nodes do."""
        self._times = _to_times(shared)

    def find_live(self, subject: str) -> Sequence[Session]:
        """The subject's sessions that are neither ended nor expired, newest first.

        Raises:
            InvalidSettings: the subject is not text.
            StoreUnavailable: the store does not answer.
        """
        _check_text("subject", subject)
        return self._store.live_sessions(subject)

    def _verify(self, refresh_token: str) -> RefreshClaims:
        self._revocations.ensure_fresh()  # nor vouch for a token
        try:
            return self._refresh_verifier.verify(refresh_token)
        except InvalidToken:
            raise InvalidGrant from None

    def _judge(self, token: RefreshClaims, client: Client) -> tuple[TimedSession, RefreshDecision]:
        """Return the token's row and what becomes of the token: ``ROTATE`` or ``REPLAY``.

        Raises:
            InvalidGrant: it is nothing of both. A token that came too late has ended its session.
        """
        timed = self._store.find_session(token.sid)
        if timed is None or token.exp <= timed.now or not self._is_for_us(token, timed.session):
            raise InvalidGrant
        decision = decide_refresh(timed.session, token.gen, now=timed.now, window=self._times.window)
        if decision is RefreshDecision.REUSE:
            self._end_reused(timed.session, token.gen, client)
        if decision not in {RefreshDecision.ROTATE, RefreshDecision.REPLAY}:
            raise InvalidGrant
        return timed, decision

    def _is_for_us(self, token: RefreshClaims, session: Session) -> bool:
        """Whether subject, audience and client are the same in the token, in the row and here."""
        audiences = {token.audience, session.audience} - {None}  # unknown before version 4 of the schema
        clients = {token.client_id, session.client_id} - {None}
        return (
            token.sub == session.subject
            and audiences <= {self._settings.audience}
            and clients <= {self._settings.client_id}
        )

    def _decide(self, token: RefreshClaims, session: Session, client: Client) -> Grant:
        """Return what the subject is granted now, or end the session."""
        try:
            return self._grants.decide_refresh(token, session)
        except Refusal as refusal:
            self.end(session.id, refusal.reason, client)
            raise InvalidGrant from None

    def _swap(self, token: RefreshClaims, timed: TimedSession, grant: Grant, client: Client) -> Tokens | None:
        """Issue the next pair and swap; ``None`` where nothing was swapped.

        The pair comes first, because a signer that fails after the swap would use the refresh token up.
        """
        ahead = rotation.rotate(timed.session, token.gen, self._times, now=timed.now)
        tokens = self._issue(ahead, grant, timed.now)
        swapped = self._store.swap_session(
            token.sid, token.gen, self._times, self._make_details(grant, client)
        )
        if swapped is None:
            return None
        if swapped.session.access_until == ahead.access_until:
            return tokens
        # The store's time has moved on since the row was read. All pairs of a generation expire together.
        try:
            return self._issue(swapped.session, grant, swapped.now)
        except Exception:
            if swapped.session.access_until < ahead.access_until:
                raise  # The store's clock was set back, so the pair would outlive the row.
            logger.exception("the signer failed after a swap: the pair that was made before expires earlier")
            return tokens

    def _issue(self, session: Session, grant: Grant, now: float) -> Tokens:
        return self._pairs.issue(session, grant, now, lifetime=self._times.access)

    def _make_details(self, grant: Grant, client: Client) -> SessionDetails:
        return SessionDetails(
            username=grant.username,
            scopes=grant.scopes,
            user_agent=client.user_agent,
            ip_address=client.ip_address,
            audience=self._settings.audience,
            client_id=self._settings.client_id,
            credentials_version=grant.account_version,
        )

    def _refuse_login(self, subject: str, client: Client, began: float) -> InvalidCredentials:
        self._notify(LoginFailed(subject=subject, address=client.ip_address, seconds=seconds_since(began)))
        return InvalidCredentials()

    def _tell_replay(self, session: Session, client: Client, began: float) -> None:
        swapper = Client(ip_address=session.ip_address, user_agent=session.user_agent)
        about = {**_describe_session(session, client), "swapped_by": session.ip_address}
        seconds = seconds_since(began)
        if differs := compare_clients(swapper, client):
            self._notify(RefreshReplayedElsewhere(**about, differs=differs, seconds=seconds))
        else:
            self._notify(RefreshReplayed(**about, seconds=seconds))

    def _end_reused(self, session: Session, generation: int, client: Client) -> None:
        ended = self._store.end_session(session.id, "refresh_reused")
        if ended is None:
            return
        self._notify(
            RefreshReused(
                **_describe_session(session, client),
                seen="recent_predecessor" if generation == session.generation - 1 else "old_lineage",
                swapped_by=session.ip_address,
            )
        )
        self._note_ends([ended], "refresh_reused", client)

    def _note_ends(self, sessions: Sequence[Session], reason: EndReason, client: Client) -> None:
        self._revocations.add([_to_end(session) for session in sessions])
        for session in sessions:
            self._notify(SessionTerminated(**_describe_session(session, client), reason=reason))


def _check_text(name: str, given: object) -> None:
    if not is_name(given):
        hint = f'. Write "{given}"' if type(given) is int else ""
        raise InvalidSettings(f"{name} must be text that is not empty, not {describe(given)}{hint}")


def _to_times(settings: Settings | SharedSettings) -> SessionTimes:
    return SessionTimes(
        access=settings.access_lifetime,
        idle=settings.idle_lifetime,
        absolute=settings.session_lifetime,
        window=settings.refresh_window,
    )


def _to_end(session: Session) -> SessionEnd:
    return SessionEnd(session.id, session.access_until)


def _describe_session(session: Session, client: Client) -> dict[str, str | None]:
    return {"subject": session.subject, "session": session.id, "address": client.ip_address}
