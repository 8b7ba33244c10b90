"""Defects of published keys that make the key no other: it is used, and written without them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import InvalidKey
from watchword.jose import Key, base64url
from watchword.jose.material.jwk_defects import mend

RSA_INTEGERS = ("n", "e", "d", "p", "q", "dp", "dq", "qi")


def lengthen(text: str) -> str:
    return base64url.encode(b"\0" + base64url.decode(text))


def respell(text: str) -> str:
    """The same in standard Base64, padding included."""
    return base64.b64encode(base64url.decode(text)).decode()


def each_string(jwk: dict[str, Any], names: tuple[str, ...], change: Callable[[str], str]) -> dict[str, Any]:
    return {name: change(value) if name in names else value for name, value in jwk.items()}


HARMLESS = {
    "zeros in front of n": ("RS256", lambda jwk: each_string(jwk, ("n",), lengthen)),
    "zeros in front of every integer": ("RS256", lambda jwk: each_string(jwk, RSA_INTEGERS, lengthen)),
    "n in standard base64": ("RS256", lambda jwk: each_string(jwk, ("n",), respell)),
    "n as Battle.net has it": ("RS256", lambda jwk: each_string(jwk, ("n",), lambda n: respell(lengthen(n)))),
    "coordinates in standard base64": ("ES256", lambda jwk: each_string(jwk, ("x", "y", "d"), respell)),
    "octets in standard base64": ("EdDSA", lambda jwk: each_string(jwk, ("x", "d"), respell)),
    "lattices in standard base64": ("ML-DSA-44", lambda jwk: each_string(jwk, ("pub", "priv"), respell)),
    "a secret in standard base64": ("HS256", lambda jwk: each_string(jwk, ("k",), respell)),
    "empty lists": ("RS256", lambda jwk: jwk | {"oth": [], "x5c": [], "key_ops": []}),
    "an operation named twice": ("ES256", lambda jwk: jwk | {"key_ops": ["sign", "verify", "sign"]}),
    "null for what is absent": (
        "RS256",
        lambda jwk: jwk | dict.fromkeys(("use", "key_ops", "x5c", "x5t", "x5t#S256", "x5u", "oth")),
    ),
    "hex in x5t": ("RS256", lambda jwk: jwk | {"x5t": base64url.encode(b"0F" * 20), "x5t#S256": "0F" * 32}),
}


@pytest.mark.parametrize(("alg", "spoil"), HARMLESS.values(), ids=HARMLESS)
def test_a_harmless_defect_costs_nothing_and_is_not_written_on(
    alg: str, spoil: Callable[[dict[str, Any]], dict[str, Any]], rsa: Key
) -> None:
    key = rsa if alg == "RS256" else Key.generate(alg)
    jwk = key.to_jwk(private=True)
    again = Key.from_jwk(spoil(jwk))
    assert again.to_jwk(private=True) in (jwk, jwk | {"key_ops": ["sign", "verify"]})
    assert again.thumbprint == key.thumbprint
    again.verify(b"data", key.sign(b"data"))


def test_null_private_members_make_a_public_key(rsa: Key) -> None:
    for key in (rsa, Key.generate("ES256"), Key.generate("EdDSA"), Key.generate("ML-DSA-44")):
        private = key.to_jwk(private=True).keys() - key.to_jwk().keys()
        assert Key.from_jwk(key.to_jwk() | dict.fromkeys(private)).to_jwk() == key.to_jwk()


def test_null_for_kid_and_alg_says_nothing_of_them() -> None:
    key = Key.generate("ES256")
    assert Key.from_jwk(key.to_jwk() | {"kid": None, "alg": None}).to_jwk() == key.to_jwk()


@pytest.mark.parametrize(
    ("alg", "spoil"),
    [
        pytest.param("ES256", lambda jwk: each_string(jwk, ("x",), lengthen), id="a-coordinate-too-long"),
        pytest.param("EdDSA", lambda jwk: each_string(jwk, ("x",), lengthen), id="octets-too-long"),
        pytest.param("RS256", lambda jwk: jwk | {"oth": [{}]}, id="more-primes"),
        pytest.param("RS256", lambda jwk: jwk | {"n": f" {jwk['n']}"}, id="white-space"),
        pytest.param("RS256", lambda jwk: jwk | {"n": jwk["n"] + "=A"}, id="padding-inside"),
        pytest.param("RS256", lambda jwk: jwk | {"n": "AAAA"}, id="zero"),
        pytest.param("RS256", lambda jwk: jwk | {"e": "AAE"}, id="exponent-of-one"),
        pytest.param("ES256", lambda jwk: jwk | {"d": ""}, id="empty-private-key"),
        pytest.param("ES256", lambda jwk: jwk | {"use": []}, id="use-an-empty-list"),
    ],
)
def test_what_makes_the_key_another_or_none_is_refused(
    alg: str, spoil: Callable[[dict[str, Any]], dict[str, Any]], rsa: Key
) -> None:
    key = rsa if alg == "RS256" else Key.generate(alg)
    with pytest.raises(InvalidKey):
        Key.from_jwk(spoil(key.to_jwk()))


ANYTHING = st.none() | st.booleans() | st.integers() | st.text("aA0-_=+/\0é\ud800", max_size=6)
VALUES = ANYTHING | st.lists(ANYTHING, max_size=2)


@given(st.dictionaries(st.sampled_from(["kty", "n", "e", "x", "k", "d", "oth", "x5c", "key_ops"]), VALUES))
def test_mending_never_fails_and_mends_all_at_once(jwk: dict[str, Any]) -> None:
    for kty in ("RSA", "EC", "oct", jwk.get("kty")):
        mended = mend(jwk | {"kty": kty})
        assert mend(mended) == mended
