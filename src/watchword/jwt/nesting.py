"""Nested JWTs: signed, then encrypted (RFC 7519 §5.2, §11.2). One layer, never more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from watchword.errors import InvalidClaims, MalformedToken
from watchword.jose import Key, KeySource, jwe
from watchword.jwt.media_types import JWT, media_type

__all__ = ["DecryptingSource", "contradictions", "decrypted", "encrypted"]

_REPLICAS = ("iss", "sub", "aud")


class DecryptingSource(NamedTuple):
    """The keys that verify, in another version whenever those that decrypt are in another one.

    Attributes:
        verifying: where the keys come from.
        decrypting: whose version counts, too.
    """

    verifying: KeySource
    decrypting: KeySource

    @property
    def version(self) -> object:
        """Both versions."""
        return self.verifying.version, self.decrypting.version

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        """The verifying keys of that id and algorithm."""
        return self.verifying.find(kid, alg)

    def ready(self, kid: str | None, alg: str) -> bool:
        """Whether ``find`` can answer without I/O."""
        return self.verifying.ready(kid, alg)


def encrypted(token: str, key: Key, enc: str) -> str:
    """A signed token, encrypted to a key.

    Raises:
        InvalidKey: the key does not encrypt, or does not fit ``enc``.
    """
    return jwe.encrypt(token.encode("ascii"), key, enc, {"cty": "JWT"})  # RFC 7519 §5.2: upper case


def decrypted(token: str, keys: KeySource) -> tuple[bytes, Mapping[str, Any]]:
    """The token inside an encrypted one, and the header outside.

    Raises:
        MalformedToken: it is not an encrypted token, or does not say that a token is in it.
        UnknownKey: no key fits its ``kid`` and ``alg``.
        DecryptionFailed: it cannot be opened; why is not told.
    """
    opened = jwe.decrypt(token, keys)
    if media_type(opened.header.get("cty", "")) != JWT:
        raise MalformedToken(
            "the cty of the encrypted token does not say that there is a signed token in it; "
            "Verifier.without_signature reads claims that are only encrypted"
        )
    return opened.plaintext, opened.header


def contradictions(header: Mapping[str, Any], claims: Mapping[str, Any]) -> list[InvalidClaims]:
    """The claims that the header outside repeats, and repeats wrongly (RFC 7519 §5.3)."""
    return [
        InvalidClaims("the header outside says something else than the claims", claim=name)
        for name in _REPLICAS
        if name in header and (name not in claims or header[name] != claims[name])
    ]
