"""Keys, signatures and encryption: bytes in, bytes out. No clock, no network, no storage."""

from watchword.jose.algorithms.capabilities import Capability, capabilities
from watchword.jose.jwk import Key
from watchword.jose.key_set import KeySet, SkippedKey
from watchword.jose.ports import KeySource, Signer, SigningSource

__all__ = [
    "Capability",
    "Key",
    "KeySet",
    "KeySource",
    "Signer",
    "SigningSource",
    "SkippedKey",
    "capabilities",
]
