"""Counters of failed logins in Redis."""

from __future__ import annotations

from watchword.stores.contract import Charge
from watchword.stores.redis.connection import RedisConnection
from watchword.stores.redis.scripts import Script

__all__ = ["charge", "clear_charges", "refund", "remember", "remembers"]

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


def charge(redis: RedisConnection, key: str, *, free: int, max_delay: float, forget_after: float) -> Charge:
    """Charge one attempt, or say how long to wait."""
    wait, attempts = redis.run(_CHARGE, _counter(key), free, min(max_delay, 2.0**64), forget_after)
    return Charge(float(wait), int(float(attempts)))


def refund(redis: RedisConnection, key: str) -> None:
    """Take one charge back and end a delay that runs."""
    redis.run(_REFUND, _counter(key))


def clear_charges(redis: RedisConnection, key: str) -> None:
    """Forget the attempts."""
    redis.run(_CLEAR, _counter(key))


def remember(redis: RedisConnection, key: str, *, lifetime: float) -> None:
    """From now on, for so long."""
    redis.run(_REMEMBER, _memory(key), lifetime)


def remembers(redis: RedisConnection, key: str) -> bool:
    """Whether it is remembered still."""
    return bool(redis.run(_REMEMBERS, _memory(key)))


def _counter(key: str) -> str:
    return f"watchword:throttle:{key}"


def _memory(key: str) -> str:
    return f"watchword:remembered:{key}"
