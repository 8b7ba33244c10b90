"""Calls that the conformance tests of sessions have in common."""

from __future__ import annotations

from typing import Any

from watchword.stores.contract import NewSession, SessionDetails, SessionTimes, make_session_id
from watchword.testing.store_contract.racing import Store

__all__ = ["DETAILS", "TIMES", "begin", "make_new_session", "read_time", "start", "swap"]

TIMES = SessionTimes(access=600, idle=10_000, absolute=20_000, window=30)
DETAILS = SessionDetails(
    username="Alice B.",
    scopes=("read",),
    user_agent="firefox",
    ip_address="192.0.2.2",
    audience="api",
    client_id="web",
    credentials_version=7,
)


def read_time(store: Store) -> Any:
    """Return a session store's time."""
    return store.poll(None, None, grace=0).now


def make_new_session(subject: str = "alice", **changes: Any) -> NewSession:
    """Return a session of a subject before it starts."""
    fields: dict[str, Any] = {
        "id": make_session_id(subject),
        "subject": subject,
        "username": "Alice",
        "scopes": ("read", "write"),
        "user_agent": "curl/8",
        "ip_address": "192.0.2.1",
        "audience": "api",
        "client_id": "web",
        "credentials_version": 7,
    }
    return NewSession(**fields | changes)


def begin(store: Store, new: NewSession, times: SessionTimes = TIMES, *, max_live: int = 100) -> Any:
    """Start a session with a mark of this moment."""
    return store.start_session(new, times, max_live=max_live, mark=store.read_mark())


def start(store: Store, subject: str = "alice", times: SessionTimes = TIMES) -> Any:
    """Start a session of a subject and return it."""
    timed, _ = begin(store, make_new_session(subject), times)
    return timed.session


def swap(store: Store, session_id: str, generation: int, times: SessionTimes = TIMES) -> Any:
    """Swap a session, and change its details."""
    return store.swap_session(session_id, generation, times, DETAILS)
