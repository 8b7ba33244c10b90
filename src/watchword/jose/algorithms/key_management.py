"""Bring a content encryption key to a recipient (RFC 7518 §4.3 to §4.8).

There are two ways. With a :class:`KeyAgreement` the content key follows from the recipient's key. With a
:class:`KeyWrapping` it is random, and the token contains it, encrypted to the recipient.

RSA1_5 (§4.2) is not offered. A recipient that reveals whether the padding is right, by message or by time,
lets an attacker decrypt tokens (Bleichenbacher 1998). Many libraries have had this vulnerability. RFC 8725
§3.2 advises against RSA1_5, and RSA-OAEP is as widely supported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from watchword.errors import DecryptionFailed, InvalidKey, MalformedToken
from watchword.jose import base64url
from watchword.jose.algorithms.content_encryption import decrypt_gcm, encrypt_gcm

__all__ = [
    "AES_GCM_WRAPPING",
    "AES_WRAPPING",
    "DIRECT",
    "ITERATIONS",
    "HeaderMembers",
    "KeyAgreement",
    "KeyManagement",
    "KeyWrapping",
    "decode_member",
    "pbes2",
    "rsa_oaep",
]

HeaderMembers: TypeAlias = Mapping[str, Any]

ITERATIONS = range(1_000, 1_000_000 + 1)
"""Accepted iterations of PBKDF2 (RFC 7518 §4.8.1.2). A token that asks for the most costs half a second."""

_MIN_SALT = 8  # RFC 7518 §4.8.1.1, in bytes


class KeyAgreement(NamedTuple):
    """The content key follows from the recipient's key. The token contains no encrypted key.

    Attributes:
        offer: takes the recipient's secret or public key, the header, and the length of the content key in
            bytes. Returns the content key and the members that the header needs. Raises InvalidKey if the key
            does not fit the length.
        accept: takes the recipient's secret or private key, the header, and the length. Returns the content
            key. Raises MalformedToken if the header lacks a member, otherwise DecryptionFailed.
    """

    offer: Callable[[Any, HeaderMembers, int], tuple[bytes, dict[str, Any]]]
    accept: Callable[[Any, HeaderMembers, int], bytes]


class KeyWrapping(NamedTuple):
    """The token contains the content key, encrypted to the recipient.

    Attributes:
        wrap: takes the recipient's secret or public key, the header, and the content key. Returns the
            encrypted key and the members that the header needs.
        unwrap: takes the recipient's secret or private key, the header, and the encrypted key. Returns the
            content key. Raises MalformedToken if the header lacks a member, otherwise DecryptionFailed.
    """

    wrap: Callable[[Any, HeaderMembers, bytes], tuple[bytes, dict[str, Any]]]
    unwrap: Callable[[Any, HeaderMembers, bytes], bytes]


KeyManagement: TypeAlias = KeyAgreement | KeyWrapping


def decode_member(header: HeaderMembers, name: str) -> bytes:
    """Decode a header member that is base64url.

    Raises:
        MalformedToken: the member is missing or malformed.
    """
    value = header.get(name)
    if not isinstance(value, str):
        raise MalformedToken(f"the header's {name} is missing or not a string")
    return base64url.decode(value)


# -- dir, RFC 7518 §4.5 ----------------------------------------------------------------------------


def _offer_secret(secret: bytes, header: HeaderMembers, size: int) -> tuple[bytes, dict[str, Any]]:
    if len(secret) != size:
        raise InvalidKey(f"enc {header['enc']} needs a secret of {size} bytes, this secret has {len(secret)}")
    return secret, {}


def _accept_secret(secret: bytes, _header: HeaderMembers, size: int) -> bytes:
    if len(secret) != size:
        raise DecryptionFailed
    return secret


DIRECT = KeyAgreement(_offer_secret, _accept_secret)
"""The secret is the content key."""


# -- A128KW to A256KW, RFC 7518 §4.4 ---------------------------------------------------------------


def _wrap(secret: bytes, _header: HeaderMembers, content_key: bytes) -> tuple[bytes, dict[str, Any]]:
    return aes_key_wrap(secret, content_key), {}


def _unwrap(secret: bytes, _header: HeaderMembers, encrypted_key: bytes) -> bytes:
    try:
        return aes_key_unwrap(secret, encrypted_key)
    except InvalidUnwrap:
        raise DecryptionFailed from None


AES_WRAPPING = KeyWrapping(_wrap, _unwrap)
"""AES key wrap with a secret of 128, 192 or 256 bits."""


# -- A128GCMKW to A256GCMKW, RFC 7518 §4.7 ---------------------------------------------------------


def _wrap_gcm(secret: bytes, _header: HeaderMembers, content_key: bytes) -> tuple[bytes, dict[str, Any]]:
    iv = os.urandom(12)  # §4.7.1.1: 96 bits
    encrypted_key, tag = encrypt_gcm(secret, iv, content_key, b"")
    return encrypted_key, {"iv": base64url.encode(iv), "tag": base64url.encode(tag)}


def _unwrap_gcm(secret: bytes, header: HeaderMembers, encrypted_key: bytes) -> bytes:
    return decrypt_gcm(secret, decode_member(header, "iv"), encrypted_key, decode_member(header, "tag"), b"")


AES_GCM_WRAPPING = KeyWrapping(_wrap_gcm, _unwrap_gcm)
"""AES-GCM with a secret of 128, 192 or 256 bits."""


# -- RSA-OAEP to RSA-OAEP-512, RFC 7518 §4.3 and the registry of RFC 7518 §7.1 ------------------------


def rsa_oaep(digest: HashAlgorithm) -> KeyWrapping:
    """Return RSAES-OAEP. MGF1 uses the same hash, and there is no label."""
    padding = OAEP(MGF1(digest), digest, None)

    def wrap(
        key: rsa.RSAPublicKey, _header: HeaderMembers, content_key: bytes
    ) -> tuple[bytes, dict[str, Any]]:
        return key.encrypt(content_key, padding), {}

    def unwrap(key: rsa.RSAPrivateKey, _header: HeaderMembers, encrypted_key: bytes) -> bytes:
        try:
            return key.decrypt(encrypted_key, padding)
        except ValueError:
            raise DecryptionFailed from None

    return KeyWrapping(wrap, unwrap)


# -- PBES2-HS256+A128KW to PBES2-HS512+A256KW, RFC 7518 §4.8 -----------------------------------------


def pbes2(digest: HashAlgorithm, size: int, count: int) -> KeyWrapping:
    """Return AES key wrap with a key that PBKDF2 derives from a password.

    Unwrapping trusts the header's ``p2c``. The caller must check it first.

    Args:
        digest: the hash of PBKDF2's HMAC.
        size: length of the derived key, in bytes.
        count: iterations for wrapping if the header has no ``p2c``.
    """

    def derive(password: bytes, alg: str, salt: bytes, iterations: int) -> bytes:
        salted = alg.encode() + b"\0" + salt  # §4.8.1.1
        return PBKDF2HMAC(digest, size, salted, iterations).derive(password)

    def wrap(password: bytes, header: HeaderMembers, content_key: bytes) -> tuple[bytes, dict[str, Any]]:
        salt = os.urandom(16)
        iterations = header.get("p2c") or count
        wrapping_key = derive(password, header["alg"], salt, iterations)
        return aes_key_wrap(wrapping_key, content_key), {"p2s": base64url.encode(salt), "p2c": iterations}

    def unwrap(password: bytes, header: HeaderMembers, encrypted_key: bytes) -> bytes:
        salt = decode_member(header, "p2s")
        if len(salt) < _MIN_SALT:
            raise MalformedToken(f"p2s must be at least {_MIN_SALT} bytes")
        return _unwrap(derive(password, header["alg"], salt, header["p2c"]), header, encrypted_key)

    return KeyWrapping(wrap, unwrap)
