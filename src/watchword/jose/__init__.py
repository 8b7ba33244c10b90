"""Keys, signatures and encryption: bytes in, bytes out. Knows no clock, no network, no storage."""

from watchword.jose.jwk import Key, KeySet, KeySource, Signer, SigningSource, SkippedKey

__all__ = ["Key", "KeySet", "KeySource", "Signer", "SigningSource", "SkippedKey"]
