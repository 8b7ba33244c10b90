"""What no library in plain Python can be faster than: the bare calls into C, with nothing checked."""

from __future__ import annotations

import binascii
import os
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

import specimen
from cases import Case

_keyed = hmac.HMAC(specimen.SECRET.encode(), hashes.SHA256())
_decode_json = msgspec.json.Decoder(dict).decode
_encode_json = msgspec.json.Encoder().encode
_decode_base64 = msgspec.json.Decoder(bytes).decode  # the fastest there is, but for a strict alphabet
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_TO_URL = bytes.maketrans(b"+/", b"-_")


def mac() -> Case:
    """One raw MAC over the token's first two segments."""
    signed = specimen.token("HS256").rpartition(".")[0].encode()

    def call(_: str) -> bytes:
        keyed = _keyed.copy()
        keyed.update(signed)
        return keyed.finalize()

    return Case(call, "")


def verify() -> Case:
    """MAC, JSON and base64 of payload and signature; the header is taken as known."""

    def call(token: str) -> object:
        signed, _, signature = token.encode().rpartition(b".")
        keyed = _keyed.copy()
        keyed.update(signed)
        keyed.verify(_decoded(signature))
        return _decode_json(_decoded(signed[signed.index(b".") + 1 :]))

    return Case(call, specimen.token("HS256"))


def issue() -> Case:
    """MAC, JSON and base64 of payload and signature, and a random id; the header is taken as known."""
    header = specimen.token("HS256").partition(".")[0].encode()

    def call(subject: str) -> str:
        content = specimen.fresh_claims(subject, _encoded(os.urandom(16)).decode())
        signed = header + b"." + _encoded(_encode_json(content))
        keyed = _keyed.copy()
        keyed.update(signed)
        return (signed + b"." + _encoded(keyed.finalize())).decode()

    return Case(call, specimen.SUBJECT)


def check_signature(alg: str) -> Case:
    """The bare call into cryptography, without JSON and base64."""
    signed, _, signature = specimen.token(alg).rpartition(".")
    data, made = signed.encode(), _decoded(signature.encode())
    key: Any = specimen.private_key(alg).public_key()
    match alg:
        case "RS256":
            padding, digest = PKCS1v15(), hashes.SHA256()
            return Case(lambda _: key.verify(made, data, padding, digest), "")
        case "ES256":
            der = encode_dss_signature(int.from_bytes(made[:32]), int.from_bytes(made[32:]))
            algorithm = ec.ECDSA(hashes.SHA256())
            return Case(lambda _: key.verify(der, data, algorithm), "")
    return Case(lambda _: key.verify(made, data), "")


def _decoded(text: bytes) -> bytes:
    return _decode_base64(b'"' + text.translate(_TO_STANDARD) + b"=" * (-len(text) % 4) + b'"')


def _encoded(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL)
