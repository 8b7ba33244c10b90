"""What a JWK says about its key: which it is, and what it is for (RFC 7517 §4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from watchword.arguments import quote
from watchword.errors import InvalidKey, MalformedToken
from watchword.jose import strict_json

__all__ = ["Description", "decode_object", "describe"]


class Description(NamedTuple):
    """The members that say it; ``None`` where they do not.

    Attributes:
        kid: the key's id.
        alg: its algorithm.
        use: ``sig``, ``enc``, or something that nobody here knows.
        key_ops: the operations that it is for.
    """

    kid: str | None
    alg: str | None
    use: str | None
    key_ops: tuple[str, ...] | None


def describe(jwk: Mapping[str, object]) -> Description:
    """The description in a JWK.

    Raises:
        InvalidKey: a member is malformed.
    """
    return Description(_text(jwk, "kid"), _text(jwk, "alg"), _text(jwk, "use"), _key_ops(jwk))


def decode_object(jwk: Mapping[str, Any] | str | bytes, limit: int) -> Mapping[str, Any]:
    """The members of a JWK or JWK set, read from its JSON if need be.

    Args:
        jwk: a mapping, or its JSON.
        limit: the longest JSON that is read, in bytes.

    Raises:
        InvalidKey: it is no JSON object in UTF-8, longer than that, or names a member twice.
    """
    if isinstance(jwk, Mapping):
        return jwk
    if not isinstance(jwk, str | bytes):
        raise InvalidKey(f"a JWK is a mapping, or JSON as str or bytes, not {type(jwk).__name__}")
    if len(jwk) > limit:
        raise InvalidKey(f"the JSON is longer than {limit} bytes")
    try:
        return strict_json.decode_object(jwk.encode() if isinstance(jwk, str) else jwk)
    except (MalformedToken, UnicodeEncodeError):
        raise InvalidKey("the text is not a JSON object in UTF-8 that names each member once") from None


def _text(jwk: Mapping[str, object], name: str) -> str | None:
    if name not in jwk:
        return None
    value = jwk[name]
    if not isinstance(value, str):
        raise InvalidKey(f"the JWK's {name} must be a string, not {type(value).__name__}")
    return value


def _key_ops(jwk: Mapping[str, object]) -> tuple[str, ...] | None:
    if "key_ops" not in jwk:
        return None
    names = jwk["key_ops"]
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InvalidKey(f"the JWK's key_ops must be an array of strings, not {quote(names)}")
    return tuple(dict.fromkeys(names))  # RFC 7517 §4.3 has each once; a second time says nothing
