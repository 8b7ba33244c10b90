"""One target's process: atheris feeds it until the time is over, or something is found.

Started with the name of a target, a folder for what is found, and seconds. Only Watchword's own Python is
instrumented: cryptography and msgspec are machine code, whose branches guide nobody.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import atheris

STARTED = time.monotonic()

with atheris.instrument_imports(include=["watchword"]):
    from targets import TARGETS, Target
    from verdict import Judge

LARGEST = 16_384  # bytes of an input: as many as a Verifier looks at by default
SIZES = (0, 1_000, LARGEST // 2)
PATIENCE = 20  # seconds; who takes longer does not come back
MEMORY = 1_024  # MB


def main(name: str, folder: Path, seconds: float) -> None:
    target, corpus = TARGETS[name], folder / "corpus"
    write(target, corpus)
    remaining = max(1, seconds - (time.monotonic() - STARTED))
    options = {
        "max_total_time": round(remaining),
        "max_len": LARGEST,
        "timeout": PATIENCE,
        "rss_limit_mb": MEMORY,
        "artifact_prefix": f"{folder}/",
        "print_final_stats": 1,
    }
    atheris.Setup(
        [sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), str(corpus)], Judge(target)
    )
    atheris.Fuzz()


def write(target: Target, corpus: Path) -> None:
    """A file for each input to start from."""
    corpus.mkdir()
    for number, seed in enumerate((*map(target.good, SIZES), *target.seeds)):
        (corpus / str(number)).write_bytes(seed)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
