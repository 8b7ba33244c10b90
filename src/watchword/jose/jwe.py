"""Encryption (RFC 7516): in the compact form, ``header.key.iv.ciphertext.tag``, and in JSON serialization.

Compressed tokens can be read, but not made: the length of what was compressed tells of its content
(RFC 8725 §3.6).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from watchword.errors import MalformedToken, Unissuable, UnknownKey
from watchword.jose import base64url, json_serialization
from watchword.jose.algorithms.content_encryption import ContentEncryption
from watchword.jose.compact_serialization import split_token
from watchword.jose.envelope import (
    Envelope,
    Provided,
    Share,
    acceptance,
    check_count,
    content_encryption,
    open_first,
    provide,
    seal,
    wrap,
)
from watchword.jose.header import (
    copy_unprotected,
    decode_header,
    decode_protected,
    encode_header,
    merge_parts,
)
from watchword.jose.json_serialization import MAX_PARTIES, JsonToken, read_segment
from watchword.jose.jwk import Key
from watchword.jose.key_arguments import check_bytes, check_key, check_several
from watchword.jose.key_selection import find_candidates, to_key_source
from watchword.jose.ports import KeySource

__all__ = ["Decrypted", "Recipient", "decrypt", "decrypt_json", "encrypt", "encrypt_json"]

_ENC = "A256GCM"
_MAX_P2C = 600_000
_MAX_SHARES = 4  # as many attempts as a compact token may cost


class Decrypted(NamedTuple):
    """What was encrypted.

    Attributes:
        plaintext: the bytes.
        header: the authenticated header.
        key: the key that opened it.
        unprotected: the part of the header that is not authenticated, in JSON serialization: anybody may have
            written it.
        aad: what was authenticated besides, in JSON serialization.
    """

    plaintext: bytes
    header: dict[str, Any]
    key: Key
    unprotected: dict[str, Any]
    aad: bytes

    def __repr__(self) -> str:
        return f"Decrypted(header={self.header!r}, key={self.key!r})"


class Recipient(NamedTuple):
    """One of the recipients of a token in JSON serialization.

    Attributes:
        key: the recipient's secret or public key.
        unprotected: members of the header that hold for this recipient; they are not authenticated.
    """

    key: Key
    unprotected: Mapping[str, object] | None = None


def encrypt(
    plaintext: bytes,
    key: Key,
    enc: str = _ENC,
    header: Mapping[str, object] | None = None,
    *,
    p2c: int | None = None,
) -> str:
    """The plaintext as a compact JWE.

    Args:
        plaintext: any bytes.
        key: the recipient's secret or public key. Its ``alg`` is the key management algorithm.
        enc: the content encryption.
        header: further members of the header, readable by all and authenticated; a ``kid`` among them stands
            in place of the key's own.
        p2c: the iterations of PBKDF2 where the key is a password (PBES2), from 1,000 to 1,000,000; by default
            as many as OWASP recommends. Many other readers refuse so many.

    Raises:
        InvalidKey: the key does not encrypt, or does not fit ``enc``.
        InvalidSettings: the plaintext is not bytes, the key is not a Key, or ``p2c`` is not as said here.
        Unissuable: the header would override a member that is set here, asks for compression, or is not one
            that may be read again; or there is no such content encryption.
    """
    check_bytes("plaintext", plaintext)
    check_key("key", key)
    encryption = content_encryption(enc)
    own, given = {"alg": key.alg, "enc": enc}, {"kid": key.kid, **(header or {})}
    provided = provide(key, given | own | check_count(p2c, [key]), encryption.key_size)
    header64 = _header(own | provided.members, given)
    sealed = seal(encryption, provided.content_key, plaintext, header64)
    parts = (provided.encrypted_key, sealed.iv, sealed.ciphertext, sealed.tag)
    return b".".join((header64, *map(base64url.encode_bytes, parts))).decode("ascii")


def decrypt(
    token: str,
    keys: Key | KeySource,
    *,
    enc: str | Collection[str] | None = None,
    max_p2c: int = _MAX_P2C,
    max_decompressed: int | None = None,
    critical: Collection[str] = (),
) -> Decrypted:
    """What is in a compact JWE.

    Args:
        token: the JWE.
        keys: the keys to try; the ``kid`` of a token is not looked at where a key comes alone.
        enc: the content encryptions that are accepted; all, by default.
        max_p2c: most iterations that a token may ask for where the key is a password; 1,000 to 1,000,000.
        max_decompressed: most bytes that compressed content may turn out to be. By default compressed tokens
            are refused: a small one can hold a thousand times its size.
        critical: the header extensions that the caller understands and handles (``crit``).

    Raises:
        MalformedToken: it is not a compact JWE of a kind that is known and accepted here.
        UnknownKey: no key fits its ``kid`` and ``alg``.
        DecryptionFailed: it cannot be opened; why is not told.
        InvalidSettings: ``enc``, ``max_p2c``, ``max_decompressed`` or ``critical`` is not as said here.
    """
    accepted = acceptance(enc, max_p2c, max_decompressed, critical)
    header64, *segments = split_token(token, 5)
    header = decode_header(header64, accepted.critical)
    encryption = accepted.check(header)
    encrypted_key, iv, ciphertext, tag = map(base64url.decode_bytes, segments)
    candidates = find_candidates(to_key_source(keys), header, "decrypt")
    shares = [Share(key, header, encrypted_key) for key in candidates]
    plaintext, share = open_first(Envelope(header64, iv, ciphertext, tag), encryption, shares)
    return Decrypted(accepted.decompress(header, plaintext), header, share.key, {}, b"")


def encrypt_json(
    plaintext: bytes,
    recipients: Sequence[Key | Recipient],
    enc: str = _ENC,
    header: Mapping[str, object] | None = None,
    *,
    unprotected: Mapping[str, object] | None = None,
    aad: bytes | None = None,
    p2c: int | None = None,
) -> dict[str, Any]:
    """The plaintext as a JWE in JSON serialization (RFC 7516 §7.2): flattened for one recipient, or general.

    Args:
        plaintext: any bytes.
        recipients: who is to read it, 16 at most; a :class:`Recipient` adds to the header. ``dir`` and
            ``ECDH-ES`` keys can only be alone, since the content key follows from each of them.
        enc: the content encryption.
        header: further members of the protected header.
        unprotected: members of the header that hold for all recipients, and are not authenticated.
        aad: what is to be authenticated besides, readable by all.
        p2c: as in :func:`encrypt`, for all recipients whose key is a password.

    Raises:
        InvalidKey: a key does not encrypt, does not fit ``enc``, or cannot be one of several.
        InvalidSettings: as in :func:`encrypt`.
        Unissuable: the number of recipients or a header is not as said here; or there is no such content
            encryption.
    """
    check_bytes("plaintext", plaintext)
    check_several("recipients", recipients)
    encryption = content_encryption(enc)
    parties = [one if isinstance(one, Recipient) else Recipient(one) for one in recipients]
    for party in parties:
        check_key("recipients", party.key)
    if not 0 < len(parties) <= MAX_PARTIES:
        raise Unissuable(f"a token has between 1 and {MAX_PARTIES} recipients")
    count = check_count(p2c, [party.key for party in parties])
    protected, shared = header or {}, _plain(unprotected)
    if len(parties) == 1:
        header64, content_key, entries = _for_one(parties[0], encryption, protected, shared, count)
    else:
        header64, content_key, entries = _for_several(parties, encryption, protected, shared, count)
    aad64 = base64url.encode_bytes(aad or b"")
    sealed = seal(encryption, content_key, plaintext, _authenticated(header64, aad64))
    token = {
        "protected": header64.decode(),
        **({"unprotected": shared[0]} if shared else {}),
        **({"aad": aad64.decode()} if aad64 else {}),
        "iv": base64url.encode(sealed.iv),
        "ciphertext": base64url.encode(sealed.ciphertext),
        "tag": base64url.encode(sealed.tag),
    }
    return token | (entries[0] if len(entries) == 1 else {"recipients": entries})


def decrypt_json(
    token: JsonToken,
    keys: Key | KeySource,
    *,
    enc: str | Collection[str] | None = None,
    max_p2c: int = _MAX_P2C,
    max_decompressed: int | None = None,
    critical: Collection[str] = (),
) -> Decrypted:
    """What is in a JWE in JSON serialization, if one of its recipients is known here.

    Args:
        token: the JWE: its members or their text, flattened or general.
        keys: the keys to try. Where a key comes alone and no recipient has its ``kid``, all are tried.
        enc: as in :func:`decrypt`.
        max_p2c: as there.
        max_decompressed: as there.
        critical: as there.

    Raises:
        MalformedToken: it is not a JWE in JSON serialization, of a kind that is known and accepted here.
        UnknownKey: no key fits the ``kid`` and ``alg`` of any recipient, or too many do to try them all.
        DecryptionFailed: it cannot be opened; why is not told.
        InvalidSettings: ``enc``, ``max_p2c``, ``max_decompressed`` or ``critical`` is not as said there.
    """
    accepted = acceptance(enc, max_p2c, max_decompressed, critical)
    members = json_serialization.read_members(token)
    if "payload" in members:  # RFC 7516 §9: that is what tells a JWS
        raise MalformedToken("the token is signed, not encrypted")
    if "" in (members.get("protected"), members.get("aad")):  # RFC 7516 §7.2.1: then they must be missing
        raise MalformedToken("a member of the token is empty")
    header64, aad64 = _optional(members, "protected"), _optional(members, "aad")
    protected = decode_protected(header64, accepted.critical) if header64 else {}
    aad = base64url.decode_bytes(aad64)
    content = [base64url.decode_bytes(read_segment(members, name)) for name in ("iv", "ciphertext", "tag")]
    shares = _shares(members, protected, to_key_source(keys))
    encryption, *_ = [accepted.check(share.header) for share in shares]
    envelope = Envelope(_authenticated(header64, aad64), *content)
    plaintext, share = open_first(envelope, encryption, shares)
    unprotected = {name: value for name, value in share.header.items() if name not in protected}
    return Decrypted(accepted.decompress(protected, plaintext), protected, share.key, unprotected, aad)


def _header(own: Mapping[str, object], given: Mapping[str, object], *unprotected: Mapping[str, Any]) -> bytes:
    if "zip" in given:
        raise Unissuable("nothing is compressed here")
    return encode_header(own, given, *unprotected)


def _plain(unprotected: Mapping[str, object] | None) -> list[dict[str, Any]]:
    return [] if unprotected is None else [copy_unprotected(unprotected)]


def _for_one(
    party: Recipient,
    encryption: ContentEncryption,
    protected: Mapping[str, object],
    shared: list[dict[str, Any]],
    count: Mapping[str, int | None],
) -> tuple[bytes, bytes, list[dict[str, Any]]]:
    """The protected header, the content key, and what stands in the token for its only recipient."""
    theirs = _plain(party.unprotected)
    own = {"alg": party.key.alg, "enc": encryption.name}
    given = {"kid": party.key.kid, **protected}
    provided = provide(party.key, _joined(*shared, *theirs, given, own, count), encryption.key_size)
    header64 = _header(own | provided.members, given, *shared, *theirs)
    return header64, provided.content_key, [_entry(provided, *theirs)]


def _for_several(
    parties: Sequence[Recipient],
    encryption: ContentEncryption,
    protected: Mapping[str, object],
    shared: list[dict[str, Any]],
    count: Mapping[str, int | None],
) -> tuple[bytes, bytes, list[dict[str, Any]]]:
    """The same for several, whose algorithms and ``kid`` stand in their own parts of the header."""
    own, content_key = {"enc": encryption.name}, os.urandom(encryption.key_size)
    entries = []
    for party in parties:
        given = {"kid": party.key.kid, **_joined(*_plain(party.unprotected))}
        alg = {"alg": party.key.alg}
        provided = wrap(party.key, _joined(*shared, protected, own, given, alg, count), content_key)
        if given.keys() & (alg | provided.members).keys():
            raise Unissuable("the header would override a member that is set already")
        entries.append(_entry(provided, alg | given | provided.members))
    header64, *_ = [_header(own, protected, *shared, entry["header"]) for entry in entries]
    return header64, content_key, entries


def _entry(provided: Provided, *unprotected: dict[str, Any]) -> dict[str, Any]:
    encrypted_key = base64url.encode(provided.encrypted_key)
    return {
        **({"header": unprotected[0]} if unprotected else {}),
        **({"encrypted_key": encrypted_key} if encrypted_key else {}),
    }


def _shares(members: Mapping[str, Any], protected: dict[str, Any], source: KeySource) -> list[Share]:
    """What may open a token, of all that its recipients and our keys give."""
    parts = json_serialization.read_parties(members, "recipients", ("header", "encrypted_key"))
    shared = [members["unprotected"]] if "unprotected" in members else []
    whole = [merge_parts(protected, *shared, *_own_header(part)) for part in parts]
    if len({header.get("enc") for header in whole}) > 1:  # RFC 7516 §7.2.1
        raise MalformedToken("the recipients of the token do not agree on enc")
    shares: list[Share] = []
    for part, header in zip(parts, whole, strict=True):
        encrypted_key = base64url.decode_bytes(_optional(part, "encrypted_key"))  # empty from some: no harm
        with suppress(UnknownKey):  # somebody else's
            candidates = find_candidates(source, header, "decrypt")
            shares += [Share(key, header, encrypted_key) for key in candidates]
    shares = [share for share in shares if share.header.get("kid") == share.key.kid] or shares
    if not shares:
        raise UnknownKey
    if len(shares) > _MAX_SHARES:
        raise UnknownKey(
            "the token does not say which recipient's key is ours, and there are too many to try"
        )
    return shares


def _own_header(part: Mapping[str, Any]) -> list[Any]:
    return [part["header"]] if "header" in part else []


def _optional(part: Mapping[str, Any], name: str) -> bytes:
    """A member that is base64url text, still encoded; nothing, where it is missing."""
    return read_segment(part, name) if name in part else b""


def _authenticated(header64: bytes, aad64: bytes) -> bytes:
    """RFC 7516 §5.1, step 14."""
    return header64 + b"." + aad64 if aad64 else header64


def _joined(*parts: Mapping[str, object]) -> dict[str, object]:
    """The members of several parts of a header; of two of the same name, the last."""
    return {name: value for part in parts for name, value in part.items()}
