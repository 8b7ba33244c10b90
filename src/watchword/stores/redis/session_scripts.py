"""Lua scripts for sessions and the feed of their ends.

A session lives in a shard, which its id names. There are sixteen shards. All keys of an operation (sessions,
the index of their subject, the feed of ends) have the shard's hash tag. So each operation is a single script
on a single node, and the shards are spread over the nodes of a cluster. A poll asks every shard.
"""

from __future__ import annotations

from watchword.stores.contract import END_NOTICE, MARK_LIFETIME
from watchword.stores.redis.scripts import Script

__all__ = [
    "END",
    "END_ALL",
    "FIND",
    "KEEP",
    "LIVE",
    "MARK",
    "POLL",
    "RECORD_END",
    "RECORD_SETTINGS",
    "START",
    "SWAP",
]

# As in SQL, rows outlive their last access token by the largest leeway (300 s) and two minutes.
_KEPT = 300 + 120

# The keys of a shard begin with its name. Only the name is declared, because all keys are in the same slot.
_ROWS = f"""
local shard = KEYS[1]
local KEPT, MARK_LIFETIME, END_NOTICE = {_KEPT}, {MARK_LIFETIME}, {END_NOTICE}

local function session(id)
  return shard .. ':session:' .. id
end

local function index(subject)
  return shard .. ':subject:' .. subject
end

local function keep(key, seconds)
  redis.call('PEXPIRE', key, milliseconds(seconds))
end

local function keep_longer(key, seconds)
  if redis.call('PTTL', key) < seconds * 1000 then keep(key, seconds) end
end

-- the key of the position at which all sessions of a subject were last ended
local function end_of_all(subject)
  return shard .. ':ended:' .. subject
end

-- Times are whole seconds, because tokens carry them. No time is before the row's access_until.
local function expiry(created_at, access_until, access, idle, absolute)
  local regular = math.min(math.floor(now + idle), math.floor(created_at + absolute))
  return math.max(regular, access_until), math.max(math.min(math.floor(now) + access, regular), access_until)
end
"""

# An entry of the feed is in two sorted sets: by its position, and by when the last access token expires.
_ENDS = """
local feed, feed_until = shard .. ':feed', shard .. ':feed_until'

local function announce(id, access_until, sequence)
  local entry = access_until .. ' ' .. id
  for key, score in pairs({[feed] = sequence, [feed_until] = access_until}) do
    redis.call('ZADD', key, score, entry)
    keep_longer(key, access_until + KEPT - now)
  end
end

local function forget_old_entries()
  local old = redis.call('ZRANGEBYSCORE', feed_until, '-inf', text(now - KEPT), 'LIMIT', 0, 1000)
  if #old > 0 then
    redis.call('ZREM', feed, unpack(old))
    redis.call('ZREM', feed_until, unpack(old))
  end
end

-- End the sessions that had not ended, all at the same position in the feed. The feed comes before the row.
-- If a cluster that is moving slots stops in between, the session is refused already and can still be ended.
local function finish(ids, reason)
  local rows, sequence = {}, nil
  for _, id in ipairs(ids) do
    local key = session(id)
    local subject, access_until, ended_at = unpack(redis.call('HMGET', key,
      'subject', 'access_until', 'ended_at'))
    if subject and not ended_at then
      sequence = sequence or advance(shard .. ':sequence')
      access_until = text(math.max(access_until, math.floor(now) + END_NOTICE))
      announce(id, access_until, sequence)
      redis.call('HSET', key, 'ended_at', text(now), 'end_reason', reason, 'access_until', access_until)
      rows[#rows + 1] = redis.call('HGETALL', key)
      keep(key, access_until + KEPT - now)
      redis.call('ZREM', index(subject), id)
    end
  end
  if sequence then forget_old_entries() end
  return rows
end
"""

MARK = Script(_ROWS, "return {text(now), redis.call('GET', shard .. ':sequence') or '0'}")

START = Script(
    _ROWS,
    _ENDS,
    """
local _, id, subject, max_live, access, idle, absolute, read_at, position = unpack(ARGV)
local key = session(id)
local there = redis.call('HGETALL', key)
if #there > 0 then return {text(now), there, {}} end

local ended = redis.call('GET', end_of_all(subject))
if now >= read_at + MARK_LIFETIME or (ended and tonumber(ended) > tonumber(position)) then return false end

local expires_at, access_until = expiry(now, 0, access, idle, absolute)
redis.call('HSET', key, 'id', id, 'subject', subject, 'generation', 1, 'created_at', text(now),
  'authenticated_at', text(now), 'expires_at', text(expires_at), 'access_until', text(access_until),
  unpack(ARGV, 10))
keep(key, expires_at + KEPT - now)

local surplus, others = {}, 0
for _, other in ipairs(redis.call('ZREVRANGE', index(subject), 0, -1)) do
  local over_at = redis.call('HGET', session(other), 'expires_at')
  if not over_at then
    redis.call('ZREM', index(subject), other)
  elseif tonumber(over_at) > now then
    others = others + 1
    if others >= tonumber(max_live) then surplus[#surplus + 1] = other end
  end
end
redis.call('ZADD', index(subject), text(now), id)
keep_longer(index(subject), expires_at + KEPT - now)
return {text(now), redis.call('HGETALL', key), finish(surplus, 'too_many_sessions')}
""",
)

SWAP = Script(
    _ROWS,
    """
local BOUND = {audience = true, client_id = true, credentials_version = true}
local _, id, presented, access, idle, absolute, window = unpack(ARGV)
local key = session(id)
local subject, generation, created_at, refreshed_at, good_until, over_at, ended_at, lifetime = unpack(
  redis.call('HMGET', key, 'subject', 'generation', 'created_at', 'refreshed_at', 'access_until',
    'expires_at', 'ended_at', 'lifetime'))
if not subject or ended_at or tonumber(over_at) <= now or tonumber(generation) > tonumber(presented)
  or (refreshed_at and tonumber(refreshed_at) > now - window) then return false end

local expires_at, access_until = expiry(created_at, tonumber(good_until), access, idle, lifetime or absolute)
redis.call('HDEL', key, 'user_agent', 'ip_address')
redis.call('HSET', key, 'generation', text(presented + 1), 'refreshed_at', text(now),
  'expires_at', text(expires_at), 'access_until', text(access_until))
for i = 8, #ARGV, 2 do
  local set = BOUND[ARGV[i]] and 'HSETNX' or 'HSET'
  redis.call(set, key, ARGV[i], ARGV[i + 1])
end
keep(key, expires_at + KEPT - now)
keep_longer(index(subject), expires_at + KEPT - now)
return {text(now), redis.call('HGETALL', key)}
""",
)

KEEP = Script(
    _ROWS,
    """
local _, id, subject, version = unpack(ARGV)
local key = session(id)
local owner, known, over_at, ended_at = unpack(redis.call('HMGET', key,
  'subject', 'credentials_version', 'expires_at', 'ended_at'))
if owner ~= subject or ended_at or tonumber(over_at) <= now then return 0 end
redis.call('HSET', key, 'credentials_version', text(math.max(known or 0, version)))
return 1
""",
)

REPLACE_VERSION = Script(
    _ROWS,
    """
local _, subject, before, after = unpack(ARGV)
for _, id in ipairs(redis.call('ZRANGE', index(subject), 0, -1)) do
  local key = session(id)
  local version, over_at = unpack(redis.call('HMGET', key, 'credentials_version', 'expires_at'))
  if version == before and tonumber(over_at) > now then
    redis.call('HSET', key, 'credentials_version', after)
  end
end
""",
)

FIND = Script(_ROWS, "return {text(now), redis.call('HGETALL', session(ARGV[2]))}")

LIVE = Script(
    _ROWS,
    """
local rows = {}
for _, id in ipairs(redis.call('ZREVRANGE', index(ARGV[2]), 0, -1)) do
  local expires_at = redis.call('HGET', session(id), 'expires_at')
  if expires_at and tonumber(expires_at) > now then rows[#rows + 1] = redis.call('HGETALL', session(id)) end
end
return rows
""",
)

END = Script(_ROWS, _ENDS, "return finish({ARGV[2]}, ARGV[3])")

END_ALL = Script(
    _ROWS,
    _ENDS,
    """
local _, subject, reason, kept = unpack(ARGV)
redis.call('SET', end_of_all(subject), advance(shard .. ':sequence'), 'EX', MARK_LIFETIME)
local ids = {}
for _, id in ipairs(redis.call('ZREVRANGE', index(subject), 0, -1)) do
  if id ~= kept then ids[#ids + 1] = id end
end
return finish(ids, reason)
""",
)

RECORD_END = Script(
    _ROWS,
    _ENDS,
    """
local _, id, reason, access_until = unpack(ARGV)
local key = session(id)
local known = redis.call('HGET', key, 'access_until')
if not known then
  -- The feed has the session once: a client with an old token of it may log out as often as it likes.
  local lost = shard .. ':lost:' .. id
  local announced = redis.call('GET', lost)
  if announced and tonumber(announced) >= tonumber(access_until) then return end
  if announced then
    redis.call('ZREM', feed, announced .. ' ' .. id)
    redis.call('ZREM', feed_until, announced .. ' ' .. id)
  end
  announce(id, access_until, advance(shard .. ':sequence'))
  redis.call('SET', lost, access_until, 'PX', milliseconds(access_until + KEPT - now))
  forget_old_entries()
  return
end
redis.call('HSET', key, 'access_until', text(math.max(known, access_until)))
finish({id}, reason)
""",
)

# The replication id changes with each restart and each promotion of a replica, when ends may be missing.
POLL = Script(
    _ROWS,
    _ENDS,
    """
local _, position, grace = unpack(ARGV)
local sequence = redis.call('GET', shard .. ':sequence') or '0'
local entries
if position == '' then
  entries = redis.call('ZRANGEBYSCORE', feed_until, '(' .. text(now - grace), '+inf')
else
  entries = redis.call('ZRANGEBYSCORE', feed, '(' .. position, '+inf')
end
local identity = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or ''
return {text(now), identity, sequence, redis.call('GET', shard .. ':key_version') or '0', entries,
  redis.call('GET', shard .. ':settings') or ''}
""",
)

RECORD_SETTINGS = Script("""
local key = KEYS[1] .. ':settings'
local _, settings, expected = unpack(ARGV)
local there = redis.call('GET', key) or ''
if there ~= expected and there ~= settings then return 0 end
redis.call('SET', key, settings)
return 1
""")
