"""Keys of other issuers: fetched when first needed, refreshed ahead, kept while the provider is away."""

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
from watchword.clocks import read_clock
from watchword.errors import InvalidSettings, KeysUnavailable, WatchwordError
from watchword.events import Event, KeyFetchFailed, KeysFetched, log_event
from watchword.forks import PerProcess
from watchword.jose.algorithms.table import ALGORITHMS
from watchword.jose.jwk import Key
from watchword.jose.key_set import KeySet, SkippedKey
from watchword.providers.discovery import JwksSource, check_issuer, discover
from watchword.providers.fetching import Fetcher
from watchword.providers.freshness import (
    NO_FETCH,
    SearchDecision,
    decide_search,
    read_lifetime,
    record_failure,
    record_success,
)
from watchword.providers.policy import FetchPolicy
from watchword.providers.trusted_keys import PUBLIC_KEY_ALGORITHMS, NoUsableKey, read_trusted_keys

__all__ = ["IssuerKeySet", "RemoteKeySet"]

logger = logging.getLogger("watchword.keys")

# Times in seconds. A caller waits so long for another caller's fetch of the first keys. If there are keys
# already, it waits less. After the machine was suspended, stale keys are noticed within the longest sleep.
PATIENCE = 15.0
SHORT_PATIENCE = 1.0
LONGEST_SLEEP = 30.0


class RemoteKeySet:
    """The keys behind a JWKS URL (RFC 7517 §5): a KeySource.

    The constructor sends no request. The first search for a key does. From then on a daemon thread fetches
    the keys again before they are stale, and no caller waits. An unknown key causes a fetch, once in 30
    seconds. While the provider is away, the keys stay in use for a day. Safe to use from many threads and
    after a fork.

    Args:
        url: where the set is. It must be an https URL, unless it names this machine.
        algorithms: the acceptable signature algorithms, or ``None`` for all. Secrets are never accepted.
        fetch: how to fetch.
        notify: called with each change and each failure.
        monotonic: the clock for ages, in seconds.

    Attributes:
        version: changes whenever the keys change.
        skipped: the keys of the last fetched set that are not used, each with the reason.
        last_success: when the keys were last fetched, in seconds since the epoch. ``None`` before that.
        last_error: why the last fetch failed, in full. ``None`` if it succeeded. Do not show it to clients:
            it may name URLs and keys.

    Raises:
        InvalidSettings: an argument is not acceptable, or the URL may not be fetched.
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
        monotonic: Callable[[], float] = read_clock,
    ) -> None:
        self._url = url
        self._algorithms = _check_algorithms(algorithms)
        self._fetcher = Fetcher(url, fetch or FetchPolicy())
        self._notify = notify
        self._monotonic = monotonic
        self._history = NO_FETCH
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
        """The keys of the last fetched set that are not used, each with the reason."""
        return self._keys.skipped if self._unusable is None else self._unusable

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        """Return the keys of that id and algorithm. Fetch them if necessary.

        Raises:
            KeysUnavailable: the keys cannot be fetched now. The token may be valid.
            InvalidSettings: the issuer's metadata name another issuer, and have never named this issuer.
        """
        if alg not in PUBLIC_KEY_ALGORITHMS:  # No set of public keys can have such a key.
            return ()
        decision = self._decide(kid, alg)
        if decision is SearchDecision.FETCH:
            decision = self._fetch_or_wait(kid, alg)
        self._start_thread()
        if decision is SearchDecision.UNAVAILABLE:
            raise self._make_error()
        return self._keys.find(kid, alg)

    def ready(self, kid: str | None, alg: str) -> bool:
        """Return whether :meth:`find` would return at once, without I/O."""
        return alg not in PUBLIC_KEY_ALGORITHMS or self._decide(kid, alg) is not SearchDecision.FETCH

    def keep_fresh(self) -> None:
        """Give the keys another version if this process has no thread that refreshes them.

        With another version a Verifier searches for its keys again, which fetches stale keys and starts the
        thread. A forked child has no thread, and neither the child nor its parent needs to notice the fork.
        """
        if not self._thread.is_running():
            self._replace(KeySet(self._keys, skipped=self._keys.skipped))

    def close(self) -> None:
        """Stop the thread. It starts again when it is needed."""
        self._thread.close()

    def _decide(self, kid: str | None, alg: str) -> SearchDecision:
        return decide_search(self._history, self._monotonic(), found=bool(self._keys.find(kid, alg)))

    def _fetch_or_wait(self, kid: str | None, alg: str) -> SearchDecision:
        """Let a single caller fetch. The other callers wait, and decide again with what it fetched."""
        fetching = self._fetching.obtain()
        if not fetching.acquire(timeout=self._choose_patience()):
            has_key = self._keys.find(kid, alg) and self._history.is_usable(self._monotonic())
            return SearchDecision.ANSWER if has_key else SearchDecision.UNAVAILABLE
        try:
            if self._decide(kid, alg) is SearchDecision.FETCH:
                self._attempt(asked=True)
            return self._decide(kid, alg)
        finally:
            fetching.release()

    def _choose_patience(self) -> float:
        """Return the seconds to wait for another caller's fetch. A retry after failures is not waited for."""
        if self._history.failures:
            return 0.0
        return PATIENCE if self.last_success is None else SHORT_PATIENCE

    def _attempt(self, *, asked: bool) -> None:
        """Fetch the keys once. A failure is recorded and notified, not raised."""
        sent_at = self._monotonic()
        try:
            keys, lifetime = self._fetch_keys()
        except Exception as error:  # noqa: BLE001 - the thread must live on, and a caller uses the keys in memory
            self._note_failure(error, asked=asked)
        else:
            self._note_success(keys, lifetime, sent_at, asked=asked)

    def _fetch_keys(self) -> tuple[KeySet, float]:
        """Return the keys, and for how many seconds they are fresh."""
        source = self._find_source()
        document = self._fetcher.fetch(source.url)
        keys = read_trusted_keys(document.body, source.algorithms)
        return keys, read_lifetime(document.cache_control, document.age)

    def _find_source(self) -> JwksSource:
        return JwksSource(self._url, self._algorithms)

    def _note_success(self, keys: KeySet, lifetime: float, sent_at: float, *, asked: bool) -> None:
        is_news = self._take(keys) or self.last_error is not None
        chance = random.random()  # noqa: S311 - it spreads fetches over time
        self._history = record_success(self._history, sent_at, lifetime, chance, asked=asked)
        self.last_success, self.last_error = time.time(), None
        self._unusable, self._is_misconfigured = None, False
        if is_news:
            self._tell(KeysFetched(source=self._url, keys=len(keys), skipped=len(keys.skipped)))

    def _note_failure(self, error: Exception, *, asked: bool) -> None:
        is_expected = isinstance(error, KeysUnavailable | InvalidSettings)
        level = logging.DEBUG if is_expected else logging.ERROR
        logger.log(level, "a fetch of provider keys failed", exc_info=error)
        chance = random.random()  # noqa: S311 - it spreads fetches over time
        self._history = record_failure(self._history, self._monotonic(), chance, asked=asked)
        self._summary = str(error) if isinstance(error, KeysUnavailable) else None
        self.last_error = _describe_in_full(error) if is_expected else "an unexpected failure"
        self._unusable = error.skipped if isinstance(error, NoUsableKey) else self._unusable
        # If the issuer's name was right before, the provider is wrong now, and the setting is not.
        self._is_misconfigured = isinstance(error, InvalidSettings) and self.last_success is None
        self._tell(KeyFetchFailed(source=self._url, reason=self.last_error))

    def _make_error(self) -> WatchwordError:
        """Return the last failure as an error. Its note is for logs, its message may reach a client."""
        if self._is_misconfigured:
            return InvalidSettings(self.last_error)
        wait = max(self._history.retry_at - self._monotonic(), 1.0)
        error = KeysUnavailable(self._summary, retry_after=wait)
        if self.last_error is not None:
            error.add_note(f"{self._url}: {self.last_error}")
        return error

    def _tell(self, event: Event) -> None:
        try:
            self._notify(event)
        except Exception:  # It would end the thread, or come out of a verification.
            logger.exception("the listener of provider keys failed at the event %s", event.name)

    def _take(self, keys: KeySet) -> bool:
        """Use these keys if they differ. Equal keys keep the version, and with it every cached token."""
        if keys.to_jwks() == self._keys.to_jwks() and keys.skipped == self._keys.skipped:
            return False
        self._replace(keys)
        return True

    def _replace(self, keys: KeySet) -> None:
        # In this order: a key found among old keys must never count as found in the new version.
        self._keys = keys
        self.version = keys.version

    # -- in the background -------------------------------------------------------------------------

    def _start_thread(self) -> None:
        # The system may have no thread to give. Then callers fetch stale keys, and try again to start it.
        with suppress(RuntimeError):
            self._thread.start()

    def _plan_rest(self) -> Callable[[threading.Event], object]:
        return partial(_wait, self._choose_pause())

    def _choose_pause(self) -> float:
        """Return the seconds until the thread has something to do."""
        return min(max(self._history.due_at - self._monotonic(), 0.05), LONGEST_SLEEP)

    def _refresh(self) -> None:
        """Fetch the keys if that is due, and drop keys that are too old. The thread calls this."""
        with self._fetching.obtain():
            if self._monotonic() >= self._history.due_at:
                self._attempt(asked=False)
            if self._keys and not self._history.is_usable(self._monotonic()):
                self._replace(KeySet(()))


class IssuerKeySet(RemoteKeySet):
    """The keys of an issuer, found by its metadata (OpenID Connect Discovery 1.0, RFC 8414): a KeySource.

    It behaves like :class:`RemoteKeySet`. The metadata are fetched again with the keys. They must name the
    same issuer. If they have ``id_token_signing_alg_values_supported``, only these algorithms are accepted.

    Args:
        issuer: the ``iss`` of its tokens, character for character.
        algorithms: the acceptable signature algorithms, or ``None`` for all.
        fetch: how to fetch.
        notify: called with each change and each failure.
        monotonic: the clock for ages, in seconds.

    Raises:
        InvalidSettings: an argument is not acceptable, or the text cannot be an issuer.
    """

    def __init__(
        self,
        issuer: str,
        *,
        algorithms: Collection[str] | None = None,
        fetch: FetchPolicy | None = None,
        notify: Callable[[Event], None] = log_event,
        monotonic: Callable[[], float] = read_clock,
    ) -> None:
        check_issuer(issuer)
        super().__init__(issuer, algorithms=algorithms, fetch=fetch, notify=notify, monotonic=monotonic)

    def _find_source(self) -> JwksSource:
        url, named = discover(self._url, self._fetcher)
        if self._algorithms is None or named is None:
            return JwksSource(url, self._algorithms or named)
        return JwksSource(url, self._algorithms & named)


def _check_algorithms(algorithms: Collection[str] | None) -> frozenset[str] | None:
    """Return the names of the algorithms, with every other name of the same algorithm."""
    if algorithms is None:
        return None
    is_collection = is_names(algorithms) and not isinstance(algorithms, str)
    if not is_collection or not algorithms or not PUBLIC_KEY_ALGORITHMS.issuperset(algorithms):
        raise InvalidSettings(
            f'algorithms must be a collection of names such as ["ES256"], not {quote(algorithms)}. '
            f"Accepted are {', '.join(sorted(PUBLIC_KEY_ALGORITHMS))}"
        )
    return frozenset(
        name for row in ALGORITHMS if not set(row.names).isdisjoint(algorithms) for name in row.names
    )


def _describe_in_full(error: Exception) -> str:
    return ": ".join([str(error), *getattr(error, "__notes__", ())])


def _wait(seconds: float, stopping: threading.Event) -> None:
    stopping.wait(seconds)
