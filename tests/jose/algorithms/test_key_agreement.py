from __future__ import annotations

from typing import Any

import pytest

from watchword.errors import DecryptionFailed, InvalidKey, MalformedToken, Unissuable
from watchword.jose import Key, base64url
from watchword.jose.algorithms.key_agreement import ECDH, ecdh_wrapping

CURVES = ("P-256", "P-384", "P-521", "X25519", "X448")

# RFC 7518, appendix C
ALICE = {
    "kty": "EC",
    "crv": "P-256",
    "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
    "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
}
BOB = {
    "kty": "EC",
    "crv": "P-256",
    "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
    "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
    "d": "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
}
HEADER = {"alg": "ECDH-ES", "enc": "A128GCM", "apu": "QWxpY2U", "apv": "Qm9i", "epk": ALICE}

# RFC 7748 §6: u-coordinates whose products are all zeros, whatever the private key
LOW_ORDER = {
    "X25519": [
        bytes(32),
        (1).to_bytes(32, "little"),
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        (2**255 - 20).to_bytes(32, "little"),
        (2**255 - 19).to_bytes(32, "little"),
        (2**255 - 18).to_bytes(32, "little"),
    ],
    "X448": [
        bytes(56),
        (1).to_bytes(56, "little"),
        (2**448 - 2**224 - 2).to_bytes(56, "little"),
        (2**448 - 2**224 - 1).to_bytes(56, "little"),
        (2**448 - 2**224).to_bytes(56, "little"),
    ],
}
LOW = [
    pytest.param(crv, u, id=f"{crv}-{n}") for crv, points in LOW_ORDER.items() for n, u in enumerate(points)
]


def bob() -> Any:
    return Key.from_jwk(BOB, "ECDH-ES").material


def test_the_example_of_rfc_7518_appendix_c_derives_its_key() -> None:
    assert base64url.encode(ECDH.accept(bob(), HEADER, 16)) == "VqqN6vgjbSBcIijNcacQGg"


@pytest.mark.parametrize("crv", CURVES)
@pytest.mark.parametrize("parties", [{}, {"apu": "QWxpY2U"}, {"apu": "QWxpY2U", "apv": "Qm9i"}])
def test_both_sides_agree(crv: str, parties: dict[str, str]) -> None:
    key = Key.generate("ECDH-ES", crv=crv)
    header = {"alg": "ECDH-ES", "enc": "A256CBC-HS512", **parties}
    offered, members = ECDH.offer(key.public().material, header, 64)
    assert ECDH.accept(key.material, header | members, 64) == offered
    assert members["epk"].keys() == ({"kty", "crv", "x", "y"} if "P-" in crv else {"kty", "crv", "x"})
    again, _ = ECDH.offer(key.public().material, header, 64)
    assert again != offered


@pytest.mark.parametrize("change", [{"apu": "Qm9i"}, {"apv": "QWxpY2U"}, {"enc": "A128CBC-HS256"}])
def test_another_party_or_purpose_derives_another_key(change: dict[str, str]) -> None:
    assert ECDH.accept(bob(), HEADER | change, 16) != ECDH.accept(bob(), HEADER, 16)


@pytest.mark.parametrize("name", ["apu", "apv"])
def test_a_party_that_is_not_named_is_an_empty_one(name: str) -> None:
    nameless = {other: value for other, value in HEADER.items() if other != name}
    assert ECDH.accept(bob(), nameless, 16) == ECDH.accept(bob(), {**nameless, name: ""}, 16)


def test_another_length_derives_another_key() -> None:
    assert ECDH.accept(bob(), HEADER, 32)[:16] != ECDH.accept(bob(), HEADER, 16)


@pytest.mark.parametrize("crv", CURVES)
@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_wrapped_key_comes_out_again_under_its_algorithm_only(crv: str, size: int) -> None:
    name = f"ECDH-ES+A{size * 8}KW"
    key, wrapping, header = Key.generate(name, crv=crv), ecdh_wrapping(size), {"alg": name}
    encrypted_key, members = wrapping.wrap(key.public().material, header, b"c" * 32)
    assert wrapping.unwrap(key.material, header | members, encrypted_key) == b"c" * 32
    with pytest.raises(DecryptionFailed):
        wrapping.unwrap(key.material, {"alg": "ECDH-ES"} | members, encrypted_key)


@pytest.mark.parametrize(
    "epk",
    [
        pytest.param(None, id="missing"),
        pytest.param("epk", id="text"),
        pytest.param([ALICE], id="list"),
        pytest.param({}, id="empty"),
        pytest.param({**ALICE, "kty": "oct", "k": "c2VjcmV0"}, id="kty-oct"),
        pytest.param({"kty": "RSA", "n": "AQAB", "e": "AQAB"}, id="kty-RSA"),
        pytest.param({**ALICE, "kty": "OKP"}, id="kty-of-another-curve"),
        pytest.param({**ALICE, "crv": "P-192"}, id="crv-unknown"),
        pytest.param({**ALICE, "crv": ["P-256"]}, id="crv-list"),
        pytest.param({**ALICE, "crv": "P-384"}, id="crv-of-another-length"),
        pytest.param({**ALICE, "y": ALICE["x"]}, id="not-on-the-curve"),
        pytest.param({**ALICE, "x": "", "y": ""}, id="no-coordinates"),
        pytest.param(
            {**ALICE, "x": base64url.encode(bytes(32)), "y": base64url.encode(bytes(32))}, id="zeros"
        ),
        pytest.param({**ALICE, "x": ALICE["x"] + "="}, id="padding"),
        pytest.param({**ALICE, "x": base64url.encode(b"\0" + base64url.decode(ALICE["x"]))}, id="longer"),
        pytest.param({name: ALICE[name] for name in ("kty", "crv", "x")}, id="without-y"),
        pytest.param({**ALICE, "x": 5}, id="x-number"),
        pytest.param({**ALICE, "d": BOB["d"]}, id="private"),
        pytest.param({**ALICE, "d": None}, id="private-null"),
    ],
)
def test_an_epk_that_is_no_public_key_of_a_curve_is_malformed(epk: object) -> None:
    header = {**HEADER, "epk": epk} if epk is not None else {"enc": "A128GCM"}
    with pytest.raises(MalformedToken):
        ECDH.accept(bob(), header, 16)


@pytest.mark.parametrize("crv", ["P-384", "P-521", "X25519", "X448"])
def test_an_epk_of_another_curve_than_the_key_fails(crv: str) -> None:
    _, members = ECDH.offer(Key.generate("ECDH-ES", crv=crv).public().material, {"enc": "A128GCM"}, 16)
    with pytest.raises(DecryptionFailed):
        ECDH.accept(bob(), {"enc": "A128GCM", **members}, 16)


@pytest.mark.parametrize("crv", ["secp256k1", "Ed25519"])
def test_an_epk_of_a_curve_for_signatures_fails(crv: str) -> None:
    alg = {"secp256k1": "ES256K", "Ed25519": "Ed25519"}[crv]
    with pytest.raises(DecryptionFailed):
        ECDH.accept(bob(), {"enc": "A128GCM", "epk": Key.generate(alg).to_jwk()}, 16)


@pytest.mark.parametrize(("crv", "u"), LOW)
def test_an_epk_of_low_order_fails(crv: str, u: bytes) -> None:
    epk = {"kty": "OKP", "crv": crv, "x": base64url.encode(u)}
    with pytest.raises(DecryptionFailed):
        ECDH.accept(Key.generate("ECDH-ES", crv=crv).material, {"enc": "A128GCM", "epk": epk}, 16)


@pytest.mark.parametrize(("crv", "u"), LOW)
def test_nothing_is_encrypted_to_a_key_of_low_order(crv: str, u: bytes) -> None:
    jwk = {"kty": "OKP", "crv": crv, "x": base64url.encode(u)}
    with pytest.raises(InvalidKey):
        ECDH.offer(Key.from_jwk(jwk, "ECDH-ES").material, {"enc": "A128GCM"}, 16)


@pytest.mark.parametrize("name", ["apu", "apv"])
@pytest.mark.parametrize("value", [5, None, "Qm9=", "Qm9", ["Qm9i"], "Qm 9i"])
def test_parties_that_are_not_base64url_are_malformed_and_not_issued(name: str, value: object) -> None:
    with pytest.raises(MalformedToken):
        ECDH.accept(bob(), {**HEADER, name: value}, 16)
    with pytest.raises(Unissuable):
        ECDH.offer(Key.from_jwk(ALICE, "ECDH-ES").material, {"enc": "A128GCM", name: value}, 16)
