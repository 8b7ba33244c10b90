"""Lua scripts. Each is an operation of the contract, and Redis runs it as an atomic step."""

from __future__ import annotations

import hashlib

__all__ = ["Script"]

# The store's time is Redis' own, whatever clock the caller has. Numbers go in and out as text with all their
# digits, because Redis cuts off the fraction of a result, and Lua writes only fourteen digits.
_PRELUDE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000 + ARGV[1]

local function text(number)
  return string.format('%.17g', number)
end

local function milliseconds(seconds)
  return string.format('%.0f', math.max(1, math.min(seconds * 1000, 2 ^ 52)))
end

-- A number that grows with each change and is never behind the clock. If Redis has lost the last number, the
-- next number is still greater than all numbers before.
local function advance(counter)
  local number = math.max((redis.call('GET', counter) or 0) + 1, math.floor(now * 1000000))
  redis.call('SET', counter, text(number))
  return text(number)
end
"""


class Script:
    """A script after the common prelude. Its first argument is the shift of the store's time.

    Args:
        parts: parts of the script, in Lua.

    Attributes:
        text: the whole script.
        digest: the SHA-1 of the script in hexadecimal, under which Redis keeps it.
    """

    def __init__(self, *parts: str) -> None:
        self.text = "\n".join((_PRELUDE, *parts))
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
