"""Read the JSON document in a server's answer, or tell why there is no document."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from watchword.arguments import quote, quote_long
from watchword.errors import KeysUnavailable
from watchword.providers.locations import Location, redact_url

__all__ = ["MAX_BODY", "Document", "DocumentMissing", "read_document"]

MAX_BODY = 1_048_576
"""Longest body that is read, in bytes, both packed and unpacked."""

_PIECE = 65_536
_REFUSALS = {401, 403}
_ABSENT = _REFUSALS | {400, 404, 405, 406, 410}  # Servers answer with these if they do not have a document.
# Static hosts declare a file without a suffix like this. RFC 9110 §8.3 lets a server declare nothing at all.
_UNDECLARED = {"", "text/plain", "application/octet-stream", "binary/octet-stream"}


class Document(NamedTuple):
    """A document as it was fetched.

    Attributes:
        body: the server declares it as JSON. It has not been parsed.
        cache_control: the header ``Cache-Control``, or an empty text.
        age: the header ``Age``, or an empty text.
    """

    body: bytes
    cache_control: str
    age: str


class DocumentMissing(KeysUnavailable):
    """The server does not have the document, or does not give it to this client.

    Attributes:
        is_refusal: whether the server wants credentials, or does not accept the request's.
    """

    def __init__(self, location: Location, status: int) -> None:
        self.is_refusal = status in _REFUSALS
        if self.is_refusal:
            super().__init__(f"the provider's server refuses the request with status {status}")
            self.add_note(f"{location.without_query}: to send credentials, pass FetchPolicy(headers=...)")
        else:
            super().__init__("the provider's server does not have the document")
            self.add_note(f"{location.without_query} answers with status {status}")


def read_document(
    status: int, headers: Mapping[str, str], read: Callable[[int], bytes], location: Location
) -> Document:
    """Read the document in a server's answer.

    Args:
        status: the status of the answer.
        headers: the headers of the answer.
        read: returns the next bytes of the body, at most as many as asked for. Empty at the end.
        location: the URL that was asked for.

    Raises:
        DocumentMissing: the server does not have the document, or does not give it to this client.
        KeysUnavailable: the answer is not a JSON document, or is too long.
    """
    if status in _ABSENT:
        raise DocumentMissing(location, status)
    if 300 <= status < 400:
        error = KeysUnavailable("the provider's server redirects, and redirects are not followed")
        target = quote_long(redact_url(headers.get("Location", "")))
        error.add_note(f"{location.without_query} redirects to {target}: give the URL of the document itself")
        raise error
    if status != 200:
        raise KeysUnavailable(f"the provider's server answers with status {status}")
    content_type = headers.get("Content-Type", "")
    if not _is_json(content_type):
        error = KeysUnavailable("the provider's answer is not declared as JSON")
        error.add_note(f"{location.without_query} declares {quote(content_type)}")
        raise error
    body = _read_body(read, headers.get("Content-Encoding", "identity").strip().lower())
    return Document(body, headers.get("Cache-Control", ""), headers.get("Age", ""))


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json") or media_type in _UNDECLARED


def _read_body(read: Callable[[int], bytes], encoding: str) -> bytes:
    """Read the body. Unpack it, because some servers pack it without being asked."""
    if encoding not in {"identity", "gzip", "x-gzip", ""}:
        error = KeysUnavailable("the provider's answer is compressed in a way that is not accepted")
        error.add_note(f"Content-Encoding must be gzip or absent, not {quote(encoding)}")
        raise error
    packed = zlib.decompressobj(wbits=31) if encoding.endswith("gzip") else None
    body = bytearray()
    received = 0
    while piece := read(_PIECE):
        received += len(piece)
        body += _unpack(packed, piece, MAX_BODY + 1 - len(body)) if packed else piece
        if max(received, len(body)) > MAX_BODY:
            raise KeysUnavailable("the provider's answer is longer than 1 MiB")
    if packed and (not packed.eof or packed.unused_data):
        raise KeysUnavailable("the provider's gzip answer is incomplete, or continues after its end")
    return bytes(body)


def _unpack(packed: zlib._Decompress, piece: bytes, longest: int) -> bytes:
    """Unpack a piece into at most ``longest`` bytes. A piece may become a thousand times as large."""
    try:
        return packed.decompress(piece, longest)
    except zlib.error:
        raise KeysUnavailable("the provider's answer is not gzip, although its Content-Encoding is") from None
