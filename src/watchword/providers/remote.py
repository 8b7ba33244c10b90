"""Other people's keys: fetched when first needed, refreshed ahead, kept while their provider is away."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial

from watchword.arguments import is_names, quote
from watchword.background import BackgroundThread
from watchword.clocks import elapsed
from watchword.errors import InvalidSettings, KeysUnavailable, WatchwordError
from watchword.events import Event, KeyFetchFailed, KeysFetched, log_event
from watchword.forks import PerProcess
from watchword.jose.algorithms.table import ALGORITHMS
from watchword.jose.jwk import Key
from watchword.jose.key_set import KeySet, SkippedKey
from watchword.providers.discovery import Place, check_issuer, discovered
from watchword.providers.fetching import Fetcher, FetchPolicy
from watchword.providers.freshness import NEVER, Decision, decide, failed, lifetime, succeeded
from watchword.providers.published import VERIFYING, NoUsableKey, published

__all__ = ["IssuerKeySet", "RemoteKeySet"]

logger = logging.getLogger("watchword.keys")

PATIENCE = 15.0  # seconds that a caller waits for the very first keys that another one fetches
SHORT_PATIENCE = 1.0  # seconds, where there are keys, and one that is not known may be among the next
LONGEST_SLEEP = 30.0  # seconds: after the machine slept, the keys' age is noticed within


class RemoteKeySet:
    """The keys behind a JWKS URL (RFC 7517 §5): a KeySource.

    Making one does no request; the first search for a key does. From then on a daemon thread asks again
    before the keys are stale, and nobody waits. A key that is not known is asked for, once in 30 seconds.
    While the provider cannot be asked, the keys stay as they are, for a day. Safe to use from many threads
    and after a fork.

    Args:
        url: where the set is; https, unless on this machine.
        algorithms: which signature algorithms are acceptable; ``None`` for all. Secrets are never accepted.
        fetch: how to fetch.
        notify: told of each change and each failure.
        monotonic: clock by which ages are counted, in seconds.

    Attributes:
        version: another value whenever the keys are others.
        skipped: the keys of the set fetched last that are not used, and why.
        last_success: when the keys were last fetched, in seconds since the epoch; ``None`` before that.
        last_error: why the last fetch failed, in full; ``None`` if it did not. Not for clients: it may name
            URLs and keys.

    Raises:
        InvalidSettings: an argument is of the wrong form, or the URL may not be fetched.
    """

    version: object
    last_success: float | None
    last_error: str | None

    def __init__(
        self,
        url: str,
        *,
        algorithms: Collection[str] | None = None,
        fetch: FetchPolicy | None = None,
        notify: Callable[[Event], None] = log_event,
        monotonic: Callable[[], float] = elapsed,
    ) -> None:
        self._url = url
        self._algorithms = _checked(algorithms)
        self._fetcher = Fetcher(url, fetch or FetchPolicy())
        self._notify = notify
        self._monotonic = monotonic
        self._past = NEVER
        self._replace(KeySet(()))
        self.last_success = None
        self.last_error = None
        self._summary: str | None = None
        self._unusable: tuple[SkippedKey, ...] | None = None
        self._is_misconfigured = False
        self._fetching = PerProcess(threading.Lock)
        self._thread = BackgroundThread(
            self, "watchword-keys", plan_rest=RemoteKeySet._plan_rest, work=RemoteKeySet._refresh
        )

    @property
    def skipped(self) -> tuple[SkippedKey, ...]:
        """The keys of the set fetched last that are not used, and why."""
        return self._keys.skipped if self._unusable is None else self._unusable

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        """The keys of that id and algorithm, fetched if need be.

        Raises:
            KeysUnavailable: they cannot be had now. Says nothing of the token.
            InvalidSettings: the issuer's metadata name another issuer, and never named this one.
        """
        if alg not in VERIFYING:  # no set of public keys could have one
            return ()
        decision = self._decide(kid, alg)
        if decision is Decision.FETCH:
            decision = self._caught_up(kid, alg)
        self._start_thread()
        if decision is Decision.UNAVAILABLE:
            raise self._failure()
        return self._keys.find(kid, alg)

    def ready(self, kid: str | None, alg: str) -> bool:
        """Whether :meth:`find` would return at once, without I/O."""
        return alg not in VERIFYING or self._decide(kid, alg) is not Decision.FETCH

    def keep_fresh(self) -> None:
        """Give the keys another version if this process has no thread that refreshes them.

        With another version a Verifier searches for its keys again, which fetches what is stale and starts
        the thread. A forked child has no thread, and neither it nor its parent needs to know of the fork.
        """
        if not self._thread.is_running():
            self._replace(KeySet(self._keys, skipped=self._keys.skipped))

    def close(self) -> None:
        """Stop the thread. It starts again when it is needed."""
        self._thread.close()

    def _decide(self, kid: str | None, alg: str) -> Decision:
        return decide(self._past, self._monotonic(), found=bool(self._keys.find(kid, alg)))

    def _caught_up(self, kid: str | None, alg: str) -> Decision:
        """One caller fetches, the others wait for it and find out whether it was theirs, too."""
        fetching = self._fetching.obtain()
        if not fetching.acquire(timeout=self._patience()):
            is_here = self._keys.find(kid, alg) and self._past.is_usable(self._monotonic())
            return Decision.ANSWER if is_here else Decision.UNAVAILABLE
        try:
            if self._decide(kid, alg) is Decision.FETCH:
                self._attempt(asked=True)
            return self._decide(kid, alg)
        finally:
            fetching.release()

    def _patience(self) -> float:
        """Seconds to wait for another one's fetch; none while they fail, since that takes its time."""
        if self._past.failures:
            return 0.0
        return PATIENCE if self.last_success is None else SHORT_PATIENCE

    def _refresh(self) -> None:
        """What the thread does each time it wakes up."""
        with self._fetching.obtain():
            if self._monotonic() >= self._past.due_at:
                self._attempt(asked=False)
            if self._keys and not self._past.is_usable(self._monotonic()):
                self._replace(KeySet(()))

    def _pause(self) -> float:
        """Seconds until the thread has something to do."""
        return min(max(self._past.due_at - self._monotonic(), 0.05), LONGEST_SLEEP)

    def _attempt(self, *, asked: bool) -> None:
        """Fetch; whatever goes wrong is told, and remembered."""
        sent_at = self._monotonic()
        try:
            keys, seconds = self._fetched()
        except Exception as error:  # the thread must live on, and a caller looks at what is here
            expected = isinstance(error, KeysUnavailable | InvalidSettings)
            logger.log(
                logging.DEBUG if expected else logging.ERROR, "keys of others: no fetch", exc_info=True
            )
            self._past = failed(self._past, self._monotonic(), random.random(), asked=asked)  # noqa: S311
            self._summary = str(error) if isinstance(error, KeysUnavailable) else None
            self.last_error = _in_full(error) if expected else "an unexpected failure"
            self._unusable = error.skipped if isinstance(error, NoUsableKey) else self._unusable
            # A name that was right once is not a wrong setting now: then it is the provider's fault.
            self._is_misconfigured = isinstance(error, InvalidSettings) and self.last_success is None
            self._tell(KeyFetchFailed(source=self._url, reason=self.last_error))
            return
        is_news = self._take(keys) or self.last_error is not None
        self._past = succeeded(self._past, sent_at, seconds, random.random(), asked=asked)  # noqa: S311
        self.last_success, self.last_error = time.time(), None
        self._unusable, self._is_misconfigured = None, False
        if is_news:
            self._tell(KeysFetched(source=self._url, keys=len(keys), skipped=len(keys.skipped)))

    def _failure(self) -> WatchwordError:
        """What the last fetch says to a caller. The note is for logs, the message may reach a client."""
        if self._is_misconfigured:
            return InvalidSettings(self.last_error)
        wait = max(self._past.retry_at - self._monotonic(), 1.0)
        error = KeysUnavailable(self._summary, retry_after=wait)
        if self.last_error is not None:
            error.add_note(f"{self._url}: {self.last_error}")
        return error

    def _tell(self, event: Event) -> None:
        try:
            self._notify(event)
        except Exception:  # it would end the thread, or come out of a verification
            logger.exception("keys of others: who was told of them has failed")

    def _fetched(self) -> tuple[KeySet, float]:
        """The keys, and for how many seconds they are fresh."""
        place = self._located()
        document = self._fetcher.fetch(place.url)
        return published(document.body, place.algorithms), lifetime(document.cache_control, document.age)

    def _located(self) -> Place:
        return Place(self._url, self._algorithms)

    def _take(self, keys: KeySet) -> bool:
        """Use these keys; the same ones leave the version, and what has been verified under it, alone."""
        if keys.to_jwks() == self._keys.to_jwks() and keys.skipped == self._keys.skipped:
            return False
        self._replace(keys)
        return True

    def _replace(self, keys: KeySet) -> None:
        # In this order: what was found among old keys must never count as found in the new version.
        self._keys = keys
        self.version = keys.version

    def _plan_rest(self) -> Callable[[threading.Event], object]:
        return partial(_wait, self._pause())

    def _start_thread(self) -> None:
        # Has the system none to give? Callers fetch what is stale, and try again.
        with suppress(RuntimeError):
            self._thread.start()


class IssuerKeySet(RemoteKeySet):
    """The keys of an issuer, found by its metadata (OpenID Connect Discovery 1.0, RFC 8414): a KeySource.

    As :class:`RemoteKeySet`. The metadata are read anew with the keys. They must name the very issuer asked
    for, and their ``id_token_signing_alg_values_supported``, where they have it, narrows the algorithms.

    Args:
        issuer: the ``iss`` of its tokens, to the letter.
        algorithms: which signature algorithms are acceptable; ``None`` for all.
        fetch: how to fetch.
        notify: told of each change and each failure.
        monotonic: clock by which ages are counted, in seconds.

    Raises:
        InvalidSettings: an argument is of the wrong form, or the issuer can be none.
    """

    def __init__(
        self,
        issuer: str,
        *,
        algorithms: Collection[str] | None = None,
        fetch: FetchPolicy | None = None,
        notify: Callable[[Event], None] = log_event,
        monotonic: Callable[[], float] = elapsed,
    ) -> None:
        check_issuer(issuer)
        super().__init__(issuer, algorithms=algorithms, fetch=fetch, notify=notify, monotonic=monotonic)

    def _located(self) -> Place:
        url, named = discovered(self._url, self._fetcher)
        if self._algorithms is None or named is None:
            return Place(url, self._algorithms or named)
        return Place(url, self._algorithms & named)


def _checked(algorithms: Collection[str] | None) -> frozenset[str] | None:
    if algorithms is None:
        return None
    is_collection = is_names(algorithms) and not isinstance(algorithms, str)
    if not is_collection or not algorithms or not VERIFYING.issuperset(algorithms):
        raise InvalidSettings(
            'algorithms must be a collection such as ["ES256"], '
            f"of names among {', '.join(sorted(VERIFYING))}, not {quote(algorithms)}"
        )
    return frozenset(
        name for row in ALGORITHMS if not set(row.names).isdisjoint(algorithms) for name in row.names
    )


def _in_full(error: Exception) -> str:
    return ": ".join([str(error), *getattr(error, "__notes__", ())])


def _wait(seconds: float, stopping: threading.Event) -> None:
    stopping.wait(seconds)
