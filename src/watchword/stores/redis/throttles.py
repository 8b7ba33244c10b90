"""Counters of failed logins in Redis."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

from limits.storage import Storage

from watchword.stores.contract import Charge, ThrottleStore
from watchword.stores.redis.connection import RedisPort
from watchword.stores.redis.limits import AddressCounters
from watchword.stores.redis.scripts import Script

__all__ = ["RedisThrottles"]

_CHARGE = Script("""
local _, free, max_delay, forget_after = unpack(ARGV)
local charges, blocked_until, keep_until = unpack(redis.call('HMGET', KEYS[1],
  'charges', 'blocked_until', 'keep_until'))
if charges and tonumber(blocked_until) > now then return {text(blocked_until - now), charges} end
charges = (charges and tonumber(keep_until) > now) and charges + 1 or 1
local delay = 0
if charges >= tonumber(free) then delay = math.min(max_delay, 2 ^ math.min(charges - free, 64)) end
local kept = math.max(forget_after, delay)
redis.call('HSET', KEYS[1], 'charges', text(charges), 'blocked_until', text(now + delay),
  'keep_until', text(now + kept))
redis.call('PEXPIRE', KEYS[1], milliseconds(kept))
return {'0', charges}
""")

_REFUND = Script("""
local charges = redis.call('HGET', KEYS[1], 'charges')
if not charges then return end
if tonumber(charges) <= 1 then return redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'charges', text(charges - 1), 'blocked_until', text(now))
""")

_CLEAR = Script("redis.call('DEL', KEYS[1])")

_REMEMBER = Script("""
redis.call('SET', KEYS[1], text(now + ARGV[2]), 'PX', milliseconds(tonumber(ARGV[2])))
""")

_REMEMBERS = Script("""
local keep_until = redis.call('GET', KEYS[1])
return (keep_until and tonumber(keep_until) > now) and 1 or 0
""")


class RedisThrottles(RedisPort, ThrottleStore):
    """A :class:`~watchword.stores.contract.ThrottleStore` in Redis."""

    def address_counters(self) -> Storage:
        """Return what ``limits`` can count with for all processes together."""
        return AddressCounters(self._redis)

    def charge(self, key: str, *, free: int, max_delay: float, forget_after: float) -> Charge:
        longest = min(max_delay, 2.0**64)
        wait, attempts = self._redis.run(_CHARGE, _counter(key), free, longest, forget_after)
        return Charge(float(wait), int(float(attempts)))

    def refund(self, key: str) -> None:
        self._redis.run(_REFUND, _counter(key))

    def clear_charges(self, key: str) -> None:
        self._redis.run(_CLEAR, _counter(key))

    def remember(self, key: str, *, lifetime: float) -> None:
        self._redis.run(_REMEMBER, _memory(key), lifetime)

    def remembers(self, key: str) -> bool:
        return bool(self._redis.run(_REMEMBERS, _memory(key)))


def _counter(key: str) -> str:
    return f"watchword:throttle:{key}"


def _memory(key: str) -> str:
    return f"watchword:remembered:{key}"
