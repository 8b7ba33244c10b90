"""Select the keys that may fit a token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from watchword.errors import UnknownKey
from watchword.jose.algorithms.table import Operation
from watchword.jose.jwk import Key
from watchword.jose.key_arguments import check_key_source
from watchword.jose.key_set import make_version
from watchword.jose.ports import KeySource

__all__ = ["find_candidates", "to_key_source"]

_MAX_CANDIDATES = 4  # A token without kid must not cause a signature check for every key of the source.


def to_key_source(keys: Key | KeySource, argument: str = "keys") -> KeySource:
    """Return ``keys`` as a KeySource. The source of a single key ignores the ``kid`` of tokens.

    Args:
        keys: a key or a source of keys.
        argument: the name of the caller's argument, for the error message.

    Raises:
        InvalidSettings: ``keys`` is neither a Key nor a KeySource.
    """
    check_key_source(argument, keys)
    return _SingleKeySource(keys) if isinstance(keys, Key) else keys


def find_candidates(keys: KeySource, header: Mapping[str, Any], operation: Operation) -> Sequence[Key]:
    """Return the keys that may fit a token.

    Raises:
        UnknownKey: no key fits, or more than 4 keys fit.
    """
    alg = header["alg"]
    found: list[Key] = []
    for key in keys.find(header.get("kid"), alg):
        # Check again here, because an application's own source may return any key.
        if not (key.answers_to(alg) and key.allows(operation)):
            continue
        if len(found) == _MAX_CANDIDATES:
            raise UnknownKey("the token does not say which key made it, and there are too many keys to try")
        found.append(key)
    if not found:
        raise UnknownKey
    return found


class _SingleKeySource:
    __slots__ = ("key", "version")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.version = make_version()

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:  # noqa: ARG002 - see to_key_source
        return [self.key] if self.key.answers_to(alg) else []

    def ready(self, kid: str | None, alg: str) -> bool:  # noqa: ARG002 - the port has them for sources that fetch
        return True
