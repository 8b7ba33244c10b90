"""Encrypt content, and its key for each recipient (RFC 7516 §5.1). The same for all serializations."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from watchword.arguments import describe, quote_algorithm
from watchword.errors import InvalidKey, InvalidSettings, Unissuable
from watchword.jose.algorithms.content_encryption import ENCRYPTIONS_BY_NAME, ContentEncryption
from watchword.jose.algorithms.key_management import ITERATIONS, KeyAgreement, KeyWrapping
from watchword.jose.jwk import Key
from watchword.jose.material.kinds import to_public

__all__ = [
    "ContentKey",
    "EncryptedContent",
    "check_iterations",
    "describe_iterations",
    "encrypt_content",
    "find_encryption",
    "make_content_key",
    "wrap_content_key",
]


class ContentKey(NamedTuple):
    """A content encryption key, for one recipient.

    Attributes:
        value: the key that encrypts the content.
        encrypted: the same key, encrypted to the recipient. Empty if it follows from the recipient's key.
        members: the members that the recipient needs in the header.
    """

    value: bytes
    encrypted: bytes
    members: dict[str, Any]

    def __repr__(self) -> str:
        return f"ContentKey(members={self.members!r})"  # The key must not appear in a traceback's locals.


class EncryptedContent(NamedTuple):
    """Encrypted content and what authenticates it.

    Attributes:
        data: the additional authenticated data: the protected header and ``aad``, as in the token.
        iv: the initialization vector.
        ciphertext: the encrypted content.
        tag: the authentication tag.
    """

    data: bytes
    iv: bytes
    ciphertext: bytes
    tag: bytes


def find_encryption(enc: str) -> ContentEncryption:
    """Return the content encryption of a name.

    Raises:
        Unissuable: no content encryption has that name.
    """
    if not isinstance(enc, str) or enc not in ENCRYPTIONS_BY_NAME:
        raise Unissuable(f"enc must be one of {', '.join(ENCRYPTIONS_BY_NAME)}, not {quote_algorithm(enc)}")
    return ENCRYPTIONS_BY_NAME[enc]


def check_iterations(p2c: int | None, keys: Iterable[Key]) -> dict[str, int | None]:
    """Return a caller's number of PBKDF2 iterations as a header member for :func:`make_content_key`.

    Raises:
        InvalidSettings: the number is out of range, or no key is a password.
    """
    if p2c is None:
        return {"p2c": None}
    if type(p2c) is not int or p2c not in ITERATIONS:
        raise InvalidSettings(describe_iterations("p2c", p2c))
    if not any(key.algorithm.is_for_passwords for key in keys):
        raise InvalidSettings("p2c is for passwords (PBES2-...), and no key here is a password: leave it out")
    return {"p2c": p2c}


def make_content_key(key: Key, header: Mapping[str, Any], size: int) -> ContentKey:
    """Make the content key for a single recipient (RFC 7516 §5.1, steps 1 to 6).

    Args:
        key: the recipient's key.
        header: the header so far, with ``alg`` and ``enc``.
        size: length of the content key, in bytes.

    Raises:
        InvalidKey: the key is not for encryption, or does not fit that length.
        Unissuable: a member of the header is malformed.
    """
    management = key.algorithm.management
    if isinstance(management, KeyAgreement) and key.allows("encrypt"):
        content_key, members = management.offer(_select_public(key), header, size)
        return ContentKey(content_key, b"", members)
    return wrap_content_key(key, header, os.urandom(size))


def wrap_content_key(key: Key, header: Mapping[str, Any], content_key: bytes) -> ContentKey:
    """Encrypt a content key to one of several recipients (RFC 7516 §5.1, steps 3 and 4).

    Raises:
        InvalidKey: the key is not for encryption, or the content key would have to follow from it.
        Unissuable: a member of the header is malformed.
    """
    management = key.algorithm.management
    if not key.allows("encrypt"):
        raise InvalidKey(f"this key of alg {key.alg} does not encrypt: a key for encryption is needed")
    if not isinstance(management, KeyWrapping):
        raise InvalidKey(
            f"a key of alg {key.alg} is for a single recipient: for several recipients use keys that wrap, "
            "such as ECDH-ES+A256KW or A256KW"
        )
    return ContentKey(content_key, *management.wrap(_select_public(key), header, content_key))


def encrypt_content(
    encryption: ContentEncryption, content_key: bytes, plaintext: bytes, data: bytes
) -> EncryptedContent:
    """Encrypt content with a new initialization vector (RFC 7516 §5.1, steps 9 and 15)."""
    iv = os.urandom(encryption.iv_size)
    return EncryptedContent(data, iv, *encryption.encrypt(content_key, iv, bytes(plaintext), data))


def describe_iterations(argument: str, given: object) -> str:
    """Say which numbers of PBKDF2 iterations an argument accepts."""
    return (
        f"{argument} must be a whole number from {ITERATIONS.start} to {ITERATIONS.stop - 1}, "
        f"not {describe(given)}"
    )


def _select_public(key: Key) -> Any:
    return key.material if isinstance(key.material, bytes) else to_public(key.material)
