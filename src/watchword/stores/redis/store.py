"""The Redis store: sessions, keys, throttles and once-only tokens in Redis or Valkey.

This module puts the operations together. What they do stands in the ``redis_...`` modules beside it, as Lua
scripts: each runs in Redis as one step, and on one node.
"""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TypeVar

from watchword.errors import StoreUnavailable
from watchword.stores.answers import check_answer
from watchword.stores.contract import (
    Announcements,
    Charge,
    EndReason,
    Feed,
    KeyKind,
    KeyStore,
    NewSession,
    OneTimeStore,
    SealedKey,
    Session,
    SessionDetails,
    SessionStore,
    SessionTimes,
    StoredKeys,
    ThrottleStore,
    TimedSession,
)
from watchword.stores.redis import keys as redis_keys
from watchword.stores.redis import one_time as redis_one_time
from watchword.stores.redis import sessions as redis_sessions
from watchword.stores.redis import throttles as redis_throttles
from watchword.stores.redis.announcements import RedisAnnouncements
from watchword.stores.redis.connection import RedisConnection

__all__ = ["RedisStore"]

logger = logging.getLogger("watchword.stores")

_T = TypeVar("_T")


class RedisStore(SessionStore, KeyStore, ThrottleStore, OneTimeStore):
    """All of a :class:`~watchword.stores.contract.Store` but the accounts, in Redis 6.2 or newer, or Valkey.

    ``redis://host:6379/0`` is one server, ``redis+cluster://host:6379,host:6379`` a cluster,
    ``redis+sentinel://host:26379,host:26379/service/0`` the master that Sentinel names; ``rediss`` is TLS.

    Args:
        url: see above.
        time_shift: seconds by which the store's time is ahead of Redis' clock; tests change the attribute.
        wait_replicas: how many replicas must have an end before it is acknowledged.

    Attributes:
        time_shift: see above.

    Raises:
        InvalidSettings: it is no URL of a Redis.
        StoreUnavailable: Redis does not answer.
    """

    def __init__(self, url: str, *, time_shift: float = 0.0, wait_replicas: int = 0) -> None:
        self._redis = RedisConnection(url, time_shift=time_shift, wait_replicas=wait_replicas)
        self._announcements = RedisAnnouncements(self._redis)
        self._warn_of_forgetfulness()

    @property
    def time_shift(self) -> float:
        return self._redis.time_shift

    @time_shift.setter
    def time_shift(self, seconds: float) -> None:
        self._redis.time_shift = seconds

    @property
    def announcements(self) -> Announcements:
        return self._announcements

    def now(self) -> float:
        return self.keys().now

    def close(self) -> None:
        self._announcements.close()
        self._redis.close()

    # -- sessions --------------------------------------------------------------------------------

    def read_mark(self) -> str:
        return redis_sessions.mark(self._redis)

    def start_session(
        self, new: NewSession, times: SessionTimes, *, max_live: int, mark: str
    ) -> tuple[TimedSession, Sequence[Session]] | None:
        started = redis_sessions.start(self._redis, new, times, max_live=max_live, mark=mark)
        return self._check_answer(started, session_id=new.id, subject=new.subject)

    def swap_session(
        self, session_id: str, generation: int, times: SessionTimes, details: SessionDetails
    ) -> TimedSession | None:
        swapped = redis_sessions.swap(self._redis, session_id, generation, times, details)
        return self._check_answer(swapped, session_id=session_id)

    def keep_session(self, session_id: str, subject: str, credentials_version: int) -> bool:
        return redis_sessions.keep(self._redis, session_id, subject, credentials_version)

    def find_session(self, session_id: str) -> TimedSession | None:
        return self._check_answer(redis_sessions.find(self._redis, session_id), session_id=session_id)

    def live_sessions(self, subject: str) -> Sequence[Session]:
        return self._check_answer(redis_sessions.live(self._redis, subject), subject=subject)

    def end_session(self, session_id: str, reason: EndReason) -> Session | None:
        ended = redis_sessions.end(self._redis, session_id, reason)
        return self._check_answer(ended, session_id=session_id)

    def end_sessions(self, subject: str, reason: EndReason, *, keep: str | None = None) -> Sequence[Session]:
        ended = redis_sessions.end_all(self._redis, subject, reason, keep=keep)
        return self._check_answer(ended, subject=subject)

    def record_end(self, session_id: str, reason: EndReason, access_until: float) -> None:
        redis_sessions.record_end(self._redis, session_id, reason, access_until)

    def poll(self, identity: str | None, position: int | None, *, grace: float) -> Feed:
        return redis_sessions.poll(self._redis, identity, position, grace=grace)

    def record_settings(self, settings: str, *, expected: str) -> bool:
        return redis_keys.record_settings(self._redis, settings, expected=expected)

    def _check_answer(self, answer: _T, *, session_id: str | None = None, subject: str | None = None) -> _T:
        """Return the answer; throw the connections away if it is about another session."""
        try:
            check_answer(answer, session_id=session_id, subject=subject)
        except StoreUnavailable:
            self._redis.close()
            raise
        return answer

    # -- keys ------------------------------------------------------------------------------------

    def keys(self) -> StoredKeys:
        return redis_keys.list_keys(self._redis)

    def insert_key(
        self, kind: KeyKind, epoch: int, kid: str, alg: str, sealed: str, *, not_before: float, lead: float
    ) -> bool:
        return redis_keys.insert_key(
            self._redis, kind, epoch, kid, alg, sealed, not_before=not_before, lead=lead
        )

    def advance_key(self, kid: str, *, lead: float) -> SealedKey | None:
        return redis_keys.advance_key(self._redis, kid, lead=lead)

    def compromise_key(self, kid: str, *, successor: str | None) -> bool:
        return redis_keys.compromise_key(self._redis, kid, successor=successor)

    def delete_keys(self, kids: Sequence[str]) -> Sequence[str]:
        return redis_keys.delete_keys(self._redis, kids)

    def reseal_keys(self, sealed: Mapping[str, str]) -> bool:
        return redis_keys.reseal_keys(self._redis, sealed)

    # -- throttles -------------------------------------------------------------------------------

    def charge(self, key: str, *, free: int, max_delay: float, forget_after: float) -> Charge:
        return redis_throttles.charge(
            self._redis, key, free=free, max_delay=max_delay, forget_after=forget_after
        )

    def refund(self, key: str) -> None:
        redis_throttles.refund(self._redis, key)

    def clear_charges(self, key: str) -> None:
        redis_throttles.clear_charges(self._redis, key)

    def remember(self, key: str, *, lifetime: float) -> None:
        redis_throttles.remember(self._redis, key, lifetime=lifetime)

    def remembers(self, key: str) -> bool:
        return redis_throttles.remembers(self._redis, key)

    # -- once-only -------------------------------------------------------------------------------

    def spend(self, key: str, attempt: str, *, keep_until: float) -> bool:
        return redis_one_time.spend(self._redis, key, attempt, keep_until=keep_until)

    # -- what Redis is set to do -----------------------------------------------------------------

    def _warn_of_forgetfulness(self) -> None:
        """Also the proof that Redis answers. INFO tells it where CONFIG GET is not allowed, too."""
        for info in self._redis.ask(lambda master: master.info("persistence") | master.info("memory")):
            if not info.get("aof_enabled"):
                logger.warning("Redis runs without `appendonly yes`: if it crashes, ended sessions are back")
            if info.get("maxmemory_policy") != "noeviction":
                logger.warning(
                    "Redis has maxmemory-policy %s, and not noeviction: short of memory, it forgets sessions "
                    "and which of them had ended",
                    info.get("maxmemory_policy"),
                )
