"""ECDH-ES: derive keys from the recipient's key and an ephemeral key (RFC 7518 §4.6, RFC 8037 §3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

from watchword.errors import DecryptionFailed, InvalidKey, MalformedToken, Unissuable
from watchword.jose.algorithms.key_management import (
    AES_WRAPPING,
    HeaderMembers,
    KeyAgreement,
    KeyWrapping,
    decode_member,
)
from watchword.jose.material.jwk_members import from_members, to_members
from watchword.jose.material.kinds import KeyMaterial, generate, identify_kind

__all__ = ["ECDH", "ecdh_wrapping"]

_Private: TypeAlias = ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey | x448.X448PrivateKey
_Public: TypeAlias = ec.EllipticCurvePublicKey | x25519.X25519PublicKey | x448.X448PublicKey


def _offer(key: _Public, header: HeaderMembers, size: int) -> tuple[bytes, dict[str, Any]]:
    return _send(key, header, header["enc"], size)


def _accept(key: _Private, header: HeaderMembers, size: int) -> bytes:
    return _receive(key, header, header["enc"], size)


ECDH = KeyAgreement(_offer, _accept)
"""The derived key is the content key."""


def ecdh_wrapping(size: int) -> KeyWrapping:
    """Return AES key wrap with the derived key.

    Args:
        size: length of the derived key, in bytes.
    """

    def wrap(key: _Public, header: HeaderMembers, content_key: bytes) -> tuple[bytes, dict[str, Any]]:
        wrapping_key, ephemeral = _send(key, header, header["alg"], size)
        encrypted_key, _ = AES_WRAPPING.wrap(wrapping_key, header, content_key)
        return encrypted_key, ephemeral

    def unwrap(key: _Private, header: HeaderMembers, encrypted_key: bytes) -> bytes:
        return AES_WRAPPING.unwrap(_receive(key, header, header["alg"], size), header, encrypted_key)

    return KeyWrapping(wrap, unwrap)


def _send(key: _Public, header: HeaderMembers, purpose: str, size: int) -> tuple[bytes, dict[str, Any]]:
    ephemeral = generate(identify_kind(key), 0)
    try:
        derived = _derive(ephemeral, key, header, purpose, size)
    except DecryptionFailed:
        raise InvalidKey(
            "the public key is a point of low order, so the derived key is not secret: make a new key"
        ) from None
    except MalformedToken:
        raise Unissuable("apu and apv must be base64url") from None
    return derived, {"epk": to_members(ephemeral, private=False)}


def _receive(key: _Private, header: HeaderMembers, purpose: str, size: int) -> bytes:
    ephemeral = _read_ephemeral(header.get("epk"))
    if identify_kind(ephemeral) != identify_kind(key):
        raise DecryptionFailed
    return _derive(key, ephemeral, header, purpose, size)


def _read_ephemeral(epk: object) -> KeyMaterial:
    """Return the sender's ephemeral key (§4.6.1.1). Only its public members are read."""
    if not isinstance(epk, Mapping) or "d" in epk:
        raise MalformedToken("the header's epk is not a public key")
    try:
        return from_members({name: epk[name] for name in ("kty", "crv", "x", "y") if name in epk})
    except InvalidKey:
        # A point that is not on the curve would reveal the private key bit by bit (invalid curve attack).
        raise MalformedToken("the header's epk is not a public key") from None


def _derive(private: Any, public: Any, header: HeaderMembers, purpose: str, size: int) -> bytes:
    """Derive a key with Concat KDF and SHA-256 from the inputs of §4.6.2."""
    parties = [decode_member(header, name) if name in header else b"" for name in ("apu", "apv")]
    described = b"".join(len(part).to_bytes(4) + part for part in (purpose.encode(), *parties))
    return ConcatKDFHash(SHA256(), size, described + (size * 8).to_bytes(4)).derive(
        _exchange(private, public)
    )


def _exchange(private: Any, public: Any) -> bytes:
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private.exchange(ec.ECDH(), public)
    try:
        return private.exchange(public)  # type: ignore[no-any-return]  # X25519 or X448
    except ValueError:  # RFC 7748 §6: all zeros, from a point of low order
        raise DecryptionFailed from None
