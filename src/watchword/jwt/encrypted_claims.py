"""Parse tokens that are encrypted under a shared secret but not signed: see Verifier.without_signature."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from watchword.arguments import describe
from watchword.errors import BadSignature, InvalidSettings, MalformedToken
from watchword.jose import Key, KeySet, jwe
from watchword.jose.algorithms.key_management import AES_GCM_WRAPPING, AES_WRAPPING, DIRECT
from watchword.jose.compact_serialization import refuse_text
from watchword.jwt.caches import CachedHeader, Caches
from watchword.jwt.media_types import JWT, normalize_media_type
from watchword.jwt.parsing import ParsedToken, TokenParser

__all__ = ["EncryptedParser", "check_shared_secrets"]

# Only a holder of the secret can encrypt with these. Any client has a public key, and passwords are guessed.
_SHARED = (DIRECT, AES_WRAPPING, AES_GCM_WRAPPING)


class EncryptedParser(TokenParser):
    """Parses encrypted tokens that are not signed, for :meth:`~watchword.Verifier.without_signature`."""

    @classmethod
    def from_parser(cls, parser: TokenParser) -> Self:
        """Make a parser with the settings of another. The other parser's verification keys decrypt."""
        return cls(parser.keys, None, parser.types, parser.critical, parser.max_token_size)

    def parse(self, token: str, caches: Caches) -> ParsedToken:  # noqa: ARG002 - decryption needs each token's header
        """Decrypt a token. Its authentication tag takes the place of a signature.

        Raises:
            MalformedToken: the token is not encrypted, or a signed token is inside.
            UnknownKey: no key matches its ``kid`` and ``alg``.
            DecryptionFailed: no key decrypts the token.
        """
        if not isinstance(token, str) or len(token) > self.max_token_size:
            raise refuse_text(token, self.max_token_size)
        opened = jwe.decrypt(token, self.keys, critical=self.critical)
        header = opened.header
        if normalize_media_type(header.get("cty", "")) == JWT:
            raise MalformedToken(
                "there is a signed token inside the encrypted token. Verifier(decrypt_with=) verifies both"
            )
        header64 = token.partition(".")[0].encode("ascii")
        cached = CachedHeader(_accept_decrypted, self.types.find_failures(header), header)
        return cached, header64, b"", b"", opened.plaintext, header


def _accept_decrypted(signed: bytes, signature: bytes) -> None:
    """Return for a decrypted token, because decryption checked its authentication tag (RFC 7516 §5.2).

    Raises:
        BadSignature: there is a signature. This function never stands in for its check.
    """
    if signed or signature:
        raise BadSignature


def check_shared_secrets(keys: object) -> None:
    """Return if each of the keys is a shared secret.

    Raises:
        InvalidSettings: there is no key, or a key is not a shared secret.
    """
    several: Iterable[Key] = keys if isinstance(keys, KeySet) else [keys] if isinstance(keys, Key) else []
    unfit = [key for key in several if key.algorithm.management not in _SHARED]
    if unfit:
        raise InvalidSettings(
            f"decrypt_with must be a shared secret for dir or AES key wrap, not a key for {unfit[0].alg}, "
            "which does not prove that the issuer encrypted the token"
        )
    if not [*several]:
        raise InvalidSettings(
            f"decrypt_with must be a Key or a KeySet with keys, not {describe(keys)}. "
            'Make a Key with Key.from_secret(secret, alg="dir")'
        )
