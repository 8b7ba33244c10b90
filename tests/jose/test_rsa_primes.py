from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from watchword.errors import InvalidKey
from watchword.jose.rsa_primes import recovered_primes

PRIME = 2**1279 - 1  # a Mersenne prime
E = 65_537


def test_the_primes_of_real_keys_are_found() -> None:
    for bits in (2048, 2048, 2056, 3072):
        numbers = rsa.generate_private_key(E, bits).private_numbers()
        primes = recovered_primes(numbers.public_numbers.n, E, numbers.d)
        assert primes == (max(numbers.p, numbers.q), min(numbers.p, numbers.q))


def test_the_primes_of_small_numbers_are_found_whatever_the_private_exponent_is_reduced_by() -> None:
    p, q = 1_000_003, 999_983
    for modulus in ((p - 1) * (q - 1), (p - 1) * (q - 1) // 2):
        assert recovered_primes(p * q, E, pow(E, -1, modulus)) == (p, q)


@pytest.mark.parametrize(
    ("n", "d"),
    [
        pytest.param(PRIME, pow(E, -1, PRIME - 1), id="prime"),
        pytest.param(3 * PRIME, 5, id="of-another-key"),
        pytest.param(2**2048 + 1, 2**2000, id="even"),
        pytest.param(2**2048 + 1, 0, id="zero"),
        pytest.param(2**4096 + 1, 5, id="large"),
    ],
)
def test_numbers_that_do_not_belong_together_are_rejected(n: int, d: int) -> None:
    with pytest.raises(InvalidKey):
        recovered_primes(n, E, d)


def test_the_square_of_a_prime_is_rejected() -> None:
    p = 1_000_003
    with pytest.raises(InvalidKey):
        recovered_primes(p * p, E, pow(E, -1, p * (p - 1)))


def test_a_large_key_needs_its_primes() -> None:
    with pytest.raises(InvalidKey, match="needs its primes"):
        recovered_primes(2**4096 + 1, E, 5)
    assert recovered_primes(15, 3, 3) == (5, 3)
