"""Signing keys in Redis. They are few, so a single hash has them, in the shard with their version."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from watchword.stores.contract import KeyKind, KeyStore, SealedKey, StoredKeys
from watchword.stores.redis.connection import RedisPort
from watchword.stores.redis.scripts import Script
from watchword.stores.rows import read_row

__all__ = ["RedisKeys"]

_KEY = "watchword:{0}"  # the shard that tells a poll of the keys' version

# Times are text in the JSON, because numbers would lose digits.
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


class RedisKeys(RedisPort, KeyStore):
    """A :class:`~watchword.stores.contract.KeyStore` in Redis."""

    def list_keys(self) -> StoredKeys:
        version, now, keys = self._redis.run(_LIST, _KEY)
        oldest_first = sorted(map(_to_key, keys), key=lambda key: (key.created_at, key.kind, key.epoch))
        return StoredKeys(int(version), float(now), tuple(oldest_first))

    def insert_key(
        self, kind: KeyKind, epoch: int, kid: str, alg: str, sealed: str, *, not_before: float, lead: float
    ) -> bool:
        return bool(self._redis.run(_INSERT, _KEY, kind, epoch, kid, alg, sealed, not_before, lead))

    def advance_key(self, kid: str, *, lead: float) -> SealedKey | None:
        key = self._redis.run(_ADVANCE, _KEY, kid, lead)
        return None if key is None else _to_key(key)

    def compromise_key(self, kid: str, *, successor: str | None) -> bool:
        return bool(self._redis.run(_COMPROMISE, _KEY, kid, successor or ""))

    def delete_keys(self, kids: Sequence[str]) -> Sequence[str]:
        return cast("list[str]", self._redis.run(_DELETE, _KEY, *kids)) if kids else []

    def reseal_keys(self, sealed: Mapping[str, str]) -> bool:
        return bool(self._redis.run(_RESEAL, _KEY, *(text for pair in sealed.items() for text in pair)))


def _to_key(json: str) -> SealedKey:
    return read_row(_convert, json)


def _convert(json: str) -> SealedKey:
    return msgspec.json.decode(json, type=SealedKey, strict=False)
