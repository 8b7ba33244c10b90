"""What a server answers when it is asked for a JSON document: the document, or why there is none."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from watchword.arguments import quote, quote_long
from watchword.errors import KeysUnavailable
from watchword.providers.locations import Location, without_user

__all__ = ["MAX_BODY", "Document", "DocumentMissing", "read_document"]

MAX_BODY = 1_048_576
"""Longest body that is read, in bytes, packed or unpacked."""

_PIECE = 65_536
_REFUSALS = {401, 403}
_ABSENT = _REFUSALS | {400, 404, 405, 406, 410}  # what servers say of a document that they do not have
# What static hosts say of a file without an ending; RFC 9110 §8.3 lets a server say nothing at all.
_UNDECLARED = {"", "text/plain", "application/octet-stream", "binary/octet-stream"}


class Document(NamedTuple):
    """What was fetched.

    Attributes:
        body: JSON, as the server says; not looked at yet.
        cache_control: the header of that name, or nothing.
        age: the header of that name, or nothing.
    """

    body: bytes
    cache_control: str
    age: str


class DocumentMissing(KeysUnavailable):
    """The server has no such document, or does not give it to us.

    Attributes:
        is_refusal: whether the server wants credentials, or others.
    """

    def __init__(self, location: Location, status: int) -> None:
        self.is_refusal = status in _REFUSALS
        if self.is_refusal:
            super().__init__(f"the provider's server refuses the request with status {status}")
            self.add_note(f"{location.shown}: if it wants credentials, FetchPolicy(headers=...) sends them")
        else:
            super().__init__("the provider's server does not have the document")
            self.add_note(f"{location.shown} answers with status {status}")


def read_document(
    status: int, headers: Mapping[str, str], read: Callable[[int], bytes], location: Location
) -> Document:
    """Read the document in a server's answer.

    Args:
        status: the answer's.
        headers: the answer's.
        read: gives the next bytes of the body, at most so many, and none at its end.
        location: where it was asked for.

    Raises:
        DocumentMissing: the server does not have it, or does not give it to us.
        KeysUnavailable: there is another kind of thing in it.
    """
    if status in _ABSENT:
        raise DocumentMissing(location, status)
    if 300 <= status < 400:
        error = KeysUnavailable("the provider's server redirects, which is not followed")
        target = quote_long(without_user(headers.get("Location", "")))
        error.add_note(f"{location.shown} redirects to {target}: give the URL of the document")
        raise error
    if status != 200:
        raise KeysUnavailable(f"the provider's server answers with status {status}")
    content_type = headers.get("Content-Type", "")
    if not _is_json(content_type):
        error = KeysUnavailable("the provider's answer is not declared as JSON")
        error.add_note(f"{location.shown} declares {quote(content_type)}")
        raise error
    body = _read(read, headers.get("Content-Encoding", "identity").strip().lower())
    return Document(body, headers.get("Cache-Control", ""), headers.get("Age", ""))


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json") or media_type in _UNDECLARED


def _read(read: Callable[[int], bytes], encoding: str) -> bytes:
    """The body, unpacked where a server has packed it unasked."""
    if encoding not in {"identity", "gzip", "x-gzip", ""}:
        error = KeysUnavailable("the provider's answer is compressed in a way that is not accepted")
        error.add_note(f"Content-Encoding is {quote(encoding)}; gzip or none is accepted")
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
        raise KeysUnavailable("the provider's answer is not whole")
    return bytes(body)


def _unpack(packed: zlib._Decompress, piece: bytes, longest: int) -> bytes:
    """What a piece becomes, but no more than that many bytes of it, however much it would be."""
    try:
        return packed.decompress(piece, longest)
    except zlib.error:
        raise KeysUnavailable("the provider's answer is not what its Content-Encoding says") from None
