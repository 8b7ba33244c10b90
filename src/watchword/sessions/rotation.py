"""What becomes of a refresh token, as a pure function.

A session swaps to its next generation at most once in a window. Within the window after a swap the two
youngest generations are both answered with the youngest, so two tabs and a client whose response got lost
all end with good tokens. After the window only the youngest counts, and an older one was stolen from
somebody: the session ends.
"""

from __future__ import annotations

from enum import StrEnum

from watchword.stores.contract import Session

__all__ = ["Decision", "decide"]


class Decision(StrEnum):
    """What becomes of a refresh token.

    Attributes:
        ROTATE: the session swaps to its next generation.
        REPLAY: another pair of the current generation, no swap.
        REUSE: the token is too old to be in good hands: the session ends.
        ENDED: the session is over.
    """

    ROTATE = "rotate"
    REPLAY = "replay"
    REUSE = "reuse"
    ENDED = "ended"


def decide(session: Session, generation: int, *, now: float, window: float) -> Decision:
    """The decision for a refresh token of that generation, at the store's time ``now``.

    A generation above the row's is one that we signed and a rolled-back store forgot: it counts as current.

    Args:
        session: the row, as it is at ``now``.
        generation: the refresh token's.
        now: the store's time.
        window: seconds after a swap in which the generation before it is still good.
    """
    if session.ended_at is not None or session.expires_at <= now:
        return Decision.ENDED
    if session.refreshed_at is not None and session.refreshed_at > now - window:
        return Decision.REPLAY if generation >= session.generation - 1 else Decision.REUSE
    return Decision.ROTATE if generation >= session.generation else Decision.REUSE
