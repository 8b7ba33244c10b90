"""What a Verifier remembers: headers and tokens that were good, never what a stranger sends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from watchword.errors import InvalidClaims
from watchword.jwt.claims import Window

__all__ = ["Caches", "Header", "ReadToken"]

_LARGEST = 1_024  # characters: what is longer costs more to keep than to verify again
_HEADERS = 64  # one for each key and typ in use is enough

# All tokens together stay within so many bytes for each that there may be: 16 MB by default, with what the
# allocator adds. A token weighs what its parts do, and an object for each claim where claims are shared.
_ROOM, _ENTRY, _OBJECT = 1_800, 450, 60


class Header(NamedTuple):
    """What a token's first segment comes to.

    Attributes:
        authenticate: returns if a signature is good, raises BadSignature otherwise.
        misfits: what is wrong with ``typ``.
        members: the header itself.
    """

    authenticate: Callable[[bytes, bytes], object]
    misfits: list[InvalidClaims]
    members: dict[str, Any]


ReadToken: TypeAlias = tuple[Header, bytes, bytes, bytes, bytes, str, Mapping[str, Any] | None]
"""Of a token: its header; what is signed; the signature; the header, encoded; the claims as JSON; its text;
what the header outside says, if there is one. A plain tuple: a class would cost 5 % of the whole."""


class Caches:
    """What has been verified under one version of the keys; may be filled from many threads.

    Args:
        version: of the keys.
        size: how many tokens to hold at most.

    Attributes:
        version: as given.
        headers: by first segment, still encoded.
        tokens: by their text: what to hand out or to decode, from when until when it is good, and its weight.
        weight: of all of them, in bytes.
    """

    __slots__ = ("_filling", "_size", "headers", "tokens", "version", "weight")

    def __init__(self, version: object, size: int) -> None:
        self.version = version
        self.headers: dict[bytes, Header] = {}
        self.tokens: dict[str, tuple[Any, float, float, int]] = {}
        self.weight = 0
        self._size = size
        # Never waited for: after a fork nobody may be left to let go of it, and a cache may miss.
        self._filling = threading.Lock()

    def keep_header(self, header64: bytes, header: Header) -> None:
        """Keep the header of a verified token, so that none is read twice."""
        if len(header64) > _LARGEST:
            return
        if len(self.headers) >= _HEADERS:
            self.headers.clear()
        self.headers[header64] = header

    def keep(self, token: str, payload: bytes, window: Window, *, shared: object = None) -> None:
        """Keep a verified token, unless another thread is at it; those that were there longest make room.

        Args:
            token: its text.
            payload: its claims, to be decoded for each caller.
            window: when they are good.
            shared: the claims to hand out to every caller instead, if they cannot change.
        """
        if len(token) > _LARGEST or not self._filling.acquire(blocking=False):
            return
        try:
            weight = _ENTRY + len(token) + len(payload)
            if shared is not None:
                weight += _OBJECT * payload.count(b",")
            self._forget(token)  # another thread may have verified it at the same time
            self.tokens[token] = (payload if shared is None else shared, *window, weight)
            self.weight += weight
            while len(self.tokens) > self._size or self.weight > _ROOM * self._size:
                self._forget(next(iter(self.tokens)))
        finally:
            self._filling.release()

    def forget(self, token: str) -> None:
        """Let a token go, if it is there and no other thread is at it."""
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
