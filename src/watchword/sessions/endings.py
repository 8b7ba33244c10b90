"""End sessions: in the store, in this process's memory, and in the events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from watchword.errors import InvalidGrant, InvalidToken, MissingToken
from watchword.events import Event, SessionTerminated
from watchword.sessions.clients import Client
from watchword.sessions.revocations import Revocations
from watchword.stores.contract import EndReason, Session, SessionEnd, SessionStore, is_session_id

__all__ = ["NamedSession", "SessionEndings", "describe_session", "read_named_sessions"]


class NamedSession(NamedTuple):
    """A session that a verified token or a caller names. The store may not know it.

    Attributes:
        session_id: the session's id.
        subject: the session's subject. ``None`` if only the id is known.
        access_until: no access token of the session is valid after this time, as far as the token tells.
    """

    session_id: str
    subject: str | None
    access_until: float


class SessionEndings:
    """Ends sessions. An end holds in this process at once, and in the others after their next poll.

    Args:
        store: the store of the sessions.
        revocations: the ended sessions that this process knows.
        notify: called with an event for each end.
    """

    def __init__(
        self, store: SessionStore, revocations: Revocations, notify: Callable[[Event], None]
    ) -> None:
        self._store = store
        self._revocations = revocations
        self._notify = notify

    def end(self, session_id: str, reason: EndReason, client: Client) -> Session | None:
        """End a session. Return it if this call has ended it.

        Raises:
            StoreUnavailable: the store does not answer. The session may go on.
        """
        ended = self._store.end_session(session_id, reason)
        if ended is not None:
            self.report([ended], reason, client)
        return ended

    def end_known(self, session_id: str, reason: EndReason, client: Client) -> bool:
        """End a session. Return whether the store knows it, whether or not it had ended before.

        Raises:
            StoreUnavailable: the store does not answer. The session may go on.
        """
        if not (session_id.isascii() and session_id.isprintable()):
            return False  # No session has such an id, and not every database can look for it.
        if self.end(session_id, reason, client) is not None:
            return True
        # Another process may have ended it since the last poll. The end has to hold here at once, too.
        known = self._store.find_session(session_id)
        if known is None:
            return False
        self._revocations.add([_to_end(known.session)])
        return True

    def log_out(self, named: NamedSession, client: Client) -> None:
        """End a session, even if the store has forgotten it.

        All our session ids have the same form. An id of another form is not recorded.

        Raises:
            StoreUnavailable: the store does not answer. The session may go on.
        """
        if self.end_known(named.session_id, "logout", client) or not is_session_id(named.session_id):
            return
        self._store.record_end(named.session_id, "logout", named.access_until)
        self._revocations.add([SessionEnd(named.session_id, named.access_until)])
        self._notify(
            SessionTerminated(
                subject=named.subject, session=named.session_id, address=client.ip_address, reason="logout"
            )
        )

    def end_all(self, subject: str, reason: EndReason, keep: str | None, client: Client) -> int:
        """End every session of a subject, except ``keep``. Return how many this call has ended.

        Raises:
            StoreUnavailable: the store does not answer. The sessions may go on.
        """
        ended = self._store.end_sessions(subject, reason, keep=keep)
        self.report(ended, reason, client)
        return len(ended)

    def report(self, sessions: Sequence[Session], reason: EndReason, client: Client) -> None:
        """Add sessions that the store has ended to this process's memory and to the events."""
        self._revocations.add([_to_end(session) for session in sessions])
        for session in sessions:
            self._notify(SessionTerminated(**describe_session(session, client), reason=reason))


def read_named_sessions(*tokens: tuple[str | None, Callable[[str], NamedSession]]) -> list[NamedSession]:
    """Read tokens, and return each session that a valid token names.

    Args:
        tokens: each token, or ``None`` if it is not given, with the function that reads it.

    Raises:
        MissingToken: no token is given.
        InvalidToken: no token is valid. The error is the error of the last token.
        InvalidGrant: as ``InvalidToken``, for a refresh token.
    """
    found: dict[str, NamedSession] = {}
    failure: InvalidToken | InvalidGrant | None = None
    for token, read in tokens:
        if token is None:
            continue
        try:
            named = read(token)
        except (InvalidToken, InvalidGrant) as error:
            failure = error
        else:
            found.setdefault(named.session_id, named)
    if not found:
        raise failure or MissingToken
    return list(found.values())


def describe_session(session: Session, client: Client) -> dict[str, str | None]:
    """Return what every event says about a session."""
    return {"subject": session.subject, "session": session.id, "address": client.ip_address}


def _to_end(session: Session) -> SessionEnd:
    return SessionEnd(session.id, session.access_until)
