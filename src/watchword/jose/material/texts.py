"""Turn the texts that callers give (secrets, PEM, Base64, passwords, key ids) into bytes."""

from __future__ import annotations

import binascii
import os

from watchword.errors import InvalidKey

__all__ = ["decode_base64", "encode_text"]

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def encode_text(argument: str, text: object) -> bytes:
    """Return text as UTF-8, and bytes unchanged.

    Args:
        argument: the name of the caller's argument, for the error.
        text: the text or bytes. It may be a secret.

    Raises:
        InvalidKey: the value is not text or bytes, or the text is not Unicode.
    """
    if isinstance(text, bytes | bytearray):
        return bytes(text)
    if not isinstance(text, str):  # bytes(32) would be a secret of 32 zeros
        advice = ". Read the file, and give its content" if isinstance(text, os.PathLike) else ""
        raise InvalidKey(f"{argument} must be str or bytes, not {type(text).__name__}{advice}")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidKey(f"{argument} has a lone surrogate, which UTF-8 cannot encode") from None


def decode_base64(text: bytes) -> bytes:
    """Decode Base64 or base64url, with or without padding. Not for tokens: their base64url is strict.

    Raises:
        ValueError: the text is not Base64.
    """
    return binascii.a2b_base64(text.translate(_TO_STANDARD).rstrip(b"=") + b"==")
