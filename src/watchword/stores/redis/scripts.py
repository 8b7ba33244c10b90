"""Lua scripts: each is one operation of the contract, and runs in Redis as one step."""

from __future__ import annotations

import hashlib

__all__ = ["Script"]

# A store's time is Redis' own, whatever clock the caller has. Numbers go in and out as text with all their
# digits: Redis cuts off the fraction of what a script returns, and Lua by itself writes fourteen digits.
_PRELUDE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000 + ARGV[1]

local function text(number)
  return string.format('%.17g', number)
end

local function milliseconds(seconds)
  return string.format('%.0f', math.max(1, math.min(seconds * 1000, 2 ^ 52)))
end

-- A number that grows with each change and is never behind the clock: where Redis has lost the last one, the
-- next is still greater than all that were handed out.
local function advance(counter)
  local number = math.max((redis.call('GET', counter) or 0) + 1, math.floor(now * 1000000))
  redis.call('SET', counter, text(number))
  return text(number)
end
"""


class Script:
    """A script, after the prelude that all share. Its first argument is the shift of the store's time.

    Args:
        parts: Lua, one after the other.

    Attributes:
        text: all of it.
        digest: the name under which Redis keeps it: the SHA-1, in hex.
    """

    def __init__(self, *parts: str) -> None:
        self.text = "\n".join((_PRELUDE, *parts))
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
