"""Keys that can be spent once."""

from __future__ import annotations

from typing import Protocol

__all__ = ["OneTimeStore"]


class OneTimeStore(Protocol):
    """Keys that can be spent once: the ids of tokens that work once."""

    def spend(self, key: str, attempt: str, *, keep_until: float) -> bool:
        """Spend a key; whether it is this attempt that did.

        Of any number of attempts exactly one spends the key, and a repeat of that one is told so again. A
        spent key is remembered until ``keep_until`` at least, the store's time from which nobody can come
        with its token any more; from then on nothing can be spent under it.
        """
        ...
