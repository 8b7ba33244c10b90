"""Keys that can be spent once, in Redis."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

from watchword.stores.contract import OneTimeStore
from watchword.stores.redis.connection import RedisPort
from watchword.stores.redis.scripts import Script

__all__ = ["RedisOneTime"]

_SPEND = Script("""
local _, attempt, keep_until = unpack(ARGV)
if tonumber(keep_until) <= now then return 0 end
local winner = redis.call('GET', KEYS[1])
if winner then return winner == attempt and 1 or 0 end
redis.call('SET', KEYS[1], attempt, 'PX', milliseconds(keep_until - now))
return 1
""")


class RedisOneTime(RedisPort, OneTimeStore):
    """A :class:`~watchword.stores.contract.OneTimeStore` in Redis."""

    def spend(self, key: str, attempt: str, *, keep_until: float) -> bool:
        return bool(self._redis.run(_SPEND, f"watchword:spent:{key}", attempt, keep_until))
