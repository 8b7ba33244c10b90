from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from watchword.jose import Key

Load = Callable[[str], Any]


def mldsa_keys(load: Load) -> Iterator[Any]:
    for alg in ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87"):
        name = alg.replace("-", "_")
        yield pytest.param(load(f"rfc9964-mldsa/{name}.jose.json")["jwk"], id=f"rfc9964-{alg}")


@pytest.mark.vectors("jwk", mldsa_keys)
def test_an_akp_key_is_read_whole_and_its_thumbprint_is_its_kid(jwk: dict[str, str]) -> None:
    key = Key.from_jwk(jwk)
    assert key.thumbprint == jwk["kid"]
    assert key.to_jwk(private=True) == jwk


def test_the_example_of_rfc_7638_has_its_thumbprint(load: Load) -> None:
    example = load("rfc7638/section_3_1.json")
    assert Key.from_jwk(example["jwk"]).thumbprint == example["thumbprint_sha256"]
