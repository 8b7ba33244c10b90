"""Sets of keys (RFC 7517 §5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from hashlib import sha256
from itertools import count, product
from typing import Any, NamedTuple

import msgspec

from watchword.arguments import describe, quote, quote_algorithm
from watchword.errors import InvalidKey
from watchword.jose import base64url
from watchword.jose.algorithms.table import ALG_NEEDED, ALGORITHMS, Algorithm
from watchword.jose.jwk import Key
from watchword.jose.jwk_description import decode_jwk
from watchword.jose.key_arguments import check_key, check_several
from watchword.jose.material.jwk_defects import mend

__all__ = [
    "MAX_JWKS",
    "MAX_KEYS",
    "JwksDocument",
    "KeySet",
    "SkippedKey",
    "list_reasons",
    "make_version",
    "read_set",
]

MAX_JWKS = 1_048_576
"""Longest JSON of a key set, in bytes."""

MAX_KEYS = 1_000
"""Most keys in a JWK set."""


_TOLD = 5  # Skipped keys in a message, so that it stays readable.

_versions = count()  # A number, because a Verifier compares versions at each token.


def make_version() -> int:
    """Return a version that no other key source of this process has."""
    return next(_versions)


class SkippedKey(msgspec.Struct, frozen=True):
    """A key of a JWKS that could not be used.

    Attributes:
        index: its index in ``keys``, from 0.
        kid: the key id, or ``None``.
        reason: why it cannot be used.
    """

    index: int
    kid: str | None
    reason: str


class JwksDocument(NamedTuple):
    """A JWK set as it is published.

    Attributes:
        body: its JSON.
        digest: the SHA-256 of the body in base64url. Equal keys in equal order have equal digests.
    """

    body: bytes
    digest: str


def list_reasons(skipped: Sequence[SkippedKey]) -> str:
    """Say why keys of a set cannot be used, in a single line of bounded length."""
    told = [f"{_describe_key(each)}: {each.reason}" for each in skipped[:_TOLD]]
    more = [f"and {len(skipped) - _TOLD} more"] if len(skipped) > _TOLD else []
    return "; ".join(told + more)


def _describe_key(skipped: SkippedKey) -> str:
    return f"key {skipped.index}" if skipped.kid is None else f"kid {quote(skipped.kid)}"


class KeySet:
    """A fixed set of keys: a KeySource that finds a given ``kid`` exactly.

    Args:
        keys: the keys.
        skipped: the keys that cannot be used.

    Attributes:
        version: a number that no other set in this process has. It never changes, because the keys never do.
        skipped: the keys that :meth:`from_jwks` could not use, with reasons.

    Raises:
        InvalidSettings: ``keys`` is not a list of keys.
    """

    def __init__(self, keys: Iterable[Key], *, skipped: Sequence[SkippedKey] = ()) -> None:
        check_several("keys", keys)
        self._keys = tuple(keys)
        for key in self._keys:
            check_key("keys", key)
        self.version = make_version()
        self.skipped = tuple(skipped)
        found: dict[tuple[str | None, str], list[Key]] = {}
        for key in self._keys:
            for wanted in product((key.kid, None), key.algorithm.names):
                found.setdefault(wanted, []).append(key)
        self._found = {wanted: tuple(keys) for wanted, keys in found.items()}

    @classmethod
    def from_jwks(cls, jwks: Mapping[str, Any] | str | bytes, *, alg: str | None = None) -> KeySet:
        """Read the usable keys of a JWK set (RFC 7517 §5). ``skipped`` lists the other keys.

        A secret among public keys is skipped. So are keys with the same ``kid`` and ``alg``, even if some of
        them cannot be read: the set has a mistake, and its keys cannot be told apart.

        Args:
            jwks: a mapping, or its JSON text.
            alg: the algorithm of keys that do not name their algorithm, if it fits them. The default for RSA
                keys is RS256 (OpenID Connect Core 1.0 §2), for other keys the algorithm of their curve.

        Raises:
            InvalidKey: this is not a JWK set, or has more than 1,000 keys. Or ``alg`` is unknown, or every
                key needs it.
        """
        entries = decode_jwk(jwks, MAX_JWKS).get("keys")
        if not isinstance(entries, list | tuple):
            raise InvalidKey(
                f"a JWK set must be an object with an array named keys, not with {describe(entries)}. "
                "Read a single JWK with Key.from_jwk, a certificate with Key.from_pem"
            )
        found = read_set(entries, alg)
        if found.skipped and not len(found):
            _check_alg_known(found.skipped)
        return found

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        """Return the keys with a key id and algorithm. ``None`` as ``kid`` matches every key."""
        return self._found.get((kid, alg), ())

    def ready(self, kid: str | None, alg: str) -> bool:  # noqa: ARG002 - the port has them for sources that fetch
        """Return True, because the keys are in memory."""
        return True

    def to_jwks(self) -> dict[str, Any]:
        """Return the JWK set of the public keys, without secrets."""
        return {"keys": [key.to_jwk() for key in self._keys if not isinstance(key.material, bytes)]}

    @cached_property
    def jwks_document(self) -> JwksDocument:
        """The JSON of :meth:`to_jwks`. It is encoded only once, because the keys never change."""
        body = msgspec.json.encode(self.to_jwks())
        return JwksDocument(body, base64url.encode(sha256(body).digest()))

    def __reduce__(self) -> tuple[Any, ...]:
        # Make a new version when unpickling, because versions are unique only in their process.
        return partial(KeySet, skipped=self.skipped), (self._keys,)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"KeySet({list(self._keys)!r})"


def read_set(entries: Sequence[object], alg: str | None) -> KeySet:
    """Read the keys of a JWK set as :meth:`KeySet.from_jwks` does, but accept a set without a usable key.

    Raises:
        InvalidKey: there are more than 1,000 keys, or ``alg`` is unknown.
    """
    if len(entries) > MAX_KEYS:
        raise InvalidKey(f"a JWK set must have at most {MAX_KEYS} keys, not {len(entries)}")
    rows = [row for row in ALGORITHMS if row.name == (_USUAL if alg is None else alg)]
    if not rows:
        raise InvalidKey(f"alg must be the name of an algorithm, not {quote_algorithm(alg)}")
    jwks = [mend(entry) if isinstance(entry, Mapping) else entry for entry in entries]
    keys: dict[int, Key] = {}
    reasons: dict[int, str] = {}
    for index, jwk in enumerate(jwks):
        try:
            keys[index] = _read_entry(jwk, rows)
        except InvalidKey as error:
            reasons[index] = str(error)
    reasons |= _find_misplaced(keys, jwks, rows)
    skipped = [SkippedKey(index, _read_kid(entries[index]), reasons[index]) for index in sorted(reasons)]
    return KeySet([key for index, key in keys.items() if index not in reasons], skipped=skipped)


_USUAL = "RS256"  # OpenID Connect Core 1.0 §2, RFC 8414 §2: the default algorithm


def _read_entry(entry: object, unnamed: Sequence[Algorithm]) -> Key:
    """Read the key of an entry. If it names no algorithm, use the first of these rows that fits."""
    if not isinstance(entry, Mapping):
        raise InvalidKey(f"a JWK must be an object, not {describe(entry)}")
    return Key.from_jwk(entry, None if "alg" in entry else _infer_alg(entry, unnamed))


def _infer_alg(jwk: Mapping[str, object], unnamed: Sequence[Algorithm]) -> str | None:
    kind = jwk.get("crv") or jwk.get("kty")
    fit = (row.name for row in unnamed if kind in row.kinds and jwk.get("use") in (None, row.use))
    return next(fit, None)


def _check_alg_known(skipped: Sequence[SkippedKey]) -> None:
    """Refuse a set if every key lacks nothing but its algorithm."""
    if all(each.reason.startswith(ALG_NEEDED) for each in skipped):
        raise InvalidKey(
            f"{ALG_NEEDED}: no key of the JWK set names its algorithm. "
            f"Give it: KeySet.from_jwks(..., alg=), or --alg on the command line. {list_reasons(skipped)}"
        )


def _read_kid(entry: object) -> str | None:
    kid = entry.get("kid") if isinstance(entry, Mapping) else None
    return kid if isinstance(kid, str) else None


def _find_misplaced(
    keys: Mapping[int, Key], entries: Sequence[object], unnamed: Sequence[Algorithm]
) -> dict[int, str]:
    """Return the reasons for keys that can be read but not used beside the other keys, by index."""
    mixed = len({isinstance(key.material, bytes) for key in keys.values()}) > 1
    namesakes: dict[tuple[str | None, str], set[str]] = {}
    for index, entry in enumerate(entries):
        for named, identity in _list_names(entry, keys.get(index), unnamed):
            namesakes.setdefault(named, set()).add(identity)
    reasons = {}
    for index, key in keys.items():
        if mixed and isinstance(key.material, bytes):
            reasons[index] = "a secret must not be among public keys"
        elif any(len(namesakes[key.kid, name]) > 1 for name in key.algorithm.names):
            reasons[index] = "another key of the set has the same kid and alg"
    return reasons


def _list_names(
    entry: object, key: Key | None, unnamed: Sequence[Algorithm]
) -> Iterator[tuple[tuple[str | None, str], str]]:
    """Return the lookup keys of an entry, with its thumbprint. Unreadable entries have none."""
    if key is not None:
        for name in key.algorithm.names:
            yield (key.kid, name), key.thumbprint
    elif isinstance(entry, Mapping):
        alg = entry.get("alg", _infer_alg(entry, unnamed))
        if isinstance(alg, str):
            yield (_read_kid(entry), alg), ""
