"""Keys too weak to use: refused when they are made, and not when somebody relies on them."""

from __future__ import annotations

import binascii
import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from watchword.errors import InvalidKey, WeakKey

__all__ = ["check_rsa", "check_secret"]

_RSA_BITS = range(2048, 16_384 + 1)  # RFC 7518 §3.3; above, OpenSSL refuses to verify
_RSA_EXPONENT = (
    65_537  # NIST SP 800-56B: more than 2**16; small ones have been the way into bad padding checks
)


def check_rsa(numbers: rsa.RSAPublicNumbers) -> None:
    """Refuse a weak RSA key.

    Raises:
        WeakKey: it has less than 2,048 bits (RFC 7518 §3.3) or a small exponent.
        InvalidKey: its modulus or exponent is even, or enormous.
    """
    if numbers.n.bit_length() < _RSA_BITS.start:
        raise WeakKey("an RSA key needs at least 2048 bits")
    if numbers.n.bit_length() not in _RSA_BITS:
        raise InvalidKey("an RSA key has at most 16384 bits")
    if numbers.e < _RSA_EXPONENT:
        raise WeakKey("an RSA key needs a public exponent of at least 65537")


def check_secret(secret: bytes, alg: str, least: int, lengths: tuple[int, ...] | None) -> None:
    """Refuse a weak or unfit secret.

    Args:
        secret: the secret.
        alg: the algorithm that it is for.
        least: its least length, in bytes, if it may be of any.
        lengths: the lengths that it may have, in bytes, if not any.

    Raises:
        WeakKey: it is shorter than the least length (RFC 7518 §3.2).
        InvalidKey: it is of another length than it may be, or a public key's text: everybody knows that
            "secret".
    """
    if len(secret) < (min(lengths) if lengths else least):
        raise WeakKey(f"{alg} needs a secret of at least {min(lengths) if lengths else least} bytes")
    if lengths and len(secret) not in lengths:
        raise InvalidKey(f"{alg} needs a secret of {' or '.join(map(str, lengths))} bytes")
    if _is_key_text(secret):
        raise InvalidKey("that is the text of a key or certificate, not a secret")


_KEY_TEXT = re.compile(rb"-{4,5} ?BEGIN |\A\s*(ssh-|ecdsa-sha2-|sk-)|\"kty\"")


def _is_key_text(secret: bytes) -> bool:
    """Whether a "secret" is a key in PEM, OpenSSH, JWK or DER, or the Base64 inside a PEM."""
    if _KEY_TEXT.search(secret):
        return True
    try:
        inside = binascii.a2b_base64(b"".join(secret.split()), strict_mode=True)
    except binascii.Error:
        inside = b""
    return _is_der(secret) or _is_der(inside)


def _is_der(data: bytes) -> bool:
    if not data.startswith(b"0"):  # a SEQUENCE: every key and certificate is one
        return False
    for load in (serialization.load_der_public_key, x509.load_der_x509_certificate):
        try:
            load(data)
        except (ValueError, UnsupportedAlgorithm):
            continue
        return True
    return False
