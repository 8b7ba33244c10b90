"""Encrypt and decrypt nested JWTs: signed, then encrypted, in a single layer (RFC 7519 §5.2, §11.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from watchword.errors import InvalidClaims, MalformedToken
from watchword.jose import Key, KeySource, jwe
from watchword.jwt.media_types import JWT, normalize_media_type

__all__ = ["NestedSource", "decrypt_token", "encrypt_token", "find_contradictions"]

_REPLICAS = ("iss", "sub", "aud")


class NestedSource(NamedTuple):
    """The verification keys of nested tokens. Their version changes with the decryption keys too.

    Attributes:
        inner: the verification keys.
        outer: the decryption keys.
    """

    inner: KeySource
    outer: KeySource

    @property
    def version(self) -> object:
        """Both versions."""
        return self.inner.version, self.outer.version

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        """Find the verification keys of that id and algorithm."""
        return self.inner.find(kid, alg)

    def ready(self, kid: str | None, alg: str) -> bool:
        """Return whether ``find`` can answer without I/O."""
        return self.inner.ready(kid, alg)


def encrypt_token(token: str, key: Key, enc: str) -> str:
    """Encrypt a signed token to a key.

    Raises:
        InvalidKey: the key does not encrypt, or does not fit ``enc``.
    """
    return jwe.encrypt(token.encode("ascii"), key, enc, {"cty": "JWT"})  # RFC 7519 §5.2: upper case


def decrypt_token(token: str, keys: KeySource) -> tuple[bytes, Mapping[str, Any]]:
    """Decrypt an encrypted token, and return the signed token inside and the outer header.

    Raises:
        MalformedToken: the token is not encrypted, or its ``cty`` does not announce a token inside.
        UnknownKey: no key matches its ``kid`` and ``alg``.
        DecryptionFailed: no key decrypts the token. The error does not tell the cause.
    """
    opened = jwe.decrypt(token, keys)
    if normalize_media_type(opened.header.get("cty", "")) != JWT:
        raise MalformedToken(
            "the cty of the encrypted token does not announce a signed token inside. "
            "Verifier.without_signature reads claims that are only encrypted"
        )
    return opened.plaintext, opened.header


def find_contradictions(header: Mapping[str, Any], claims: Mapping[str, Any]) -> list[InvalidClaims]:
    """Find the claims that the outer header repeats with another value (RFC 7519 §5.3)."""
    return [
        InvalidClaims("the outer header contradicts the claims", claim=name)
        for name in _REPLICAS
        if name in header and (name not in claims or header[name] != claims[name])
    ]
