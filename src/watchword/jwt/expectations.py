"""Types and checks of the arguments that say what a Verifier expects of a token."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias, TypedDict

from watchword.arguments import describe, describe_names, is_name
from watchword.durations import Duration
from watchword.errors import InvalidClaims, InvalidSettings, WrongType
from watchword.jose import Key, KeySource
from watchword.jwt.claims import list_names
from watchword.jwt.media_types import JWT, normalize_media_type

__all__ = [
    "EncryptedExpectations",
    "IssuerExpectations",
    "Rule",
    "TypeNames",
    "TypePolicy",
    "check_callable",
    "check_size",
]

Rule: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any], float], Iterable[InvalidClaims]]
"""Takes claims, header and the time in seconds. Returns an error for everything that it rejects. Claims and
header may hold any JSON."""

TypeNames: TypeAlias = str | Collection[str | None] | None
"""The accepted ``typ``, or several. ``None`` in a collection stands for a token without ``typ``."""


class _ClaimExpectations(TypedDict, total=False):
    subject: str | int | None
    sub_type: type[str | int]
    typ: TypeNames
    require: Collection[str]
    allow_no_exp: bool
    leeway: Duration
    max_age: Duration | None
    critical: Collection[str]
    rule: Rule | None
    max_token_size: int
    cache_size: int
    clock: Callable[[], float]


class IssuerExpectations(_ClaimExpectations, total=False):
    """The arguments of :meth:`~watchword.Verifier.from_issuer` that a Verifier has, too."""

    decrypt_with: Key | KeySource | None


class EncryptedExpectations(_ClaimExpectations, total=False):
    """The arguments of :meth:`~watchword.Verifier.without_signature` that a Verifier has, too."""

    issuer: str | Collection[str] | None
    audience: str | Collection[str] | None


class TypePolicy:
    """The ``typ`` that a token may have (RFC 8725 §3.11), from the argument of a Verifier.

    Raises:
        InvalidSettings: the argument is neither a name nor a collection of names.
    """

    def __init__(self, typ: TypeNames) -> None:
        several = [typ] if isinstance(typ, str) else typ
        if several is not None and not (_is_collection(several) and all(map(_is_type_name, several))):
            raise InvalidSettings(
                'typ must be a string such as "at+jwt", a collection of such strings '
                f"(with None for tokens without typ), or None, not {describe_names(typ, _is_type_name)}"
            )
        self._types = frozenset(
            {JWT, None} if several is None else {name and normalize_media_type(name) for name in several}
        )
        self._wrong_type = (
            "the token has another typ than JWT. The argument typ= names the expected typ"
            if several is None
            else f"the token has another typ than {list_names([name or 'none' for name in several])}"
        )

    def find_failures(self, header: Mapping[str, Any]) -> list[InvalidClaims]:
        """Return the error for the ``typ`` of a header, or nothing if the type is expected."""
        typ = header.get("typ")
        if (typ if typ is None else normalize_media_type(typ)) in self._types:
            return []
        return [WrongType(self._wrong_type, claim="typ")]


def check_size(argument: str, size: object) -> None:
    """Return if a size is a whole number, zero or more.

    Raises:
        InvalidSettings: the size is something else.
    """
    if type(size) is not int or size < 0:
        raise InvalidSettings(f"{argument} must be a whole number, zero or more, not {describe(size)}")


def check_callable(argument: str, value: object) -> None:
    """Return if a value can be called.

    Raises:
        InvalidSettings: the value cannot be called.
    """
    if not callable(value):
        raise InvalidSettings(f"{argument} must be a function, not {describe(value)}")


def _is_collection(value: object) -> bool:
    return isinstance(value, Collection) and len(value) > 0


def _is_type_name(name: object) -> bool:
    return name is None or is_name(name)
