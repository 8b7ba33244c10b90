"""Key sets that others publish: which of their keys are trusted, and for which algorithms."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from watchword.errors import InvalidKey, KeysUnavailable
from watchword.jose.algorithms import ALGORITHMS
from watchword.jose.jwk_description import decode_object
from watchword.jose.key_set import MAX_JWKS, KeySet, SkippedKey

__all__ = ["MAX_KEYS", "VERIFYING", "published"]

MAX_KEYS = 100
"""Most keys of a set; providers publish two to ten."""

VERIFYING = frozenset(
    name for row in ALGORITHMS if row.scheme and "oct" not in row.kinds for name in row.names
)
"""The algorithms of signatures that are verified with a public key."""

_RSA = tuple(row.name for row in ALGORITHMS if row.scheme and "RSA" in row.kinds)
_SECRET = frozenset({"k", "d", "p", "q", "dp", "dq", "qi", "oth", "priv"})


def published(jwks: bytes, algorithms: Collection[str] | None) -> KeySet:
    """The public keys of a set that verify signatures; ``skipped`` tells of those that are not trusted.

    Not trusted are secrets and private keys, which the whole world knows by now, and what
    :meth:`~watchword.KeySet.from_jwks` skips. An RSA key that does not name its algorithm is one of RS256,
    the usual one (OpenID Connect Core 1.0 §2), or else of an RSA algorithm among ``algorithms``.

    Args:
        jwks: the set's JSON.
        algorithms: which are acceptable; ``None`` for all.

    Raises:
        KeysUnavailable: it is no JWK set, has more than 100 keys, or none that can be used.
    """
    try:
        entries = decode_object(jwks, MAX_JWKS).get("keys")
        if isinstance(entries, list) and len(entries) > MAX_KEYS:
            raise KeysUnavailable(f"the provider's key set has more than {MAX_KEYS} keys")
        named = [_named(entry, algorithms) for entry in entries] if isinstance(entries, list) else None
        found = KeySet.from_jwks({"keys": named})
    except InvalidKey:
        raise KeysUnavailable("the provider's answer is not a JWK set") from None
    keys = [key for key in found if key.allows("verify") and _is_among(key.algorithm.names, algorithms)]
    if not keys:  # a provider's mishap; taken at its word, it would log everybody out
        raise KeysUnavailable("the provider's key set has no key that can be used")
    return KeySet(keys, skipped=[_explained(skipped, entries) for skipped in found.skipped])


def _named(entry: object, algorithms: Collection[str] | None) -> object:
    """A JWK with the algorithm that it leaves out, or just the name of one that must not be read."""
    if not isinstance(entry, Mapping):
        return entry
    if entry.get("kty") == "RSA" and "alg" not in entry:
        entry = {**entry, "alg": next((name for name in _RSA if _is_among([name], algorithms)), "RS256")}
    if _is_secret(entry):
        return {name: entry[name] for name in ("kid", "alg") if name in entry}
    return entry


def _is_secret(entry: Mapping[str, Any]) -> bool:
    return entry.get("kty") == "oct" or not _SECRET.isdisjoint(entry)


def _is_among(names: Collection[str], algorithms: Collection[str] | None) -> bool:
    return algorithms is None or any(name in algorithms for name in names)


def _explained(skipped: SkippedKey, entries: Any) -> SkippedKey:
    entry = entries[skipped.index]
    if isinstance(entry, Mapping) and _is_secret(entry):
        return SkippedKey(skipped.index, skipped.kid, "a secret or private key, which is not for publishing")
    return skipped
