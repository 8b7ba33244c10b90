"""Decide what happens to a refresh token, as pure functions.

A session swaps to its next generation at most once in a window. In the window after a swap, tokens of the two
youngest generations get a pair of the youngest generation. So two tabs, or a client that lost a response, all
end with valid tokens. After the window only the youngest generation counts. An older token was stolen from
its client or by it, so the session ends.
"""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec

from watchword.stores.contract import NewSession, Session, SessionTimes

__all__ = ["RefreshDecision", "begin", "decide_refresh", "rotate"]


class RefreshDecision(StrEnum):
    """What happens to a refresh token.

    Attributes:
        ROTATE: the session swaps to its next generation.
        REPLAY: the client gets another pair of the current generation, without a swap.
        REUSE: the token is too old, so it may be stolen. The session ends.
        ENDED: the session has ended or expired.
    """

    ROTATE = "rotate"
    REPLAY = "replay"
    REUSE = "reuse"
    ENDED = "ended"


def decide_refresh(session: Session, generation: int, *, now: float, window: float) -> RefreshDecision:
    """Return the decision about a refresh token of a generation.

    A generation above the row's was signed by us and forgotten by a rolled-back store. It counts as current.

    Args:
        session: the row, as it is at ``now``.
        generation: the refresh token's generation.
        now: the store's time.
        window: seconds after a swap in which the generation before is still valid.
    """
    if session.ended_at is not None or session.expires_at <= now:
        return RefreshDecision.ENDED
    if session.refreshed_at is not None and session.refreshed_at > now - window:
        return RefreshDecision.REPLAY if generation >= session.generation - 1 else RefreshDecision.REUSE
    return RefreshDecision.ROTATE if generation >= session.generation else RefreshDecision.REUSE


def begin(new: NewSession, times: SessionTimes, *, now: float) -> Session:
    """Return the row that a store makes of a new session at its time ``now``."""
    session = Session(
        **msgspec.structs.asdict(new),
        generation=1,
        created_at=now,
        authenticated_at=now,
        refreshed_at=None,
        access_until=0.0,
        expires_at=0.0,
    )
    return _prolong(session, times, now)


def rotate(session: Session, generation: int, times: SessionTimes, *, now: float) -> Session:
    """Return the row after the swap by a token of that generation, at the store's time ``now``.

    Tokens are issued from this row before the swap is tried, so that nothing can fail after the swap.
    """
    swapped = msgspec.structs.replace(session, generation=generation + 1, refreshed_at=now)
    return _prolong(swapped, times, now)


def _prolong(session: Session, times: SessionTimes, now: float) -> Session:
    """Return the row with its times. They are whole seconds, because tokens carry them."""
    absolute = times.absolute if session.lifetime is None else session.lifetime
    regular = float(min(math.floor(now + times.idle), math.floor(session.created_at + absolute)))
    access_until = min(math.floor(now) + times.access, regular)
    return msgspec.structs.replace(
        session,
        access_until=float(max(access_until, session.access_until)),
        expires_at=max(regular, session.access_until),
    )
