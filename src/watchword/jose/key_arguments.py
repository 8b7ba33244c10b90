"""Check the keys that callers give, and say what to write instead.

The usual mistake is the text of a secret, a PEM, a JWK or a path, as other libraries accept it. A key here
has a single algorithm, so callers must make a Key first.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from watchword.arguments import describe
from watchword.errors import InvalidSettings
from watchword.jose.jwk import Key

__all__ = ["check_bytes", "check_key", "check_key_source", "check_several", "check_signer"]

_FROM_TEXT = 'Make a Key from a secret with Key.from_secret(secret, alg="HS256"), or alg="dir" to encrypt'


def check_key(argument: str, value: object) -> None:
    """Raise unless a value is a Key.

    Raises:
        InvalidSettings: it is not a Key. The message says how to make a Key from it.
    """
    if not isinstance(value, Key):
        raise _refuse(argument, "a Key", value)


def check_signer(argument: str, value: Any) -> None:
    """Raise unless a value is a Key or a Signer.

    Raises:
        InvalidSettings: it is neither. The message says how to make a Key from it.
    """
    if isinstance(value, Key):
        return
    has_names = isinstance(getattr(value, "alg", None), str) and isinstance(getattr(value, "kid", None), str)
    if not has_names or not _has_method(value, "sign"):
        raise _refuse(argument, "a Key, or a Signer with alg, kid and sign", value)


def check_key_source(argument: str, value: object) -> None:
    """Raise unless a value is a Key or a KeySource.

    Raises:
        InvalidSettings: it is neither. The message says how to make a Key or a KeySet from it.
    """
    if isinstance(value, Key):
        return
    if not _has_method(value, "find") or not _has_method(value, "ready"):  # str has a method find, too
        raise _refuse(argument, "a Key, a KeySet, or another KeySource", value)


def check_several(argument: str, value: object) -> None:
    """Raise unless a value is a list or another iterable of keys.

    Raises:
        InvalidSettings: it is a single key, or not iterable. The message says how to make a Key from it.
    """
    is_alone = isinstance(value, str | bytes | Mapping) or hasattr(value, "_fields")  # Signing, Recipient
    if is_alone or not isinstance(value, Iterable):
        raise _refuse(argument, "a list of keys", value)


def check_bytes(argument: str, value: object) -> None:
    """Raise unless a value is bytes or like bytes.

    Raises:
        InvalidSettings: it is not like bytes. The message says how to make bytes from it.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return
    advice = ": encode it first" if isinstance(value, str) else ": write it as JSON first, for example"
    raise InvalidSettings(f"{argument} must be bytes, not {describe(value)}{advice}")


def _has_method(value: object, name: str) -> bool:
    return not isinstance(value, type) and callable(getattr(value, name, None))


def _refuse(argument: str, accepted: str, given: object) -> InvalidSettings:
    advice = _advise(given)
    return InvalidSettings(f"{argument} must be {accepted}, not {describe(given)}{advice and '. ' + advice}")


def _advise(given: object) -> str:
    """Say what to write instead, if type and form show what was given. Never show its content."""
    match given:
        case str():
            return _advise_text(given)
        case bytes() | bytearray():
            return "Read a PEM with Key.from_pem(data)" if b"-----BEGIN" in given else _FROM_TEXT
        case os.PathLike():
            return "Read the file with Key.from_pem(path.read_text())"
        case Mapping():
            of_set = "keys" in given
            return (
                "Read a JWK set with KeySet.from_jwks(jwks)"
                if of_set
                else "Read a JWK with Key.from_jwk(jwk)"
            )
        case Collection() if all(isinstance(key, Key) for key in given):
            return "Put several keys into a KeySet: KeySet([...])"
        case _ if type(given).__module__.startswith("cryptography."):
            return "Make a Key from a key of cryptography with Key.from_cryptography(key)"
    return ""


def _advise_text(given: str) -> str:
    if given.startswith(("https://", "http://")):
        return "For an issuer's keys use Verifier.from_issuer(...) or RemoteKeySet(url)"
    if "-----BEGIN" in given:
        return "Read a PEM with Key.from_pem(text)"
    if given.lstrip().startswith("{"):
        return "Read a JWK with Key.from_jwk(text), a JWK set with KeySet.from_jwks(text)"
    return _FROM_TEXT
