"""Signatures (RFC 7515): compact tokens, ``header.payload.signature``, and JSON serialization.

The payload is part of the token or detached (appendix F), in base64url or unencoded (RFC 7797).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from watchword.errors import BadSignature, MalformedToken, Unissuable, UnknownKey
from watchword.jose import base64url
from watchword.jose.algorithms.signatures import raw_from_der
from watchword.jose.compact_serialization import split_token
from watchword.jose.header import (
    check_critical,
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
from watchword.jose.key_arguments import check_bytes, check_several, check_signer
from watchword.jose.key_selection import find_candidates, to_key_source
from watchword.jose.payloads import encode_payload, is_compact, is_encoded, read_payload, to_text
from watchword.jose.ports import KeySource, Signer
from watchword.jose.signers import make_signature

__all__ = ["Signing", "Verified", "raw_from_der", "sign", "sign_json", "verify", "verify_json"]

_UNDERSTOOD = frozenset({"b64"})  # extensions


class Verified(NamedTuple):
    """The content of a token with a valid signature.

    Attributes:
        payload: the signed bytes.
        header: the signed header. Never trust a key from its ``jwk``, ``jku`` and ``x5*`` members.
        key: the key that verified the signature.
        unprotected: the part of the header that is not signed (JSON serialization). Anyone may have written
            it.
    """

    payload: bytes
    header: dict[str, Any]
    key: Key
    unprotected: dict[str, Any]


class Signing(NamedTuple):
    """A signature to make for a token in JSON serialization.

    Attributes:
        key: the key that signs. Its ``alg`` and ``kid`` go into the protected header.
        header: more members of the protected header.
        unprotected: the part of the header that is not signed.
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
    """Sign bytes to a compact JWS.

    Args:
        payload: any bytes. It may be empty.
        key: the key that signs. Its ``alg`` and ``kid`` go into the header. Errors of a Signer are passed on
            unchanged.
        header: more members of the header. ``{"b64": False, "crit": ["b64"]}`` leaves the payload unencoded
            (RFC 7797).
        detached: leave the payload out. The verifier gets it in another way (RFC 7515 appendix F).

    Returns:
        The token.

    Raises:
        InvalidKey: the key does not sign, or what a Signer returned is not a signature of its algorithm.
        InvalidSettings: the payload is not bytes, or the key is neither a Key nor a Signer.
        Unissuable: the header would override ``alg`` or ``kid``, or could not be read again. Or the payload
            cannot stand unencoded in a compact JWS.
    """
    check_bytes("payload", payload)
    header64 = _encode_header(key, header)
    encoded = is_encoded(header)
    content = encode_payload(payload, encoded=encoded)
    included = b"" if detached else content
    if not encoded and not is_compact(included):
        raise Unissuable("an unencoded payload in a compact token must be printable ASCII without full stops")
    signature = make_signature(key, header64 + b"." + content)
    return b".".join((header64, included, base64url.encode_bytes(signature))).decode("ascii")


def verify(
    token: str,
    keys: Key | KeySource,
    *,
    payload: bytes | None = None,
    critical: Collection[str] = (),
) -> Verified:
    """Verify a compact JWS. The payload's meaning is not checked: see :class:`~watchword.Verifier`.

    Args:
        token: the JWS.
        keys: the keys to trust. For a single Key the token's ``kid`` is ignored.
        payload: the payload of a token that was signed with ``detached=True``.
        critical: the header extensions that the caller understands and handles (``crit``).

    Raises:
        MalformedToken: the token is not a compact JWS, has a critical extension that is not understood, or
            contains a payload although ``payload`` is given.
        UnknownKey: no key fits its ``kid`` and ``alg``.
        BadSignature: the signature is not from any key that fits.
        InvalidSettings: an argument is not valid.
    """
    if payload is not None:
        check_bytes("payload", payload)
    # RFC 7515 §5.2, steps 1 to 5: parse, decode, and check the header.
    header64, included, signature64 = split_token(token, 3)
    header = decode_header(header64, check_critical(critical) | _UNDERSTOOD)
    encoded = is_encoded(header)
    if payload is not None and included:
        raise MalformedToken("the token contains a payload, and another payload is given")
    if not encoded and not is_compact(included):
        raise MalformedToken("the unencoded payload is not printable ASCII")
    # Step 6: decode the payload.
    content = included if payload is None else encode_payload(payload, encoded=encoded)
    signed = base64url.decode_bytes(content) if encoded else content
    # Steps 7 and 8: the algorithm follows from the key, never from the token.
    candidates = find_candidates(to_key_source(keys), header, "verify")
    key = verify_with_any(candidates, header64 + b"." + content, base64url.decode_bytes(signature64))
    return Verified(signed, header, key, {})


def sign_json(
    payload: bytes, signers: Sequence[Key | Signer | Signing], *, detached: bool = False
) -> dict[str, Any]:
    """Sign bytes to a JWS in JSON serialization (RFC 7515 §7.2).

    Args:
        payload: any bytes. An unencoded payload (``b64``) must be UTF-8 unless it is detached.
        signers: the keys that sign, at most 16. A :class:`Signing` adds to the header.
        detached: leave the payload out. The verifier gets it in another way (RFC 7515 appendix F).

    Returns:
        The members of the token: flattened for a single signature, otherwise general.

    Raises:
        InvalidKey: a key does not sign, or what a Signer returned is not a signature of its algorithm.
        InvalidSettings: the payload is not bytes, or a key is neither a Key nor a Signer.
        Unissuable: the number of signers, a header or the payload is not valid, or the signatures do not
            agree on ``b64`` (RFC 7797 §3).
    """
    check_bytes("payload", payload)
    check_several("signers", signers)
    signings = [signer if isinstance(signer, Signing) else Signing(signer) for signer in signers]
    if not 0 < len(signings) <= MAX_PARTIES:
        raise Unissuable(f"a token has between 1 and {MAX_PARTIES} signatures")
    if len({is_encoded(check_given(signing.header)) for signing in signings}) > 1:
        raise Unissuable("all signatures of a token must have the same b64")
    encoded = is_encoded(signings[0].header)
    content = encode_payload(payload, encoded=encoded)
    signatures = [_sign_part(content, signing) for signing in signings]
    token = {} if detached else {"payload": to_text(content)}
    return token | (signatures[0] if len(signatures) == 1 else {"signatures": signatures})


def verify_json(
    token: JsonToken,
    keys: Key | KeySource,
    *,
    payload: bytes | None = None,
    critical: Collection[str] = (),
) -> list[Verified]:
    """Return the valid signatures of a JWS in JSON serialization: at least 1, and at most 1 for each key.

    The token may have signatures of unknown parties. They are ignored, but each must be well-formed. If you
    need the signatures of certain keys, look for these keys in the result.

    Args:
        token: the members of the JWS or their JSON text, flattened or general.
        keys: the keys to trust. For a single Key the ``kid`` of a signature is ignored.
        payload: the payload of a token that was signed with ``detached=True``.
        critical: the header extensions that the caller understands and handles (``crit``).

    Raises:
        MalformedToken: the token is not a JWS in JSON serialization, or a signature has a critical extension
            that is not understood. Or the payload is both in the token and given, or neither.
        UnknownKey: no key fits the ``kid`` and ``alg`` of any signature, or too many keys fit.
        BadSignature: no signature is from any key that fits.
        InvalidSettings: an argument is not valid.
    """
    if payload is not None:
        check_bytes("payload", payload)
    # RFC 7515 §5.2, steps 1 to 7: parse, decode, and check the header of each signature.
    members = read_members(token)
    if "ciphertext" in members:  # RFC 7516 §9: a JWE has this member
        raise MalformedToken("the token is encrypted, not signed")
    if (payload is None) != ("payload" in members):
        raise MalformedToken("the payload must be either in the token or given, not both")
    parts = _read_parts(members, check_critical(critical) | _UNDERSTOOD)
    encoded = is_encoded(parts[0].protected)
    content = (
        read_payload(members, encoded=encoded)
        if payload is None
        else encode_payload(payload, encoded=encoded)
    )
    signed = base64url.decode_bytes(content) if encoded else content
    # Steps 8 to 10: at least one signature must be valid.
    valid = _verify_parts(parts, content, to_key_source(keys))
    return [Verified(signed, part.protected, key, part.unprotected) for part, key in valid]


def sign_encoded(header64: bytes, payload: bytes, key: Key | Signer) -> str:
    """Sign as :func:`sign` does, with a header that is already encoded."""
    signed = header64 + b"." + base64url.encode_bytes(payload)
    return (signed + b"." + base64url.encode_bytes(make_signature(key, signed))).decode("ascii")


def verify_with_any(candidates: Sequence[Key], signed: bytes, signature: bytes) -> Key:
    """Return the first key that verifies the signature.

    Raises:
        BadSignature: no key does.
    """
    for key in candidates:
        try:
            key.verify(signed, signature)
        except BadSignature:
            continue
        return key
    raise BadSignature


class _UnverifiedSignature(NamedTuple):
    """A signature of a token in JSON serialization, not yet verified."""

    protected64: bytes
    protected: dict[str, Any]
    unprotected: dict[str, Any]
    header: dict[str, Any]
    signature: bytes


def _read_parts(members: Mapping[str, Any], understood: frozenset[str]) -> list[_UnverifiedSignature]:
    found = read_parties(members, "signatures", ("signature", "protected", "header"))
    parts = [_read_part(part, understood) for part in found]
    if len({is_encoded(part.protected) for part in parts}) > 1:  # RFC 7797 §3
        raise MalformedToken("the signatures of the token do not agree on b64")
    return parts


def _read_part(part: Mapping[str, Any], understood: frozenset[str]) -> _UnverifiedSignature:
    has_protected = "protected" in part
    protected64 = read_segment(part, "protected") if has_protected else b""
    protected = decode_protected(protected64, understood) if has_protected else {}
    unprotected = [part["header"]] if "header" in part else []
    header = merge_parts(protected, *unprotected)
    signature = base64url.decode_bytes(read_segment(part, "signature"))
    return _UnverifiedSignature(protected64, protected, dict(*unprotected), header, signature)


def _verify_parts(
    parts: Sequence[_UnverifiedSignature], content: bytes, keys: KeySource
) -> list[tuple[_UnverifiedSignature, Key]]:
    """Return the signatures that verify with their keys, the first of each key."""
    valid: list[tuple[_UnverifiedSignature, Key]] = []
    for part, candidates in _match_keys(parts, keys):
        with suppress(BadSignature):
            key = verify_with_any(candidates, part.protected64 + b"." + content, part.signature)
            # A second signature of the same key must not count as another signer.
            if all(key is not other for _, other in valid):
                valid.append((part, key))
    if not valid:
        raise BadSignature
    return valid


def _match_keys(
    parts: Sequence[_UnverifiedSignature], keys: KeySource
) -> list[tuple[_UnverifiedSignature, Sequence[Key]]]:
    """Return the signatures that keys of the source may have made, with these keys. Bound their number."""
    attempts = []
    for part in parts:
        with suppress(UnknownKey):  # another party's signature
            attempts.append((part, find_candidates(keys, part.header, "verify")))
    if not attempts:
        raise UnknownKey
    if sum(len(candidates) for _, candidates in attempts) > MAX_PARTIES:
        raise UnknownKey(
            "the token does not say which keys made its signatures, and there are too many to try"
        )
    return attempts


def _sign_part(content: bytes, signing: Signing) -> dict[str, Any]:
    key, header, unprotected = signing
    beside = copy_unprotected(unprotected) if unprotected else {}
    protected64 = _encode_header(key, header, *([beside] if beside else []))
    signature = make_signature(key, protected64 + b"." + content)
    return {
        "protected": protected64.decode("ascii"),
        **({"header": beside} if beside else {}),
        "signature": base64url.encode(signature),
    }


def _encode_header(
    key: Key | Signer, header: Mapping[str, object] | None, *unprotected: Mapping[str, object]
) -> bytes:
    check_signer("key", key)
    own = {"alg": key.alg, "kid": key.kid}
    return encode_header(own, header, *unprotected, understood=_UNDERSTOOD)
