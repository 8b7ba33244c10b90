"""Recover the primes of an RSA key without them (RFC 7518 §6.3.2, NIST SP 800-56B appendix C)."""

from __future__ import annotations

import secrets
from math import gcd

from watchword.errors import InvalidKey

__all__ = ["recover_primes"]

_MAX_BITS = 4096
_ATTEMPTS = 100  # Each attempt succeeds for at least half of all bases.


def recover_primes(n: int, e: int, d: int) -> tuple[int, int]:
    """Return the two primes of a modulus, the larger prime first.

    Args:
        n: the modulus, odd.
        e: the public exponent, odd.
        d: the private exponent.

    Raises:
        InvalidKey: the numbers are not an RSA key, or have more than 4,096 bits.
    """
    if n.bit_length() > _MAX_BITS:
        raise InvalidKey(
            f"an RSA private key without p and q must have at most {_MAX_BITS} bits, "
            f"not {n.bit_length()}: give p, q, dp, dq and qi"
        )
    # For a prime or a prime power every attempt fails. An attacker may send such a modulus to cost us time.
    # For a real key this check passes: the order of 2 modulo p does not divide q - 1.
    if gcd(pow(2, n, n) - 2, n) > 1:
        raise InvalidKey(_NO_KEY)
    for _ in range(_ATTEMPTS):
        # A random base, because an attacker can make a modulus for which all known bases fail.
        base = 2 + secrets.randbelow(n - 3)
        prime = gcd(_find_root_of_one(base, n, d * e - 1) - 1, n)
        if 1 < prime < n:
            return max(prime, n // prime), min(prime, n // prime)
    raise InvalidKey(_NO_KEY)


def _find_root_of_one(base: int, n: int, exponent: int) -> int:
    """Return a power of the base whose square is 1 modulo ``n``. The base to the ``exponent`` must be 1."""
    halvings = (exponent & -exponent).bit_length() - 1
    root = pow(base, exponent >> halvings, n)
    for _ in range(halvings):
        square = root * root % n
        if square == 1:
            return root
        root = square
    raise InvalidKey(_NO_KEY)


_NO_KEY = "the JWK's n, e and d are not from the same RSA key"
