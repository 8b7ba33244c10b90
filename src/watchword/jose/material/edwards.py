"""Check public keys of EdDSA as points of their curve (RFC 8032 §5.1.3, §5.2.3).

OpenSSL checks a key only when it verifies a signature, and accepts points of low order.
"""

from __future__ import annotations

from typing import NamedTuple

from watchword.errors import InvalidKey, WeakKey

__all__ = ["ED448", "ED25519", "EdwardsCurve", "check_point"]


class EdwardsCurve(NamedTuple):
    """The curve ``a x² + y² = 1 + d x² y²`` over a prime field.

    Attributes:
        prime: the field's order.
        a: -1 or 1.
        d: a non-square of the field.
    """

    prime: int
    a: int
    d: int


_P25519 = 2**255 - 19
ED25519 = EdwardsCurve(_P25519, -1, -121_665 * pow(121_666, -1, _P25519))
ED448 = EdwardsCurve(2**448 - 2**224 - 1, 1, -39_081)

_DOUBLINGS = 3  # the cofactors are 8 and 4


def check_point(octets: bytes, curve: EdwardsCurve) -> None:
    """Refuse a public key that is not a point of the curve, or has low order.

    Raises:
        InvalidKey: the point is not on the curve, or its encoding is not canonical.
        WeakKey: the point has low order, so an attacker can make valid signatures without a private key.
    """
    p, a, d = curve
    bits = 8 * len(octets) - 1
    sign, y = divmod(int.from_bytes(octets, "little"), 1 << bits)
    xx = (y * y - 1) * pow(d * y * y - a, -1, p) % p
    if y >= p or pow(xx, (p - 1) // 2, p) > 1 or (sign and not xx):
        raise InvalidKey("the public key is not a point of its curve")
    for _ in range(_DOUBLINGS):
        xx, y = _double(xx, y, curve)
    if (xx, y) == (0, 1):
        raise WeakKey(
            "the public key is a point of low order, for which an attacker can sign: make a new key"
        )


def _double(xx: int, y: int, curve: EdwardsCurve) -> tuple[int, int]:
    """Double a point. The square of its first coordinate is enough."""
    p, a, d = curve
    yy = y * y
    t = d * xx * yy
    return 4 * xx * yy * pow(1 + t, -2, p) % p, (yy - a * xx) * pow(1 - t, -1, p) % p
