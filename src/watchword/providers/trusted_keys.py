"""Read key sets of other issuers: which of their keys are trusted, and for which algorithms."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from watchword.arguments import quote
from watchword.errors import InvalidKey, KeysUnavailable
from watchword.jose.algorithms.table import ALGORITHMS
from watchword.jose.jwk import Key
from watchword.jose.jwk_description import decode_jwk
from watchword.jose.key_set import MAX_JWKS, KeySet, SkippedKey, list_reasons, read_set
from watchword.jose.material.jwk_defects import mend
from watchword.jose.material.jwk_members import SECRET_MEMBERS

__all__ = ["MAX_TRUSTED_KEYS", "PUBLIC_KEY_ALGORITHMS", "NoUsableKey", "read_trusted_keys"]

MAX_TRUSTED_KEYS = 100
"""Most keys of a set. Providers publish two to ten."""

PUBLIC_KEY_ALGORITHMS = frozenset(
    name for row in ALGORITHMS if row.scheme and "oct" not in row.kinds for name in row.names
)
"""The algorithms of signatures that are verified with a public key."""

_RSA = tuple(row.name for row in ALGORITHMS if row.scheme and "RSA" in row.kinds)


class NoUsableKey(KeysUnavailable):
    """The provider's key set was fetched, and none of its keys can be used.

    Attributes:
        skipped: its keys, each with the reason.
    """

    def __init__(self, skipped: Sequence[SkippedKey]) -> None:
        super().__init__("the provider's key set has no key that can be used")
        self.skipped = tuple(skipped)
        self.add_note(list_reasons(self.skipped) or "the set is empty")


def read_trusted_keys(jwks: bytes, algorithms: Collection[str] | None) -> KeySet:
    """Return the public keys of a set that verify signatures. ``skipped`` has the reason for each other key.

    Secrets and private keys are not trusted, because anyone can have read them. Keys that
    :meth:`~watchword.KeySet.from_jwks` skips are not trusted either. An RSA key that names no algorithm is
    used for RS256 (OpenID Connect Core 1.0 §2). If RS256 is not acceptable, it is used for the first RSA
    algorithm among ``algorithms``.

    Args:
        jwks: the JSON of the set.
        algorithms: the acceptable algorithms, or ``None`` for all.

    Raises:
        NoUsableKey: none of its keys can be used.
        KeysUnavailable: it is not a JWK set, or it has more than 100 keys.
    """
    entries = _read_entries(jwks)
    unnamed = next((name for name in _RSA if _is_among([name], algorithms)), None)
    found = read_set([_drop_secret(entry) if _is_secret(entry) else entry for entry in entries], unnamed)
    refused = {each.index: _explain(each, entries) for each in found.skipped}
    indexes = iter(index for index in range(len(entries)) if index not in refused)
    keys = []
    for index, key in zip(indexes, found, strict=True):
        reason = _find_refusal(key, algorithms)
        if reason is None:
            keys.append(key)
        else:
            refused[index] = SkippedKey(index, entries[index].get("kid"), reason)
    skipped = [refused[index] for index in sorted(refused)]
    if not keys:  # An empty set is a mishap of the provider. To obey it would log every user out.
        raise NoUsableKey(skipped)
    return KeySet(keys, skipped=skipped)


def _read_entries(jwks: bytes) -> list[Any]:
    try:
        entries = decode_jwk(jwks, MAX_JWKS).get("keys")
    except InvalidKey:
        entries = None
    if not isinstance(entries, list):
        raise KeysUnavailable("the provider's answer is not a JWK set")
    if len(entries) > MAX_TRUSTED_KEYS:
        raise KeysUnavailable(
            f"the provider's key set has {len(entries)} keys, and at most {MAX_TRUSTED_KEYS} are accepted"
        )
    return [mend(entry) if isinstance(entry, Mapping) else entry for entry in entries]


def _is_secret(entry: Any) -> bool:
    return isinstance(entry, Mapping) and (entry.get("kty") == "oct" or not SECRET_MEMBERS.isdisjoint(entry))


def _drop_secret(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that name a key. Its material must not be read."""
    return {name: entry[name] for name in ("kid", "alg", "kty", "crv", "use") if name in entry}


def _is_among(names: Collection[str], algorithms: Collection[str] | None) -> bool:
    return algorithms is None or any(name in algorithms for name in names)


def _find_refusal(key: Key, algorithms: Collection[str] | None) -> str | None:
    """Return why a readable key must not verify, or ``None`` if it may."""
    if not key.allows("verify"):
        return f"it is not for verifying: alg {key.alg}, use {quote(key.use)}, key_ops {quote(key.key_ops)}"
    if not _is_among(key.algorithm.names, algorithms):
        return f"its alg {key.alg} is not accepted here, only {quote(sorted(algorithms or ()))}"
    return None


def _explain(skipped: SkippedKey, entries: Sequence[Any]) -> SkippedKey:
    if _is_secret(entries[skipped.index]):
        reason = "a secret or private key, which must not be published"
        return SkippedKey(skipped.index, skipped.kid, reason)
    return skipped
