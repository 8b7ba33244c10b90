"""The primes of an RSA key that comes without them (RFC 7518 §6.3.2; NIST SP 800-56B, appendix C)."""

from __future__ import annotations

from math import gcd

from watchword.errors import InvalidKey

__all__ = ["recovered_primes"]

_MAX_BITS = 4096
# Each finds the primes of half of all keys. If none does the key is none: its modulus is a prime, say, which
# somebody has made up to keep us busy.
_BASES = tuple(n for n in range(2, 180) if all(n % divisor for divisor in range(2, n)))


def recovered_primes(n: int, e: int, d: int) -> tuple[int, int]:
    """The two primes of a modulus, the larger one first.

    Args:
        n: the modulus, odd.
        e: the public exponent, odd.
        d: the private exponent.

    Raises:
        InvalidKey: the numbers do not belong together, or have more than 4,096 bits.
    """
    if n.bit_length() > _MAX_BITS:
        raise InvalidKey(f"an RSA private key of more than {_MAX_BITS} bits needs its primes")
    for base in _BASES:
        prime = gcd(_root_of_one(base, n, d * e - 1) - 1, n)
        if 1 < prime < n:
            return max(prime, n // prime), min(prime, n // prime)
    raise InvalidKey("the JWK's n, e and d do not belong together")


def _root_of_one(base: int, n: int, exponent: int) -> int:
    """A number whose square is one modulo ``n``: a power of the base, since ``exponent`` makes it one."""
    halvings = (exponent & -exponent).bit_length() - 1
    root = pow(base, exponent >> halvings, n)
    for _ in range(halvings):
        square = root * root % n
        if square == 1:
            return root
        root = square
    raise InvalidKey("the JWK's n, e and d do not belong together")
