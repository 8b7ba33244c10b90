"""Encryption (RFC 7516): compact tokens, ``header.key.iv.ciphertext.tag``, and JSON serialization.

Compressed tokens can be read but not made: the length of compressed content reveals some of it
(RFC 8725 §3.6).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from watchword.errors import MalformedToken, Unissuable, UnknownKey
from watchword.jose import base64url
from watchword.jose.algorithms.content_encryption import ContentEncryption
from watchword.jose.compact_serialization import split_token
from watchword.jose.decryption import DecryptionAttempt, build_policy, decrypt_with_first
from watchword.jose.encryption import (
    ContentKey,
    EncryptedContent,
    check_iterations,
    encrypt_content,
    find_encryption,
    make_content_key,
    wrap_content_key,
)
from watchword.jose.header import (
    check_given,
    copy_unprotected,
    decode_header,
    decode_protected,
    encode_header,
    merge_parts,
)
from watchword.jose.json_serialization import (
    MAX_PARTIES,
    JsonToken,
    read_members,
    read_parties,
    read_segment,
)
from watchword.jose.jwk import Key
from watchword.jose.key_arguments import check_bytes, check_key, check_several
from watchword.jose.key_selection import find_candidates, to_key_source
from watchword.jose.ports import KeySource

__all__ = ["Decrypted", "Recipient", "decrypt", "decrypt_json", "encrypt", "encrypt_json"]

_ENC = "A256GCM"
_MAX_P2C = 600_000
_MAX_ATTEMPTS = 4  # as for a compact token


class Decrypted(NamedTuple):
    """The content of a decrypted token.

    Attributes:
        plaintext: the bytes.
        header: the authenticated header.
        key: the key that decrypted the token.
        unprotected: the part of the header that is not authenticated (JSON serialization). Anyone may have
            written it.
        aad: the additional authenticated data (JSON serialization).
    """

    plaintext: bytes
    header: dict[str, Any]
    key: Key
    unprotected: dict[str, Any]
    aad: bytes

    def __repr__(self) -> str:
        return f"Decrypted(header={self.header!r}, key={self.key!r})"


class Recipient(NamedTuple):
    """A recipient of a token in JSON serialization.

    Attributes:
        key: the recipient's secret or public key.
        unprotected: members of the header for this recipient. They are not authenticated.
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
    """Encrypt bytes to a compact JWE.

    Args:
        plaintext: any bytes.
        key: the recipient's secret or public key. Its ``alg`` is the key management algorithm.
        enc: the content encryption.
        header: more members of the header. They are authenticated, and anyone can read them. A ``kid`` here
            replaces the key's own.
        p2c: the iterations of PBKDF2 for a password (PBES2), from 1,000 to 1,000,000. The default is the
            number that OWASP recommends. Many other libraries refuse so many iterations.

    Returns:
        The token.

    Raises:
        InvalidKey: the key does not encrypt, or does not fit ``enc``.
        InvalidSettings: the plaintext is not bytes, the key is not a Key, or ``p2c`` is out of range.
        Unissuable: the header would override a member that is set here, asks for compression, or could not
            be read again. Or no content encryption is named ``enc``.
    """
    check_bytes("plaintext", plaintext)
    check_key("key", key)
    encryption = find_encryption(enc)
    own, given = {"alg": key.alg, "enc": enc}, {"kid": key.kid, **check_given(header)}
    content_key = make_content_key(key, given | own | check_iterations(p2c, [key]), encryption.key_size)
    header64 = _encode_header(own | content_key.members, given)
    content = encrypt_content(encryption, content_key.value, plaintext, header64)
    parts = (content_key.encrypted, content.iv, content.ciphertext, content.tag)
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
    """Decrypt a compact JWE.

    Args:
        token: the JWE.
        keys: the keys to try. For a single Key the token's ``kid`` is ignored.
        enc: the accepted content encryptions. The default is all of them.
        max_p2c: most iterations that a token may ask for if the key is a password, from 1,000 to
            1,000,000.
        max_decompressed: most bytes that compressed content may expand to. The default refuses compressed
            tokens, because a small token can expand a thousand times.
        critical: the header extensions that the caller understands and handles (``crit``).

    Raises:
        MalformedToken: the token is not a compact JWE, or not of an accepted kind.
        UnknownKey: no key fits its ``kid`` and ``alg``.
        DecryptionFailed: the token cannot be decrypted. The error does not say why.
        InvalidSettings: ``enc``, ``max_p2c``, ``max_decompressed`` or ``critical`` is not valid.
    """
    policy = build_policy(enc, max_p2c, max_decompressed, critical)
    # RFC 7516 §5.2, steps 1 to 5: parse, decode, and check the header.
    header64, *segments = split_token(token, 5)
    header = decode_header(header64, policy.critical)
    encryption = policy.choose_encryption(header)
    encrypted_key, iv, ciphertext, tag = map(base64url.decode_bytes, segments)
    # Steps 6 to 17: the key management mode follows from the key, never from the token.
    candidates = find_candidates(to_key_source(keys), header, "decrypt")
    attempts = [DecryptionAttempt(key, header, encrypted_key) for key in candidates]
    content = EncryptedContent(header64, iv, ciphertext, tag)
    plaintext, attempt = decrypt_with_first(content, encryption, attempts)
    # Step 18: decompress only what is authentic.
    return Decrypted(policy.decompress(header, plaintext), header, attempt.key, {}, b"")


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
    """Encrypt bytes to a JWE in JSON serialization (RFC 7516 §7.2).

    Args:
        plaintext: any bytes.
        recipients: the recipients, at most 16. A :class:`Recipient` adds to the header. A ``dir`` or
            ``ECDH-ES`` key must be the only recipient, because the content key follows from it.
        enc: the content encryption.
        header: more members of the protected header.
        unprotected: members of the header for all recipients. They are not authenticated.
        aad: additional data to authenticate. Anyone can read it.
        p2c: as in :func:`encrypt`, for all recipients whose key is a password.

    Returns:
        The members of the token: flattened for a single recipient, otherwise general.

    Raises:
        InvalidKey: a key does not encrypt, does not fit ``enc``, or must be the only recipient.
        InvalidSettings: as in :func:`encrypt`, or ``aad`` is not bytes.
        Unissuable: the number of recipients or a header is not valid, or no content encryption is named
            ``enc``.
    """
    check_bytes("plaintext", plaintext)
    if aad is not None:
        check_bytes("aad", aad)
    check_several("recipients", recipients)
    encryption = find_encryption(enc)
    parties = [each if isinstance(each, Recipient) else Recipient(each) for each in recipients]
    for party in parties:
        check_key("recipients", party.key)
    if not 0 < len(parties) <= MAX_PARTIES:
        raise Unissuable(f"a token has between 1 and {MAX_PARTIES} recipients")
    count = check_iterations(p2c, [party.key for party in parties])
    protected, shared = check_given(header), _copy_parts(unprotected)
    encrypt_key = _encrypt_key_to_one if len(parties) == 1 else _encrypt_key_to_several
    header64, content_key, entries = encrypt_key(parties, encryption, protected, shared, count)
    aad64 = base64url.encode_bytes(aad or b"")
    content = encrypt_content(encryption, content_key, plaintext, _join_authenticated(header64, aad64))
    token = {
        "protected": header64.decode(),
        **({"unprotected": shared[0]} if shared else {}),
        **({"aad": aad64.decode()} if aad64 else {}),
        "iv": base64url.encode(content.iv),
        "ciphertext": base64url.encode(content.ciphertext),
        "tag": base64url.encode(content.tag),
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
    """Decrypt a JWE in JSON serialization with the key of any of its recipients.

    Args:
        token: the members of the JWE or their JSON text, flattened or general.
        keys: the keys to try. A single Key is tried for all recipients if none has its ``kid``.
        enc: as in :func:`decrypt`.
        max_p2c: as in :func:`decrypt`.
        max_decompressed: as in :func:`decrypt`.
        critical: as in :func:`decrypt`.

    Raises:
        MalformedToken: the token is not a JWE in JSON serialization, or not of an accepted kind.
        UnknownKey: no key fits the ``kid`` and ``alg`` of any recipient, or too many keys fit.
        DecryptionFailed: the token cannot be decrypted. The error does not say why.
        InvalidSettings: ``enc``, ``max_p2c``, ``max_decompressed`` or ``critical`` is not valid.
    """
    policy = build_policy(enc, max_p2c, max_decompressed, critical)
    # RFC 7516 §5.2, steps 1 to 5: parse, decode, and check the header of each recipient.
    members = read_members(token)
    if "payload" in members:  # RFC 7516 §9: a JWS has this member
        raise MalformedToken("the token is signed, not encrypted")
    if "" in (members.get("protected"), members.get("aad")):  # RFC 7516 §7.2.1: then it must be absent
        raise MalformedToken("a member of the token is empty")
    header64, aad64 = _read_optional(members, "protected"), _read_optional(members, "aad")
    protected = decode_protected(header64, policy.critical) if header64 else {}
    aad = base64url.decode_bytes(aad64)
    content = [base64url.decode_bytes(read_segment(members, name)) for name in ("iv", "ciphertext", "tag")]
    attempts = _match_keys(members, protected, to_key_source(keys))
    encryption, *_ = [policy.choose_encryption(attempt.header) for attempt in attempts]
    # Steps 6 to 17, for each recipient that may be ours until the content is decrypted.
    encrypted = EncryptedContent(_join_authenticated(header64, aad64), *content)
    plaintext, attempt = decrypt_with_first(encrypted, encryption, attempts)
    unprotected = {name: value for name, value in attempt.header.items() if name not in protected}
    # Step 18: decompress only what is authentic.
    return Decrypted(policy.decompress(protected, plaintext), protected, attempt.key, unprotected, aad)


def _encode_header(
    own: Mapping[str, object], given: Mapping[str, object], *unprotected: Mapping[str, Any]
) -> bytes:
    if "zip" in given:
        raise Unissuable("the header must not have zip, because content is never compressed")
    return encode_header(own, given, *unprotected)


def _copy_parts(unprotected: Mapping[str, object] | None) -> list[dict[str, Any]]:
    return [] if unprotected is None else [copy_unprotected(unprotected)]


def _encrypt_key_to_one(
    parties: Sequence[Recipient],
    encryption: ContentEncryption,
    protected: Mapping[str, object],
    shared: list[dict[str, Any]],
    count: Mapping[str, int | None],
) -> tuple[bytes, bytes, list[dict[str, Any]]]:
    """Return the protected header, the content key, and the token's members for its only recipient."""
    (party,) = parties
    theirs = _copy_parts(party.unprotected)
    own = {"alg": party.key.alg, "enc": encryption.name}
    given = {"kid": party.key.kid, **protected}
    header = _merge(*shared, *theirs, given, own, count)
    content_key = make_content_key(party.key, header, encryption.key_size)
    header64 = _encode_header(own | content_key.members, given, *shared, *theirs)
    return header64, content_key.value, [_write_entry(content_key, *theirs)]


def _encrypt_key_to_several(
    parties: Sequence[Recipient],
    encryption: ContentEncryption,
    protected: Mapping[str, object],
    shared: list[dict[str, Any]],
    count: Mapping[str, int | None],
) -> tuple[bytes, bytes, list[dict[str, Any]]]:
    """Return the protected header, the content key, and the token's members for each recipient.

    Each recipient has its ``alg`` and ``kid`` in its own part of the header.
    """
    own, value = {"enc": encryption.name}, os.urandom(encryption.key_size)
    entries = []
    for party in parties:
        given = {"kid": party.key.kid, **_merge(*_copy_parts(party.unprotected))}
        alg = {"alg": party.key.alg}
        content_key = wrap_content_key(party.key, _merge(*shared, protected, own, given, alg, count), value)
        if given.keys() & (alg | content_key.members).keys():
            raise Unissuable("the header would override a member that is set already")
        entries.append(_write_entry(content_key, alg | given | content_key.members))
    header64, *_ = [_encode_header(own, protected, *shared, entry["header"]) for entry in entries]
    return header64, value, entries


def _write_entry(content_key: ContentKey, *unprotected: dict[str, Any]) -> dict[str, Any]:
    encrypted_key = base64url.encode(content_key.encrypted)
    return {
        **({"header": unprotected[0]} if unprotected else {}),
        **({"encrypted_key": encrypted_key} if encrypted_key else {}),
    }


def _match_keys(
    members: Mapping[str, Any], protected: dict[str, Any], source: KeySource
) -> list[DecryptionAttempt]:
    """Return what may decrypt a token: the recipients that fit keys of the source."""
    parts = read_parties(members, "recipients", ("header", "encrypted_key"))
    shared = [members["unprotected"]] if "unprotected" in members else []
    headers = [merge_parts(protected, *shared, *_read_own_header(part)) for part in parts]
    if len({header.get("enc") for header in headers}) > 1:  # RFC 7516 §7.2.1
        raise MalformedToken("the recipients of the token do not agree on enc")
    attempts: list[DecryptionAttempt] = []
    for part, header in zip(parts, headers, strict=True):
        # Some libraries write an empty encrypted_key, which is harmless.
        encrypted_key = base64url.decode_bytes(_read_optional(part, "encrypted_key"))
        with suppress(UnknownKey):  # another party's
            candidates = find_candidates(source, header, "decrypt")
            attempts += [DecryptionAttempt(key, header, encrypted_key) for key in candidates]
    attempts = [each for each in attempts if each.header.get("kid") == each.key.kid] or attempts
    if not attempts:
        raise UnknownKey
    if len(attempts) > _MAX_ATTEMPTS:
        raise UnknownKey(
            "the token does not say which recipient's key is ours, and there are too many to try"
        )
    return attempts


def _read_own_header(part: Mapping[str, Any]) -> list[Any]:
    return [part["header"]] if "header" in part else []


def _read_optional(part: Mapping[str, Any], name: str) -> bytes:
    """Return a member that is base64url text, still encoded. Return nothing if it is absent."""
    return read_segment(part, name) if name in part else b""


def _join_authenticated(header64: bytes, aad64: bytes) -> bytes:
    """Return the additional authenticated data (RFC 7516 §5.1, step 14)."""
    return header64 + b"." + aad64 if aad64 else header64


def _merge(*parts: Mapping[str, object]) -> dict[str, object]:
    """Merge parts of a header. The last of two members with the same name wins."""
    return {name: value for part in parts for name, value in part.items()}
