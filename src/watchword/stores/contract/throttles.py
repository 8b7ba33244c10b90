"""The port for throttles: counters that slow down the guessing of passwords, and counters of hits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

__all__ = ["Admission", "HitLimit", "LoginCounter", "LoginCounters", "NetworkCounters", "ThrottleStore"]


class LoginCounter(NamedTuple):
    """A counter of attempts to log in, and the delays that it causes.

    Attributes:
        key: opaque.
        free: how many attempts cause no delay.
        max_delay: the longest delay, in seconds.
    """

    key: str
    free: int
    max_delay: float


class HitLimit(NamedTuple):
    """A limit for what :meth:`ThrottleStore.hit` counts.

    Attributes:
        key: opaque.
        hits: how many hits a window may have.
        window: the length of the window, in seconds.
    """

    key: str
    hits: int
    window: float


class NetworkCounters(NamedTuple):
    """The counters for a client whose network is known.

    Attributes:
        device: the key under which a login remembers this username and network.
        known: takes the place of all other counters while ``device`` is remembered.
        address: limits the failures of the network with any username.
        new: shared by the username's networks that have free attempts left.
        delayed: shared by the username's networks that have no free attempts left.
    """

    device: str
    known: LoginCounter
    address: HitLimit
    new: LoginCounter
    delayed: LoginCounter


class LoginCounters(NamedTuple):
    """All counters that an attempt to log in may be charged to.

    Attributes:
        username: the opaque key of the username. Attempts with the same key are admitted one after another.
        own: the counter of the username and the network, or of all clients without a known network.
        network: the counters for a known network, or ``None``.
    """

    username: str
    own: LoginCounter
    network: NetworkCounters | None = None


class Admission(NamedTuple):
    """The answer to :meth:`ThrottleStore.admit`.

    Attributes:
        wait: 0.0 if the attempt may be checked, else the seconds until the next attempt may be.
        charged: the keys of the counters that were charged. The first key is the client's own counter.
        is_known: whether the device was remembered.
    """

    wait: float
    charged: tuple[str, ...] = ()
    is_known: bool = False


class ThrottleStore(Protocol):
    """Counters under opaque keys, shared by all processes. Expired counters are deleted by themselves.

    Every operation is a single atomic step by the store's clock. A login needs two operations: :meth:`admit`
    before the check and one of the others after it.
    """

    def admit(self, counters: LoginCounters, *, forget_after: float) -> Admission:
        """Charge an attempt to log in before the password is checked, or refuse it.

        A charge raises a count by 1. If the count has reached ``free``, a delay starts: 1 second, then 2, 4,
        ..., at most ``max_delay``. While a delay runs, nothing is charged and the delay does not grow. A
        count that was not charged for ``forget_after`` seconds starts again. The steps are these:

        1. If there is no network, charge ``own``. That is all.
        2. If ``device`` is remembered, charge ``known``. That is all.
        3. If the window of ``address`` is full, refuse until it ends.
        4. If ``own`` is delayed, hit ``address`` and refuse.
        5. If ``own`` has at most ``free`` attempts with this attempt, the shared counter is ``new``, else
           ``delayed``.
        6. If the shared counter is delayed, refuse.
        7. Charge ``own`` and the shared counter.

        A refused attempt is charged to no counter. The limit of ``address`` counts attempts that have ended,
        so parallel attempts can exceed it. Therefore a store that is spread over several nodes may read and
        hit ``address`` in steps of their own. If the operation is repeated after a lost connection, it may
        charge twice.
        """
        ...

    def record_success(
        self, username: str, *, own: str, shared: str | None, device: str | None, lifetime: float
    ) -> None:
        """Record that an admitted attempt has logged in.

        Args:
            username: the key of the username, as in :class:`LoginCounters`.
            own: its count is deleted.
            shared: a single charge is taken back, as :meth:`refund` does.
            device: remembered for ``lifetime`` seconds from now.
            lifetime: in seconds.
        """
        ...

    def refund(self, username: str, keys: Sequence[str]) -> None:
        """Take back a single charge under each key, because the attempt was not checked. End delays that run.

        A count never falls below 0. The charges of other attempts stay. If the operation is repeated after a
        lost connection, it may take two charges back.

        Args:
            username: the key of the username, as in :class:`LoginCounters`.
            keys: of counters.
        """
        ...

    def hit(self, key: str, window: float) -> int:
        """Count a hit and return how many hits the running window has, this hit included.

        The first hit starts a fixed window of ``window`` seconds. The first hit after its end starts the next
        window, at 1. Counters of :meth:`admit` with the same key are not touched. If the operation is
        repeated after a lost connection, it may count twice.
        """
        ...
