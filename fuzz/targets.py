"""Where a stranger's bytes come in: a row for each entry point."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import seeds
from arguments import encrypted, encrypted_json, mapping, nested, proof, public, signed, signed_json, text
from specimen import AUDIENCE, ISSUER, KEYS, NOW, claims, compact, key
from watchword import Claims, MultiIssuer, Verifier, inspect_unverified
from watchword.errors import InvalidKey, InvalidToken, WatchwordError
from watchword.jose import Key, KeySet, base64url, jwe, jws, strict_json
from watchword.jwt.profiles import (
    access_token_verifier,
    client_assertion_verifier,
    dpop_proof_verifier,
    id_token_verifier,
    logout_token_verifier,
)

__all__ = ["TARGETS", "Target"]


class Target(NamedTuple):
    """One entry point.

    Attributes:
        call: takes what ``build`` has made.
        good: an input of about so many bytes that is accepted.
        build: makes an argument of ``call`` of any bytes at all.
        seeds: further inputs to start from.
        refusal: the error that says that an input is not good.
    """

    call: Callable[[Any], object]
    good: Callable[[int], bytes]
    build: Callable[[bytes], Any] = bytes
    seeds: tuple[bytes, ...] = ()
    refusal: type[WatchwordError] = InvalidToken


class Fields(Claims):
    """Claims of many forms."""

    scope: str = ""
    roles: tuple[str, ...] = ()
    level: int | float | None = None
    act: dict[str, str | None] | None = None


# -- entry points that are asked for more than not to fail -----------------------------------------


def _decode_base64url(data: bytes) -> None:
    assert base64url.encode(base64url.decode(data)).encode() == data, "one text for each sequence of bytes"


def _decode_object(data: bytes) -> None:
    assert strict_json.decode_object(data) == json.loads(data, object_pairs_hook=_distinct)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), "a member is there twice"
    return dict(pairs)


def _read_key(read: Callable[..., Key], data: bytes) -> None:
    try:
        read(data)
    except InvalidKey:
        read(data, "RS256")  # keys of RSA, of which several algorithms make use


def _verify_async(verifier: Verifier[Any], token: str) -> None:
    with suppress(StopIteration):  # nothing has to be fetched, so it never suspends
        verifier.verify_async(token).send(None)


# -- good inputs -----------------------------------------------------------------------------------

_HEADER = compact({"alg": "HS256", "typ": "JWT"})
_DIRECT = compact({"alg": "dir", "enc": "A256GCM", "cty": "JWT"})
_BARE = compact({"alg": "dir", "enc": "A256GCM"})
_PROOF = compact({"alg": "Ed25519", "typ": "dpop+jwt", "jwk": key("Ed25519 Ed25519").public().to_jwk()})
_URL = "https://api.example/things"
# A good token takes as long as its key does, and so does the key itself: where any may come, the slowest.
_SIGNER, _RECIPIENT, _OWNER = key("ES512 P-521"), key("ECDH-ES+A256KW P-521"), key("RS256 RSA")
_CURVED = key("EdDSA Ed448")
_OWNED = 1_800  # bytes of the JWK


def _after(*headers: bytes) -> Callable[[int], bytes]:
    """Some lines, and then claims."""
    return lambda size: b"\n".join((*headers, claims(size - sum(map(len, headers)))))


def _jws(size: int) -> bytes:
    return jws.sign(claims(size * 3 // 4 - 250), _SIGNER).encode()


def _jws_json(size: int) -> bytes:
    """With as many signatures as there is room for."""
    return compact(jws.sign_json(claims(0), [_SIGNER] * min(16, 1 + size // 300)))


def _jwe(size: int) -> bytes:
    return jwe.encrypt(claims(size * 3 // 4 - 350), _RECIPIENT).encode()


def _jwe_json(size: int) -> bytes:
    return compact(jwe.encrypt_json(claims(size * 3 // 4 - 450), [_RECIPIENT]))


def _proof(size: int) -> bytes:
    said = json.loads(claims(size - len(_PROOF))) | {"jti": "1", "htm": "GET", "htu": _URL, "iat": NOW}
    del said["aud"]
    return _PROOF + b"\n" + compact(said)


def _half_hash(value: str) -> str:
    return base64url.encode(hashlib.sha256(value.encode()).digest()[:16])


def _profile(verifier: Verifier[Any], typ: str, **said: Any) -> Target:
    """The row of a kind of token, which says all this besides; the seeds say it oddly."""
    header = compact({"alg": "HS256", "typ": typ})

    def good(size: int, **changed: Any) -> bytes:
        room = size - len(header + compact(said))
        return header + b"\n" + compact(json.loads(claims(room)) | said | changed)

    odd = tuple(good(0, **{name: value}) for name in said for value in seeds.ODD)
    return Target(verifier.verify, good, signed, odd)


def _jwk(size: int) -> bytes:
    return compact({**_OWNER.to_jwk(private=True), "more": "x" * (size - _OWNED)})


def _jwk_public(size: int) -> bytes:
    return compact({**_CURVED.to_jwk(), "more": "x" * (size - 250)})


def _jwks(size: int) -> bytes:
    return compact({"keys": [_CURVED.to_jwk()] * (1 + size // 250)})


def _pem(size: int) -> bytes:
    """RFC 7468 §2: there may be text before a key."""
    return b"x" * (size - 250) + b"\n" + _CURVED.to_pem(private=True).encode()


def _der(_size: int) -> bytes:
    return _CURVED.to_der(private=True)


# -- the rows --------------------------------------------------------------------------------------

_trusting = partial(Verifier, KEYS, issuer=ISSUER, audience=AUDIENCE, cache_size=0, clock=lambda: NOW)
# Passwords are to cost little, so that there is time for much else.
_decrypt = partial(jwe.decrypt, keys=KEYS, max_p2c=1_000, max_decompressed=65_536)
_decrypt_json = partial(jwe.decrypt_json, keys=KEYS, max_p2c=1_000, max_decompressed=65_536)
_verify_json = partial(jws.verify_json, keys=KEYS)

_HEADED = tuple(header + b"\n{}" for header in seeds.HEADERS)
_HEADED_JSON = tuple(header + b"\n\n{}" for header in seeds.HEADERS)
_CLAIMED = tuple(_HEADER + b"\n" + payload for payload in (*seeds.CLAIMS, *seeds.OBJECTS))
_NESTED = tuple(_DIRECT + b"\n" + lines for lines in _CLAIMED)

_SECRETS = (*seeds.DER, *seeds.PEM, *map(base64.b64encode, seeds.DER))

TARGETS: dict[str, Target] = {
    "base64url": Target(_decode_base64url, lambda size: b"QUJD" * (size // 4)),
    "strict_json": Target(_decode_object, claims, seeds=seeds.OBJECTS),
    "inspect": Target(inspect_unverified, _after(_HEADER), signed, _HEADED + _CLAIMED),
    "jws": Target(partial(jws.verify, keys=KEYS), _jws, text, seeds.JWSS),
    "jws_signed": Target(partial(jws.verify, keys=KEYS), _after(_HEADER), signed, _HEADED),
    "jws_json": Target(_verify_json, _jws_json, seeds=seeds.JWSS_JSON),
    "jws_json_signed": Target(
        _verify_json, _after(_HEADER, b'{"kid":"HS256 oct"}'), signed_json, _HEADED_JSON
    ),
    "jws_json_mapping": Target(_verify_json, _jws_json, mapping, seeds.JWSS_JSON),
    "jwe": Target(_decrypt, _jwe, text, seeds.JWES),
    "jwe_encrypted": Target(
        partial(_decrypt, keys=key("dir oct")), _after(_DIRECT, b""), encrypted, seeds.ZIPPED
    ),
    "jwe_encrypted_key": Target(
        _decrypt, _after(seeds.with_encrypted_key(_RECIPIENT)), encrypted, seeds.ENCRYPTED
    ),
    "jwe_json": Target(_decrypt_json, _jwe_json, seeds=seeds.JWES_JSON),
    "jwe_json_encrypted": Target(
        partial(_decrypt_json, keys=key("dir oct")), _after(_DIRECT, b'{"a":1}'), encrypted_json
    ),
    "jwe_json_mapping": Target(_decrypt_json, _jwe_json, mapping, seeds.JWES_JSON),
    "verifier": Target(_trusting().verify, _after(_HEADER), signed, _HEADED + _CLAIMED),
    "verifier_typed": Target(_trusting(claims=Fields).verify, _after(_HEADER), signed, _CLAIMED),
    "verifier_nested": Target(
        _trusting(decrypt_with=key("dir oct")).verify, _after(_DIRECT, _HEADER), nested, _NESTED
    ),
    "verifier_without_signature": Target(
        Verifier.without_signature(
            decrypt_with=key("dir oct"), issuer=ISSUER, audience=AUDIENCE, cache_size=0, clock=lambda: NOW
        ).verify,
        _after(_BARE, b""),
        encrypted,
        tuple(_BARE + b"\n\n" + payload for payload in (*seeds.CLAIMS, *seeds.OBJECTS)),
    ),
    "verifier_async": Target(partial(_verify_async, _trusting()), _after(_HEADER), signed, _HEADED),
    "multi_issuer": Target(MultiIssuer([_trusting()]).verify, _after(_HEADER), signed, _CLAIMED),
    "access_token": _profile(
        access_token_verifier(KEYS, issuer=ISSUER, audience=AUDIENCE, clock=lambda: NOW),
        "at+jwt",
        client_id="1",
        cnf={"jkt": "1"},
        amr=["pwd"],
    ),
    "id_token": _profile(
        id_token_verifier(
            KEYS,
            issuer=ISSUER,
            client_id=AUDIENCE,
            nonce="n",
            access_token="t",
            code="c",
            max_age=60,
            clock=lambda: NOW,
        ),
        "JWT",
        nonce="n",
        at_hash=_half_hash("t"),
        c_hash=_half_hash("c"),
        auth_time=NOW,
        azp=AUDIENCE,
        aud=[AUDIENCE],
    ),
    "logout_token": _profile(
        logout_token_verifier(KEYS, issuer=ISSUER, client_id=AUDIENCE, clock=lambda: NOW),
        "logout+jwt",
        sid="1",
        events={"http://schemas.openid.net/event/backchannel-logout": {}},
    ),
    "client_assertion": _profile(
        client_assertion_verifier(
            KEYS, client_id=ISSUER, audience=AUDIENCE, max_lifetime=900, clock=lambda: NOW
        ),
        "JWT",
        sub=ISSUER,
        exp=NOW + 900,
    ),
    "dpop_proof": Target(
        dpop_proof_verifier(
            method="GET", url=_URL, algorithms=("ES256", "Ed25519"), clock=lambda: NOW
        ).verify,
        _proof,
        proof,
    ),
    "jwk": Target(Key.from_jwk, _jwk, seeds=seeds.JWKS, refusal=InvalidKey),
    "jwk_public": Target(Key.from_jwk, _jwk_public, public, seeds.JWKS_PUBLIC, InvalidKey),
    "jwks": Target(KeySet.from_jwks, _jwks, public, seeds.SETS, InvalidKey),
    "pem": Target(partial(_read_key, Key.from_pem), _pem, seeds=seeds.PEM, refusal=InvalidKey),
    "secret": Target(
        partial(Key.from_secret, alg="HS256"),
        lambda size: b"0" * max(32, size),
        seeds=_SECRETS,
        refusal=InvalidKey,
    ),
    "der": Target(partial(_read_key, Key.from_der), _der, seeds=seeds.DER, refusal=InvalidKey),
}
