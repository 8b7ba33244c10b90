"""Counters for ``limits`` in Redis, with the connections, the patience and the errors of our own."""

# ruff: noqa: D102 -- the base class says what each method is for

from __future__ import annotations

import time

from limits.storage import Storage

from watchword.errors import StoreUnavailable
from watchword.stores.redis.connection import RedisConnection
from watchword.stores.redis.scripts import Script

__all__ = ["AddressCounters"]

_INCREASE = Script("""
local _, seconds, amount = unpack(ARGV)
local count = redis.call('INCRBY', KEYS[1], amount)
if count == tonumber(amount) then redis.call('PEXPIRE', KEYS[1], milliseconds(seconds)) end
return count
""")

_READ = Script("return {redis.call('GET', KEYS[1]) or '0', redis.call('PTTL', KEYS[1])}")

_CLEAR = Script("redis.call('DEL', KEYS[1])")


class AddressCounters(Storage):
    """A storage for fixed windows."""

    STORAGE_SCHEME = None
    base_exceptions = StoreUnavailable

    def __init__(self, redis: RedisConnection) -> None:
        super().__init__()
        self._redis = redis

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return int(self._redis.run(_INCREASE, _counter(key), expiry, amount))

    def get(self, key: str) -> int:
        return int(self._redis.run(_READ, _counter(key))[0])

    def get_expiry(self, key: str) -> float:
        _, milliseconds = self._redis.run(_READ, _counter(key))
        return time.time() + max(int(milliseconds), 0) / 1_000

    # limits demands the next two of every storage; a limiter with fixed windows calls neither

    def check(self) -> bool:
        raise NotImplementedError

    def reset(self) -> int | None:
        raise NotImplementedError

    def clear(self, key: str) -> None:
        self._redis.run(_CLEAR, _counter(key))


def _counter(key: str) -> str:
    return f"watchword:address:{key}"
