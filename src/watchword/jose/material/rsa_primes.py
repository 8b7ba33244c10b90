"""The primes of an RSA key that comes without them (RFC 7518 §6.3.2; NIST SP 800-56B, appendix C)."""

from __future__ import annotations

import secrets
from math import gcd

from watchword.errors import InvalidKey

__all__ = ["recover_primes"]

_MAX_BITS = 4096
_ATTEMPTS = 100  # each finds the primes of half of all keys; the second usually is the last


def recover_primes(n: int, e: int, d: int) -> tuple[int, int]:
    """The two primes of a modulus, the larger one first.

    Args:
        n: the modulus, odd.
        e: the public exponent, odd.
        d: the private exponent.

    Raises:
        InvalidKey: the numbers do not belong together, or have more than 4,096 bits.
    """
    if n.bit_length() > _MAX_BITS:
        raise InvalidKey(
            f"an RSA private key without p and q may have {_MAX_BITS} bits, "
            f"not {n.bit_length()}: give p, q, dp, dq and qi"
        )
    # Of a prime, or a power of one, no attempt finds anything: somebody has made it up to keep us busy. Of a
    # real key the order of 2 modulo one prime would have to divide the other less one.
    if gcd(pow(2, n, n) - 2, n) > 1:
        raise InvalidKey(_NO_KEY)
    for _ in range(_ATTEMPTS):
        # at random, as a key can be made up for which bases that are known fail, all of them
        base = 2 + secrets.randbelow(n - 3)
        prime = gcd(_find_root_of_one(base, n, d * e - 1) - 1, n)
        if 1 < prime < n:
            return max(prime, n // prime), min(prime, n // prime)
    raise InvalidKey(_NO_KEY)


def _find_root_of_one(base: int, n: int, exponent: int) -> int:
    """A number whose square is one modulo ``n``: a power of the base, since ``exponent`` makes it one."""
    halvings = (exponent & -exponent).bit_length() - 1
    root = pow(base, exponent >> halvings, n)
    for _ in range(halvings):
        square = root * root % n
        if square == 1:
            return root
        root = square
    raise InvalidKey(_NO_KEY)


_NO_KEY = "the JWK's n, e and d do not belong together"
