"""Throttles in Redis.

All counters of a username lie in the same slot, so a script can decide about an attempt. The hits of an
address belong to many usernames and lie in a slot of their own.
"""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

from collections.abc import Sequence

from watchword.stores.contract import Admission, HitLimit, LoginCounter, LoginCounters, ThrottleStore
from watchword.stores.redis.connection import RedisPort
from watchword.stores.redis.scripts import Script

__all__ = ["RedisThrottles"]

_COUNTERS = """
local function key_of(counter) return KEYS[1] .. ':' .. counter end

local function refund(counter)
  local key = key_of(counter)
  local charges = redis.call('HGET', key, 'charges')
  if not charges then return end
  if tonumber(charges) <= 1 then return redis.call('DEL', key) end
  redis.call('HSET', key, 'charges', text(charges - 1), 'blocked_until', text(now))
end
"""

_ADMIT = Script(
    _COUNTERS,
    """
local forget_after, full_for, device = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

local function read_counter(first)
  local name, free, max_delay = unpack(ARGV, first, first + 2)
  local charges, blocked_until, keep_until = unpack(redis.call('HMGET', key_of(name),
    'charges', 'blocked_until', 'keep_until'))
  if not charges or tonumber(keep_until) <= now then charges, blocked_until = 0, 0 end
  return {name = name, free = tonumber(free), max_delay = tonumber(max_delay),
    charges = tonumber(charges), wait = math.max(0, blocked_until - now)}
end

-- Charges every counter, or none of them if a delay runs.
local function charge(outcome, counters)
  local answer = {outcome, '0'}
  for _, counter in ipairs(counters) do
    if counter.wait > 0 then return {'refused', text(counter.wait)} end
  end
  for _, counter in ipairs(counters) do
    local charges, delay, key = counter.charges + 1, 0, key_of(counter.name)
    if charges >= counter.free then
      delay = math.min(counter.max_delay, 2 ^ math.min(charges - counter.free, 64))
    end
    local kept = math.max(forget_after, delay)
    redis.call('HSET', key, 'charges', text(charges), 'blocked_until', text(now + delay),
      'keep_until', text(now + kept))
    redis.call('PEXPIRE', key, milliseconds(kept))
    answer[#answer + 1] = counter.name
  end
  return answer
end

local own = read_counter(5)
if device == '' then return charge('admitted', {own}) end
local remembered_until = redis.call('GET', key_of(device))
if remembered_until and tonumber(remembered_until) > now then return charge('known', {read_counter(8)}) end
if full_for > 0 then return {'refused', text(full_for)} end
if own.wait > 0 then return {'own delay', text(own.wait)} end
return charge('admitted', {own, read_counter(own.charges < own.free and 11 or 14)})
""",
)

_RECORD_SUCCESS = Script(
    _COUNTERS,
    """
local _, own, shared, device, lifetime = unpack(ARGV)
redis.call('DEL', key_of(own))
if shared ~= '' then refund(shared) end
if device ~= '' then
  redis.call('SET', key_of(device), text(now + lifetime), 'PX', milliseconds(tonumber(lifetime)))
end
""",
)

_REFUND = Script(_COUNTERS, "for i = 2, #ARGV do refund(ARGV[i]) end")

_HITS = """
local count, window_end = unpack(redis.call('HMGET', KEYS[1], 'count', 'window_end'))
if not count or tonumber(window_end) <= now then count, window_end = 0, nil end
"""

_READ_HITS = Script(_HITS, "return {count, text(window_end and window_end - now or 0)}")

_HIT = Script(
    _HITS,
    """
redis.call('HSET', KEYS[1], 'count', text(count + 1))
if not window_end then
  redis.call('HSET', KEYS[1], 'window_end', text(now + ARGV[2]))
  redis.call('PEXPIRE', KEYS[1], milliseconds(tonumber(ARGV[2])))
end
return count + 1
""",
)


class RedisThrottles(RedisPort, ThrottleStore):
    """A :class:`~watchword.stores.contract.ThrottleStore` in Redis.

    An admission runs a script where the hits of the address are, and then a script where the counters of the
    username are. A client that is delayed by its own failures costs a third script.
    """

    def admit(self, counters: LoginCounters, *, forget_after: float) -> Admission:
        network, arguments = counters.network, [0.0, "", *_to_arguments(counters.own)]
        if network is not None:
            arguments[:2] = self._find_wait(network.address), network.device
            for counter in (network.known, network.new, network.delayed):
                arguments += _to_arguments(counter)
        outcome, wait, *charged = self._redis.run(
            _ADMIT, _to_prefix(counters.username), forget_after, *arguments
        )
        if network is not None and outcome == "own delay":
            self.hit(network.address.key, network.address.window)
        return Admission(float(wait), tuple(charged), outcome == "known")

    def record_success(
        self, username: str, *, own: str, shared: str | None, device: str | None, lifetime: float
    ) -> None:
        self._redis.run(_RECORD_SUCCESS, _to_prefix(username), own, shared or "", device or "", lifetime)

    def refund(self, username: str, keys: Sequence[str]) -> None:
        self._redis.run(_REFUND, _to_prefix(username), *keys)

    def hit(self, key: str, window: float) -> int:
        return int(self._redis.run(_HIT, _to_hits_key(key), window))

    def _find_wait(self, address: HitLimit) -> float:
        """Return the seconds until the window of an address ends if the window is full, else 0.0."""
        count, wait = self._redis.run(_READ_HITS, _to_hits_key(address.key))
        return float(wait) if int(count) >= address.hits else 0.0


def _to_arguments(counter: LoginCounter) -> list[str | float]:
    return [counter.key, counter.free, min(counter.max_delay, 2.0**64)]  # Lua does not read Python's "inf".


def _to_prefix(username: str) -> str:
    return f"watchword:throttle:{{{username}}}"


def _to_hits_key(key: str) -> str:
    return f"watchword:hits:{key}"
