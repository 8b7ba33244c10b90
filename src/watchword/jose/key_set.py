"""Sets of keys (RFC 7517 §5), and what a token finds in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, product
from typing import Any

import msgspec

from watchword.errors import InvalidKey
from watchword.jose.jwk import Key
from watchword.jose.jwk_description import decode_object
from watchword.jose.key_arguments import check_key_source
from watchword.jose.ports import KeySource

__all__ = ["MAX_JWKS", "MAX_KEYS", "KeySet", "SkippedKey", "key_source"]

MAX_JWKS = 1_048_576
"""Longest JSON of a key set, in bytes."""

MAX_KEYS = 1_000
"""Most keys of a JWK set."""


_versions = count()  # numbers, since a Verifier compares them at each token


class SkippedKey(msgspec.Struct, frozen=True):
    """A key of a JWKS that could not be used.

    Attributes:
        index: its place in ``keys``, from 0.
        kid: its id, if it has one.
        reason: why.
    """

    index: int
    kid: str | None
    reason: str


class KeySet:
    """Keys that never change; a KeySource that finds a given ``kid`` exactly.

    Attributes:
        version: an object of this set's own: its answers never change, those of another set may differ.
        skipped: what :meth:`from_jwks` could not read, and why.
    """

    def __init__(self, keys: Iterable[Key], *, skipped: Sequence[SkippedKey] = ()) -> None:
        self._keys = tuple(keys)
        self.version = next(_versions)
        self.skipped = tuple(skipped)
        found: dict[tuple[str | None, str], list[Key]] = {}
        for key in self._keys:
            for wanted in product((key.kid, None), key.algorithm.names):
                found.setdefault(wanted, []).append(key)
        self._found = {wanted: tuple(keys) for wanted, keys in found.items()}

    @classmethod
    def from_jwks(cls, jwks: Mapping[str, Any] | str | bytes) -> KeySet:
        """The keys of a JWK set that are usable here (RFC 7517 §5); ``skipped`` tells of the others.

        Skipped are also secrets among public keys, and keys that share ``kid`` and ``alg`` with another, even
        with one that cannot be read: somebody has made a mistake, and to guess which would be another.

        Raises:
            InvalidKey: it is no JWK set at all, or has more than 1,000 keys.
        """
        entries = decode_object(jwks, MAX_JWKS).get("keys")
        if not isinstance(entries, list | tuple):
            raise InvalidKey("a JWK set is an object with an array named keys")
        if len(entries) > MAX_KEYS:
            raise InvalidKey(f"a JWK set has at most {MAX_KEYS} keys")
        keys: dict[int, Key] = {}
        reasons: dict[int, str] = {}
        for index, entry in enumerate(entries):
            try:
                keys[index] = _read(entry)
            except InvalidKey as error:
                reasons[index] = str(error)
        reasons |= _misplaced(keys, entries)
        skipped = [SkippedKey(index, _kid(entries[index]), reasons[index]) for index in sorted(reasons)]
        return cls([key for index, key in keys.items() if index not in reasons], skipped=skipped)

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        """The keys of that id and algorithm; all of that algorithm, where ``kid`` is ``None``."""
        return self._found.get((kid, alg), ())

    def ready(self, kid: str | None, alg: str) -> bool:  # noqa: ARG002 - the port has them for sources that fetch
        """Always: the keys are here."""
        return True

    def to_jwks(self) -> dict[str, Any]:
        """The JWK set of the public keys; secrets are left out."""
        return {"keys": [key.to_jwk() for key in self._keys if not isinstance(key.material, bytes)]}

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"KeySet({list(self._keys)!r})"


def _read(entry: object) -> Key:
    if not isinstance(entry, Mapping):
        raise InvalidKey("a JWK is an object")
    return Key.from_jwk(entry)


def _kid(entry: object) -> str | None:
    kid = entry.get("kid") if isinstance(entry, Mapping) else None
    return kid if isinstance(kid, str) else None


def _misplaced(keys: Mapping[int, Key], entries: Sequence[object]) -> dict[int, str]:
    """Why some keys, good by themselves, are not in the company of the others; by their place."""
    mixed = len({isinstance(key.material, bytes) for key in keys.values()}) > 1
    namesakes: dict[tuple[str | None, str], set[str]] = {}
    for index, entry in enumerate(entries):
        for named, identity in _names(entry, keys.get(index)):
            namesakes.setdefault(named, set()).add(identity)
    reasons = {}
    for index, key in keys.items():
        if mixed and isinstance(key.material, bytes):
            reasons[index] = "a secret does not stand among public keys"
        elif any(len(namesakes[key.kid, name]) > 1 for name in key.algorithm.names):
            reasons[index] = "another key of the set has the same kid and alg"
    return reasons


def _names(entry: object, key: Key | None) -> Iterator[tuple[tuple[str | None, str], str]]:
    """What an entry is found by, and which key it is: one that cannot be read is like none that can."""
    if key is not None:
        for name in key.algorithm.names:
            yield (key.kid, name), key.thumbprint
    elif isinstance(entry, Mapping) and isinstance(alg := entry.get("alg"), str):
        yield (_kid(entry), alg), ""


def key_source(keys: Key | KeySource, argument: str = "keys") -> KeySource:
    """``keys`` as a KeySource; a key that comes alone serves whatever ``kid`` a token gives.

    Raises:
        InvalidSettings: it is neither; ``argument`` is the name of what was given.
    """
    check_key_source(argument, keys)
    return _SoleKey(keys) if isinstance(keys, Key) else keys


class _SoleKey:
    __slots__ = ("key", "version")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.version = next(_versions)

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:  # noqa: ARG002 - ignored, as key_source says
        return [self.key] if self.key.answers_to(alg) else []

    def ready(self, kid: str | None, alg: str) -> bool:  # noqa: ARG002 - the port has them for sources that fetch
        return True
