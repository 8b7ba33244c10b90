from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519

from watchword.errors import InvalidKey, WeakKey
from watchword.jose import Key, base64url
from watchword.jose.material.edwards import ED448, ED25519, EdwardsCurve, _double, check_point


def encoded(y: int, sign: int, curve: EdwardsCurve) -> bytes:
    size = 32 if curve is ED25519 else 57
    return (y | sign << (8 * size - 1)).to_bytes(size, "little")


def test_the_points_of_real_keys_are_taken() -> None:
    for _ in range(20):
        check_point(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw(), ED25519)
        check_point(ed448.Ed448PrivateKey.generate().public_key().public_bytes_raw(), ED448)


@pytest.mark.parametrize("curve", [ED25519, ED448], ids=["Ed25519", "Ed448"])
def test_twice_a_point_is_on_the_curve(curve: EdwardsCurve) -> None:
    p, a, d = curve
    y = 4 * pow(5, -1, p)  # The base point of Ed25519. For the other curve only the equation matters.
    xx = (y * y - 1) * pow(d * y * y - a, -1, p) % p
    for _ in range(5):
        xx, y = _double(xx, y, curve)
        assert (a * xx + y * y - 1 - d * xx * y * y) % p == 0


# the second coordinate of two points of order 8
ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7


@pytest.mark.parametrize(
    ("octets", "curve"),
    [
        pytest.param(bytes(32), ED25519, id="zeros"),
        pytest.param(encoded(0, 1, ED25519), ED25519, id="order-4"),
        pytest.param(encoded(1, 0, ED25519), ED25519, id="neutral"),
        pytest.param(encoded(-1 % ED25519.prime, 0, ED25519), ED25519, id="order-2"),
        pytest.param(encoded(ORDER_8, 0, ED25519), ED25519, id="order-8"),
        pytest.param(encoded(ORDER_8, 1, ED25519), ED25519, id="order-8-negative"),
        pytest.param(encoded(-ORDER_8 % ED25519.prime, 0, ED25519), ED25519, id="order-8-mirrored"),
        pytest.param(bytes(57), ED448, id="ed448-zeros"),
        pytest.param(encoded(1, 0, ED448), ED448, id="ed448-neutral"),
        pytest.param(encoded(-1 % ED448.prime, 0, ED448), ED448, id="ed448-order-2"),
    ],
)
def test_a_point_of_low_order_is_too_weak(octets: bytes, curve: EdwardsCurve) -> None:
    with pytest.raises(WeakKey, match="low order"):
        check_point(octets, curve)
    crv = "Ed25519" if curve is ED25519 else "Ed448"
    with pytest.raises(WeakKey):
        Key.from_jwk({"kty": "OKP", "crv": crv, "x": base64url.encode(octets)})


@pytest.mark.parametrize(
    ("octets", "curve"),
    [
        pytest.param(encoded(2, 0, ED25519), ED25519, id="no-such-point"),
        pytest.param(encoded(ED25519.prime, 0, ED25519), ED25519, id="zero-not-reduced"),
        pytest.param(encoded(ED25519.prime + 3, 0, ED25519), ED25519, id="not-reduced"),
        pytest.param(b"\xff" * 32, ED25519, id="all-ones"),
        pytest.param(encoded(1, 1, ED25519), ED25519, id="minus-zero"),
        pytest.param(encoded(-1 % ED25519.prime, 1, ED25519), ED25519, id="another-minus-zero"),
        pytest.param(encoded(2, 0, ED448), ED448, id="ed448-no-such-point"),
        pytest.param(encoded(ED448.prime, 0, ED448), ED448, id="ed448-not-reduced"),
        pytest.param(encoded(1 << 450, 0, ED448), ED448, id="ed448-bits-in-the-last-byte"),
        pytest.param(encoded(1, 1, ED448), ED448, id="ed448-minus-zero"),
    ],
)
def test_what_is_no_point_of_its_curve_is_rejected(octets: bytes, curve: EdwardsCurve) -> None:
    with pytest.raises(InvalidKey, match="not a point"):
        check_point(octets, curve)
    crv = "Ed25519" if curve is ED25519 else "Ed448"
    with pytest.raises(InvalidKey):
        Key.from_jwk({"kty": "OKP", "crv": crv, "x": base64url.encode(octets)})


def test_anybody_could_sign_for_a_key_of_low_order() -> None:
    neutral = encoded(1, 0, ED25519)
    forged = neutral + bytes(32)
    ed25519.Ed25519PublicKey.from_public_bytes(neutral).verify(forged, b"any data")
