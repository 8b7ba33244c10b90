"""Key sets that others publish: which of their keys are trusted, and for which algorithms."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from watchword.arguments import quote
from watchword.errors import InvalidKey, KeysUnavailable
from watchword.jose.algorithms.table import ALGORITHMS
from watchword.jose.jwk import Key
from watchword.jose.jwk_defects import mend
from watchword.jose.jwk_description import decode_jwk
from watchword.jose.key_set import MAX_JWKS, KeySet, SkippedKey, list_reasons, read_set

__all__ = ["MAX_KEYS", "VERIFYING", "NoUsableKey", "published"]

MAX_KEYS = 100
"""Most keys of a set; providers publish two to ten."""

VERIFYING = frozenset(
    name for row in ALGORITHMS if row.scheme and "oct" not in row.kinds for name in row.names
)
"""The algorithms of signatures that are verified with a public key."""

_RSA = tuple(row.name for row in ALGORITHMS if row.scheme and "RSA" in row.kinds)
_SECRET = frozenset({"k", "d", "p", "q", "dp", "dq", "qi", "oth", "priv"})


class NoUsableKey(KeysUnavailable):
    """The provider's key set came, and no key of it can be used.

    Attributes:
        skipped: its keys, and why each of them cannot.
    """

    def __init__(self, skipped: Sequence[SkippedKey]) -> None:
        super().__init__("the provider's key set has no key that can be used")
        self.skipped = tuple(skipped)
        self.add_note(list_reasons(self.skipped) or "the set is empty")


def published(jwks: bytes, algorithms: Collection[str] | None) -> KeySet:
    """The public keys of a set that verify signatures; ``skipped`` tells why each of the others is not used.

    Not trusted are secrets and private keys, which the whole world knows by now, and what
    :meth:`~watchword.KeySet.from_jwks` skips. An RSA key that does not name its algorithm is one of RS256,
    the usual one (OpenID Connect Core 1.0 §2), or else of an RSA algorithm among ``algorithms``.

    Args:
        jwks: the set's JSON.
        algorithms: which are acceptable; ``None`` for all.

    Raises:
        NoUsableKey: none of its keys can be used.
        KeysUnavailable: it is no JWK set, or has more than 100 keys.
    """
    try:
        entries = decode_jwk(jwks, MAX_JWKS).get("keys")
    except InvalidKey:
        entries = None
    if not isinstance(entries, list):
        raise KeysUnavailable("the provider's answer is not a JWK set")
    if len(entries) > MAX_KEYS:
        raise KeysUnavailable(f"the provider's key set has {len(entries)} keys, and may have {MAX_KEYS}")
    entries = [mend(entry) if isinstance(entry, Mapping) else entry for entry in entries]
    unnamed = next((name for name in _RSA if _is_among([name], algorithms)), None)
    found = read_set([_name_only(entry) if _is_secret(entry) else entry for entry in entries], unnamed)
    refused = {each.index: _explain(each, entries) for each in found.skipped}
    places = iter(index for index in range(len(entries)) if index not in refused)
    keys = []
    for index, key in zip(places, found, strict=True):
        reason = _refuse(key, algorithms)
        if reason is None:
            keys.append(key)
        else:
            refused[index] = SkippedKey(index, entries[index].get("kid"), reason)
    skipped = [refused[index] for index in sorted(refused)]
    if not keys:  # a provider's mishap; taken at its word, it would log everybody out
        raise NoUsableKey(skipped)
    return KeySet(keys, skipped=skipped)


def _name_only(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The members that name a key which must not be read."""
    return {name: entry[name] for name in ("kid", "alg", "kty", "crv", "use") if name in entry}


def _is_secret(entry: Any) -> bool:
    return isinstance(entry, Mapping) and (entry.get("kty") == "oct" or not _SECRET.isdisjoint(entry))


def _is_among(names: Collection[str], algorithms: Collection[str] | None) -> bool:
    return algorithms is None or any(name in algorithms for name in names)


def _refuse(key: Key, algorithms: Collection[str] | None) -> str | None:
    """Why a key that can be read is not used to verify; ``None`` if it is."""
    if not key.allows("verify"):
        return f"it is not for verifying: alg {key.alg}, use {quote(key.use)}, key_ops {quote(key.key_ops)}"
    if not _is_among(key.algorithm.names, algorithms):
        return f"its alg {key.alg} is not accepted here, only {quote(sorted(algorithms or ()))}"
    return None


def _explain(skipped: SkippedKey, entries: Sequence[Any]) -> SkippedKey:
    if _is_secret(entries[skipped.index]):
        return SkippedKey(skipped.index, skipped.kid, "a secret or private key, which is not for publishing")
    return skipped
