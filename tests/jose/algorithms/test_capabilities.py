from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, rsa, x448

from watchword.jose import Capability, Key, capabilities
from watchword.jose.algorithms.content_encryption import CONTENT_ENCRYPTIONS
from watchword.jose.algorithms.table import ALGORITHMS


@pytest.fixture
def tried_anew() -> Iterator[Callable[[], dict[str, Capability]]]:
    capabilities.cache_clear()
    yield lambda: {capability.name: capability for capability in capabilities()}
    capabilities.cache_clear()


def test_each_algorithm_is_told_of_once() -> None:
    told = [(capability.name, capability.use) for capability in capabilities()]
    assert len(set(told)) == len(told)
    assert {name for name, use in told if use == "signature"} == {
        row.name for row in ALGORITHMS if row.scheme
    }
    assert {name for name, use in told if use == "key management"} == {
        row.name for row in ALGORITHMS if row.management
    }
    assert [name for name, use in told if use == "content encryption"] == [
        row.name for row in CONTENT_ENCRYPTIONS
    ]


def test_with_the_cryptography_that_is_asked_for_everything_works() -> None:
    assert [
        capability for capability in capabilities() if not capability.available or capability.reason
    ] == []


def test_what_was_found_out_is_remembered() -> None:
    assert capabilities() is capabilities()


@pytest.mark.parametrize(
    ("owner", "method", "missing"),
    [
        (mldsa.MLDSA65PrivateKey, "generate", {"ML-DSA-65"}),
        (ec, "generate_private_key", {"ES256", "ES384", "ES512", "ES256K"}),
        (rsa, "generate_private_key", {row.name for row in ALGORITHMS if row.kinds == ("RSA",)}),
    ],
)
def test_what_does_not_work_is_told_with_the_reason(
    owner: object,
    method: str,
    missing: set[str],
    monkeypatch: pytest.MonkeyPatch,
    tried_anew: Callable[[], dict[str, Capability]],
) -> None:
    monkeypatch.setattr(owner, method, unsupported)
    told = tried_anew()
    assert {name for name, capability in told.items() if not capability.available} == missing
    for name in missing:
        assert "does not support" in (told[name].reason or "")


def test_an_algorithm_that_lacks_one_of_its_curves_works_and_says_which(
    monkeypatch: pytest.MonkeyPatch, tried_anew: Callable[[], dict[str, Capability]]
) -> None:
    monkeypatch.setattr(x448.X448PrivateKey, "generate", unsupported)
    told = tried_anew()["ECDH-ES"]
    assert told.available
    assert told.reason == "the OpenSSL that cryptography uses here does not support X448"
    assert Key.generate("ECDH-ES", crv="X25519")


def test_a_cipher_that_fails_when_it_is_used_is_told(
    monkeypatch: pytest.MonkeyPatch, tried_anew: Callable[[], dict[str, Capability]]
) -> None:
    monkeypatch.setattr("watchword.jose.algorithms.content_encryption.AESGCM", unsupported)
    told = tried_anew()
    assert {name for name, capability in told.items() if not capability.available} == {
        "A128GCM", "A192GCM", "A256GCM", "A128GCMKW", "A192GCMKW", "A256GCMKW",
    }  # fmt: skip


def unsupported(*_: object) -> None:
    raise UnsupportedAlgorithm("not here")
