"""Brakes on guessing passwords: growing delays for names and networks, a limit of failures for addresses."""

from __future__ import annotations

import hmac
import logging
import time
from typing import NamedTuple

from watchword.accounts import usernames
from watchword.errors import MissingExtra, Throttled
from watchword.forks import PerProcess
from watchword.networks import to_network, to_site
from watchword.settings import Settings
from watchword.stores.contract import Charge, ThrottleStore

try:
    from limits import RateLimitItemPerSecond
    from limits.storage import MemoryStorage, Storage
    from limits.strategies import FixedWindowRateLimiter
except ImportError as error:
    raise MissingExtra.from_extra("sql,passwords") from error

__all__ = ["Attempt", "LoginThrottle"]

logger = logging.getLogger(__name__)

DAY = 86_400
FREE_NETWORKS = 20  # networks that may use up their free failures before all of them together are delayed
DELAYED_SHARE = 6  # a delay of all delayed networks together is this many times shorter than that of one


class Attempt(NamedTuple):
    """An attempt that was admitted and charged. Its outcome is not known yet.

    Attributes:
        network: the client's network, ``None`` if it is unknown or known as the owner's.
        own: the counter of this client: of the name and the network.
        shared: the counter of the name, which all unknown networks share, or ``None``.
        memory: what is remembered once the attempt was good, or ``None``.
    """

    network: str | None
    own: str
    shared: str | None
    memory: str | None


class LoginThrottle:
    """Decides whether an attempt to log in is looked at.

    Failures are counted for a name and the network that tried it, whether such an account exists or not. A
    network that fails on purpose delays only itself. All networks together are counted under the name as
    well, but networks with free failures left apart from those without: attackers have to bring new networks
    all the time to be in the way of an owner at a new place. A network that has logged in to the account
    before is not concerned by any other.

    The address of the client is limited whatever names it tries, and attempts that are refused because of its
    own failures count, too. It is not limited for names that it has logged in to before.

    Names are counted in the store, by all processes together, and stand there only as HMACs. Addresses (IPv6
    ones by their /64, the least that a customer gets) are counted by each process for itself if there is no
    other place, and only where a check has failed before, so how many there are is bounded by the checks that
    can be done in ``address_window``.

    Args:
        store: where names are counted.
        key: the HMAC key, the same in every process.
        settings: ``login_failures``, ``login_delay``, ``address_failures`` and ``address_window`` count here.
        addresses: where all processes count addresses together; safe to use after a fork.
    """

    def __init__(
        self, store: ThrottleStore, *, key: bytes, settings: Settings, addresses: Storage | None = None
    ) -> None:
        self._store = store
        self._key = key
        self._settings = settings
        self._limit = RateLimitItemPerSecond(settings.address_failures, settings.address_window)
        # By process: a forked child must not inherit locks that are held. Fixed windows: the memory storage
        # never forgets the keys of moving ones.
        self._limiters = PerProcess(lambda: FixedWindowRateLimiter(addresses or MemoryStorage()))
        self._has_warned = False

    def admit(self, username: str, address: str | None) -> Attempt:
        """Let an attempt through to be checked, and charge it before its outcome is known.

        Charging first is what keeps parallel guesses from all being free. Tell the outcome with
        :meth:`record_success` or :meth:`record_failure`, or take the charge back with :meth:`refund`.

        Raises:
            Throttled: there were too many failures; nothing was charged to the name.
        """
        network = to_network(address)
        if network is None:
            self._warn_of_unknown_address()
            own = self._opaque("attempts", "", username)
            _refuse_if_delayed(self._charge(own))
            return Attempt(None, own, None, None)
        memory = self._opaque("owner", network, username)
        if self._store.remembers(memory):
            own = self._opaque("attempts by owner", network, username)
            _refuse_if_delayed(self._charge(own))
            return Attempt(None, own, None, memory)
        return self._admit_unknown(username, network, memory)

    def record_success(self, attempt: Attempt) -> None:
        """The attempt was good: take its charges back, and know the owner's network for 90 days."""
        self._store.clear_charges(attempt.own)
        if attempt.shared is not None:
            self._store.refund(attempt.shared)
        if attempt.memory is not None:
            self._store.remember(attempt.memory, lifetime=90 * DAY)

    def record_failure(self, attempt: Attempt) -> None:
        """The attempt was wrong: its charges stay, and it counts against an address that is not known."""
        if attempt.network is not None:
            self._limiters.obtain().hit(self._limit, attempt.network)

    def refund(self, attempt: Attempt) -> None:
        """The attempt got no verdict: take its charges back, and no others."""
        self._store.refund(attempt.own)
        if attempt.shared is not None:
            self._store.refund(attempt.shared)

    def _admit_unknown(self, username: str, network: str, memory: str) -> Attempt:
        self._refuse_if_over_limit(network)
        own = self._opaque("attempts", to_site(network), username)
        charge = self._charge(own)
        if charge.wait > 0:
            self._limiters.obtain().hit(self._limit, network)  # or hammering would cost nothing
        _refuse_if_delayed(charge)
        if charge.attempts <= self._settings.login_failures:
            shared = self._opaque("attempts of new networks", "", username)
            longest = float(self._settings.login_delay)
        else:
            shared = self._opaque("attempts of delayed networks", "", username)
            longest = max(1.0, self._settings.login_delay / DELAYED_SHARE)
        together = self._charge(shared, free=FREE_NETWORKS * self._settings.login_failures, max_delay=longest)
        if together.wait > 0:
            self._store.refund(own)
        _refuse_if_delayed(together)
        return Attempt(network, own, shared, memory)

    def _charge(self, counter: str, *, free: int | None = None, max_delay: float | None = None) -> Charge:
        return self._store.charge(
            counter,
            free=free or self._settings.login_failures,
            max_delay=max_delay or self._settings.login_delay,
            forget_after=DAY,
        )

    def _refuse_if_over_limit(self, network: str) -> None:
        window = self._limiters.obtain().get_window_stats(self._limit, network)
        if window.remaining == 0:
            raise Throttled(retry_after=max(window.reset_time - time.time(), 1.0))

    def _warn_of_unknown_address(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "a password is checked for a client whose address is not known, so guesses are limited by "
                "user name only: pass client=Client(ip_address=...)"
            )

    def _opaque(self, purpose: str, network: str, username: str) -> str:
        """The key of a counter: no name can be read from it, and none can be made to hit another's.

        The name comes last, because it alone may hold the separator. Names that are too long for any account
        need no counter of their own.
        """
        name = usernames.fold(username[: usernames.MAX_LENGTH])
        message = f"{purpose}\0{network}\0{name}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, "sha256").hex()


def _refuse_if_delayed(charge: Charge) -> None:
    if charge.wait > 0:
        raise Throttled(retry_after=charge.wait)
