"""Sets of keys (RFC 7517 §5), and what a token finds in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from hashlib import sha256
from itertools import count, product
from typing import Any, NamedTuple

import msgspec

from watchword.arguments import describe, quote
from watchword.errors import InvalidKey
from watchword.jose import base64url
from watchword.jose.algorithms.table import ALG_NEEDED, ALGORITHMS, Algorithm
from watchword.jose.jwk import Key
from watchword.jose.jwk_defects import mend
from watchword.jose.jwk_description import decode_jwk
from watchword.jose.key_arguments import check_key, check_several

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
"""Most keys of a JWK set."""


_TOLD = 5  # keys; with the reasons of more, a message is not read

_versions = count()  # A number, because a Verifier compares versions at each token.


def make_version() -> int:
    """Return a version that no other key source of this process has."""
    return next(_versions)


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


class JwksDocument(NamedTuple):
    """A JWK set as it is published.

    Attributes:
        body: its JSON.
        digest: the SHA-256 of the body in base64url. Equal keys in equal order have equal digests.
    """

    body: bytes
    digest: str


def list_reasons(skipped: Sequence[SkippedKey]) -> str:
    """Tell why keys of a set are not used, in one line of bounded length."""
    told = [f"{_describe_key(each)}: {each.reason}" for each in skipped[:_TOLD]]
    more = [f"and {len(skipped) - _TOLD} more"] if len(skipped) > _TOLD else []
    return "; ".join(told + more)


def _describe_key(skipped: SkippedKey) -> str:
    return f"key {skipped.index}" if skipped.kid is None else f"kid {quote(skipped.kid)}"


class KeySet:
    """Keys that never change; a KeySource that finds a given ``kid`` exactly.

    Args:
        keys: the keys.
        skipped: what is not among them, and why.

    Attributes:
        version: an object of this set's own: its answers never change, those of another set may differ.
        skipped: what :meth:`from_jwks` could not read, and why.

    Raises:
        InvalidSettings: what was given is no list of keys.
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
        """The keys of a JWK set that are usable here (RFC 7517 §5); ``skipped`` tells of the others.

        Skipped are also secrets among public keys, and keys that share ``kid`` and ``alg`` with another, even
        with one that cannot be read: somebody has made a mistake, and to guess which would be another.

        Args:
            jwks: a mapping, or its JSON.
            alg: the algorithm of the keys that do not name theirs, where it fits them. Without it an RSA key
                is one of RS256 (as in OpenID Connect Core 1.0 §2), and a key of a curve of the curve's.

        Raises:
            InvalidKey: it is no JWK set at all, or has more than 1,000 keys; ``alg`` is unknown, or is needed
                for every key that is there.
        """
        entries = decode_jwk(jwks, MAX_JWKS).get("keys")
        if not isinstance(entries, list | tuple):
            raise InvalidKey(
                f"a JWK set is an object with an array named keys, not with {describe(entries)}. "
                "A single JWK is read with Key.from_jwk, a certificate with Key.from_pem"
            )
        found = read_set(entries, alg)
        if found.skipped and not len(found):
            _check_alg_known(found.skipped)
        return found

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        """The keys of that id and algorithm; all of that algorithm, where ``kid`` is ``None``."""
        return self._found.get((kid, alg), ())

    def ready(self, kid: str | None, alg: str) -> bool:  # noqa: ARG002 - the port has them for sources that fetch
        """Always: the keys are here."""
        return True

    def to_jwks(self) -> dict[str, Any]:
        """The JWK set of the public keys; secrets are left out."""
        return {"keys": [key.to_jwk() for key in self._keys if not isinstance(key.material, bytes)]}

    @cached_property
    def jwks_document(self) -> JwksDocument:
        """The JSON of :meth:`to_jwks`, encoded once: any client may ask for it, and the keys never change."""
        body = msgspec.json.encode(self.to_jwks())
        return JwksDocument(body, base64url.encode(sha256(body).digest()))

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled anew, as the number of a version belongs to its process.
        return partial(KeySet, skipped=self.skipped), (self._keys,)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"KeySet({list(self._keys)!r})"


def read_set(entries: Sequence[object], alg: str | None) -> KeySet:
    """Read the keys of a JWK set, as :meth:`KeySet.from_jwks` does, also if none of them can be used.

    Raises:
        InvalidKey: there are more than 1,000, or ``alg`` is unknown.
    """
    if len(entries) > MAX_KEYS:
        raise InvalidKey(f"a JWK set may have at most {MAX_KEYS} keys, not {len(entries)}")
    rows = [row for row in ALGORITHMS if row.name == (_USUAL if alg is None else alg)]
    if not rows:
        given = quote(alg) if isinstance(alg, str) else describe(alg)
        raise InvalidKey(f"alg must be the name of an algorithm, not {given}")
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


_USUAL = "RS256"  # OpenID Connect Core 1.0 §2, RFC 8414 §2: what is meant where nothing is said


def _read_entry(entry: object, unnamed: Sequence[Algorithm]) -> Key:
    """The key of an entry. If it names no algorithm, the first of these rows that fits it is meant."""
    if not isinstance(entry, Mapping):
        raise InvalidKey(f"a JWK is an object, not {describe(entry)}")
    return Key.from_jwk(entry, None if "alg" in entry else _infer_alg(entry, unnamed))


def _infer_alg(jwk: Mapping[str, object], unnamed: Sequence[Algorithm]) -> str | None:
    kind = jwk.get("crv") or jwk.get("kty")
    fit = (row.name for row in unnamed if kind in row.kinds and jwk.get("use") in (None, row.use))
    return next(fit, None)


def _check_alg_known(skipped: Sequence[SkippedKey]) -> None:
    """Refuse a set whose keys could all be used if it was known for which algorithm."""
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
    """Why some keys, good by themselves, are not in the company of the others; by their place."""
    mixed = len({isinstance(key.material, bytes) for key in keys.values()}) > 1
    namesakes: dict[tuple[str | None, str], set[str]] = {}
    for index, entry in enumerate(entries):
        for named, identity in _list_names(entry, keys.get(index), unnamed):
            namesakes.setdefault(named, set()).add(identity)
    reasons = {}
    for index, key in keys.items():
        if mixed and isinstance(key.material, bytes):
            reasons[index] = "a secret does not stand among public keys"
        elif any(len(namesakes[key.kid, name]) > 1 for name in key.algorithm.names):
            reasons[index] = "another key of the set has the same kid and alg"
    return reasons


def _list_names(
    entry: object, key: Key | None, unnamed: Sequence[Algorithm]
) -> Iterator[tuple[tuple[str | None, str], str]]:
    """What an entry is found by, and which key it is: one that cannot be read is like none that can."""
    if key is not None:
        for name in key.algorithm.names:
            yield (key.kid, name), key.thumbprint
    elif isinstance(entry, Mapping):
        alg = entry.get("alg", _infer_alg(entry, unnamed))
        if isinstance(alg, str):
            yield (_read_kid(entry), alg), ""
