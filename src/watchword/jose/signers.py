"""Make signatures with keys, and with signers whose keys stay elsewhere."""

from __future__ import annotations

from watchword.arguments import quote
from watchword.errors import InvalidKey
from watchword.jose.algorithms.signatures import ECDSA_FIELDS
from watchword.jose.algorithms.table import ALGORITHMS
from watchword.jose.jwk import Key
from watchword.jose.ports import Signer

__all__ = ["make_signature"]

_ALGORITHMS = frozenset(row.name for row in ALGORITHMS if row.scheme)


def make_signature(key: Key | Signer, data: bytes) -> bytes:
    """Sign bytes.

    Raises:
        InvalidKey: the key does not sign, or what the signer returned is not a signature of its algorithm.
    """
    return key.sign(data) if isinstance(key, Key) else _call_signer(key, data)


def _call_signer(signer: Signer, data: bytes) -> bytes:
    """Return a signer's signature. Check its form, because most services return ECDSA signatures in DER."""
    if signer.alg not in _ALGORITHMS:
        raise InvalidKey(f"the signer's alg {quote(signer.alg)} is not the name of a signature algorithm")
    signature = signer.sign(data)
    size = ECDSA_FIELDS.get(signer.alg)
    if not isinstance(signature, bytes) or not signature or (size and len(signature) != 2 * size):
        raise InvalidKey(
            f"what the signer returned is not a signature of {signer.alg}. "
            "Convert an ECDSA signature in DER with watchword.jose.jws.raw_from_der"
        )
    return signature
