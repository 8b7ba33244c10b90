"""Brakes on guessing passwords: a growing delay for each name, a limit of failures for each address."""

from __future__ import annotations

import hmac
import ipaddress
import os
import time

from watchword.accounts import usernames
from watchword.errors import MissingExtra, Throttled
from watchword.settings import Settings
from watchword.stores.contract import ThrottleStore

try:
    from limits import RateLimitItemPerSecond
    from limits.storage import MemoryStorage, Storage
    from limits.strategies import FixedWindowRateLimiter
except ImportError as error:
    raise MissingExtra.named("passwords") from error

__all__ = ["LoginThrottle"]

DAY = 86_400


class LoginThrottle:
    """Decides whether an attempt to log in is looked at.

    Failures are counted under the name that was tried, whether such an account exists or not, and under the
    client's address. An address that has logged in to the account before has a counter of its own and no
    limit as an address: strangers cannot lock an owner out by failing on purpose.

    Names are counted in the store, by all processes together, and stand there only as HMACs. Addresses (IPv6
    ones by their /64, the least that a customer gets) are counted by each process for itself if there is no
    other place, and only when a check failed, so how many there are is bounded by the checks that can be done
    in ``address_window``.

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
        self._addresses = addresses
        self._limit = RateLimitItemPerSecond(settings.address_failures, settings.address_window)
        self._limiters: dict[int, FixedWindowRateLimiter] = {}

    def admit(self, username: str, address: str | None) -> None:
        """Let an attempt through to be checked, and charge it before its outcome is known.

        Charging first is what keeps parallel guesses from all being free. ``succeeded`` takes it back.

        Raises:
            Throttled: there were too many failures; nothing was charged.
        """
        network = _network(address)
        known = self._is_known(username, network)
        if not known:
            self._admit_network(network)
        delay = self._store.charge(
            self._counter(username, network, known=known),
            free=self._settings.login_failures,
            max_delay=self._settings.login_delay,
            forget_after=DAY,
        )
        if delay > 0:
            raise Throttled(retry_after=delay)

    def succeeded(self, username: str, address: str | None) -> None:
        """The attempt was good: take its charge back, and know the owner's address for 90 days."""
        network = _network(address)
        known = self._is_known(username, network)
        self._store.clear_charges(self._counter(username, network, known=known))
        if network is not None:
            self._store.remember(self._opaque("owner", network, username), lifetime=90 * DAY)

    def failed(self, username: str, address: str | None) -> None:
        """The attempt was wrong: its charge stays, and it counts against a stranger's address."""
        network = _network(address)
        if network is not None and not self._is_known(username, network):
            self._limiter().hit(self._limit, network)

    def _admit_network(self, network: str | None) -> None:
        if network is None:
            return
        window = self._limiter().get_window_stats(self._limit, network)
        if window.remaining == 0:
            raise Throttled(retry_after=max(window.reset_time - time.time(), 1.0))

    def _limiter(self) -> FixedWindowRateLimiter:
        """This process's: a forked child must not inherit locks that are held."""
        process = os.getpid()
        if process not in self._limiters:
            # Fixed windows: the memory storage never forgets the keys of moving ones.
            self._limiters.setdefault(process, FixedWindowRateLimiter(self._addresses or MemoryStorage()))
        return self._limiters[process]

    def _is_known(self, username: str, network: str | None) -> bool:
        return network is not None and self._store.remembers(self._opaque("owner", network, username))

    def _counter(self, username: str, network: str | None, *, known: bool) -> str:
        """The key that an attempt is charged to."""
        if network is not None and known:
            return self._opaque("attempts by owner", network, username)
        return self._opaque("attempts", "", username)

    def _opaque(self, purpose: str, network: str, username: str) -> str:
        """The key of a counter: no name can be read from it, and none can be made to hit another's.

        The name comes last, because it alone may hold the separator. Names that are too long for any account
        need no counter of their own.
        """
        name = usernames.folded(username[: usernames.MAX_LENGTH])
        message = f"{purpose}\0{network}\0{name}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, "sha256").hex()


def _network(address: str | None) -> str | None:
    """What is counted as one client, or ``None`` for what is no IP address (a Unix socket, say)."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(ip), 64), strict=False))
