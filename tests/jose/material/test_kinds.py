from __future__ import annotations

from typing import get_args

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, mldsa

from watchword.errors import InvalidKey
from watchword.jose import Key
from watchword.jose.material.kinds import MaterialKind, PrivateKey, generate, identify_kind, to_public


@pytest.mark.parametrize("kind", get_args(MaterialKind))
def test_what_is_generated_is_of_the_kind_that_was_asked_for(kind: MaterialKind) -> None:
    material = generate(kind, 40)
    assert identify_kind(material) == kind
    if isinstance(material, bytes):
        assert len(material) == 40
        return
    assert isinstance(material, PrivateKey)
    public = to_public(material)
    assert identify_kind(public) == kind
    assert not isinstance(public, PrivateKey)
    assert to_public(public) is public


def test_an_rsa_key_has_2048_bits_and_the_usual_exponent() -> None:
    numbers = to_public(generate("RSA", 0)).public_numbers()  # type: ignore[union-attr, arg-type]  # it is RSA
    assert (numbers.n.bit_length(), numbers.e) == (2048, 65_537)


def test_two_secrets_are_never_the_same() -> None:
    assert generate("oct", 32) != generate("oct", 32)


@pytest.mark.parametrize(
    "material",
    [
        pytest.param(ec.generate_private_key(ec.SECP224R1()), id="p-224"),
        pytest.param(ec.generate_private_key(ec.BrainpoolP256R1()).public_key(), id="brainpool"),
        pytest.param(dsa.generate_private_key(1024), id="dsa"),
    ],
)
def test_a_type_of_key_that_no_algorithm_uses_has_no_kind(material) -> None:
    with pytest.raises(InvalidKey, match="no algorithm here"):
        identify_kind(material)


@pytest.mark.parametrize(
    ("owner", "method", "alg", "kind"),
    [
        (ed25519.Ed25519PrivateKey, "generate", "EdDSA", "Ed25519"),
        (mldsa.MLDSA65PrivateKey, "generate", "ML-DSA-65", "ML-DSA-65"),
        (ec, "generate_private_key", "ES256K", "secp256k1"),
    ],
)
def test_a_kind_that_openssl_lacks_is_told(
    monkeypatch: pytest.MonkeyPatch, owner: object, method: str, alg: str, kind: str
) -> None:
    def unsupported(*_: object) -> None:
        raise UnsupportedAlgorithm("not here")

    monkeypatch.setattr(owner, method, unsupported)
    with pytest.raises(InvalidKey, match=f"does not support {kind}"):
        Key.generate(alg)
