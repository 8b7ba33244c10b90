"""Sessions and the feed of their ends in Redis.

A session lives in one of sixteen shards, which its id names. All that an operation touches (sessions, the
index of their subject, the feed of ends) has the shard's hash tag, so it is one script on one node, and the
nodes of a cluster share the shards out among them. A poll asks them all.

Here and in the modules beside this one each function is one operation of the contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from watchword.stores.contract import (
    MARK_LIFETIME,
    EndReason,
    Feed,
    NewSession,
    Session,
    SessionDetails,
    SessionEnd,
    SessionTimes,
    TimedSession,
    shard_of,
)
from watchword.stores.redis.connection import RedisConnection
from watchword.stores.redis.scripts import Script

__all__ = [
    "end",
    "end_all",
    "find",
    "keep",
    "live",
    "mark",
    "poll",
    "record_end",
    "start",
    "swap",
]

_SHARDS = "0123456789abcdef"

# As in SQL: rows outlive their last access token by the largest leeway (300 s) and two minutes.
_KEPT = 300 + 120

# The keys of a shard begin with its name, the only one that is declared: all are in the same slot.
_ROWS = f"""
local shard = KEYS[1]
local KEPT, MARK_LIFETIME = {_KEPT}, {MARK_LIFETIME}

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

-- where it stands when all sessions of a subject were last ended
local function end_of_all(subject)
  return shard .. ':ended:' .. subject
end

-- whole seconds, since tokens carry them; none of them is before access_until, which is the row's
local function expiry(created_at, access_until, access, idle, absolute)
  local regular = math.min(math.floor(now + idle), math.floor(created_at + absolute))
  return math.max(regular, access_until), math.max(math.min(math.floor(now) + access, regular), access_until)
end
"""

# An entry of the feed stands in two sorted sets: by its place, and by when no token can need it any more.
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

-- Ends those that had not ended, all at the same place in the feed. The feed comes before the row: if a
-- cluster that is moving slots breaks off in between, the session is refused already and can still be ended.
local function finish(ids, reason)
  local rows, sequence = {}, nil
  for _, id in ipairs(ids) do
    local key = session(id)
    local subject, access_until, ended_at = unpack(redis.call('HMGET', key,
      'subject', 'access_until', 'ended_at'))
    if subject and not ended_at then
      sequence = sequence or advance(shard .. ':sequence')
      announce(id, access_until, sequence)
      redis.call('HSET', key, 'ended_at', text(now), 'end_reason', reason)
      rows[#rows + 1] = redis.call('HGETALL', key)
      keep(key, access_until + KEPT - now)
      redis.call('ZREM', index(subject), id)
    end
  end
  if sequence then forget_old_entries() end
  return rows
end
"""

_MARK = Script(_ROWS, "return {text(now), redis.call('GET', shard .. ':sequence') or '0'}")

_START = Script(
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

_SWAP = Script(
    _ROWS,
    """
local BOUND = {audience = true, client_id = true, credentials_version = true}
local _, id, presented, access, idle, absolute, window = unpack(ARGV)
local key = session(id)
local subject, generation, created_at, refreshed_at, good_until, over_at, ended_at = unpack(
  redis.call('HMGET', key, 'subject', 'generation', 'created_at', 'refreshed_at', 'access_until',
    'expires_at', 'ended_at'))
if not subject or ended_at or tonumber(over_at) <= now or tonumber(generation) > tonumber(presented)
  or (refreshed_at and tonumber(refreshed_at) > now - window) then return false end

local expires_at, access_until = expiry(created_at, tonumber(good_until), access, idle, absolute)
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

_KEEP = Script(
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

_FIND = Script(_ROWS, "return {text(now), redis.call('HGETALL', session(ARGV[2]))}")

_LIVE = Script(
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

_END = Script(_ROWS, _ENDS, "return finish({ARGV[2]}, ARGV[3])")

_END_ALL = Script(
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

_RECORD_END = Script(
    _ROWS,
    _ENDS,
    """
local _, id, reason, access_until = unpack(ARGV)
local key = session(id)
local known = redis.call('HGET', key, 'access_until')
if not known then
  if not redis.call('ZSCORE', feed, access_until .. ' ' .. id) then
    announce(id, access_until, advance(shard .. ':sequence'))
    forget_old_entries()
  end
  return
end
redis.call('HSET', key, 'access_until', text(math.max(known, access_until)))
finish({id}, reason)
""",
)

# The replication id changes with each restart and each promotion of a replica: whenever ends may be missing.
_POLL = Script(
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


def mark(redis: RedisConnection) -> str:
    """The time, and the position in every shard: nothing tells yet which is the subject's."""
    replies = redis.run_each(_MARK, [(_named(shard), ()) for shard in _SHARDS])
    return " ".join([min(reply[0] for reply in replies), *(reply[1] for reply in replies)])


def start(
    redis: RedisConnection, new: NewSession, times: SessionTimes, *, max_live: int, mark: str
) -> tuple[TimedSession, Sequence[Session]] | None:
    """Insert, and end the oldest over ``max_live``."""
    shard = shard_of(new.subject)
    if not new.id.endswith(shard):
        raise ValueError("a session's id is made by new_session_id, for its subject")
    read_at, *positions = mark.split(" ")
    started = redis.run(
        _START,
        _shard(new.subject),
        new.id,
        new.subject,
        max_live,
        times.access,
        times.idle,
        times.absolute,
        read_at,
        positions[_SHARDS.index(shard)],
        *_fields(new),
    )
    if started is None:
        return None
    now, row, ended = started
    return TimedSession(_session(row), float(now)), [_session(row) for row in ended]


def swap(
    redis: RedisConnection,
    session_id: str,
    generation: int,
    times: SessionTimes,
    details: SessionDetails,
) -> TimedSession | None:
    """One script; a property test holds its condition equal to rotation's ``ROTATE``."""
    if not _names_a_shard(session_id):
        return None
    swapped = redis.run(
        _SWAP,
        _shard_of_session(session_id),
        session_id,
        generation,
        times.access,
        times.idle,
        times.absolute,
        times.window,
        *_fields(details),
    )
    return None if swapped is None else TimedSession(_session(swapped[1]), float(swapped[0]))


def keep(redis: RedisConnection, session_id: str, subject: str, credentials_version: int) -> bool:
    """Whether there is such a session."""
    if not _names_a_shard(session_id):
        return False
    return bool(redis.run(_KEEP, _shard_of_session(session_id), session_id, subject, credentials_version))


def find(redis: RedisConnection, session_id: str) -> TimedSession | None:
    """The row, ended or not."""
    if not _names_a_shard(session_id):
        return None
    now, row = redis.run(_FIND, _shard_of_session(session_id), session_id)
    return TimedSession(_session(row), float(now)) if row else None


def live(redis: RedisConnection, subject: str) -> Sequence[Session]:
    """Newest first."""
    return [_session(row) for row in redis.run(_LIVE, _shard(subject), subject)]


def end(redis: RedisConnection, session_id: str, reason: EndReason) -> Session | None:
    """End one."""
    if not _names_a_shard(session_id):
        return None
    ended = redis.run_durably(_END, _shard_of_session(session_id), session_id, reason)
    return _session(ended[0]) if ended else None


def end_all(
    redis: RedisConnection, subject: str, reason: EndReason, *, keep: str | None = None
) -> Sequence[Session]:
    """End all of a subject's; expired ones too, for the leeway of their last access tokens."""
    ended = redis.run_durably(_END_ALL, _shard(subject), subject, reason, keep or "")
    return [_session(row) for row in ended]


def record_end(redis: RedisConnection, session_id: str, reason: EndReason, access_until: float) -> None:
    """End what is there; the feed needs no row."""
    if _names_a_shard(session_id):  # or it is none of ours
        redis.run_durably(_RECORD_END, _shard_of_session(session_id), session_id, reason, access_until)


def poll(redis: RedisConnection, identity: str | None, position: int | None, *, grace: float) -> Feed:
    """What ended since, in every shard."""
    if identity is None or position is None:
        return _polled(redis, None, grace)
    feed = _polled(redis, position, grace)
    reached = all(map(int.__le__, _unpacked(position), _unpacked(feed.position)))
    return feed if feed.identity == identity and reached else _polled(redis, None, grace)


def _polled(redis: RedisConnection, position: int | None, grace: float) -> Feed:
    since: Sequence[str | int] = [""] * len(_SHARDS) if position is None else _unpacked(position)
    replies = redis.run_each(
        _POLL, [(_named(shard), (at, grace)) for shard, at in zip(_SHARDS, since, strict=True)]
    )
    # a cluster's clocks differ by a little: by the latest of them no end is dropped too early
    now = min(float(reply[0]) for reply in replies)
    ends = (entry.split(" ", 1) for reply in replies for entry in reply[4])
    return Feed(
        now=now,
        identity=" ".join(reply[1] for reply in replies),
        position=_packed([int(reply[2]) for reply in replies]),
        key_version=int(replies[0][3]),
        ends=tuple(SessionEnd(session_id, float(access_until)) for access_until, session_id in ends),
        settings=replies[0][5],
    )


def _packed(sequences: Sequence[int]) -> int:
    """To a caller a position is one number: here the shards' sequences, 64 bits each."""
    return sum(sequence << 64 * shard for shard, sequence in enumerate(sequences))


def _unpacked(position: int) -> Sequence[int]:
    return [position >> 64 * shard & 2**64 - 1 for shard in range(len(_SHARDS))]


def _shard(subject: str) -> str:
    return _named(shard_of(subject))


def _shard_of_session(session_id: str) -> str:
    return _named(session_id[-1])


def _names_a_shard(session_id: str) -> bool:
    return session_id[-1:] in set(_SHARDS)


def _named(shard: str) -> str:
    return f"watchword:{{{shard}}}"


def _fields(details: SessionDetails) -> Sequence[str | int]:
    """Names and values of those fields that are there."""
    fields = {
        "username": details.username,
        "scopes": " ".join(details.scopes),
        "user_agent": details.user_agent,
        "ip_address": details.ip_address,
        "audience": details.audience,
        "client_id": details.client_id,
        "credentials_version": details.credentials_version,
    }
    return [part for name, value in fields.items() if value is not None for part in (name, value)]


def _session(row: Sequence[str]) -> Session:
    fields: dict[str, Any] = dict(zip(row[::2], row[1::2], strict=True))
    times = {name: float(value) for name, value in fields.items() if name.endswith(("_at", "_until"))}
    numbers = {name: int(fields[name]) for name in ("generation", "credentials_version") if name in fields}
    scopes = tuple(fields["scopes"].split())
    return Session(**{"refreshed_at": None} | fields | times | numbers | {"scopes": scopes})
