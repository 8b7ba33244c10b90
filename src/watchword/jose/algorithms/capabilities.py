"""What works here: found out by doing it, since it depends on the OpenSSL under the cryptography package."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Literal, TypeAlias

import msgspec
from cryptography.exceptions import InternalError, UnsupportedAlgorithm

from watchword.errors import WatchwordError
from watchword.jose.algorithms.content_encryption import CONTENT_ENCRYPTIONS, ContentEncryption
from watchword.jose.algorithms.key_management import Agreement, Management
from watchword.jose.algorithms.signatures import Scheme
from watchword.jose.algorithms.table import ALGORITHMS, Algorithm
from watchword.jose.material.kinds import Kind, Material, generate, public_half

__all__ = ["Capability", "Use", "capabilities"]

Use: TypeAlias = Literal["signature", "key management", "content encryption"]

_DATA = bytes(32)


class Capability(msgspec.Struct, frozen=True):
    """Whether an algorithm works here.

    Attributes:
        name: its ``alg`` or ``enc``.
        use: what it is for.
        available: whether it works, with one of its curves at least.
        reason: what does not work, and why; ``None`` if all does.
    """

    name: str
    use: Use
    available: bool
    reason: str | None


@cache
def capabilities() -> tuple[Capability, ...]:
    """Each algorithm that Watchword knows, in the order of its tables, and whether it works here.

    The first call tries them all, which takes about a second; later ones remember.
    """
    material = cache(generate)  # one key of each kind serves all its algorithms
    rows: dict[tuple[str, Use], list[Callable[[], None]]] = {}
    for row in ALGORITHMS:
        use: Use = "signature" if row.scheme else "key management"
        trials = rows.setdefault((row.name, use), [])
        trials += [partial(_try, row, kind, material) for kind in row.kinds]
    for encryption in CONTENT_ENCRYPTIONS:
        rows[encryption.name, "content encryption"] = [partial(_encrypt, encryption)]
    return tuple(_capability(name, use, trials) for (name, use), trials in rows.items())


def _capability(name: str, use: Use, trials: list[Callable[[], None]]) -> Capability:
    failures = [reason for reason in map(_failure, trials) if reason]
    return Capability(name, use, len(failures) < len(trials), "; ".join(failures) or None)


def _failure(trial: Callable[[], None]) -> str | None:
    try:
        trial()
    except WatchwordError as error:
        return str(error)
    except (UnsupportedAlgorithm, InternalError, ValueError):
        return "the OpenSSL that cryptography uses here does not support it"
    return None


def _try(row: Algorithm, kind: Kind, material: Callable[[Kind, int], Material]) -> None:
    private = material(kind, row.secret)
    public = private if isinstance(private, bytes) else public_half(private)
    if row.scheme:
        _sign(row.scheme, private, public)
    if row.management:
        _bring(row.name, row.management, private, public)


def _sign(scheme: Scheme, private: Material, public: Material) -> None:
    scheme.verifier(public)(_DATA, scheme.signer(private)(_DATA))


def _bring(alg: str, management: Management, private: Material, public: Material) -> None:
    header = {"alg": alg, "enc": "A256GCM"}
    if isinstance(management, Agreement):
        _, added = management.offer(public, header, len(_DATA))
        management.accept(private, header | added, len(_DATA))
        return
    encrypted_key, added = management.wrap(public, header, _DATA)
    management.unwrap(private, header | added, encrypted_key)


def _encrypt(row: ContentEncryption) -> None:
    key, iv = bytes(row.key_size), bytes(row.iv_size)
    ciphertext, tag = row.encrypt(key, iv, _DATA, b"")
    row.decrypt(key, iv, ciphertext, tag, b"")
