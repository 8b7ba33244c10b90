"""Check what a login brings for its session: subject, username, scopes, methods, claims and lifetime."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from watchword.arguments import describe, describe_names, is_name
from watchword.durations import to_whole_seconds
from watchword.errors import InvalidSettings, MalformedToken, Unissuable
from watchword.jose.strict_json import decode_object, encode_object
from watchword.jwt.claims import REGISTERED
from watchword.scopes import check_scopes
from watchword.sessions.access_tokens import SESSION_CLAIMS
from watchword.sessions.refresh_tokens import SessionBounds
from watchword.sessions.subjects import LARGEST_VERSION, LoginProof
from watchword.settings import MOST_PERIODS, Settings

__all__ = [
    "LARGEST_CLAIMS",
    "check_amr",
    "check_claims",
    "check_lifetime",
    "check_login",
    "check_subject",
    "is_version",
]

LARGEST_CLAIMS = 2_048
"""Bytes that the claims of a login may have as JSON. So each token fits into a cookie of 4,096 bytes."""

MOST_METHODS = 10
LONGEST_METHOD = 64
_METHOD = re.compile(rf"[!-~]{{1,{LONGEST_METHOD}}}")

_SURROGATE = re.compile("[\ud800-\udfff]")

_RESERVED = REGISTERED | SESSION_CLAIMS | {"preferred_username", "scope"}


def check_login(proof: LoginProof, settings: Settings) -> SessionBounds:
    """Return what a login fixes for all refreshes of its session.

    Raises:
        InvalidSettings: the subject or the username is not text, or a scope, the version, ``amr`` or
            ``lifetime`` is malformed.
        Unissuable: the subject's claims cannot be issued.
    """
    subject, has_account = proof.subject, proof.account is not None
    username = subject.username or subject.id
    check_subject(subject.id)
    _check_text("username", username)
    if subject.version is not None and not is_version(subject.version):
        raise InvalidSettings(
            f"version must be an int from 0 to {LARGEST_VERSION}, not {describe(subject.version)}"
        )
    scopes = subject.scopes if proof.scopes is None and not has_account else proof.scopes
    return SessionBounds(
        account=has_account,
        scope=None if scopes is None else " ".join(check_scopes(scopes)),
        preferred_username=None if has_account else username,
        amr=check_amr(proof.amr),
        claims=check_claims(subject.claims),
        lifetime=check_lifetime(proof.lifetime, settings),
    )


def check_subject(subject: object) -> None:
    """Return if a value can be a subject.

    Raises:
        InvalidSettings: it is empty, is not text, or has surrogates, which no token and no store can hold.
    """
    _check_text("subject", subject)


def is_version(version: object) -> bool:
    """Return whether every store can keep this version of a subject's credentials."""
    return type(version) is int and 0 <= version <= LARGEST_VERSION


def _check_text(name: str, given: object) -> None:
    if not is_name(given):
        hint = f'. Write "{given}"' if type(given) is int else ""
        raise InvalidSettings(f"{name} must be a non-empty string, not {describe(given)}{hint}")
    if _SURROGATE.search(str(given)):
        raise InvalidSettings(f"{name} must be Unicode text, without surrogate characters")


def check_amr(amr: object) -> tuple[str, ...]:
    """Return the names of authentication methods as a tuple (RFC 8176).

    Raises:
        InvalidSettings: they are not a list of names, or there are more than ten.
    """
    if not isinstance(amr, list | tuple) or not all(map(_is_method, amr)):
        raise InvalidSettings(
            f'amr must be a list of names such as ["pwd", "otp"], each of at most {LONGEST_METHOD} printable '
            f"ASCII characters without a space, not {describe_names(amr, _is_method)}"
        )
    if len(amr) > MOST_METHODS:
        raise InvalidSettings(f"amr must have at most {MOST_METHODS} names, not {len(amr)}")
    return tuple(amr)


def _is_method(name: object) -> bool:
    """Return whether a name can be stored between spaces."""
    return isinstance(name, str) and _METHOD.fullmatch(name) is not None


def check_claims(claims: object) -> dict[str, Any]:
    """Return the claims of a login as plain JSON values: what every token of its session will hold.

    Raises:
        Unissuable: they are not a mapping, are larger than :data:`LARGEST_CLAIMS`, cannot be written as JSON,
            or name a claim that Watchword sets.
    """
    if claims is None:
        return {}
    if not isinstance(claims, Mapping):
        raise Unissuable(f"claims must be a mapping or None, not {describe(claims)}")
    if ours := sorted(_RESERVED.intersection(claims)):
        raise Unissuable(
            f"claims: {', '.join(ours)} cannot be among them, because Watchword sets these claims. "
            "Pass scopes=, username= and amr= instead."
        )
    # Nested as in a refresh token, which must not become too deep for its verifier.
    encoded = encode_object({"claims": dict(claims)})
    size = len(encoded) - len('{"claims":}')
    if size > LARGEST_CLAIMS:
        raise Unissuable(f"claims must have at most {LARGEST_CLAIMS} bytes as JSON, not {size}")
    try:
        plain: dict[str, Any] = decode_object(encoded)["claims"]
    except MalformedToken as error:
        raise Unissuable(f"claims: {error}") from None
    return plain


def check_lifetime(lifetime: object, settings: Settings) -> int | None:
    """Return the lifetime of a session in seconds, ``None`` for the setting ``session_lifetime``.

    Raises:
        InvalidSettings: it is not a duration of at least one second, or it is longer than
            ``session_lifetime`` may be.
    """
    if lifetime is None:
        return None
    seconds = to_whole_seconds("lifetime", lifetime)
    if seconds > settings.rotation_period * MOST_PERIODS:
        raise InvalidSettings(
            f"lifetime ({seconds} s) must be at most {MOST_PERIODS} times rotation_period "
            f"({settings.rotation_period} s), like session_lifetime"
        )
    return seconds
