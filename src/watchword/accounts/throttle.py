"""Throttle the guessing of passwords: growing delays by username, and a limit of failures by address."""

from __future__ import annotations

import hmac
import logging
from typing import NamedTuple

from watchword.accounts import usernames
from watchword.errors import Throttled
from watchword.networks import to_network, to_site
from watchword.settings import Settings
from watchword.stores.contract import HitLimit, LoginCounter, LoginCounters, NetworkCounters, ThrottleStore

__all__ = ["Attempt", "LoginThrottle"]

logger = logging.getLogger(__name__)

DAY = 86_400
FREE_NETWORKS = 20  # This many networks may use up their free failures before networks share a delay.
DELAYED_SHARE = 6  # The delay that delayed networks share is this many times shorter than their own delay.


class Attempt(NamedTuple):
    """An attempt to log in that was admitted and charged. Its outcome is not known yet.

    Attributes:
        username: the opaque key of the username.
        own: the key of the client's own counter.
        shared: the key of the counter that the networks of the username share, or ``None``.
        device: the key under which a successful login is remembered, or ``None``.
        address: the key under which a failure counts for the network, or ``None``.
    """

    username: str
    own: str
    shared: str | None = None
    device: str | None = None
    address: str | None = None


class LoginThrottle:
    """Decides whether an attempt to log in may be checked.

    An attempt is charged before the check, so that parallel guesses are not free. A login costs two
    operations of the store: :meth:`admit` before the check and one of the other methods after it.

    Failures count for the username and the network, whether the account exists or not. A network that fails
    on purpose delays only itself. Besides, the networks of a username share a counter: networks with free
    failures share the first counter, and networks without free failures the second. So only an attacker with
    ever new networks can delay an owner at a new place. A network that has logged in to the account within 90
    days has a counter that no other network changes.

    The failures of a network with any username are limited, too. Attempts that are refused because of the
    network's own failures count. The limit does not hold for a username that the network has logged in to.

    The store contains neither usernames nor addresses, but only HMACs of them. All processes that share the
    store count together.

    Args:
        store: where the counters are.
        key: the HMAC key. It must be the same in every process.
        settings: ``login_failures``, ``login_delay``, ``address_failures`` and ``address_window`` are read.
    """

    def __init__(self, store: ThrottleStore, *, key: bytes, settings: Settings) -> None:
        self._store = store
        self._key = key
        self._settings = settings
        self._has_warned = False

    def admit(self, username: str, address: str | None) -> Attempt:
        """Admit an attempt and charge it. Then check the password and report the outcome.

        Report it with :meth:`record_success` or :meth:`record_failure`. Call :meth:`refund` if the check
        failed for another reason.

        Args:
            username: any text.
            address: the client's IP address. Other text counts as an unknown address.

        Raises:
            Throttled: there were too many failures. The attempt is not charged.
        """
        network = to_network(address)
        if network is None:
            self._warn_of_unknown_address()
        counters = self._to_counters(username, network)
        admission = self._store.admit(counters, forget_after=DAY)
        if admission.wait > 0:
            raise Throttled(retry_after=admission.wait)
        own, *shared = admission.charged
        attempt = Attempt(counters.username, own)
        if counters.network is None:
            return attempt
        attempt = attempt._replace(device=counters.network.device)
        if admission.is_known:
            return attempt
        return attempt._replace(shared=shared[0], address=counters.network.address.key)

    def record_success(self, attempt: Attempt) -> None:
        """Take back the charges of the attempt and remember its network for 90 days."""
        self._store.record_success(
            attempt.username,
            own=attempt.own,
            shared=attempt.shared,
            device=attempt.device,
            lifetime=90 * DAY,
        )

    def record_failure(self, attempt: Attempt) -> None:
        """Leave the charges of the attempt, and count a failure for a network that is not known."""
        if attempt.address is not None:
            self._store.hit(attempt.address, self._settings.address_window)

    def refund(self, attempt: Attempt) -> None:
        """Take back the charges of the attempt, because it was neither a success nor a failure."""
        keys = [attempt.own] if attempt.shared is None else [attempt.own, attempt.shared]
        self._store.refund(attempt.username, keys)

    def _to_counters(self, username: str, network: str | None) -> LoginCounters:
        # A name that is too long for any account needs no counter of its own.
        name = usernames.fold(username[: usernames.MAX_LENGTH])
        free, delay = self._settings.login_failures, float(self._settings.login_delay)
        site = "" if network is None else to_site(network)
        own = LoginCounter(self._to_key("attempts", site, name), free, delay)
        key_of_username = self._to_key("username", "", name)
        if network is None:
            return LoginCounters(key_of_username, own)
        shared_free = FREE_NETWORKS * free
        return LoginCounters(
            key_of_username,
            own,
            NetworkCounters(
                device=self._to_key("owner", network, name),
                known=LoginCounter(self._to_key("attempts by owner", network, name), free, delay),
                address=HitLimit(
                    self._to_key("address", network, ""),
                    self._settings.address_failures,
                    self._settings.address_window,
                ),
                new=LoginCounter(self._to_key("attempts of new networks", "", name), shared_free, delay),
                delayed=LoginCounter(
                    self._to_key("attempts of delayed networks", "", name),
                    shared_free,
                    max(1.0, delay / DELAYED_SHARE),
                ),
            ),
        )

    def _to_key(self, purpose: str, network: str, name: str) -> str:
        """Convert to an opaque key. The name comes last, because only the name may contain the separator."""
        message = f"{purpose}\0{network}\0{name}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, "sha256").hex()

    def _warn_of_unknown_address(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "the address of a client is not known, so guesses are limited by username only: pass "
                "client=Client(ip_address=...)"
            )
