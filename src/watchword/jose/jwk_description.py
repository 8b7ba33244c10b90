"""Read and write the members of a JWK that describe its key and its use (RFC 7517 §4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from watchword.arguments import quote
from watchword.errors import InvalidKey, MalformedToken
from watchword.jose import strict_json
from watchword.jose.algorithms.content_encryption import CONTENT_ENCRYPTIONS
from watchword.jose.material.kinds import KeyMaterial

__all__ = ["KeyDescription", "decode_jwk", "read_description", "resolve_alg", "write_description"]

_CONTENT_KEYS = {row.name: row.key_size for row in CONTENT_ENCRYPTIONS}


class KeyDescription(NamedTuple):
    """The description of a key. An absent member is ``None``.

    Attributes:
        kid: the key id.
        alg: the algorithm.
        use: ``sig``, ``enc``, or an unknown use.
        key_ops: the operations that the key is for.
    """

    kid: str | None
    alg: str | None
    use: str | None
    key_ops: tuple[str, ...] | None


def read_description(jwk: Mapping[str, object]) -> KeyDescription:
    """Return the description in a JWK.

    Raises:
        InvalidKey: a member is malformed.
    """
    return KeyDescription(
        _read_text(jwk, "kid"), _read_text(jwk, "alg"), _read_text(jwk, "use"), _read_key_ops(jwk)
    )


def decode_jwk(jwk: Mapping[str, Any] | str | bytes, limit: int) -> Mapping[str, Any]:
    """Return the members of a JWK or JWK set.

    Args:
        jwk: a mapping, or its JSON text.
        limit: longest JSON, in bytes.

    Raises:
        InvalidKey: the text is not a JSON object in UTF-8, is too long, or names a member twice.
    """
    if isinstance(jwk, Mapping):
        return jwk
    if not isinstance(jwk, str | bytes):
        raise InvalidKey(f"a JWK must be a mapping, or JSON as str or bytes, not {type(jwk).__name__}")
    if len(jwk) > limit:
        raise InvalidKey(f"the JSON is longer than {limit} bytes")
    try:
        return strict_json.decode_object(jwk.encode() if isinstance(jwk, str) else jwk)
    except (MalformedToken, UnicodeEncodeError):
        raise InvalidKey("the text must be a JSON object in UTF-8 that names each member once") from None


def resolve_alg(stated: str | None, material: KeyMaterial) -> str | None:
    """Return ``dir`` for a secret whose ``alg`` is a content encryption, and any other ``alg`` unchanged.

    Raises:
        InvalidKey: the secret has another length than the content encryption needs.
    """
    size = _CONTENT_KEYS.get(stated or "")
    if size is None or not isinstance(material, bytes):
        return stated
    if len(material) != size:
        raise InvalidKey(
            f"the JWK's alg {stated} needs a secret of {size} bytes, this secret has {len(material)}"
        )
    return "dir"


def write_description(description: KeyDescription, certificates: Mapping[str, object]) -> dict[str, object]:
    """Return the members of a JWK for a description and certificates."""
    members = {**description._asdict(), **certificates}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in members.items()
        if value is not None
    }


def _read_text(jwk: Mapping[str, object], name: str) -> str | None:
    if name not in jwk:
        return None
    value = jwk[name]
    if not isinstance(value, str):
        raise InvalidKey(f"the JWK's {name} must be a string, not {type(value).__name__}")
    return value


def _read_key_ops(jwk: Mapping[str, object]) -> tuple[str, ...] | None:
    if "key_ops" not in jwk:
        return None
    names = jwk["key_ops"]
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InvalidKey(f"the JWK's key_ops must be an array of strings, not {quote(names)}")
    return tuple(dict.fromkeys(names))  # RFC 7517 §4.3 forbids duplicates. They are harmless.
