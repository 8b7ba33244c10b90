"""Signing keys in Redis: few, so they are one hash, in the shard that tells of their version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from watchword.stores.contract import KeyKind, SealedKey, StoredKeys
from watchword.stores.redis.connection import RedisConnection
from watchword.stores.redis.scripts import Script

__all__ = [
    "advance_key",
    "compromise_key",
    "delete_keys",
    "insert_key",
    "list_keys",
    "record_settings",
    "reseal_keys",
]

_PLACE = "watchword:{0}"

# Times stand as text in the JSON, which would otherwise cut off their digits.
_KEYS = """
local keys, version = KEYS[1] .. ':keys', KEYS[1] .. ':key_version'

local function all()
  local found = {}
  for _, json in ipairs(redis.call('HVALS', keys)) do found[#found + 1] = cjson.decode(json) end
  return found
end

local function find(kid)
  local json = redis.call('HGET', keys, kid)
  return json and cjson.decode(json)
end

local function put(key)
  redis.call('HSET', keys, key.kid, cjson.encode(key))
end
"""

_LIST = Script(_KEYS, "return {redis.call('GET', version) or '0', text(now), redis.call('HVALS', keys)}")

_INSERT = Script(
    _KEYS,
    """
local _, kind, epoch, kid, alg, sealed, not_before, lead = unpack(ARGV)
epoch = tonumber(epoch)
local namesake = find(kid)
if namesake then return (namesake.kind == kind and namesake.epoch == epoch) and 1 or 0 end
for _, key in ipairs(all()) do
  if key.kind == kind and key.epoch >= epoch then return 0 end
end
put({kind = kind, epoch = epoch, kid = kid, alg = alg, sealed = sealed, created_at = text(now),
  signs_from = text(math.max(not_before, now + lead))})
advance(version)
return 1
""",
)

_ADVANCE = Script(
    _KEYS,
    """
local _, kid, lead = unpack(ARGV)
local key = find(kid)
if not key or key.compromised_at then return false end
local signs_from = math.max(now, key.created_at + lead)
if signs_from < tonumber(key.signs_from) then
  key.signs_from = text(signs_from)
  put(key)
  advance(version)
end
return redis.call('HGET', keys, kid)
""",
)

_COMPROMISE = Script(
    _KEYS,
    """
local _, kid, successor = unpack(ARGV)
local key = find(kid)
if not key then return 0 end
local next_key
for _, other in ipairs(all()) do
  if other.kind == key.kind and other.kid ~= kid and not other.compromised_at then
    if other.kid == successor or (successor == '' and tonumber(other.signs_from) <= now) then
      next_key = other
    end
  end
end
if not next_key then return 0 end
if not key.compromised_at then
  key.compromised_at = text(now)
  put(key)
end
if tonumber(next_key.signs_from) > now then
  next_key.signs_from = text(now)
  put(next_key)
end
advance(version)
return 1
""",
)

_DELETE = Script(
    _KEYS,
    """
local deleted = {}
for i = 2, #ARGV do
  if redis.call('HDEL', keys, ARGV[i]) == 1 then deleted[#deleted + 1] = ARGV[i] end
end
if #deleted > 0 then advance(version) end
return deleted
""",
)

_RECORD_SETTINGS = Script("""
local key = KEYS[1] .. ':settings'
local _, settings, expected = unpack(ARGV)
local there = redis.call('GET', key) or ''
if there ~= expected and there ~= settings then return 0 end
redis.call('SET', key, settings)
return 1
""")

_RESEAL = Script(
    _KEYS,
    """
local wanted, there = {}, {}
for i = 2, #ARGV, 2 do wanted[ARGV[i]] = ARGV[i + 1] end
for _, key in ipairs(all()) do
  if wanted[key.sealed] then there[#there + 1] = key end
end
if #there ~= (#ARGV - 1) / 2 then return 0 end
for _, key in ipairs(there) do
  key.sealed = wanted[key.sealed]
  put(key)
end
advance(version)
return 1
""",
)


def list_keys(redis: RedisConnection) -> StoredKeys:
    """All keys, oldest first."""
    version, now, keys = redis.run(_LIST, _PLACE)
    oldest_first = sorted(map(_key, keys), key=lambda key: (key.created_at, key.kind, key.epoch))
    return StoredKeys(int(version), float(now), tuple(oldest_first))


def insert_key(  # noqa: PLR0917 -- the contract's arguments, in its order
    redis: RedisConnection,
    kind: KeyKind,
    epoch: int,
    kid: str,
    alg: str,
    sealed: str,
    *,
    not_before: float,
    lead: float,
) -> bool:
    """Whether the epoch's key is this one."""
    return bool(redis.run(_INSERT, _PLACE, kind, epoch, kid, alg, sealed, not_before, lead))


def advance_key(redis: RedisConnection, kid: str, *, lead: float) -> SealedKey | None:
    """Earlier only, never later."""
    key = redis.run(_ADVANCE, _PLACE, kid, lead)
    return None if key is None else _key(key)


def compromise_key(redis: RedisConnection, kid: str, *, successor: str | None) -> bool:
    """Unless nobody would be left to sign."""
    return bool(redis.run(_COMPROMISE, _PLACE, kid, successor or ""))


def delete_keys(redis: RedisConnection, kids: Sequence[str]) -> Sequence[str]:
    """Delete those that are there, and return them."""
    return cast("list[str]", redis.run(_DELETE, _PLACE, *kids)) if kids else []


def reseal_keys(redis: RedisConnection, sealed: Mapping[str, str]) -> bool:
    """Nothing is written unless all of the old seals are there."""
    return bool(redis.run(_RESEAL, _PLACE, *(text for pair in sealed.items() for text in pair)))


def _key(json: str) -> SealedKey:
    return msgspec.json.decode(json, type=SealedKey, strict=False)


def record_settings(redis: RedisConnection, settings: str, *, expected: str) -> bool:
    """Beside the keys, since both come with each poll."""
    return bool(redis.run(_RECORD_SETTINGS, _PLACE, settings, expected))
