"""From the fuzzer's bytes to what an entry point takes.

Where a signature or an encryption stands in the way, the bytes are lines of JSON, and the token that is made
of them is as good as if it came from somebody who has a key.
"""

from __future__ import annotations

import json

from specimen import compact, key
from watchword.jose import Key, base64url
from watchword.jose.encryption import find_encryption

__all__ = [
    "encrypted",
    "encrypted_json",
    "lines",
    "mapping",
    "nested",
    "proof",
    "public",
    "signed",
    "signed_json",
    "text",
]


def text(data: bytes) -> str:
    """Bytes that are no UTF-8 become lone surrogates: a str may have those, too."""
    return data.decode("utf-8", "surrogateescape")


def mapping(data: bytes) -> object:
    """What an application's own parser, less strict than ours, would hand over."""
    try:
        decoded = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def public(data: bytes) -> object:
    """A JWK, or a set of them, without what only an owner of keys could have in them."""
    return _without_d(mapping(data))


def signed(data: bytes) -> str:
    """Of two lines: header and payload."""
    return _signed(data, key("HS256 oct"))


def proof(data: bytes) -> str:
    """Of two lines: header and claims; signed with a key that the header may have in it."""
    return _signed(data, key("Ed25519 Ed25519"))


def signed_json(data: bytes) -> bytes:
    """Of three lines: protected header, unprotected header, payload."""
    protected, unprotected, payload = lines(data, 3)
    protected64, payload64, signature64 = signed(protected + b"\n" + payload).split(".")
    members = {"payload": payload64, "protected": protected64, "signature": signature64}
    return _with_header(members, unprotected)


def encrypted(data: bytes) -> str:
    """Of three lines: header, encrypted key in base64url, plaintext."""
    header, encrypted_key64, plaintext = lines(data, 3)
    header64 = base64url.encode(header)
    return ".".join((header64, text(encrypted_key64), *_sealed(header64, plaintext)))


def encrypted_json(data: bytes) -> bytes:
    """Of three lines: protected header, unprotected header, plaintext."""
    protected, unprotected, plaintext = lines(data, 3)
    protected64 = base64url.encode(protected)
    members = dict(zip(("iv", "ciphertext", "tag"), _sealed(protected64, plaintext), strict=True))
    return _with_header({"protected": protected64, **members}, unprotected)


def nested(data: bytes) -> str:
    """Of three lines: outer header, inner header, claims."""
    outer, inner = lines(data, 2)
    return encrypted(outer + b"\n\n" + signed(inner).encode())


def lines(data: bytes, count: int) -> list[bytes]:
    """So many; the last has what is left, line feeds included."""
    parts = data.split(b"\n", count - 1)
    return parts + [b""] * (count - len(parts))


def _without_d(value: object) -> object:
    if isinstance(value, list):
        return [_without_d(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_d(item) for name, item in value.items() if name != "d"}
    return value


def _signed(data: bytes, by: Key) -> str:
    header, payload = lines(data, 2)
    content = f"{base64url.encode(header)}.{base64url.encode(payload)}"
    return f"{content}.{base64url.encode(by.sign(content.encode()))}"


def _sealed(header64: str, plaintext: bytes) -> list[str]:
    """Initialization vector, ciphertext and tag. The content key is the secret of ``dir``."""
    secret, iv = bytes(range(32)), bytes(12)  # the same each time, so that an input is one token
    ciphertext, tag = find_encryption("A256GCM").encrypt(secret, iv, plaintext, header64.encode())
    return [base64url.encode(part) for part in (iv, ciphertext, tag)]


def _with_header(members: dict[str, str], unprotected: bytes) -> bytes:
    header = b',"header":' + unprotected if unprotected else b""
    return compact(members)[:-1] + header + b"}"
