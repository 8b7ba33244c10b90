"""Counters of failed logins."""

from __future__ import annotations

from typing import NamedTuple, Protocol

__all__ = ["Charge", "ThrottleStore"]


class Charge(NamedTuple):
    """The answer to :meth:`ThrottleStore.charge`.

    Attributes:
        wait: 0.0 if the attempt was charged and may go on, else the seconds to wait.
        attempts: the attempts charged under the key, this attempt included if it may go on.
    """

    wait: float
    attempts: int


class ThrottleStore(Protocol):
    """Counters of failed logins under opaque keys, in a table of their own that purges itself."""

    def charge(self, key: str, *, free: int, max_delay: float, forget_after: float) -> Charge:
        """Charge one attempt before it is checked, or say how long to wait.

        One atomic step. While a delay runs nothing is charged and nothing is lengthened. Otherwise the
        count rises, and from ``free`` attempts on the next delay is 1, 2, 4, ... seconds, at most
        ``max_delay``. A count that nobody touched for ``forget_after`` seconds starts again.
        """
        ...

    def refund(self, key: str) -> None:
        """Take one charge back: the attempt got no verdict, or was good. A delay that runs ends.

        The count falls by one, and never below zero. The charges of other attempts stay. If the operation is
        repeated after a lost connection, it may take two charges back.
        """
        ...

    def clear_charges(self, key: str) -> None:
        """Forget the attempts under that key: the login was good."""
        ...

    def remember(self, key: str, *, lifetime: float) -> None:
        """Remember that key for ``lifetime`` seconds from now."""
        ...

    def remembers(self, key: str) -> bool:
        """Whether that key is remembered."""
        ...
