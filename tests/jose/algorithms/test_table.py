from __future__ import annotations

from typing import get_args

import pytest

from watchword.errors import InvalidKey
from watchword.jose import Key
from watchword.jose.algorithms.table import ALGORITHMS, Algorithm, choose_algorithm
from watchword.jose.material.kinds import MaterialKind

ROWS = pytest.mark.parametrize("row", ALGORITHMS, ids=lambda row: f"{row.name}-{row.kinds[0]}")


def test_there_is_no_algorithm_that_nobody_should_use() -> None:
    names = {row.name for row in ALGORITHMS}
    assert names == {
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
        "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65",
        "ML-DSA-87",
        "dir", "A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW",
        "RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512",
        "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW",
        "PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW",
    }  # fmt: skip


@ROWS
def test_a_row_either_signs_or_brings_content_keys(row: Algorithm) -> None:
    assert (row.scheme is None) != (row.management is None)
    assert row.operations == (("sign", "verify") if row.scheme else ("decrypt", "encrypt"))


@ROWS
def test_a_row_takes_secrets_only_where_its_keys_are_secrets(row: Algorithm) -> None:
    assert (row.secret > 0) == (row.kinds == ("oct",))
    assert row.lengths is None or row.secret in row.lengths


def test_the_rows_are_for_the_kinds_of_key_that_there_are() -> None:
    assert {kind for row in ALGORITHMS for kind in row.kinds} == set(get_args(MaterialKind))


@ROWS
def test_a_row_is_found_by_its_name_and_each_of_its_kinds(row: Algorithm) -> None:
    assert [choose_algorithm(row.name, kind) for kind in row.kinds] == [row] * len(row.kinds)


@pytest.mark.parametrize(
    ("kind", "alg"),
    [
        ("P-256", "ES256"),
        ("P-384", "ES384"),
        ("P-521", "ES512"),
        ("secp256k1", "ES256K"),
        ("Ed25519", "EdDSA"),
        ("Ed448", "EdDSA"),
        ("ML-DSA-44", "ML-DSA-44"),
        ("ML-DSA-65", "ML-DSA-65"),
        ("ML-DSA-87", "ML-DSA-87"),
    ],
)
def test_the_only_algorithm_that_signs_with_a_key_need_not_be_named(kind: MaterialKind, alg: str) -> None:
    assert choose_algorithm(None, kind).name == alg


@pytest.mark.parametrize("kind", ["oct", "RSA", "X25519", "X448"])
def test_where_several_algorithms_fit_one_must_be_named(kind: MaterialKind) -> None:
    with pytest.raises(InvalidKey, match="alg is needed"):
        choose_algorithm(None, kind)


def test_an_algorithm_that_signs_is_not_guessed_for_a_key_that_encrypts() -> None:
    with pytest.raises(InvalidKey, match="alg is needed"):
        choose_algorithm(None, "P-256", "enc")


@pytest.mark.parametrize(
    ("alg", "kind"), [("ES256", "P-384"), ("HS256", "RSA"), ("ES256K", "P-256"), ("Ed448", "Ed25519")]
)
def test_an_algorithm_does_not_go_with_another_kind_of_key(alg: str, kind: MaterialKind) -> None:
    with pytest.raises(InvalidKey):
        choose_algorithm(alg, kind)


@pytest.mark.parametrize("alg", ["none", "None", "", "hs256", "RS1", "RSA1_5", "A256GCM", "HS1", "ES521"])
def test_unknown_algorithms_have_no_keys(alg: str) -> None:
    with pytest.raises(InvalidKey):
        Key.generate(alg)
    with pytest.raises(InvalidKey):
        Key.from_secret(b"s" * 64, alg)


@pytest.mark.parametrize(
    ("alg", "use", "key_ops", "allowed"),
    [
        ("ES256", None, None, "sign verify"),
        ("ES256", "sig", None, "sign verify"),
        ("ES256", "enc", None, ""),
        ("ES256", "another", None, ""),
        ("ES256", None, ["sign"], "sign"),
        ("ES256", None, ["verify", "deriveKey"], "verify"),
        ("ES256", None, [], ""),
        ("ES256", None, ["encrypt", "decrypt"], ""),
        ("ES256", "sig", ["sign"], "sign"),
        ("dir", "enc", None, "decrypt encrypt"),
        ("dir", "sig", None, ""),
        ("dir", None, ["encrypt"], "encrypt"),
        ("dir", None, ["wrapKey"], ""),
        ("A128KW", None, ["wrapKey"], "encrypt"),
        ("A128KW", None, ["unwrapKey"], "decrypt"),
        ("A128KW", None, ["encrypt", "decrypt"], ""),
        ("ECDH-ES", None, ["deriveKey"], "decrypt encrypt"),
        ("ECDH-ES", None, ["deriveBits"], "decrypt encrypt"),
        ("ECDH-ES", None, ["sign", "verify"], ""),
    ],
)
def test_use_and_key_ops_say_what_is_allowed(
    alg: str, use: str | None, key_ops: list[str] | None, allowed: str
) -> None:
    row = next(row for row in ALGORITHMS if row.name == alg)
    named = None if key_ops is None else tuple(key_ops)
    assert row.list_operations(private=True, use=use, key_ops=named) == set(allowed.split())
    public = set(allowed.split()) & {"verify", "encrypt"}
    assert row.list_operations(private=False, use=use, key_ops=named) == public
