"""Refuse keys that are too weak, when they are made and not when they are used."""

from __future__ import annotations

import re
from contextlib import suppress

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519, rsa

from watchword.errors import InvalidKey, WeakKey
from watchword.jose.material.edwards import ED448, ED25519, check_point
from watchword.jose.material.kinds import PublicKey
from watchword.jose.material.loaders import UNREADABLE
from watchword.jose.material.texts import decode_base64

__all__ = ["check_public", "check_rsa", "check_secret"]

_RSA_BITS = range(2048, 16_384 + 1)  # RFC 7518 §3.3. OpenSSL does not verify with longer keys.
# NIST SP 800-56B: more than 2**16. Small exponents made attacks on bad padding checks possible. OpenSSL
# refuses larger exponents, and each of their bits would cost every verifier time.
_RSA_EXPONENTS = range(65_537, 2**64)

# The chips of ROCA made primes that are powers of 65537 modulo each small prime, so their moduli are, too.
# Less than one in a hundred million other moduli is.
_ROCA = {
    prime: frozenset(pow(65_537, power, prime) for power in range(prime))
    for prime in range(3, 168)
    if all(prime % divisor for divisor in range(2, prime))
}


def check_public(key: PublicKey) -> None:
    """Refuse a weak public key.

    Raises:
        WeakKey: an RSA key is weak (see :func:`check_rsa`), or an EdDSA key has low order.
        InvalidKey: an RSA key is malformed (see :func:`check_rsa`), or an EdDSA key is not on its curve.
    """
    match key:
        case rsa.RSAPublicKey():
            check_rsa(key.public_numbers())
        case ed25519.Ed25519PublicKey():
            check_point(key.public_bytes_raw(), ED25519)
        case ed448.Ed448PublicKey():
            check_point(key.public_bytes_raw(), ED448)


def check_rsa(numbers: rsa.RSAPublicNumbers) -> None:
    """Refuse a weak RSA key.

    Raises:
        WeakKey: the key has less than 2,048 bits (RFC 7518 §3.3), a small exponent, or primes from the chips
            of CVE-2017-15361 (ROCA).
        InvalidKey: the modulus or the exponent is even or too large.
    """
    if numbers.n.bit_length() < _RSA_BITS.start:
        raise WeakKey(f"an RSA key needs at least 2048 bits, this key has {numbers.n.bit_length()}")
    if numbers.n.bit_length() not in _RSA_BITS:
        raise InvalidKey(f"an RSA key must have at most 16384 bits, this key has {numbers.n.bit_length()}")
    if numbers.e < _RSA_EXPONENTS.start:
        raise WeakKey(f"an RSA key needs a public exponent of at least 65537, this key has {numbers.e}")
    if not (numbers.n & numbers.e & 1 and numbers.e in _RSA_EXPONENTS):
        raise InvalidKey("an RSA key needs an odd modulus, and an odd exponent of at most 64 bits")
    if all(numbers.n % prime in residues for prime, residues in _ROCA.items()):
        raise WeakKey(
            "the private key of this RSA key can be computed (ROCA, CVE-2017-15361): make a new key"
        )


def check_secret(secret: bytes, alg: str, least: int, lengths: tuple[int, ...] | None) -> None:
    """Refuse a weak or unsuitable secret.

    Args:
        secret: the secret.
        alg: the algorithm that uses it.
        least: the least length, in bytes, if ``lengths`` is ``None``.
        lengths: the accepted lengths, in bytes. ``None`` accepts every length from ``least``.

    Raises:
        WeakKey: the secret is shorter than the least length (RFC 7518 §3.2).
        InvalidKey: the secret has a length that is not accepted, or is the text of a key or certificate,
            which an attacker may know.
    """
    shortest = min(lengths) if lengths else least
    if len(secret) < shortest:
        raise WeakKey(
            f"{alg} needs a secret of at least {shortest} bytes, this secret has {len(secret)}. "
            f"Make a secret with Key.generate({alg!r})"
        )
    if lengths and len(secret) not in lengths:
        accepted = " or ".join(map(str, lengths))
        raise InvalidKey(f"{alg} needs a secret of {accepted} bytes, this secret has {len(secret)}")
    if _is_key_text(secret):
        raise InvalidKey(
            "the secret is the text of a key or certificate, which others may know: "
            "read it with Key.from_pem or Key.from_jwk"
        )


_BLANK = b"\xef\xbb\xbf \t\r\n\v\f\0"  # a byte order mark included
_KEY_TEXT = re.compile(
    rb"-{4,5} ?BEGIN "  # PEM, and the output of ssh-keygen -e
    rb"|(?:ssh|ecdsa-sha2|sk)-[!-~]{1,64}[ \t]{1,8}AAAA"  # OpenSSH
    rb"|[\"'](?:kty|keys)\\*[\"']\s*:"  # a JWK or a JWK set, also in a JSON string or as a Python repr
)
_ESCAPED = re.compile(rb"\\u00([0-7][0-9a-fA-F])")  # JSON may escape any letter like this.
_SSH = re.compile(rb"\0{3}.(?:ssh|ecdsa-sha2|sk)-", re.DOTALL)  # the decoded Base64 of an OpenSSH key


def _is_key_text(secret: bytes) -> bool:
    """Return whether a secret is a key in PEM, OpenSSH, JWK or DER, or the Base64 of such a key."""
    bare = _ESCAPED.sub(_unescape_letter, secret).strip(_BLANK)
    return any(_KEY_TEXT.search(data) or _is_key(data) for data in (secret, bare, _try_base64(bare)))


def _unescape_letter(escaped: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escaped[1].decode())


def _try_base64(text: bytes) -> bytes:
    try:
        return decode_base64(text)
    except ValueError:
        return b""


def _is_key(data: bytes) -> bool:
    if not data.startswith(b"0"):  # in DER every key and certificate is a SEQUENCE
        return bool(_SSH.match(data))
    for load in (serialization.load_der_public_key, x509.load_der_x509_certificate):
        try:
            with suppress(Warning):  # It is a certificate even if it causes a warning.
                load(data)
        except UNREADABLE:
            continue
        return True
    return False
