"""Find out which algorithms work here by trying them. The result depends on cryptography's OpenSSL."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Literal, TypeAlias

import msgspec
from cryptography.exceptions import InternalError, UnsupportedAlgorithm

from watchword.errors import WatchwordError
from watchword.jose.algorithms.content_encryption import CONTENT_ENCRYPTIONS, ContentEncryption
from watchword.jose.algorithms.key_management import KeyAgreement, KeyManagement
from watchword.jose.algorithms.signatures import SignatureScheme
from watchword.jose.algorithms.table import ALGORITHMS, Algorithm
from watchword.jose.material.kinds import KeyMaterial, MaterialKind, generate, to_public

__all__ = ["Capability", "CapabilityUse", "capabilities"]

CapabilityUse: TypeAlias = Literal["signature", "key management", "content encryption"]

_DATA = bytes(32)


class Capability(msgspec.Struct, frozen=True):
    """Whether an algorithm works here.

    Attributes:
        name: the ``alg`` or ``enc``.
        use: the kind of algorithm.
        available: whether it works with at least a single curve.
        reason: what does not work, and why. ``None`` if everything works.
    """

    name: str
    use: CapabilityUse
    available: bool
    reason: str | None


@cache
def capabilities() -> tuple[Capability, ...]:
    """Return all algorithms of Watchword, and whether they work here.

    The first call tries every algorithm, which takes about a second. The result is cached.
    """
    material = cache(generate)  # A key of each kind is made once and shared.
    rows: dict[tuple[str, CapabilityUse], list[Callable[[], None]]] = {}
    for row in ALGORITHMS:
        use: CapabilityUse = "signature" if row.scheme else "key management"
        trials = rows.setdefault((row.name, use), [])
        trials += [partial(_try_algorithm, row, kind, material) for kind in row.kinds]
    for encryption in CONTENT_ENCRYPTIONS:
        rows[encryption.name, "content encryption"] = [partial(_try_encryption, encryption)]
    return tuple(_assess(name, use, trials) for (name, use), trials in rows.items())


def _assess(name: str, use: CapabilityUse, trials: list[Callable[[], None]]) -> Capability:
    failures = [reason for reason in map(_find_failure, trials) if reason]
    return Capability(name, use, len(failures) < len(trials), "; ".join(failures) or None)


def _find_failure(trial: Callable[[], None]) -> str | None:
    try:
        trial()
    except WatchwordError as error:
        return str(error)
    except (UnsupportedAlgorithm, InternalError, ValueError):
        return "the OpenSSL that cryptography uses here does not support it"
    return None


def _try_algorithm(
    row: Algorithm, kind: MaterialKind, material: Callable[[MaterialKind, int], KeyMaterial]
) -> None:
    private = material(kind, row.secret)
    public = private if isinstance(private, bytes) else to_public(private)
    if row.scheme:
        _try_signature(row.scheme, private, public)
    if row.management:
        _try_key_management(row.name, row.management, private, public)


def _try_signature(scheme: SignatureScheme, private: KeyMaterial, public: KeyMaterial) -> None:
    scheme.make_verifier(public)(_DATA, scheme.make_signer(private)(_DATA))


def _try_key_management(
    alg: str, management: KeyManagement, private: KeyMaterial, public: KeyMaterial
) -> None:
    header = {"alg": alg, "enc": "A256GCM"}
    if isinstance(management, KeyAgreement):
        _, added = management.offer(public, header, len(_DATA))
        management.accept(private, header | added, len(_DATA))
        return
    encrypted_key, added = management.wrap(public, header, _DATA)
    management.unwrap(private, header | added, encrypted_key)


def _try_encryption(row: ContentEncryption) -> None:
    key, iv = bytes(row.key_size), bytes(row.iv_size)
    ciphertext, tag = row.encrypt(key, iv, _DATA, b"")
    row.decrypt(key, iv, ciphertext, tag, b"")
