"""Signatures (RFC 7515): in the compact form, ``header.payload.signature``, and in JSON serialization.

With the payload inside or kept apart (appendix F), encoded or, where the header says ``b64: false``, as it is
(RFC 7797).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from watchword.arguments import quote
from watchword.errors import BadSignature, InvalidKey, MalformedToken, Unissuable, UnknownKey
from watchword.jose import base64url, json_serialization
from watchword.jose.algorithms.signatures import ECDSA_FIELDS, raw_from_der
from watchword.jose.algorithms.table import ALGORITHMS
from watchword.jose.compact_serialization import MAX_TOKEN, split_token
from watchword.jose.header import (
    check_critical,
    copy_unprotected,
    decode_header,
    decode_protected,
    encode_header,
    merge_parts,
)
from watchword.jose.json_serialization import MAX_PARTIES, JsonToken
from watchword.jose.jwk import Key
from watchword.jose.key_arguments import check_bytes, check_several, check_signer
from watchword.jose.key_selection import find_candidates, to_key_source
from watchword.jose.ports import KeySource, Signer

__all__ = ["Signing", "Verified", "raw_from_der", "sign", "sign_json", "verify", "verify_json"]

_ALGORITHMS = frozenset(row.name for row in ALGORITHMS if row.scheme)
_UNDERSTOOD = frozenset({"b64"})  # extensions

# RFC 7797 §5.2: what may stand unencoded between the dots
_BETWEEN_DOTS = re.compile(rb"[\x20-\x2d\x2f-\x7e]*+")


class Verified(NamedTuple):
    """What a good signature stands for.

    Attributes:
        payload: the signed bytes.
        header: the signed header; its ``jwk``, ``jku`` and ``x5*`` members are hearsay, never a key to trust.
        key: the key that it verified with.
        unprotected: the part of the header that is not signed, in JSON serialization: anybody may have
            written it.
    """

    payload: bytes
    header: dict[str, Any]
    key: Key
    unprotected: dict[str, Any]


class Signing(NamedTuple):
    """One of the signatures of a token in JSON serialization.

    Attributes:
        key: signs; its ``alg`` and ``kid`` go into the protected header.
        header: further members of the protected header.
        unprotected: the header's other part, which is not signed.
    """

    key: Key | Signer
    header: Mapping[str, object] | None = None
    unprotected: Mapping[str, object] | None = None


def sign(
    payload: bytes,
    key: Key | Signer,
    header: Mapping[str, object] | None = None,
    *,
    detached: bool = False,
) -> str:
    """The payload as a compact JWS.

    Args:
        payload: any bytes, none at all included.
        key: signs; its ``alg`` and ``kid`` go into the header. What a Signer raises goes through to you.
        header: further members of the header. ``{"b64": False, "crit": ["b64"]}`` leaves the payload
            unencoded (RFC 7797).
        detached: leave the payload out; whoever verifies gets it in another way (RFC 7515 appendix F).

    Raises:
        InvalidKey: the key does not sign, or a Signer's answer is no signature of its algorithm.
        InvalidSettings: the payload is not bytes, or the key is neither a Key nor a Signer.
        Unissuable: the header would override ``alg`` or ``kid``, or is not one that may be read again; or the
            payload cannot stand unencoded in a compact JWS.
    """
    check_bytes("payload", payload)
    header64 = _encoded_header(key, header)
    encoded = _is_encoded(header)
    content = _content(payload, encoded=encoded)
    shown = b"" if detached else content
    if not encoded and not _BETWEEN_DOTS.fullmatch(shown):
        raise Unissuable("an unencoded payload in a compact token is printable ASCII without full stops")
    signature = _signature(key, header64 + b"." + content)
    return b".".join((header64, shown, base64url.encode_bytes(signature))).decode("ascii")


def verify(
    token: str,
    keys: Key | KeySource,
    *,
    payload: bytes | None = None,
    critical: Collection[str] = (),
) -> Verified:
    """What is signed in a compact JWS; nothing is said of its meaning: see :class:`~watchword.Verifier`.

    Args:
        token: the JWS.
        keys: the keys to trust; the ``kid`` of a token is not looked at where a key comes alone.
        payload: the payload of a token that was signed with ``detached=True``.
        critical: the header extensions that the caller understands and handles (``crit``).

    Raises:
        MalformedToken: it is not a compact JWS, needs an extension that is not understood, or brings a
            payload although one is given.
        UnknownKey: no key fits its ``kid`` and ``alg``.
        BadSignature: the signature is not from any key that fits.
    """
    if payload is not None:
        check_bytes("payload", payload)
    header64, shown, signature64 = split_token(token, 3)
    header = decode_header(header64, check_critical(critical) | _UNDERSTOOD)
    encoded = _is_encoded(header)
    if payload is not None and shown:
        raise MalformedToken("the token brings a payload of its own")
    if not encoded and not _BETWEEN_DOTS.fullmatch(shown):
        raise MalformedToken("the unencoded payload is not printable ASCII")
    content = shown if payload is None else _content(payload, encoded=encoded)
    signed = base64url.decode_bytes(content) if encoded else content
    candidates = find_candidates(to_key_source(keys), header, "verify")
    key = verify_with_any(candidates, header64 + b"." + content, base64url.decode_bytes(signature64))
    return Verified(signed, header, key, {})


def sign_json(
    payload: bytes, signers: Sequence[Key | Signer | Signing], *, detached: bool = False
) -> dict[str, Any]:
    """The payload as a JWS in JSON serialization (RFC 7515 §7.2): flattened for one signature, else general.

    Args:
        payload: any bytes; those that are to stand unencoded (``b64``) without ``detached`` must be UTF-8.
        signers: who signs, 16 at most; a :class:`Signing` adds to the header.
        detached: leave the payload out; whoever verifies gets it in another way (RFC 7515 appendix F).

    Raises:
        InvalidKey: a key does not sign, or a Signer's answer is no signature of its algorithm.
        InvalidSettings: the payload is not bytes, or a key is neither a Key nor a Signer.
        Unissuable: the number of signers, a header or the payload is not as said here, or the signatures do
            not agree on ``b64`` (RFC 7797 §3).
    """
    check_bytes("payload", payload)
    check_several("signers", signers)
    signings = [signer if isinstance(signer, Signing) else Signing(signer) for signer in signers]
    if not 0 < len(signings) <= MAX_PARTIES:
        raise Unissuable(f"a token has between 1 and {MAX_PARTIES} signatures")
    if len({_is_encoded(signing.header) for signing in signings}) > 1:
        raise Unissuable("the signatures of a token agree on b64")
    encoded = _is_encoded(signings[0].header)
    content = _content(payload, encoded=encoded)
    signatures = [_sign_part(content, signing) for signing in signings]
    token = {} if detached else {"payload": _text(content)}
    return token | (signatures[0] if len(signatures) == 1 else {"signatures": signatures})


def verify_json(
    token: JsonToken,
    keys: Key | KeySource,
    *,
    payload: bytes | None = None,
    critical: Collection[str] = (),
) -> list[Verified]:
    """The good signatures of a JWS in JSON serialization, of each key one: at least one, in their order.

    A token may be signed by people whom you do not know, so signatures that no key of yours has made are
    passed over, but each must be well-formed. Who needs the signatures of certain keys looks for these keys
    in the result.

    Args:
        token: the JWS: its members or their text, flattened or general.
        keys: the keys to trust; the ``kid`` of a signature is not looked at where a key comes alone.
        payload: the payload of a token that was signed with ``detached=True``.
        critical: the header extensions that the caller understands and handles (``crit``).

    Raises:
        MalformedToken: it is not a JWS in JSON serialization, a signature needs an extension that is not
            understood, or it brings a payload although one is given, or none although none is given.
        UnknownKey: no key fits the ``kid`` and ``alg`` of any signature, or too many do to try them all.
        BadSignature: no signature is from any key that fits.
    """
    if payload is not None:
        check_bytes("payload", payload)
    members = json_serialization.read_members(token)
    if "ciphertext" in members:  # RFC 7516 §9: that is what tells a JWE
        raise MalformedToken("the token is encrypted, not signed")
    if (payload is None) != ("payload" in members):
        raise MalformedToken("the payload is to be in the token or given, not both")
    parts = _read_parts(members, check_critical(critical) | _UNDERSTOOD)
    encoded = _is_encoded(parts[0].protected)
    content = _shown(members, encoded=encoded) if payload is None else _content(payload, encoded=encoded)
    signed = base64url.decode_bytes(content) if encoded else content
    good = _good(parts, content, to_key_source(keys))
    return [Verified(signed, part.protected, key, part.unprotected) for part, key in good]


def sign_encoded(header64: bytes, payload: bytes, key: Key | Signer) -> str:
    """As :func:`sign`, with a header that is encoded already."""
    signed = header64 + b"." + base64url.encode_bytes(payload)
    return (signed + b"." + base64url.encode_bytes(_signature(key, signed))).decode("ascii")


def verify_with_any(candidates: Sequence[Key], signed: bytes, signature: bytes) -> Key:
    """The key among few that made the signature.

    Raises:
        BadSignature: none of them did.
    """
    for key in candidates:
        try:
            key.verify(signed, signature)
        except BadSignature:
            continue
        return key
    raise BadSignature


class _Part(NamedTuple):
    """A signature of a token in JSON serialization, before it is believed."""

    protected64: bytes
    protected: dict[str, Any]
    unprotected: dict[str, Any]
    header: dict[str, Any]
    signature: bytes


def _read_parts(members: Mapping[str, Any], understood: frozenset[str]) -> list[_Part]:
    flattened = ("signature", "protected", "header")
    parts = [
        _read_part(part, understood)
        for part in json_serialization.read_parties(members, "signatures", flattened)
    ]
    if len({_is_encoded(part.protected) for part in parts}) > 1:  # RFC 7797 §3
        raise MalformedToken("the signatures of the token do not agree on b64")
    return parts


def _read_part(part: Mapping[str, Any], understood: frozenset[str]) -> _Part:
    has_protected = "protected" in part
    protected64 = json_serialization.read_segment(part, "protected") if has_protected else b""
    protected = decode_protected(protected64, understood) if has_protected else {}
    unprotected = [part["header"]] if "header" in part else []
    header = merge_parts(protected, *unprotected)
    signature = base64url.decode_bytes(json_serialization.read_segment(part, "signature"))
    return _Part(protected64, protected, dict(*unprotected), header, signature)


def _good(parts: Sequence[_Part], content: bytes, keys: KeySource) -> list[tuple[_Part, Key]]:
    """The signatures that verify, the first of each key, with their keys."""
    good: list[tuple[_Part, Key]] = []
    for part, candidates in _attempts(parts, keys):
        with suppress(BadSignature):
            key = verify_with_any(candidates, part.protected64 + b"." + content, part.signature)
            if all(key is not other for _, other in good):  # nobody signs twice for being counted twice
                good.append((part, key))
    if not good:
        raise BadSignature
    return good


def _attempts(parts: Sequence[_Part], keys: KeySource) -> list[tuple[_Part, Sequence[Key]]]:
    """The signatures that keys of ours may have made, and these keys: few, all signatures together."""
    attempts = []
    for part in parts:
        with suppress(UnknownKey):  # somebody else's
            attempts.append((part, find_candidates(keys, part.header, "verify")))
    if not attempts:
        raise UnknownKey
    if sum(len(candidates) for _, candidates in attempts) > MAX_PARTIES:
        raise UnknownKey("the token does not say which keys it was made with; there are too many to try")
    return attempts


def _sign_part(content: bytes, signing: Signing) -> dict[str, Any]:
    key, header, unprotected = signing
    beside = copy_unprotected(unprotected) if unprotected else {}
    protected64 = _encoded_header(key, header, *([beside] if beside else []))
    signature = _signature(key, protected64 + b"." + content)
    return {
        "protected": protected64.decode("ascii"),
        **({"header": beside} if beside else {}),
        "signature": base64url.encode(signature),
    }


def _encoded_header(
    key: Key | Signer, header: Mapping[str, object] | None, *unprotected: Mapping[str, object]
) -> bytes:
    check_signer("key", key)
    own = {"alg": key.alg, "kid": key.kid}
    return encode_header(own, header, *unprotected, understood=_UNDERSTOOD)


def _signature(key: Key | Signer, data: bytes) -> bytes:
    return key.sign(data) if isinstance(key, Key) else _signature_made_elsewhere(key, data)


def _signature_made_elsewhere(signer: Signer, data: bytes) -> bytes:
    """A Signer's signature, if it looks like one: for ECDSA most services answer in DER, which is none."""
    if signer.alg not in _ALGORITHMS:
        raise InvalidKey(f"the signer's alg {quote(signer.alg)} is not the name of a signature algorithm")
    signature = signer.sign(data)
    size = ECDSA_FIELDS.get(signer.alg)
    if not isinstance(signature, bytes) or not signature or (size and len(signature) != 2 * size):
        raise InvalidKey("what the signer made is no signature of its algorithm; see jws.raw_from_der")
    return signature


def _is_encoded(header: Mapping[str, object] | None) -> bool:
    """Whether the payload stands in base64url (RFC 7797 §3)."""
    return header is None or header.get("b64") is not False


def _content(payload: bytes, *, encoded: bool) -> bytes:
    """The payload as it is signed."""
    return base64url.encode_bytes(payload) if encoded else payload


def _text(content: bytes) -> str:
    """The payload as it stands in JSON."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Unissuable("an unencoded payload in a token is UTF-8") from None


def _shown(members: Mapping[str, Any], *, encoded: bool) -> bytes:
    """The payload in a token in JSON serialization, as it was signed."""
    if encoded:
        return json_serialization.read_segment(members, "payload")
    text = members["payload"]
    if not isinstance(text, str) or len(text) > MAX_TOKEN:
        raise MalformedToken("the payload is not a string, or too long")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise MalformedToken("the payload is not Unicode") from None
