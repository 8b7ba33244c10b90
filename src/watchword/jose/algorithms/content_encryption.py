"""The content encryptions, a row each (RFC 7518 §5).

All six authenticate what they encrypt. The length of keys, initialization vectors and tags is fixed.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from watchword.errors import DecryptionFailed

__all__ = [
    "CONTENT_ENCRYPTIONS",
    "ENCRYPTIONS_BY_NAME",
    "ContentEncryption",
    "DecryptFunction",
    "EncryptFunction",
    "decrypt_gcm",
    "encrypt_gcm",
]

EncryptFunction: TypeAlias = Callable[[bytes, bytes, bytes, bytes], tuple[bytes, bytes]]
"""Takes key, initialization vector, plaintext and additional data. Returns ciphertext and tag."""

DecryptFunction: TypeAlias = Callable[[bytes, bytes, bytes, bytes, bytes], bytes]
"""Takes key, initialization vector, ciphertext, tag and additional data. Raises DecryptionFailed."""


class ContentEncryption(NamedTuple):
    """A row of the table. All lengths are in bytes.

    Attributes:
        name: the ``enc`` of the tokens.
        key_size: length of the key.
        iv_size: length of the initialization vector.
        encrypt: encrypts plaintext to ciphertext and tag.
        decrypt: decrypts. Refuses a wrong tag, and tags and initialization vectors of other lengths.
    """

    name: str
    key_size: int
    iv_size: int
    encrypt: EncryptFunction
    decrypt: DecryptFunction


_GCM_IV, _GCM_TAG = 12, 16  # RFC 7518 §5.3: exactly 96 and 128 bits


def encrypt_gcm(key: bytes, iv: bytes, plaintext: bytes, data: bytes) -> tuple[bytes, bytes]:
    """Encrypt with AES-GCM and a key of 128, 192 or 256 bits."""
    sealed = AESGCM(key).encrypt(iv, plaintext, data)
    return sealed[:-_GCM_TAG], sealed[-_GCM_TAG:]


def decrypt_gcm(key: bytes, iv: bytes, ciphertext: bytes, tag: bytes, data: bytes) -> bytes:
    """Decrypt with AES-GCM.

    Raises:
        DecryptionFailed: the tag is wrong, or the tag or initialization vector has another length.
    """
    if len(iv) != _GCM_IV or len(tag) != _GCM_TAG:
        raise DecryptionFailed
    try:
        return AESGCM(key).decrypt(iv, ciphertext + tag, data)
    except InvalidTag:
        raise DecryptionFailed from None


def _cbc(name: str, key_size: int, digest: str) -> ContentEncryption:
    half = key_size // 2  # RFC 7518 §5.2.2.1: the first half authenticates, the second encrypts
    iv_size = 16

    def authenticate(key: bytes, iv: bytes, ciphertext: bytes, data: bytes) -> bytes:
        mac = hmac.new(key[:half], data, digest)
        mac.update(iv)
        mac.update(ciphertext)
        mac.update((len(data) * 8).to_bytes(8))
        return mac.digest()[:half]

    def encrypt(key: bytes, iv: bytes, plaintext: bytes, data: bytes) -> tuple[bytes, bytes]:
        padder = PKCS7(AES.block_size).padder()
        encryptor = Cipher(AES(key[half:]), CBC(iv)).encryptor()
        padded = padder.update(plaintext) + padder.finalize()
        ciphertext = encryptor.update(padded) + encryptor.finalize()
        return ciphertext, authenticate(key, iv, ciphertext, data)

    def decrypt(key: bytes, iv: bytes, ciphertext: bytes, tag: bytes, data: bytes) -> bytes:
        if len(iv) != iv_size:
            raise DecryptionFailed
        # Check the tag before the padding. Otherwise the padding check is an oracle (Vaudenay 2002).
        if not hmac.compare_digest(authenticate(key, iv, ciphertext, data), tag):
            raise DecryptionFailed
        decryptor, unpadder = Cipher(AES(key[half:]), CBC(iv)).decryptor(), PKCS7(AES.block_size).unpadder()
        try:
            padded = decryptor.update(ciphertext) + decryptor.finalize()
            return unpadder.update(padded) + unpadder.finalize()
        except ValueError:
            raise DecryptionFailed from None

    return ContentEncryption(name, key_size, iv_size, encrypt, decrypt)


CONTENT_ENCRYPTIONS: tuple[ContentEncryption, ...] = (
    _cbc("A128CBC-HS256", 32, "sha256"),
    _cbc("A192CBC-HS384", 48, "sha384"),
    _cbc("A256CBC-HS512", 64, "sha512"),
    ContentEncryption("A128GCM", 16, _GCM_IV, encrypt_gcm, decrypt_gcm),
    ContentEncryption("A192GCM", 24, _GCM_IV, encrypt_gcm, decrypt_gcm),
    ContentEncryption("A256GCM", 32, _GCM_IV, encrypt_gcm, decrypt_gcm),
)
"""All content encryptions."""

ENCRYPTIONS_BY_NAME: Mapping[str, ContentEncryption] = {row.name: row for row in CONTENT_ENCRYPTIONS}
