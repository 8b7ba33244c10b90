"""Keys and good claims: the same in every run, so that what was found once is found again."""

from __future__ import annotations

import datetime as dt
import functools
import json
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from watchword.jose import Key, KeySet
from watchword.jose.algorithms.table import ALGORITHMS
from watchword.jose.material.kinds import CURVES, OCTET_KINDS, KeyMaterial, MaterialKind

__all__ = ["AUDIENCE", "ISSUER", "KEYS", "NOW", "certificate", "claims", "compact", "key"]

ISSUER, AUDIENCE, NOW = "https://issuer.example", "api", 1_700_000_000

_P, _Q, _E = (3 << 1022) + 1037, (7 << 1021) + 309, 65_537  # primes that are quick to write, and no secret
_SCALAR = int.from_bytes(bytes(range(1, 25)))
_SEEDS = {"Ed448": 57, "X448": 56}  # bytes; of all others 32


def claims(size: int) -> bytes:
    """Acceptable claims, in about so many bytes: texts, numbers and arrays, as real ones have."""
    content = {"iss": ISSUER, "sub": "user-1", "aud": AUDIENCE, "iat": NOW - 10, "exp": NOW + 900, "jti": "1"}
    room = max(0, size - len(compact(content)))
    return compact(content | {f"claim{n}": ["read", n, 0.5, True, None] for n in range(room // 40)})


def compact(content: Any) -> bytes:
    """JSON without white space."""
    return json.dumps(content, separators=(",", ":")).encode()


def key(kid: str) -> Key:
    """The key of that algorithm and kind: ``key("ES256 P-256")``."""
    return next(key for key in KEYS if key.kid == kid)


def certificate() -> bytes:
    """One that the key of ES256 has signed for itself, in DER."""
    private: Any = key("ES256 P-256").material
    name, now = x509.Name([]), dt.datetime.fromtimestamp(NOW, dt.UTC)
    until = now + dt.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, private.public_key(), 1, now, until)
    return builder.sign(private, SHA256()).public_bytes(Encoding.DER)


@functools.cache
def _material(kind: MaterialKind, length: int) -> KeyMaterial:
    if kind == "oct":
        return bytes(range(length))
    if kind == "RSA":
        d = pow(_E, -1, (_P - 1) * (_Q - 1))
        crt = (rsa.rsa_crt_dmp1(d, _P), rsa.rsa_crt_dmq1(d, _Q), rsa.rsa_crt_iqmp(_P, _Q))
        return rsa.RSAPrivateNumbers(_P, _Q, d, *crt, rsa.RSAPublicNumbers(_E, _P * _Q)).private_key()
    if kind in CURVES:
        return ec.derive_private_key(_SCALAR, CURVES[kind])
    return OCTET_KINDS[kind].from_private(bytes(range(_SEEDS.get(kind, 32))))


KEYS = KeySet(
    Key(row, _material(kind, row.secret), kid=f"{row.name} {kind}")
    for row in ALGORITHMS
    for kind in row.kinds
)
"""One for each algorithm and kind of key that it takes."""
