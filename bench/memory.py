"""What a full cache of verified tokens takes, each kind of token in a process of its own."""

from __future__ import annotations

import gc
import json
import mmap
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import specimen
from watchword import Claims, Key, Verifier

__all__ = ["AT_MOST", "measured"]

AT_MOST = 16  # megabytes, of 1,000,000 bytes
TOKENS = 8_192  # the Verifier's default


class PermittedClaims(Claims, frozen=True):
    """What a service would declare; frozen all the way down, so that the cache keeps it as it is."""

    scope: str = ""
    permissions: tuple[str, ...] = ()


class Kind(NamedTuple):
    """What fills the cache: tokens of seven claims, or the largest that it keeps."""

    label: str
    claims: str
    size: str


KINDS = (
    Kind("seven claims, dict", "dict", "usual"),
    Kind("seven claims, typed", "typed", "usual"),
    Kind("the largest that are kept, dict", "dict", "largest"),
    Kind("the largest that are kept, typed", "typed", "largest"),
)


def measured() -> list[dict[str, Any]]:
    """For each kind the length of its tokens, and the megabytes: as traced, and as the process grew."""
    return [
        {
            "label": kind.label,
            **json.loads(subprocess.check_output([sys.executable, __file__, kind.claims, kind.size])),
        }
        for kind in KINDS
    ]


def main(claims: str, size: str) -> None:
    content = specimen.permitted_claims(_most_permissions()) if size == "largest" else specimen.claims()
    fill = partial(_filled, PermittedClaims if claims == "typed" else dict, content)
    fill(32)  # imports and the interpreter's own caches are not what is measured
    resident = _growth(_resident, fill)
    tracemalloc.start()
    traced = _growth(lambda: tracemalloc.get_traced_memory()[0], fill)
    found = {
        "characters": len(specimen.token("HS256", content)),
        "traced_mb": traced / 1e6,
        "resident_mb": resident / 1e6 if resident else None,
    }
    print(json.dumps(found))


def _growth(taken: Callable[[], int], fill: Callable[[int], Verifier[Any]]) -> int:
    """Bytes that a full cache adds while it is there."""
    before = taken()
    verifier = fill(TOKENS)
    gc.collect()
    grown = taken() - before
    del verifier
    gc.collect()
    return grown


def _filled(claims: Any, content: dict[str, Any], tokens: int) -> Verifier[Any]:
    verifier = _verifier(claims)
    for number in range(tokens):
        verifier.verify(specimen.token("HS256", {**content, "jti": f"{number:022}"}))
    return verifier


def _most_permissions() -> int:
    """How many a token may have and still be kept: a kept one comes to the very same claims again."""
    verifier, count = _verifier(PermittedClaims), 0
    while True:
        token = specimen.token("HS256", specimen.permitted_claims(count + 1))
        if verifier.verify(token) is not verifier.verify(token):
            return count
        count += 1


def _verifier(claims: Any) -> Verifier[Any]:
    key = Key.from_secret(specimen.SECRET, "HS256")
    return Verifier(key, issuer=specimen.ISSUER, audience=specimen.AUDIENCE, typ=specimen.TYPE, claims=claims)


def _resident() -> int:
    """Bytes of the process that are in memory; 0 where the system does not say."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * mmap.PAGESIZE if status.exists() else 0


if __name__ == "__main__":
    main(*sys.argv[1:])
