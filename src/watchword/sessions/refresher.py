"""Refresh sessions: verify the refresh token, decide, and swap."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from watchword.clocks import measure_since, read_clock
from watchword.errors import InvalidGrant, InvalidToken
from watchword.events import (
    Event,
    RefreshReplayed,
    RefreshReplayedElsewhere,
    RefreshReused,
    SessionRefreshed,
)
from watchword.jwt.verifier import Verifier
from watchword.sessions import rotation
from watchword.sessions.clients import Client, compare_clients
from watchword.sessions.endings import SessionEndings, describe_session
from watchword.sessions.grants import Grant, Grants, Refusal
from watchword.sessions.refresh_tokens import RefreshClaims
from watchword.sessions.revocations import Revocations
from watchword.sessions.rotation import RefreshDecision, decide_refresh
from watchword.sessions.token_pairs import TokenPairs, Tokens
from watchword.settings import Settings
from watchword.stores.contract import Session, SessionStore, SessionTimes, TimedSession

__all__ = ["SessionRefresher"]

logger = logging.getLogger("watchword.sessions")


class SessionRefresher:
    """Exchanges refresh tokens for the next pair of tokens.

    Everything that can refuse or fail comes before the swap, the signer included. So a failure costs nothing:
    the same refresh token works when the failure is over.

    Args:
        store: the store of the sessions.
        verifier: verifies refresh tokens.
        grants: decides what the subject is granted now.
        pairs: issues the tokens.
        endings: ends the session of a refused subject or of a reused token.
        revocations: knows whether this process's keys are up to date.
        settings: the settings ``audience`` and ``client_id`` are used.
        times: the lifetimes and the refresh window.
        notify: called with every event.
    """

    def __init__(
        self,
        store: SessionStore,
        verifier: Verifier[RefreshClaims],
        *,
        grants: Grants,
        pairs: TokenPairs,
        endings: SessionEndings,
        revocations: Revocations,
        settings: Settings,
        times: SessionTimes,
        notify: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._verifier = verifier
        self._grants = grants
        self._pairs = pairs
        self._endings = endings
        self._revocations = revocations
        self._settings = settings
        self._times = times
        self._notify = notify

    def refresh(self, refresh_token: str, client: Client, scopes: Collection[str] | None = None) -> Tokens:
        """Return the next pair for a refresh token.

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
        began = read_clock()
        token = self.verify(refresh_token)
        timed, decision = self._judge(token, client)
        grant = self._decide(token, timed.session, client)
        if scopes is not None:
            grant = grant.narrow(scopes)
        if decision is RefreshDecision.ROTATE:
            tokens = self._swap(token, timed, grant, client)
            if tokens is not None:
                self._notify(
                    SessionRefreshed(**describe_session(timed.session, client), seconds=measure_since(began))
                )
                return tokens
            # Another request swapped first. If this decision is ROTATE again, the window has passed since.
            timed, _ = self._judge(token, client)
        tokens = self._issue(timed.session, grant, timed.now)
        self._report_replay(timed.session, client, began)
        return tokens

    def verify(self, refresh_token: str) -> RefreshClaims:
        """Return the claims of a refresh token of ours. It may be expired.

        Raises:
            InvalidGrant: the token is not ours.
        """
        self._revocations.ensure_fresh()  # A compromised key must not verify tokens either.
        try:
            return self._verifier.verify(refresh_token)
        except InvalidToken:
            raise InvalidGrant from None

    def follow(self, times: SessionTimes) -> None:
        """Use these times from now on."""
        self._times = times

    def _judge(self, token: RefreshClaims, client: Client) -> tuple[TimedSession, RefreshDecision]:
        """Return the token's row and the decision, ``ROTATE`` or ``REPLAY``.

        Raises:
            InvalidGrant: the decision is to refuse the token. A reused token has ended its session.
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
        """Return whether token, row and settings agree on the session.

        The store takes the lifetime from the row. So a lifetime that only the row has must not count.
        """
        audiences = {token.audience, session.audience} - {None}  # Unknown before version 4 of the schema.
        clients = {token.client_id, session.client_id} - {None}
        return (
            token.sub == session.subject
            and token.lifetime == session.lifetime
            and audiences <= {self._settings.audience}
            and clients <= {self._settings.client_id}
        )

    def _decide(self, token: RefreshClaims, session: Session, client: Client) -> Grant:
        """Return what the subject is granted now. End the session of a refused subject."""
        try:
            return self._grants.decide_refresh(token, session)
        except Refusal as refusal:
            self._endings.end_known(session.id, refusal.reason, client)
            raise InvalidGrant from None

    def _swap(self, token: RefreshClaims, timed: TimedSession, grant: Grant, client: Client) -> Tokens | None:
        """Issue the next pair and swap. Return ``None`` if another request swapped first.

        The pair comes first, because a signer that fails after the swap would waste the refresh token.
        """
        ahead = rotation.rotate(timed.session, token.gen, self._times, now=timed.now)
        tokens = self._issue(ahead, grant, timed.now)
        swapped = self._store.swap_session(
            token.sid, token.gen, self._times, grant.to_details(client, self._settings)
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

    def _report_replay(self, session: Session, client: Client, began: float) -> None:
        swapper = Client(ip_address=session.ip_address, user_agent=session.user_agent)
        about = {**describe_session(session, client), "swapped_by": session.ip_address}
        seconds = measure_since(began)
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
                **describe_session(session, client),
                seen="recent_predecessor" if generation == session.generation - 1 else "old_lineage",
                swapped_by=session.ip_address,
            )
        )
        self._endings.report([ended], "refresh_reused", client)
