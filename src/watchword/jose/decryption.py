"""Decrypt content with the keys of its recipients (RFC 7516 §5.2). The same for all serializations."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from watchword.arguments import describe, quote_algorithm
from watchword.errors import DecryptionFailed, InvalidSettings, MalformedToken
from watchword.jose.algorithms.content_encryption import ENCRYPTIONS_BY_NAME, ContentEncryption
from watchword.jose.algorithms.key_management import ITERATIONS, KeyWrapping
from watchword.jose.encryption import EncryptedContent, describe_iterations
from watchword.jose.header import check_critical
from watchword.jose.jwk import Key

__all__ = ["DecryptionAttempt", "DecryptionPolicy", "build_policy", "decrypt_with_first"]

_MAX_ENCRYPTED_KEY = 2_048  # RSA of 16,384 bits makes this length. Every other algorithm makes far less.


class DecryptionPolicy(NamedTuple):
    """What a caller accepts.

    Attributes:
        encryptions: the content encryptions, by name.
        max_p2c: most iterations of PBKDF2.
        max_decompressed: most bytes of compressed content. ``None`` refuses ``zip``.
        critical: the header extensions that the caller handles.
    """

    encryptions: Mapping[str, ContentEncryption]
    max_p2c: int
    max_decompressed: int | None
    critical: frozenset[str]

    def choose_encryption(self, header: Mapping[str, Any]) -> ContentEncryption:
        """Return the content encryption that a header names.

        Raises:
            MalformedToken: it is unknown or not accepted, or ``zip`` or ``p2c`` is not accepted.
        """
        enc = header.get("enc")
        if not isinstance(enc, str) or enc not in self.encryptions:
            raise MalformedToken("the content encryption of the token is unknown or not accepted")
        if "zip" in header and (header["zip"] != "DEF" or self.max_decompressed is None):
            raise MalformedToken("compressed tokens are not accepted here")
        if header["alg"].startswith("PBES2-"):
            count = header.get("p2c")
            if type(count) is not int or not ITERATIONS.start <= count <= self.max_p2c:
                raise MalformedToken(f"p2c must be an integer from {ITERATIONS.start} to {self.max_p2c}")
        return self.encryptions[enc]

    def decompress(self, header: Mapping[str, Any], plaintext: bytes) -> bytes:
        """Return the content, decompressed (RFC 1951) if the header says so (RFC 7516 §5.2, step 18).

        Raises:
            MalformedToken: the content is not compressed as the header says, or larger than accepted.
        """
        if "zip" not in header or self.max_decompressed is None:
            return plaintext
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            inflated = inflater.decompress(plaintext, self.max_decompressed + 1)
        except zlib.error:
            raise MalformedToken("the content is not compressed as the header says") from None
        if len(inflated) > self.max_decompressed:
            raise MalformedToken("the decompressed content is too large")
        if not inflater.eof or inflater.unused_data:
            raise MalformedToken("the content is not compressed as the header says")
        return inflated


class DecryptionAttempt(NamedTuple):
    """A key that may decrypt a token.

    Attributes:
        key: the key of a recipient.
        header: all members of the header that apply to this recipient.
        encrypted_key: the content key, encrypted to this recipient, or empty.
    """

    key: Key
    header: Mapping[str, Any]
    encrypted_key: bytes


def build_policy(
    enc: str | Collection[str] | None,
    max_p2c: int,
    max_decompressed: int | None,
    critical: Collection[str],
) -> DecryptionPolicy:
    """Check the settings of a call and return them as a policy.

    Raises:
        InvalidSettings: a setting is out of range, or names an unknown content encryption.
    """
    if type(max_p2c) is not int or max_p2c not in ITERATIONS:
        raise InvalidSettings(describe_iterations("max_p2c", max_p2c))
    if max_decompressed is not None and (
        type(max_decompressed) is not int or not 0 < max_decompressed < sys.maxsize
    ):
        raise InvalidSettings(
            "max_decompressed must be a whole number of bytes, at least 1, or None, "
            f"not {describe(max_decompressed)}"
        )
    return DecryptionPolicy(_select_encryptions(enc), max_p2c, max_decompressed, check_critical(critical))


def decrypt_with_first(
    content: EncryptedContent, encryption: ContentEncryption, attempts: Iterable[DecryptionAttempt]
) -> tuple[bytes, DecryptionAttempt]:
    """Return the plaintext, and the first attempt that succeeds (RFC 7516 §5.2, steps 6 to 19).

    Raises:
        MalformedToken: a header lacks what its algorithm needs.
        DecryptionFailed: no attempt succeeds. The error does not say why.
    """
    data, iv, ciphertext, tag = content
    for attempt in attempts:
        try:
            content_key = _find_content_key(attempt, encryption.key_size)
            return encryption.decrypt(content_key, iv, ciphertext, tag, data), attempt  # step 17
        except DecryptionFailed:
            continue
    raise DecryptionFailed  # Raised here, so that no other exception becomes its context.


def _select_encryptions(enc: str | Collection[str] | None) -> Mapping[str, ContentEncryption]:
    if enc is None:
        return ENCRYPTIONS_BY_NAME
    names = [enc] if isinstance(enc, str) else enc
    if not isinstance(names, Collection):
        raise InvalidSettings(f"enc must be a string, a collection of strings, or None, not {describe(enc)}")
    for name in names:
        if not isinstance(name, str) or name not in ENCRYPTIONS_BY_NAME:
            raise InvalidSettings(
                f"enc must be among {', '.join(ENCRYPTIONS_BY_NAME)}, not {quote_algorithm(name)}"
            )
    return {name: ENCRYPTIONS_BY_NAME[name] for name in names}


def _find_content_key(attempt: DecryptionAttempt, size: int) -> bytes:
    key, header, encrypted_key = attempt
    management = key.algorithm.management
    if isinstance(management, KeyWrapping):  # steps 8 and 9
        return _unwrap_content_key(management, attempt, size)
    if management is None or encrypted_key:  # step 10: the encrypted key must be empty
        raise DecryptionFailed
    return management.accept(key.material, header, size)  # steps 11 and 12


def _unwrap_content_key(management: KeyWrapping, attempt: DecryptionAttempt, size: int) -> bytes:
    """Return the content key, or a random key if unwrapping fails.

    The content is decrypted in both cases, so the time does not tell which step failed (RFC 7516 §11.5).
    """
    if len(attempt.encrypted_key) > _MAX_ENCRYPTED_KEY:
        raise DecryptionFailed
    substitute = os.urandom(size)
    try:
        content_key = management.unwrap(attempt.key.material, attempt.header, attempt.encrypted_key)
    except DecryptionFailed:
        return substitute
    return content_key if len(content_key) == size else substitute
