"""Encryption in the compact form, ``header.key.iv.ciphertext.tag`` (RFC 7516 §3.1, §5).

So far ``dir`` with A256GCM (RFC 7518 §4.5, §5.3): what seals private keys at rest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from watchword.errors import DecryptionFailed, InvalidKey, MalformedToken
from watchword.jose import base64url
from watchword.jose import header as headers
from watchword.jose.jwk import Key
from watchword.jose.key_set import key_source
from watchword.jose.ports import KeySource

__all__ = ["Decrypted", "decrypt", "encrypt"]

_ENC = "A256GCM"
_KEY_SIZE, _IV_SIZE, _TAG_SIZE = 32, 12, 16  # RFC 7518 §5.3, in bytes


class Decrypted(NamedTuple):
    """What was encrypted.

    Attributes:
        plaintext: the bytes.
        header: the authenticated header.
        key: the key that opened it.
    """

    plaintext: bytes
    header: dict[str, Any]
    key: Key

    def __repr__(self) -> str:
        return f"Decrypted(header={self.header!r}, key={self.key!r})"


def encrypt(plaintext: bytes, key: Key, enc: str = _ENC, header: Mapping[str, object] | None = None) -> str:
    """The plaintext as a compact JWE.

    Args:
        plaintext: any bytes.
        key: a ``dir`` key: its secret encrypts the content itself.
        enc: the content encryption.
        header: further members of the header, readable by all and authenticated; a ``kid`` among them stands
            in place of the key's own.

    Raises:
        InvalidKey: the key does not encrypt, or does not fit ``enc``.
        Unissuable: the header would override ``alg`` or ``enc``, or is not one that may be read again.
    """
    if enc != _ENC:
        raise InvalidKey("there is no such content encryption here")
    if not key.allows("encrypt"):
        raise InvalidKey("this key does not encrypt")
    header64 = headers.encode({"alg": key.alg, "enc": enc}, {"kid": key.kid, **(header or {})})
    iv = os.urandom(_IV_SIZE)
    sealed = _cipher(key).encrypt(iv, plaintext, header64)
    segments = (base64url.encode_bytes(part) for part in (b"", iv, sealed[:-_TAG_SIZE], sealed[-_TAG_SIZE:]))
    return b".".join((header64, *segments)).decode("ascii")


def decrypt(token: str, keys: Key | KeySource) -> Decrypted:
    """What is in a compact JWE.

    Raises:
        MalformedToken: it is not a compact JWE of a kind that is known here.
        UnknownKey: no key fits its ``kid`` and ``alg``.
        DecryptionFailed: it cannot be opened; why is not told.
    """
    header64, *segments = headers.split(token, 5)
    header = headers.decode(header64, ())
    if header.get("enc") != _ENC or "zip" in header:
        raise MalformedToken("the token is encrypted in a way that is not known here")
    encrypted_key, iv, ciphertext, tag = (base64url.decode_bytes(segment) for segment in segments)
    candidates = headers.candidates(key_source(keys), header, "decrypt")
    # RFC 7518 §4.5: with dir there is no encrypted key. A short tag would be a weak one (§5.3).
    if not encrypted_key and len(iv) == _IV_SIZE and len(tag) == _TAG_SIZE:
        for key in candidates:
            try:
                return Decrypted(_cipher(key).decrypt(iv, ciphertext + tag, header64), header, key)
            except (InvalidTag, InvalidKey):
                continue
    raise DecryptionFailed


def _cipher(key: Key) -> AESGCM:
    if not isinstance(key.material, bytes) or len(key.material) != _KEY_SIZE:
        raise InvalidKey(f"{_ENC} needs a secret of exactly {_KEY_SIZE} bytes")
    return AESGCM(key.material)
