"""Issuer: claims become a token, signed and, if asked for, encrypted as well (RFC 7519 §7.1)."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from watchword.arguments import describe, describe_names, is_name, is_names
from watchword.durations import to_whole_seconds
from watchword.errors import InvalidKey, InvalidSettings, Unissuable
from watchword.jose import base64url, jws
from watchword.jose.header import encode_header
from watchword.jose.jwk import Key
from watchword.jose.key_arguments import check_key, check_signer
from watchword.jose.ports import Signer, SigningSource
from watchword.jose.strict_json import UNCHANGED, check_members, encode_checked
from watchword.jwt.claims import REGISTERED
from watchword.jwt.expectations import check_callable
from watchword.jwt.nesting import encrypted

__all__ = ["Issuer"]


class Issuer:
    """Issues signed tokens.

    Args:
        issuer: the ``iss`` of the tokens; usually a URL.
        key: signs; a :class:`~watchword.Key`, a key that stays elsewhere (Signer), or a keyring
            (SigningSource). What a Signer raises goes through to the caller of :meth:`issue`.
        audience: the ``aud``: a name, or several.
        lifetime: from ``iat`` to ``exp``, in whole seconds or as a timedelta.
        typ: the header's ``typ`` (RFC 8725 §3.11).
        encrypt_to: the public key of the one who shall read the tokens, or a secret that is shared with them:
            what is signed is encrypted, too (RFC 7519 §5.2). ``typ`` and added members stay inside.
        enc: the content encryption.
        clock: what time it is, in seconds since the epoch.

    Raises:
        InvalidKey: the key cannot sign; or the other one cannot encrypt, or does not fit ``enc``.
        InvalidSettings: another argument is of the wrong form.
    """

    def __init__(
        self,
        issuer: str,
        key: Key | Signer | SigningSource,
        *,
        audience: str | Sequence[str] | None = None,
        lifetime: int | timedelta = 900,
        typ: str = "JWT",
        encrypt_to: Key | None = None,
        enc: str = "A256GCM",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not is_name(issuer):
            raise InvalidSettings(f"issuer must be a non-empty string, not {describe(issuer)}")
        if not is_name(typ):
            raise InvalidSettings(f'typ must be a non-empty string such as "at+jwt", not {describe(typ)}')
        check_callable("clock", clock)
        if encrypt_to is not None:
            _check_encryption(encrypt_to, enc)
        self._issuer = issuer
        self._signing_key = _signing_key(key)
        self._audience = _audience(audience)
        self._lifetime = to_whole_seconds("lifetime", lifetime)
        self._typ = typ
        self._encrypt_to = encrypt_to
        self._enc = enc
        self._clock = clock
        self._plain_header: tuple[Signer | None, bytes] = (None, b"")

    def __repr__(self) -> str:
        return f"Issuer({self._issuer!r}, audience={self._audience!r}, typ={self._typ!r})"

    def issue(
        self,
        subject: str,
        claims: Mapping[str, Any] | object | None = None,
        *,
        audience: str | Sequence[str] | None = None,
        lifetime: int | timedelta | None = None,
        header: Mapping[str, Any] | None = None,
        issued_at: float | None = None,
    ) -> str:
        """A signed token with ``iss``, ``sub``, ``aud``, ``iat``, ``exp`` and a random ``jti``.

        Args:
            subject: the ``sub``.
            claims: the other claims: a mapping, or an object of a class that a Verifier takes for claims: a
                Struct, dataclass, attrs class or pydantic model. The registered claims of an object that are
                ``None`` are left out.
            audience: in place of the issuer's.
            lifetime: in place of the issuer's.
            header: further members of the header.
            issued_at: the time to take instead of the clock's, in seconds; cut to whole ones.

        Raises:
            Unissuable: the subject is not a string, a registered claim is among the claims, a header member
                would override ours, or something is not JSON.
            InvalidSettings: audience or lifetime is of the wrong form.
            InvalidKey: what a Signer answers is no signature of its algorithm.
        """
        if not isinstance(subject, str):
            # RFC 7519 §4.1.2: a verifier would refuse it.
            raise Unissuable(f"subject must be a string, not {describe(subject)}; write str(...) around it")
        signer = self._signing_key()
        try:
            issued = math.floor(self._clock() if issued_at is None else issued_at)
        except (TypeError, ValueError, OverflowError):
            raise InvalidSettings(
                f"issued_at must be seconds since the epoch, not {describe(issued_at)}"
            ) from None
        content = {
            "iss": self._issuer,
            "sub": subject,
            "aud": self._audience if audience is None else _audience(audience),
            "iat": issued,
            "exp": issued + (self._lifetime if lifetime is None else to_whole_seconds("lifetime", lifetime)),
            "jti": base64url.encode(os.urandom(16)),
        }
        if content["aud"] is None:
            del content["aud"]
        if claims is not None:
            content.update(_unregistered(claims))
        token = jws.sign_encoded(self._header(signer, header), encode_checked(content), signer)
        return token if self._encrypt_to is None else encrypted(token, self._encrypt_to, self._enc)

    def _header(self, signer: Signer, given: Mapping[str, Any] | None) -> bytes:
        """The encoded header; the one without additions is kept until the key changes."""
        if given:
            return encode_header(self._own_header(signer), given)
        kept_for, segment = self._plain_header
        if kept_for is not signer:
            segment = encode_header(self._own_header(signer), None)
            self._plain_header = (signer, segment)
        return segment

    def _own_header(self, signer: Signer) -> dict[str, str]:
        return {"alg": signer.alg, "typ": self._typ, "kid": signer.kid}


def _signing_key(key: Key | Signer | SigningSource) -> Callable[[], Signer]:
    """Return the function that gives the key to sign with now."""
    if isinstance(key, SigningSource):
        return key.signing_key
    check_signer("key", key)
    if isinstance(key, Key) and not key.allows("sign"):
        raise InvalidKey(f"key must be one that signs, and {key!r} does not")
    return lambda: key


def _unregistered(claims: object) -> Mapping[str, Any]:
    """Return the claims, if JSON can hold them and the issuer sets none of them itself."""
    # dict first, which is found at once.
    if not isinstance(claims, (dict, Mapping)):
        fields = _fields(claims)
        claims = {
            name: value for name, value in fields.items() if value is not None or name not in REGISTERED
        }
    if not REGISTERED.isdisjoint(claims):
        raise Unissuable("iss, sub, aud, exp, nbf, iat and jti are the issuer's to set, not among the claims")
    check_members(claims)
    return claims


def _fields(claims: object) -> Mapping[str, Any]:
    """Return the fields of an object, by the names that they have in JSON."""
    serializer = getattr(type(claims), "__pydantic_serializer__", None)
    try:
        fields = (
            msgspec.to_builtins(claims, builtin_types=UNCHANGED)
            if serializer is None
            else serializer.to_python(claims, by_alias=True)
        )
    except (TypeError, ValueError, RecursionError):
        raise Unissuable(
            f"claims must be a mapping, or an object with fields that JSON can hold, not {describe(claims)}"
        ) from None
    if not isinstance(fields, dict):  # of a Struct that is an array in JSON
        raise Unissuable(f"claims must be a mapping or an object with fields, not {describe(claims)}")
    return fields


def _check_encryption(key: Key, enc: str) -> None:
    """Encrypt something, so that what does not work is known at once."""
    check_key("encrypt_to", key)
    try:
        encrypted("", key, enc)
    except Unissuable as error:
        raise InvalidSettings(str(error)) from None


def _audience(audience: str | Sequence[str] | None) -> str | list[str] | None:
    if audience is None or (isinstance(audience, str) and audience):
        return audience
    if isinstance(audience, str) or not audience or not is_names(audience):
        raise InvalidSettings(
            "audience must be a non-empty string, a sequence of such strings, or None, "
            f"not {describe_names(audience)}"
        )
    return list(audience)
