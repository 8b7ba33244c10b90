"""Decide whether a token can be verified without I/O, before an event loop verifies it."""

from __future__ import annotations

from collections.abc import Collection

from watchword.errors import WatchwordError
from watchword.jose import KeySource
from watchword.jose.compact_serialization import split_token
from watchword.jose.header import decode_header
from watchword.jwt import nesting

__all__ = ["is_ready"]


def is_ready(
    token: str, keys: KeySource, decryption_keys: KeySource | None, critical: Collection[str]
) -> bool:
    """Return whether verification does no I/O. Also true if it fails before it looks for a key.

    Args:
        token: the token.
        keys: the verification keys.
        decryption_keys: the decryption keys, if only encrypted tokens are accepted.
        critical: the header extensions that the caller understands (``crit``).
    """
    try:
        if decryption_keys is None:
            segment = split_token(token, 3)[0]
        else:
            outside = decode_header(split_token(token, 5)[0], ())
            if not decryption_keys.ready(outside.get("kid"), outside["alg"]):
                return False
            segment = nesting.decrypt(token, decryption_keys)[0].partition(b".")[0]
        header = decode_header(segment, critical)
    except WatchwordError:
        return True
    return keys.ready(header.get("kid"), header["alg"])
