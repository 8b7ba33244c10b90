"""Whether a token can be verified without I/O: what an event loop has to know beforehand."""

from __future__ import annotations

from collections.abc import Collection

from watchword.errors import WatchwordError
from watchword.jose import KeySource
from watchword.jose.compact_serialization import split_token
from watchword.jose.header import decode_header
from watchword.jwt import nesting

__all__ = ["is_ready"]


def is_ready(token: str, keys: KeySource, decrypting: KeySource | None, critical: Collection[str]) -> bool:
    """Whether verifying would do no I/O; also true where it would fail before.

    Args:
        token: as it came.
        keys: those that verify.
        decrypting: those that decrypt, where only encrypted tokens are accepted.
        critical: the extensions that are understood (``crit``).
    """
    try:
        if decrypting is None:
            segment = split_token(token, 3)[0]
        else:
            outside = decode_header(split_token(token, 5)[0], ())
            if not decrypting.ready(outside.get("kid"), outside["alg"]):
                return False
            segment = nesting.decrypted(token, decrypting)[0].partition(b".")[0]
        header = decode_header(segment, critical)
    except WatchwordError:
        return True
    return keys.ready(header.get("kid"), header["alg"])
