"""Parse tokens up to the signature check (RFC 7515 §5.2 steps 1 to 7). Nothing is authenticated here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

from watchword.errors import WatchwordError
from watchword.jose import jws
from watchword.jose.base64url import decode_bytes
from watchword.jose.compact_serialization import refuse_segments, refuse_text, split_token
from watchword.jose.header import decode_header
from watchword.jose.key_selection import find_candidates
from watchword.jose.ports import KeySource
from watchword.jwt import nesting
from watchword.jwt.caches import CachedHeader, Caches
from watchword.jwt.expectations import TypePolicy

__all__ = ["ParsedToken", "TokenParser"]

ParsedToken: TypeAlias = tuple[CachedHeader, bytes, bytes, bytes, bytes, Mapping[str, Any] | None]
"""The header, its encoded segment, the signed bytes, the signature, the payload, and the outer header of an
encrypted token. A plain tuple, because a class costs 5 % of a verification."""

_DOT = 0x2E  # Looking for a number is several times as fast as looking for b".".


class TokenParser:
    """Parses signed tokens, or encrypted tokens with a signed token inside.

    Args:
        keys: the verification keys.
        decryption_keys: the decryption keys, if only encrypted tokens are accepted.
        types: the accepted ``typ``.
        critical: the header extensions that the caller understands (``crit``).
        max_token_size: the longest accepted token, in characters.

    Attributes:
        keys: the verification keys, in a version that changes with the decryption keys too.
        decryption_keys: as given.
        types: as given.
        critical: as given.
        max_token_size: as given.
    """

    __slots__ = ("critical", "decryption_keys", "keys", "max_token_size", "types")

    def __init__(
        self,
        keys: KeySource,
        decryption_keys: KeySource | None,
        types: TypePolicy,
        critical: frozenset[str],
        max_token_size: int,
    ) -> None:
        self.keys = keys if decryption_keys is None else nesting.NestedSource(keys, decryption_keys)
        self.decryption_keys = decryption_keys
        self.types = types
        self.critical = critical
        self.max_token_size = max_token_size

    def parse(self, token: str, caches: Caches) -> ParsedToken:
        """Parse a token and find the keys that its header names.

        Raises:
            MalformedToken: the token does not have the accepted form.
            UnknownKey: no key matches its ``kid`` and ``alg``.
            DecryptionFailed: no key decrypts the token.
        """
        if not isinstance(token, str) or len(token) > self.max_token_size:
            raise refuse_text(token, self.max_token_size)
        outer = None
        if self.decryption_keys is None:
            try:
                encoded = token.encode("ascii")
            except UnicodeEncodeError:
                raise refuse_text(token, self.max_token_size) from None
        else:
            encoded, outer = nesting.decrypt_token(token, self.decryption_keys)
        signed, _, signature64 = encoded.rpartition(b".")
        # split_token would do, but joining the signed part again costs 4 % of a verification.
        header64, dot, payload64 = signed.partition(b".")
        if not dot or _DOT in payload64:
            raise refuse_segments(encoded, 3)
        header = caches.headers.get(header64) or self._read_header(header64)
        return header, header64, signed, decode_bytes(signature64), decode_bytes(payload64), outer

    def _read_header(self, header64: bytes) -> CachedHeader:
        """Read a header that is not in the cache, and find the keys that it names (RFC 7515 §4.1.4)."""
        header = decode_header(header64, self.critical)
        candidates = find_candidates(self.keys, header, "verify")
        check_signature = (
            candidates[0].verify if len(candidates) == 1 else partial(jws.verify_with_any, candidates)
        )
        return CachedHeader(check_signature, self.types.find_failures(header), header)

    def is_ready(self, token: str) -> bool:
        """Return whether :meth:`parse` does no I/O. Also true if it fails before it looks for a key."""
        if not isinstance(token, str) or len(token) > self.max_token_size:
            return True
        try:
            if self.decryption_keys is None:
                segment = split_token(token, 3)[0]
            else:
                outer = decode_header(split_token(token, 5)[0], ())
                if not self.decryption_keys.ready(outer.get("kid"), outer["alg"]):
                    return False
                segment = nesting.decrypt_token(token, self.decryption_keys)[0].partition(b".")[0]
            header = decode_header(segment, self.critical)
        except WatchwordError:
            return True
        return self.keys.ready(header.get("kid"), header["alg"])
