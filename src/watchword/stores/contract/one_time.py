"""The port for keys that can be spent once."""

from __future__ import annotations

from typing import Protocol

__all__ = ["OneTimeStore"]


class OneTimeStore(Protocol):
    """Keys that can be spent once: the ids of tokens that work once."""

    def spend(self, key: str, attempt: str, *, keep_until: float) -> bool:
        """Spend a key. Return whether this attempt spent it.

        Exactly one of any number of attempts spends the key. A repeat of that attempt returns true again. A
        spent key is kept until ``keep_until`` at least, a time of the store from which no token with the key
        is valid. From that time on the key cannot be spent.
        """
        ...
