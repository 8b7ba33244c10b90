"""Keys that are spent once, in Redis."""

from __future__ import annotations

from watchword.stores.redis.connection import RedisConnection
from watchword.stores.redis.scripts import Script

__all__ = ["spend"]

_SPEND = Script("""
local _, attempt, keep_until = unpack(ARGV)
if tonumber(keep_until) <= now then return 0 end
local winner = redis.call('GET', KEYS[1])
if winner then return winner == attempt and 1 or 0 end
redis.call('SET', KEYS[1], attempt, 'PX', milliseconds(keep_until - now))
return 1
""")


def spend(redis: RedisConnection, key: str, attempt: str, *, keep_until: float) -> bool:
    """Whether it is this attempt that spent the key."""
    return bool(redis.run(_SPEND, f"watchword:spent:{key}", attempt, keep_until))
