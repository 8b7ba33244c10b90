"""Encode and decode base64url without padding, strictly (RFC 4648 §5, RFC 7515 §2).

Each byte string has a single encoding. Padding, white space, the standard alphabet and non-zero unused bits
at the end are refused. Otherwise an attacker could write the same token in two ways.
"""

from __future__ import annotations

import binascii
import re

import msgspec

from watchword.errors import MalformedToken

__all__ = ["decode", "encode"]

# A single pass maps the URL alphabet to the standard alphabet, and forbidden characters to "!", which msgspec
# refuses: the standard + and /, padding, and what would end or escape the JSON string for msgspec.
_TO_STANDARD = bytes.maketrans(b'-_+/="\\', b"+/!!!!!")
_TO_URL = bytes.maketrans(b"+/", b"-_")
# The padding that msgspec needs, by length modulo 4 and last character. An absent entry means that no bytes
# encode to that length, or that unused low bits are not zero (which other decoders accept).
_ENDINGS: tuple[dict[int, bytes], ...] = (
    dict.fromkeys(range(256), b'"'),
    {},
    dict.fromkeys(b"AQgw", b'=="'),
    dict.fromkeys(b"AEIMQUYcgkosw048", b'="'),
)

# The usual damage first: from a header, a file, or another library's encoder.
_FAULTS = (
    (re.compile(rb"\s"), "it contains white space or a line break"),
    (re.compile(rb"[\"']"), "it contains a quotation mark"),
    (re.compile(rb"="), "it contains padding (=)"),
    (re.compile(rb"[+/]"), "it contains + or /, as standard base64 does"),
    (re.compile(rb"[^A-Za-z0-9_-]"), "it contains a character other than A-Z a-z 0-9 - _"),
)

_decode_string = msgspec.json.Decoder(bytes).decode  # a third of the time of binascii.a2b_base64


def encode(data: bytes) -> str:
    """Encode bytes as base64url without padding."""
    return encode_bytes(data).decode("ascii")


def decode(text: str | bytes) -> bytes:
    """Decode base64url.

    Raises:
        MalformedToken: the text is not what :func:`encode` returns for any bytes.
    """
    try:
        return decode_bytes(text.encode("ascii") if isinstance(text, str) else text)
    except UnicodeEncodeError:
        raise MalformedToken("not base64url: it contains a character that is not ASCII") from None


def encode_bytes(data: bytes) -> bytes:
    """Encode as :func:`encode` does, but return bytes."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL)


def decode_bytes(text: bytes) -> bytes:
    """Decode as :func:`decode` does, from bytes."""
    if not text:
        return b""
    try:
        return _decode_string(b'"' + text.translate(_TO_STANDARD) + _ENDINGS[len(text) & 3][text[-1]])
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedToken(_describe_fault(text)) from None


def _describe_fault(text: bytes) -> str:
    """Say why a text is not base64url, without its content."""
    for pattern, fault in _FAULTS:
        if pattern.search(text):
            return f"not base64url: {fault}"
    return "not canonical base64url: no bytes encode to its length or ending"
