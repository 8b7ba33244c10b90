from __future__ import annotations

from itertools import islice
from math import prod

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from watchword.errors import InvalidKey
from watchword.jose.material import rsa_primes
from watchword.jose.material.rsa_primes import recover_primes

PRIME = 2**1279 - 1  # a Mersenne prime
E = 65_537


def test_the_primes_of_real_keys_are_found() -> None:
    for bits in (2048, 2048, 2056, 3072):
        numbers = rsa.generate_private_key(E, bits).private_numbers()
        primes = recover_primes(numbers.public_numbers.n, E, numbers.d)
        assert primes == (max(numbers.p, numbers.q), min(numbers.p, numbers.q))


def test_the_primes_of_small_numbers_are_found_whatever_the_private_exponent_is_reduced_by() -> None:
    p, q = 1_000_003, 999_983
    totient = (p - 1) * (q - 1)
    for modulus in 50 * [totient, totient // 2]:  # so often, as an attempt may find nothing
        assert recover_primes(p * q, E, pow(E, -1, modulus)) == (p, q)


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
        recover_primes(n, E, d)


def test_primes_and_their_powers_are_rejected_before_anything_is_attempted(monkeypatch) -> None:
    monkeypatch.setattr(rsa_primes, "_find_root_of_one", lambda *_: pytest.fail("it costs an attempt"))
    for n, order in ((PRIME, PRIME - 1), (1_000_003**2, 1_000_003 * 1_000_002)):
        with pytest.raises(InvalidKey):
            recover_primes(n, E, pow(E, -1, order))


def test_the_primes_of_a_key_are_found_though_it_was_made_up_so_that_small_bases_fail() -> None:
    # A small number is a square modulo both of them, or modulo neither, so its powers tell nothing of them.
    step = 8 * prod(number for number in range(3, 200) if is_prime(number))
    p, q = islice((prime for prime in range(step - 1, 10_000 * step, step) if is_prime(prime)), 2)
    assert recover_primes(p * q, E, pow(E, -1, (p - 1) * (q - 1))) == (q, p)


def is_prime(number: int) -> bool:
    return all(pow(base, number - 1, number) == 1 for base in (2, 3) if number > base)


def test_a_large_key_needs_its_primes() -> None:
    with pytest.raises(InvalidKey, match="not 4097: give p, q"):
        recover_primes(2**4096 + 1, E, 5)
    with pytest.raises(InvalidKey, match="are not from the same RSA key"):
        recover_primes(2**4096 - 1, E, 5)
