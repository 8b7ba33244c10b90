from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, x448, x25519
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import InvalidKey
from watchword.jose import Key, base64url
from watchword.jose.material.jwk_members import compute_thumbprint, from_members, to_members
from watchword.jose.material.kinds import PrivateKey, generate, identify_kind, to_public


def lengthened(text: str) -> str:
    return base64url.encode(b"\0" + base64url.decode(text))


def changed(text: str) -> str:
    octets = bytearray(base64url.decode(text))
    octets[-1] ^= 2
    return base64url.encode(bytes(octets))


@pytest.fixture(scope="module")
def rsa_jwk(rsa: Key) -> dict[str, str]:
    return rsa.to_jwk(private=True)


def unsupported(*_: object) -> None:
    raise UnsupportedAlgorithm("not here")


OCTETS = {
    "Ed25519": (ed25519.Ed25519PrivateKey, "OKP", "x", "d"),
    "Ed448": (ed448.Ed448PrivateKey, "OKP", "x", "d"),
    "X25519": (x25519.X25519PrivateKey, "OKP", "x", "d"),
    "X448": (x448.X448PrivateKey, "OKP", "x", "d"),
    "ML-DSA-44": (mldsa.MLDSA44PrivateKey, "AKP", "pub", "priv"),
    "ML-DSA-65": (mldsa.MLDSA65PrivateKey, "AKP", "pub", "priv"),
    "ML-DSA-87": (mldsa.MLDSA87PrivateKey, "AKP", "pub", "priv"),
}


def test_every_kind_of_key_survives_the_way_through_its_members(key_of_each_kind: Key) -> None:
    material = key_of_each_kind.material
    written = to_members(material, private=True)
    again = from_members(json.loads(json.dumps(written)))
    assert identify_kind(again) == identify_kind(material)
    assert to_members(again, private=True) == written
    assert compute_thumbprint(again) == compute_thumbprint(material)
    assert len(base64url.decode(compute_thumbprint(material))) == 32


def test_the_public_members_hold_nothing_private(key_of_each_kind: Key) -> None:
    material = key_of_each_kind.material
    if isinstance(material, bytes):
        return
    public = to_members(material, private=False)
    assert compute_thumbprint(to_public(material)) == compute_thumbprint(material)
    assert public == to_members(to_public(material), private=True)
    assert not public.keys() & {"d", "p", "q", "dp", "dq", "qi", "k", "priv"}
    read = from_members(public)
    assert not isinstance(read, PrivateKey)
    assert to_members(read, private=False) == public


@pytest.mark.parametrize("kind", OCTETS)
def test_the_members_of_a_key_of_octets_are_as_the_rfcs_name_them(kind: str) -> None:
    private_class, kty, public, private = OCTETS[kind]
    key = private_class.generate()
    assert to_members(key, private=True) == {
        "kty": kty,
        "crv" if kty == "OKP" else "alg": kind,
        public: base64url.encode(key.public_key().public_bytes_raw()),
        private: base64url.encode(key.private_bytes_raw()),
    }


@pytest.mark.parametrize("kind", OCTETS)
def test_a_key_of_octets_is_complete_and_both_halves_belong_together(kind: str) -> None:
    private_class, _, public, private = OCTETS[kind]
    jwk, other = (to_members(private_class.generate(), private=True) for _ in range(2))
    for bad in (
        jwk | {private: other[private]},
        jwk | {public: other[public]},
        jwk | {private: jwk[private][:-4]},
        jwk | {public: jwk[public][:-4]},
        jwk | {private: lengthened(jwk[private])},
        jwk | {public: lengthened(jwk[public])},
        jwk | {private: ""},
        jwk | {public: 7},
        {name: value for name, value in jwk.items() if name != public},
        jwk | {"crv": "P-256", "alg": "ES256"},
        jwk | {"kty": "EC"},
    ):
        with pytest.raises(InvalidKey):
            from_members(bad)


def test_an_akp_key_names_its_algorithm() -> None:
    jwk = Key.generate("ML-DSA-65").to_jwk(private=True)
    for alg in (None, "ML-DSA-44", "EdDSA", 7):
        with pytest.raises(InvalidKey):
            Key.from_jwk(jwk | {"alg": alg})
    with pytest.raises(InvalidKey):
        Key.from_jwk({name: value for name, value in jwk.items() if name != "alg"}, "ML-DSA-65")


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512", "ES256K"])
def test_a_coordinate_that_begins_with_zeros_is_written_in_full(alg: str) -> None:
    size = {"ES256": 32, "ES384": 48, "ES512": 66, "ES256K": 32}[alg]
    for _ in range(300):
        jwk = Key.generate(alg).to_jwk(private=True)
        assert {len(base64url.decode(jwk[name])) for name in ("x", "y", "d")} == {size}
        if jwk["x"].startswith("AA"):
            assert Key.from_jwk(jwk).to_jwk(private=True) == jwk


@pytest.mark.parametrize("name", ["d", "p", "q", "dp", "dq", "qi"])
def test_every_private_member_of_rsa_must_fit_the_others(name: str, rsa_jwk: dict[str, str]) -> None:
    for bad in (changed(rsa_jwk[name]), rsa_jwk["n"] + "AAAA", "", "AQ"):
        with pytest.raises(InvalidKey):
            Key.from_jwk(rsa_jwk | {name: bad}, "RS256")


@pytest.mark.parametrize("name", ["p", "q", "dp", "dq", "qi"])
def test_of_the_primes_and_what_follows_from_them_all_is_there_or_nothing(
    name: str, rsa_jwk: dict[str, str]
) -> None:
    without = {other: value for other, value in rsa_jwk.items() if other != name}
    alone = {other: rsa_jwk[other] for other in ("kty", "n", "e", "d", name)}
    for jwk in (without, alone):
        with pytest.raises(InvalidKey, match="missing"):
            Key.from_jwk(jwk, "RS256")


def test_rsa_members_of_any_size_are_rejected_before_they_cost_anything(rsa_jwk: dict[str, str]) -> None:
    enormous = base64url.encode(b"\x01" * 100_000)
    for name in ("d", "p", "dp", "qi"):
        with pytest.raises(InvalidKey, match="larger than its modulus"):
            Key.from_jwk(rsa_jwk | {name: enormous}, "RS256")


def test_a_kind_that_openssl_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    jwk = Key.generate("ES256K").to_jwk()
    monkeypatch.setattr(ec.EllipticCurvePublicNumbers, "public_key", unsupported, raising=True)
    with pytest.raises(InvalidKey, match="does not support secp256k1"):
        Key.from_jwk(jwk)


def test_an_rsa_private_key_without_its_primes_is_completed(rsa: Key, rsa_jwk: dict[str, str]) -> None:
    short = {name: value for name, value in rsa_jwk.items() if name not in {"p", "q", "dp", "dq", "qi"}}
    rsa.verify(b"data", Key.from_jwk(short).sign(b"data"))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda jwk: jwk | {"d": changed(jwk["d"])}, id="another-d"),
        pytest.param(lambda jwk: jwk | {"dp": changed(jwk["dp"])}, id="another-dp"),
        pytest.param(lambda jwk: jwk | {"oth": [{"r": "AQ"}]}, id="three-primes"),
        pytest.param(lambda jwk: {n: v for n, v in jwk.items() if n != "q"}, id="half-of-the-primes"),
        pytest.param(lambda jwk: {n: v for n, v in jwk.items() if n != "n"}, id="no-modulus"),
        pytest.param(lambda jwk: jwk | {"e": "AQ=AB"}, id="padding-inside"),
        pytest.param(lambda jwk: jwk | {"e": "AQAB\n"}, id="a-line-break"),
        pytest.param(lambda jwk: jwk | {"e": 65537}, id="a-number"),
        pytest.param(
            lambda jwk: {"kty": "RSA", "n": jwk["n"], "e": "AQAB", "d": changed(jwk["d"])},
            id="another-d-alone",
        ),
    ],
)
def test_rsa_members_that_make_no_key_are_rejected(
    change: Callable[[dict[str, str]], dict[str, Any]], rsa_jwk: dict[str, str]
) -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk(change(rsa_jwk), "RS256")


EC, OTHER_EC = Key.generate("ES256").to_jwk(private=True), Key.generate("ES256").to_jwk(private=True)
OKP, OTHER_OKP = Key.generate("EdDSA").to_jwk(private=True), Key.generate("EdDSA").to_jwk(private=True)


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param(EC | {"y": changed(EC["y"])}, id="point-not-on-the-curve"),
        pytest.param(EC | {"x": lengthened(EC["x"])}, id="coordinate-too-long"),
        pytest.param(EC | {"x": EC["x"][:-4]}, id="coordinate-too-short"),
        pytest.param(EC | {"d": lengthened(EC["d"])}, id="private-key-too-long"),
        pytest.param(EC | {"d": OTHER_EC["d"]}, id="another-private-key"),
        pytest.param(EC | {"d": base64url.encode(bytes(32))}, id="private-key-zero"),
        pytest.param(EC | {"d": base64url.encode(b"\xff" * 32)}, id="private-key-past-the-order"),
        pytest.param(
            EC | {"x": base64url.encode(bytes(32)), "y": base64url.encode(bytes(32))}, id="infinity"
        ),
        pytest.param(EC | {"crv": "P-384"}, id="another-curve"),
        pytest.param(EC | {"crv": "P-224"}, id="unknown-curve"),
        pytest.param(EC | {"crv": None}, id="no-curve"),
        pytest.param(EC | {"crv": "Ed25519"}, id="curve-of-another-type"),
        pytest.param(EC | {"kty": "OKP"}, id="type-of-another-curve"),
        pytest.param(EC | {"kty": ["EC"]}, id="type-a-list"),
        pytest.param(EC | {"kty": "ec"}, id="type-in-lower-case"),
        pytest.param(EC | {"alg": "ES384"}, id="algorithm-of-another-curve"),
        pytest.param(OKP | {"d": OTHER_OKP["d"]}, id="okp-another-private-key"),
        pytest.param(OKP | {"x": OKP["x"][:-4]}, id="okp-too-short"),
        pytest.param(OKP | {"d": OKP["d"][:-4]}, id="okp-private-too-short"),
        pytest.param(OKP | {"crv": "Ed448"}, id="okp-another-curve"),
        pytest.param(EC | {"crv": "secp256k1"}, id="another-curve-of-that-size"),
        pytest.param(OKP | {"crv": "X25519"}, id="okp-for-key-agreement"),
        pytest.param(OKP | {"alg": "Ed448"}, id="okp-algorithm-of-another-curve"),
        pytest.param({"kty": "oct"}, id="secret-missing"),
        pytest.param({"kty": "oct", "k": None, "alg": "HS256"}, id="secret-null"),
    ],
)
def test_members_that_make_no_key_are_rejected(jwk: dict[str, Any]) -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk(jwk)


ALL_KINDS = {
    kind: to_members(generate(kind, 64), private=True)
    for kind in ("oct", "P-256", "P-521", "secp256k1", "Ed25519", "Ed448", "X25519", "X448", "ML-DSA-44")
}
ODD = "aA0-_=+/\n\0é\ud800"
TEXT = st.text(ODD, max_size=5)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the members of a key with a member replaced, dropped, cut, or changed by a character."""
    jwk: dict[str, Any] = dict(ALL_KINDS[draw(st.sampled_from(sorted(ALL_KINDS)))])
    name = draw(st.sampled_from(sorted(jwk)))
    text = jwk[name]
    place = draw(st.integers(0, len(text)))
    jwk[name] = draw(
        ANYTHING
        | st.sampled_from(ODD).map(lambda character: text[:place] + character + text[place + 1 :])
        | st.sampled_from([text[:place], text[place:], text + "=", text + "\n"])
    )
    return {name: value for name, value in jwk.items() if value is not None}


@given(mutated())
def test_changed_members_are_a_key_or_an_error_of_ours(jwk: dict[str, Any]) -> None:
    try:
        material = from_members(jwk)
    except InvalidKey:
        return
    assert to_members(material, private=isinstance(material, bytes | PrivateKey)).items() <= jwk.items()
