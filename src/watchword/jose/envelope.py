"""What an encrypted token is apart from how it is written: one content, and its key for each recipient.

RFC 7516 §5, the steps that all serializations share.
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from watchword.arguments import describe
from watchword.errors import DecryptionFailed, InvalidKey, InvalidSettings, MalformedToken, Unissuable
from watchword.jose.algorithms.content_encryption import CONTENT_ENCRYPTIONS, ContentEncryption
from watchword.jose.algorithms.key_management import KeyAgreement, KeyWrapping
from watchword.jose.header import check_critical
from watchword.jose.jwk import Key
from watchword.jose.material.kinds import to_public

__all__ = [
    "Acceptance",
    "Envelope",
    "Provided",
    "Share",
    "acceptance",
    "check_count",
    "content_encryption",
    "open_first",
    "provide",
    "seal",
    "wrap",
]

# RFC 7518 §4.8.1.2; the most is half a second of work that a stranger may ask for
_COUNTS = range(1_000, 1_000_000 + 1)

_MAX_ENCRYPTED_KEY = 2_048  # what RSA of 16,384 bits makes; all others make far less

_NAME = re.compile(r"[A-Za-z0-9+-]{1,20}")

_BY_NAME: Mapping[str, ContentEncryption] = {row.name: row for row in CONTENT_ENCRYPTIONS}


class Acceptance(NamedTuple):
    """What a recipient is ready to decrypt.

    Attributes:
        encryptions: the content encryptions, by name.
        max_p2c: most iterations of PBKDF2.
        max_decompressed: most bytes of compressed content; ``None`` refuses ``zip``.
        critical: the header extensions that the caller handles.
    """

    encryptions: Mapping[str, ContentEncryption]
    max_p2c: int
    max_decompressed: int | None
    critical: frozenset[str]

    def check(self, header: Mapping[str, Any]) -> ContentEncryption:
        """The content encryption that a header names.

        Raises:
            MalformedToken: it is unknown or not accepted, or the header asks for more than is accepted.
        """
        enc = header.get("enc")
        if not isinstance(enc, str) or enc not in self.encryptions:
            raise MalformedToken("the token is encrypted in a way that is not known, or not accepted, here")
        if "zip" in header and (header["zip"] != "DEF" or self.max_decompressed is None):
            raise MalformedToken("compressed tokens are not accepted here")
        if header["alg"].startswith("PBES2-"):
            count = header.get("p2c")
            if type(count) is not int or not _COUNTS.start <= count <= self.max_p2c:
                raise MalformedToken(f"p2c must be an integer from {_COUNTS.start} to {self.max_p2c}")
        return self.encryptions[enc]

    def decompress(self, header: Mapping[str, Any], plaintext: bytes) -> bytes:
        """The content, decompressed (RFC 1951) where the header says that it is not yet.

        Raises:
            MalformedToken: it is not compressed as the header says, or larger than accepted.
        """
        if "zip" not in header or self.max_decompressed is None:
            return plaintext
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            inflated = inflater.decompress(plaintext, self.max_decompressed + 1)
        except zlib.error:
            raise MalformedToken("the content is not compressed as the header says") from None
        if len(inflated) > self.max_decompressed:
            raise MalformedToken("the decompressed content is larger than is accepted here")
        if not inflater.eof or inflater.unused_data:
            raise MalformedToken("the content is not compressed as the header says")
        return inflated


class Envelope(NamedTuple):
    """The content, still encrypted.

    Attributes:
        data: what is authenticated besides: the protected header and ``aad``, as they stand in the token.
        iv: the initialization vector.
        ciphertext: the encrypted content.
        tag: the authentication tag.
    """

    data: bytes
    iv: bytes
    ciphertext: bytes
    tag: bytes


class Provided(NamedTuple):
    """What a recipient is given.

    Attributes:
        content_key: what the content is encrypted with.
        encrypted_key: the same, encrypted to the recipient, or nothing.
        members: what the header needs for it.
    """

    content_key: bytes
    encrypted_key: bytes
    members: dict[str, Any]


class Share(NamedTuple):
    """What may open an envelope.

    Attributes:
        key: a recipient's key.
        header: all members of the header that hold for that recipient.
        encrypted_key: the content key, encrypted to that recipient, or nothing.
    """

    key: Key
    header: Mapping[str, Any]
    encrypted_key: bytes


def acceptance(
    enc: str | Collection[str] | None,
    max_p2c: int,
    max_decompressed: int | None,
    critical: Collection[str],
) -> Acceptance:
    """The settings of one call, checked.

    Raises:
        InvalidSettings: one of them is out of its range, or names what there is not.
    """
    if type(max_p2c) is not int or max_p2c not in _COUNTS:
        raise InvalidSettings(_describe_count("max_p2c", max_p2c))
    if max_decompressed is not None and (
        type(max_decompressed) is not int or not 0 < max_decompressed < sys.maxsize
    ):
        raise InvalidSettings(
            "max_decompressed must be a whole number of bytes, at least 1, or None, "
            f"not {describe(max_decompressed)}"
        )
    return Acceptance(_accepted(enc), max_p2c, max_decompressed, check_critical(critical))


def content_encryption(enc: str) -> ContentEncryption:
    """The row of that name.

    Raises:
        Unissuable: there is none.
    """
    if not isinstance(enc, str) or enc not in _BY_NAME:
        raise Unissuable(f"enc must be one of {', '.join(_BY_NAME)}, not {_describe_enc(enc)}")
    return _BY_NAME[enc]


def check_count(p2c: int | None, keys: Iterable[Key]) -> dict[str, int | None]:
    """Return the iterations that a caller asks for, as a member of the header for :func:`provide`.

    Raises:
        InvalidSettings: it is out of its range, or none of the keys is a password.
    """
    if p2c is None:
        return {"p2c": None}
    if type(p2c) is not int or p2c not in _COUNTS:
        raise InvalidSettings(_describe_count("p2c", p2c))
    if not any(key.alg.startswith("PBES2-") for key in keys):
        raise InvalidSettings("p2c is for passwords (PBES2-...), and no key here is one: leave it out")
    return {"p2c": p2c}


def provide(key: Key, header: Mapping[str, Any], size: int) -> Provided:
    """A content key for one recipient alone.

    Args:
        key: the recipient's.
        header: what it says so far, ``alg`` and ``enc`` included.
        size: length of the content key, in bytes.

    Raises:
        InvalidKey: the key is not for encrypting, or does not go with that length.
        Unissuable: a member of the header is not what it must be.
    """
    management = key.algorithm.management
    if isinstance(management, KeyAgreement) and key.allows("encrypt"):
        content_key, members = management.offer(_half_for_encrypting(key), header, size)
        return Provided(content_key, b"", members)
    return wrap(key, header, os.urandom(size))


def wrap(key: Key, header: Mapping[str, Any], content_key: bytes) -> Provided:
    """A content key, encrypted to one recipient of several.

    Raises:
        InvalidKey: the key is not for encrypting, or it would make a content key of its own.
        Unissuable: a member of the header is not what it must be.
    """
    management = key.algorithm.management
    if not key.allows("encrypt"):
        raise InvalidKey(f"this key of alg {key.alg} does not encrypt: a key for encryption is needed")
    if not isinstance(management, KeyWrapping):
        raise InvalidKey(
            f"a key of alg {key.alg} is for one recipient alone: for several take keys that wrap, "
            "such as ECDH-ES+A256KW or A256KW"
        )
    return Provided(content_key, *management.wrap(_half_for_encrypting(key), header, content_key))


def seal(encryption: ContentEncryption, content_key: bytes, plaintext: bytes, data: bytes) -> Envelope:
    """The content, encrypted with a new initialization vector."""
    iv = os.urandom(encryption.iv_size)
    return Envelope(data, iv, *encryption.encrypt(content_key, iv, plaintext, data))


def open_first(
    envelope: Envelope, encryption: ContentEncryption, shares: Iterable[Share]
) -> tuple[bytes, Share]:
    """The content, and the first share that opens it.

    Raises:
        MalformedToken: a header lacks what its algorithm needs.
        DecryptionFailed: none opens it; why is not told.
    """
    data, iv, ciphertext, tag = envelope
    for share in shares:
        try:
            content_key = _content_key(share, encryption.key_size)
            return encryption.decrypt(content_key, iv, ciphertext, tag, data), share
        except DecryptionFailed:
            continue
    raise DecryptionFailed  # here, where no other exception is its context


def _accepted(enc: str | Collection[str] | None) -> Mapping[str, ContentEncryption]:
    if enc is None:
        return _BY_NAME
    names = [enc] if isinstance(enc, str) else enc
    if not isinstance(names, Collection):
        raise InvalidSettings(f"enc must be a string, a collection of strings, or None, not {describe(enc)}")
    for name in names:
        if not isinstance(name, str) or name not in _BY_NAME:
            raise InvalidSettings(f"enc must be of {', '.join(_BY_NAME)}, not {_describe_enc(name)}")
    return {name: _BY_NAME[name] for name in names}


def _describe_enc(enc: object) -> str:
    """Show a name as it was given, since it is harmless. A long or odd text may be a secret."""
    return enc if isinstance(enc, str) and _NAME.fullmatch(enc) else describe(enc)


def _describe_count(argument: str, given: object) -> str:
    return (
        f"{argument} must be a whole number from {_COUNTS.start} to {_COUNTS.stop - 1}, not {describe(given)}"
    )


def _half_for_encrypting(key: Key) -> Any:
    return key.material if isinstance(key.material, bytes) else to_public(key.material)


def _content_key(share: Share, size: int) -> bytes:
    key, header, encrypted_key = share
    management = key.algorithm.management
    if isinstance(management, KeyWrapping):
        return _unwrapped(management, share, size)
    if management is None or encrypted_key:  # RFC 7516 §5.2, step 10: there must be none
        raise DecryptionFailed
    return management.accept(key.material, header, size)


def _unwrapped(management: KeyWrapping, share: Share, size: int) -> bytes:
    """The content key; a random one in place of one that is not right.

    So the content is decrypted in any case, and the time it takes does not tell which step failed
    (RFC 7516 §11.5).
    """
    if len(share.encrypted_key) > _MAX_ENCRYPTED_KEY:
        raise DecryptionFailed
    substitute = os.urandom(size)
    try:
        content_key = management.unwrap(share.key.material, share.header, share.encrypted_key)
    except DecryptionFailed:
        return substitute
    return content_key if len(content_key) == size else substitute
