"""Signatures in the compact form, ``header.payload.signature`` (RFC 7515 §3.1, §5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from watchword.errors import BadSignature
from watchword.jose import base64url
from watchword.jose import header as headers
from watchword.jose.jwk import Key, KeySource, Signer, key_source

__all__ = ["Verified", "sign", "verify"]


class Verified(NamedTuple):
    """What a good signature stands for.

    Attributes:
        payload: the signed bytes.
        header: the signed header; its ``jwk``, ``jku`` and ``x5*`` members are hearsay, never a key to trust.
        key: the key that it verified with.
    """

    payload: bytes
    header: dict[str, Any]
    key: Key


def sign(payload: bytes, key: Key | Signer, header: Mapping[str, object] | None = None) -> str:
    """The payload as a compact JWS.

    Args:
        payload: any bytes, none at all included.
        key: signs; its ``alg`` and ``kid`` go into the header.
        header: further members of the header.

    Raises:
        InvalidKey: the key does not sign.
        Unissuable: the header would override ``alg`` or ``kid``, or is not one that may be read again.
    """
    return sign_encoded(headers.encode({"alg": key.alg, "kid": key.kid}, header), payload, key)


def verify(token: str, keys: Key | KeySource, *, critical: Collection[str] = ()) -> Verified:
    """What is signed in a compact JWS; nothing is said of its meaning: see :class:`~watchword.Verifier`.

    Args:
        token: the JWS.
        keys: the keys to trust; the ``kid`` of a token is not looked at where a key comes alone.
        critical: the header extensions that the caller understands and handles (``crit``).

    Raises:
        MalformedToken: it is not a compact JWS, or needs an extension that is not understood.
        UnknownKey: no key fits its ``kid`` and ``alg``.
        BadSignature: the signature is not from any key that fits.
    """
    header64, payload64, signature64 = headers.split(token, 3)
    header = headers.decode(header64, headers.check_critical(critical))
    candidates = headers.candidates(key_source(keys), header, "verify")
    key = authenticate(candidates, header64 + b"." + payload64, base64url.decode_bytes(signature64))
    return Verified(base64url.decode_bytes(payload64), header, key)


def sign_encoded(header64: bytes, payload: bytes, key: Key | Signer) -> str:
    """As :func:`sign`, with a header that is encoded already."""
    signed = header64 + b"." + base64url.encode_bytes(payload)
    return (signed + b"." + base64url.encode_bytes(key.sign(signed))).decode("ascii")


def authenticate(candidates: Sequence[Key], signed: bytes, signature: bytes) -> Key:
    """The key among few that made the signature.

    Raises:
        BadSignature: none of them did.
    """
    for key in candidates:
        try:
            key.verify(signed, signature)
        except BadSignature:
            continue
        return key
    raise BadSignature
