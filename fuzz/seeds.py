"""What the fuzzer starts from, besides good inputs: tokens and keys of every kind, and odd JSON."""

from __future__ import annotations

import base64
import zlib
from typing import Any

from specimen import AUDIENCE, ISSUER, KEYS, NOW, certificate, compact, key
from watchword.jose import Key, base64url, encryption, jwe, jws
from watchword.jose.material.kinds import identify_kind

__all__ = [
    "CLAIMS",
    "DER",
    "ENCRYPTED",
    "HEADERS",
    "JWES",
    "JWES_JSON",
    "JWKS",
    "JWKS_PUBLIC",
    "JWSS",
    "JWSS_JSON",
    "OBJECTS",
    "ODD",
    "PEM",
    "SETS",
    "ZIPPED",
    "with_encrypted_key",
]

_SIGNING = [key for key in KEYS if key.allows("sign")]
# A password takes its time, as it should.
_ENCRYPTING = [key for key in KEYS if key.allows("encrypt") and not key.alg.startswith("PBES2")]
_WRAPPING = [key for key in _ENCRYPTING if key.alg not in ("dir", "ECDH-ES")]
_UNENCODED: dict[str, Any] = {"crit": ["b64"], "b64": False}


# -- JSON ------------------------------------------------------------------------------------------

OBJECTS = (
    *(b"{}", b"[]", b'{"a":1,"a":2}', b'{"a":{"b":1,"\\u0062":2}}', b'{"a":"\\ud800"}', b'{"a":1e400}'),
    *(b'{"a":' + b"[" * 4_000 + b"]" * 4_000 + b"}", b'{"a":' * 33 + b"1" + b"}" * 33, b'{"a":"' * 99),
    *(b'{"a":[' + b"1e1," * 1_000 + b"1]}", b'{"a":' + b"9" * 4_301 + b"}", b'{"a":0.' + b"1" * 4_000 + b"}"),
    *(b'{"a":"' + b"\\u003a," * 500 + b'"}', b"{" + b",".join(b'"%d":[]' % n for n in range(900)) + b"}"),
)
"""A parser has reason to stumble over them."""

ODD: tuple[Any, ...] = (None, True, 1, 1e300, "", "x", [], [1], ["x", "y"], {}, {"x": 1})
"""Values that a claim does not have, or not often."""

_ODD_CLAIMS: dict[str, list[Any]] = {
    "exp": [True, "1", None, 1e308, -1, 2**63, []],
    "aud": [[], [AUDIENCE, 1], {}, None, [[AUDIENCE]]],
    "iss": [[ISSUER]],
    "sub": [1],
    "nbf": [1.5, 2**53],
    "roles": [[1], "admin"],
    "act": [{"sub": {}}],
}
_ODD_HEADERS: dict[str, list[Any]] = {
    "crit": [[], ["b64"], ["exp"], [1], "b64", None],
    "kid": [1, None, "../../key", "HS256 oct"],
    "typ": ["at+jwt", 1],
    "jwk": [{}],
    "x5c": [["AA"]],
    "zip": ["DEF"],
}

CLAIMS = tuple(
    compact({"exp": NOW + 900, "iss": ISSUER, "aud": AUDIENCE, name: value})
    for name, values in _ODD_CLAIMS.items()
    for value in values
)
HEADERS = (
    *(compact({"alg": "HS256", name: value}) for name, values in _ODD_HEADERS.items() for value in values),
    *(compact({"alg": "HS256", **_UNENCODED, "b64": value}) for value in (False, True, 0)),
)
"""Of signed tokens."""


# -- tokens ----------------------------------------------------------------------------------------


def with_encrypted_key(one: Key) -> bytes:
    """Two lines: header and encrypted key."""
    header = {"alg": one.alg, "enc": "A256GCM", "kid": one.kid}
    wrapped = encryption.wrap_content_key(one, header, bytes(range(32)))
    return compact(header | wrapped.members) + b"\n" + base64url.encode_bytes(wrapped.encrypted)


_PASSWORD = {"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 1_000, "p2s": "A" * 22}
_AGREED = [
    {"alg": "ECDH-ES", "enc": "A256GCM", "kid": one.kid, "apu": "QQ", "epk": one.public().to_jwk()}
    for one in _ENCRYPTING
    if one.alg == "ECDH-ES"
]

JWSS = (
    *(jws.sign(b"{}", one).encode() for one in _SIGNING),
    *(jws.sign(b"text", one, _UNENCODED).encode() for one in _SIGNING[:1]),
)
JWSS_JSON = (
    *(compact(jws.sign_json(b"{}", [one])) for one in _SIGNING),
    compact(jws.sign_json(b"text", [jws.Signing(one, _UNENCODED, {"a": 1}) for one in _SIGNING[:9:4]])),
)
JWES = tuple(jwe.encrypt(b"{}", one).encode() for one in _ENCRYPTING)
JWES_JSON = (
    *(compact(jwe.encrypt_json(b"{}", [one], aad=b"more")) for one in _ENCRYPTING),
    compact(jwe.encrypt_json(b"{}", _WRAPPING[::8], unprotected={"a": 1})),
)
ENCRYPTED = (
    *(with_encrypted_key(one) + b"\n{}" for one in _WRAPPING),
    *(compact(header) + b"\n" + b"A" * 54 + b"\n{}" for header in (_PASSWORD, *_AGREED)),
)
"""Lines: header, encrypted key, plaintext."""

ZIPPED = tuple(
    compact({"alg": "dir", "enc": "A256GCM", "zip": "DEF"}) + b"\n\n" + zlib.compress(content, wbits=-15)
    for content in (b"{}", bytes(65_536), bytes(65_537))
)


# -- keys ------------------------------------------------------------------------------------------

_OF_EACH_KIND = {identify_kind(key.material): key for key in reversed([*KEYS])}  # the first key of a kind
_PAIRS = [key for kind, key in _OF_EACH_KIND.items() if kind != "oct"]
_QUICK = [
    key for key in _PAIRS if key.algorithm.kinds != ("RSA",)
]  # OpenSSL takes its time over RSA's primes
_CERTIFIED = {
    **key("ES256 P-256").public().to_jwk(),
    "x5c": [base64.b64encode(certificate()).decode()],
    "key_ops": ["verify"],
}

JWKS_PUBLIC = (*(compact(one.to_jwk()) for one in _PAIRS), compact(_CERTIFIED))
JWKS = (*(compact(one.to_jwk(private=True)) for one in _OF_EACH_KIND.values()), *JWKS_PUBLIC)
SETS = tuple(
    compact({"keys": [one.to_jwk(private=one is _OF_EACH_KIND["oct"]) for one in some]})
    for some in (_PAIRS, [_OF_EACH_KIND["oct"]], [*_PAIRS[:2], _OF_EACH_KIND["oct"]])
)
DER = (
    *(one.to_der(private=True) for one in _QUICK),
    *(one.public().to_der() for one in _PAIRS),
    certificate(),
)
PEM = (
    *(one.to_pem(private=True).encode() for one in _QUICK),
    *(one.to_pem().encode() for one in _PAIRS),
    b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(certificate()) + b"-----END CERTIFICATE-----",
)
