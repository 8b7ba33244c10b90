from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

from watchword.errors import InvalidKey, InvalidSettings
from watchword.jose import Key, jws
from watchword.jose.algorithms.signatures import raw_from_der


class Elsewhere(NamedTuple):
    """A signer that stands for a key in another process."""

    alg: str
    kid: str
    sign: Callable[[bytes], Any]


def test_a_signer_elsewhere_signs() -> None:
    key = Key.generate("ES256")
    token = jws.sign(b"payload", Elsewhere("ES256", "hsm-1", key.sign), {"cty": "x"})
    verified = jws.verify(token, key.public())
    assert verified.header == {"alg": "ES256", "kid": "hsm-1", "cty": "x"}


@pytest.mark.parametrize("alg", ["ES256", "ES256K", "ES384", "ES512"])
def test_the_der_of_a_kms_becomes_a_signature(alg: str) -> None:
    key = Key.generate(alg)
    digests = {"ES256": SHA256(), "ES256K": SHA256(), "ES384": SHA384(), "ES512": SHA512()}

    def der(data: bytes) -> bytes:
        return key.material.sign(data, ECDSA(digests[alg]))  # type: ignore[union-attr, call-arg, arg-type]  # an EC key

    with pytest.raises(InvalidKey, match="raw_from_der"):
        jws.sign(b"payload", Elsewhere(alg, "kms", der))
    token = jws.sign(b"payload", Elsewhere(alg, "kms", lambda data: raw_from_der(der(data), alg)))
    assert jws.verify(token, key.public()).payload == b"payload"


@pytest.mark.parametrize(
    ("der", "alg"),
    [
        (b"", "ES256"),
        (b"\x30\x00", "ES256"),
        (bytes(64), "ES256"),
        (encode_dss_signature(1, 1) + b"\0", "ES256"),
        (encode_dss_signature(2**256, 1), "ES256"),
        (encode_dss_signature(1, 1), "RS256"),
        (encode_dss_signature(1, 1), ""),
        (None, "ES256"),
        ("text", "ES256"),
    ],
)
def test_what_is_no_der_signature_is_not_converted(der: Any, alg: str) -> None:
    assert raw_from_der(encode_dss_signature(1, 2), "ES256") == b"\1".rjust(32, b"\0") + b"\2".rjust(
        32, b"\0"
    )
    with pytest.raises(InvalidKey):
        raw_from_der(der, alg)


@pytest.mark.parametrize("alg", ["none", "NONE", "", "RS1", "A256KW", "dir", "hs256"])
def test_no_signer_makes_a_token_of_an_algorithm_that_there_is_not(alg: str) -> None:
    for sign in (jws.sign, lambda payload, key: jws.sign_json(payload, [key])):
        with pytest.raises(InvalidKey):
            sign(b"payload", Elsewhere(alg, "kms", lambda data: b"signature"))


@pytest.mark.parametrize("answer", [None, "", b"", "text", bytearray(64), b"short", bytes(65)], ids=repr)
def test_a_signers_garbage_is_not_issued(answer: Any) -> None:
    with pytest.raises(InvalidKey):
        jws.sign(b"payload", Elsewhere("ES256", "kms", lambda data: answer))


@pytest.mark.parametrize(("alg", "kid"), [(None, "kms"), (5, "kms"), ("ES256", None), ("ES256", 5)])
def test_a_signers_names_are_strings(alg: Any, kid: Any) -> None:
    with pytest.raises(InvalidSettings):
        jws.sign(b"payload", Elsewhere(alg, kid, lambda data: bytes(64)))


def test_what_a_signer_raises_comes_through() -> None:
    class Outage(Exception):
        pass

    def fail(data: bytes) -> bytes:
        raise Outage

    with pytest.raises(Outage):
        jws.sign(b"payload", Elsewhere("ES256", "kms", fail))
