"""Issue tokens: signed and, if asked for, encrypted (RFC 7519 §7.1)."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import msgspec

from watchword.arguments import describe, describe_names, is_name, is_names
from watchword.deprecation import warn_renamed
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
from watchword.jwt.nesting import encrypt_token

__all__ = ["Issuer"]


class Issuer:
    """Issues signed tokens.

    Args:
        issuer: the ``iss`` of the tokens, usually a URL.
        key: the signing key: a :class:`~watchword.Key`, a key in a KMS or HSM (Signer), or a keyring
            (SigningSource). :meth:`issue` raises the errors of a Signer unchanged.
        audience: the ``aud``, or several.
        lifetime: the time from ``iat`` to ``exp``, in whole seconds or as a timedelta.
        typ: the header's ``typ`` (RFC 8725 §3.11).
        encrypt_to: the recipient's public key, or a shared secret. The signed token is then encrypted
            (RFC 7519 §5.2). ``typ`` and added members stay inside.
        enc: the content encryption.
        clock: returns the current time in seconds since the epoch.

    Raises:
        InvalidKey: the key cannot sign, or ``encrypt_to`` cannot encrypt or does not fit ``enc``.
        InvalidSettings: another argument has the wrong form.
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
            _try_encryption(encrypt_to, enc)
        if _has_old_lookup(key):
            warn_renamed("SigningSource.signing_key", "SigningSource.find_signing_key")
        self._issuer = issuer
        self._find_signer = _make_signer_lookup(key)
        self._audience = _check_audience(audience)
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
        """Issue a signed token with ``iss``, ``sub``, ``aud``, ``iat``, ``exp`` and a random ``jti``.

        Args:
            subject: the ``sub``.
            claims: the other claims: a mapping, or a Struct, dataclass, attrs object or pydantic model. An
                object's registered claims that are ``None`` are left out.
            audience: replaces the Issuer's audience.
            lifetime: replaces the Issuer's lifetime.
            header: further members of the header.
            issued_at: replaces the clock's time, in seconds since the epoch, rounded down.

        Raises:
            Unissuable: the subject is not a string, a registered claim is among the claims, a header member
                overrides the Issuer's, or a value is not JSON.
            InvalidSettings: audience, lifetime or issued_at has the wrong form.
            InvalidKey: a Signer's answer is not a signature of its algorithm.
        """
        if not isinstance(subject, str):
            # RFC 7519 §4.1.2: a verifier would refuse it.
            raise Unissuable(f"subject must be a string, not {describe(subject)}. Convert it with str()")
        signer = self._find_signer()
        issued = (
            _floor_time("the clock's time", self._clock())
            if issued_at is None
            else _floor_time("issued_at", issued_at)
        )
        content = {
            "iss": self._issuer,
            "sub": subject,
            "aud": self._audience if audience is None else _check_audience(audience),
            "iat": issued,
            "exp": issued + (self._lifetime if lifetime is None else to_whole_seconds("lifetime", lifetime)),
            "jti": base64url.encode(os.urandom(16)),
        }
        if content["aud"] is None:
            del content["aud"]
        if claims is not None:
            content.update(_check_claims(claims))
        token = jws.sign_encoded(self._encode_header(signer, header), encode_checked(content), signer)
        return token if self._encrypt_to is None else encrypt_token(token, self._encrypt_to, self._enc)

    def _encode_header(self, signer: Signer, given: Mapping[str, Any] | None) -> bytes:
        """Encode the header. A header without added members is cached until the key changes."""
        if given:
            return encode_header(self._make_header(signer), given)
        kept_for, segment = self._plain_header
        if kept_for is not signer:
            segment = encode_header(self._make_header(signer), None)
            self._plain_header = (signer, segment)
        return segment

    def _make_header(self, signer: Signer) -> dict[str, str]:
        return {"alg": signer.alg, "typ": self._typ, "kid": signer.kid}


def _make_signer_lookup(key: Any) -> Callable[[], Signer]:
    """Make the function that returns the current signing key."""
    if isinstance(key, SigningSource):
        return key.find_signing_key
    if _has_old_lookup(key):
        return cast("Callable[[], Signer]", key.signing_key)
    check_signer("key", key)
    if isinstance(key, Key) and not key.allows("sign"):
        raise InvalidKey(f"key must be able to sign, and {key!r} is not")
    return lambda: key


def _has_old_lookup(key: Any) -> bool:
    """Return whether this is a SigningSource of an application that has only the old name of its method."""
    return not isinstance(key, SigningSource) and callable(getattr(key, "signing_key", None))


def _floor_time(argument: str, moment: float) -> int:
    try:
        return math.floor(moment)
    except (TypeError, ValueError, OverflowError):
        raise InvalidSettings(f"{argument} must be seconds since the epoch, not {describe(moment)}") from None


def _check_claims(claims: object) -> Mapping[str, Any]:
    """Return the claims as a mapping, if JSON can hold them and the issuer sets none of them itself."""
    # dict comes first, because isinstance finds it without a lookup in the ABC.
    if not isinstance(claims, (dict, Mapping)):
        fields = _list_fields(claims)
        claims = {
            name: value for name, value in fields.items() if value is not None or name not in REGISTERED
        }
    if not REGISTERED.isdisjoint(claims):
        raise Unissuable("claims must not contain iss, sub, aud, exp, nbf, iat or jti, which the Issuer sets")
    check_members(claims)
    return claims


def _list_fields(claims: object) -> Mapping[str, Any]:
    """List the fields of an object by their names in JSON."""
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
    if not isinstance(fields, dict):  # A Struct may be an array in JSON.
        raise Unissuable(f"claims must be a mapping or an object with fields, not {describe(claims)}")
    return fields


def _try_encryption(key: Key, enc: str) -> None:
    """Encrypt an empty token, so that a wrong key or ``enc`` is reported when the Issuer is made."""
    check_key("encrypt_to", key)
    try:
        encrypt_token("", key, enc)
    except Unissuable as error:
        raise InvalidSettings(str(error)) from None


def _check_audience(audience: str | Sequence[str] | None) -> str | list[str] | None:
    if audience is None or (isinstance(audience, str) and audience):
        return audience
    if isinstance(audience, str) or not audience or not is_names(audience):
        raise InvalidSettings(
            "audience must be a non-empty string, a sequence of such strings, or None, "
            f"not {describe_names(audience)}"
        )
    return list(audience)
