"""Cache the headers and the claims of verified tokens. Unverified input never enters a cache."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from watchword.errors import InvalidClaims
from watchword.jwt.claims import ValidityPeriod

__all__ = ["CachedHeader", "Caches"]

_LARGEST = 1_024  # characters. A longer token costs more to keep than to verify again.
_HEADERS = 64  # A header for each key and typ in use is enough.

# The average bytes that a cached token may take: 16 MB for all tokens by default, with the allocator's share.
# The weight of a token is the size of its parts, plus an object for each claim if callers share the claims.
_ROOM, _ENTRY, _OBJECT = 1_800, 450, 60


class CachedHeader(NamedTuple):
    """A token's header, with the keys that it names.

    Attributes:
        check_signature: takes the signed bytes and a signature, and raises BadSignature if they do not match.
            ``Key.verify`` of the only key that fits, or ``jws.verify_with_any`` with several keys.
        failures: the errors about ``typ``.
        members: the header itself.
    """

    check_signature: Callable[[bytes, bytes], object]
    failures: list[InvalidClaims]
    members: dict[str, Any]


class Caches:
    """The verified headers and tokens under a single version of the keys. Many threads may fill them.

    Args:
        version: the version of the keys.
        size: the most tokens to cache.

    Attributes:
        version: as given.
        headers: by encoded segment.
        tokens: by the token's text: the shared claims or the payload, the start and the end of the time when
            they are accepted, and the weight.
        weight: the weight of all tokens, in bytes.
    """

    __slots__ = ("_filling", "_size", "headers", "tokens", "version", "weight")

    def __init__(self, version: object, size: int) -> None:
        self.version = version
        self.headers: dict[bytes, CachedHeader] = {}
        self.tokens: dict[str, tuple[Any, float, float, int]] = {}
        self.weight = 0
        self._size = size
        # No thread waits for it. After a fork the thread that held it may be gone, and a cache may miss.
        self._filling = threading.Lock()

    def keep_header(self, header64: bytes, header: CachedHeader) -> None:
        """Cache the header of a verified token."""
        if len(header64) > _LARGEST:
            return
        if len(self.headers) >= _HEADERS:
            self.headers.clear()
        self.headers[header64] = header

    def keep(self, token: str, payload: bytes, period: ValidityPeriod, *, shared: object = None) -> None:
        """Cache a verified token and evict the oldest tokens. Does nothing if another thread holds the lock.

        Args:
            token: the token.
            payload: its claims, decoded again for each caller.
            period: when the claims are accepted.
            shared: the immutable claims that all callers share, in place of the payload.
        """
        if len(token) > _LARGEST or not self._filling.acquire(blocking=False):
            return
        try:
            weight = _ENTRY + len(token) + len(payload)
            if shared is not None:
                weight += _OBJECT * payload.count(b",")
            self._forget(token)  # Another thread may have verified it at the same time.
            self.tokens[token] = (payload if shared is None else shared, *period, weight)
            self.weight += weight
            while len(self.tokens) > self._size or self.weight > _ROOM * self._size:
                self._forget(next(iter(self.tokens)))
        finally:
            self._filling.release()

    def forget(self, token: str) -> None:
        """Remove a token. Does nothing if another thread holds the lock."""
        if not self._filling.acquire(blocking=False):
            return
        try:
            self._forget(token)
        finally:
            self._filling.release()

    def _forget(self, token: str) -> None:
        entry = self.tokens.pop(token, None)
        if entry is not None:
            self.weight -= entry[3]
