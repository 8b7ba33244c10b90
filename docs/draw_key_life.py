"""Draws key-life.svg, the picture of keys.md, from what the schedule's own functions say.

python docs/draw_key_life.py > docs/key-life.svg
"""

# ruff: noqa: INP001, T201 -- a script that prints

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import msgspec

from watchword.keyring import Schedule
from watchword.keyring.schedule import find_due_steps, find_signing_key, find_standby_key, tell_phase
from watchword.stores.contract import SealedKey

# Lead and verification are longer here than by default: an hour could not be seen beside a month.
DAYS, STEP = 120, 0.5
SCHEDULE = Schedule(algorithm="EdDSA", rotation_period=30, publish_lead=6, verify_for=10)
COMPROMISED_ON = 80.0

WIDTH, LEFT, TOP, ROW, BAR = 860, 92, 92, 40, 22
SCALE = (WIDTH - LEFT - 24) / DAYS
FONT = 'role="img" font-family="system-ui, sans-serif" font-size="13"'
COLORS = {"published": "#bfdbfe", "signing": "#0f766e", "verifying": "#99d5cf", "compromised": "#dc2626"}
MEANINGS = {
    "published": "in the JWKS, waits",
    "signing": "signs and verifies",
    "verifying": "verifies what it signed",
    "compromised": "does nothing any more",
}


def history() -> Iterator[tuple[float, int, str]]:
    """Day, epoch and state of each key, step by step; on one day the key that signs is compromised."""
    keys: list[SealedKey] = []
    for step in range(int(DAYS / STEP)):
        day = step * STEP
        if day == COMPROMISED_ON:
            keys = list(_compromised(keys, day))
        steps = find_due_steps(SCHEDULE, keys, day)
        keys = [key for key in keys if key.kid not in steps.delete]
        if (make := steps.make) is not None:
            signs_from = max(make.not_before, day + make.lead)
            keys.append(_key(make.epoch, day, signs_from))
        for key in keys:
            yield day, key.epoch, tell_phase(SCHEDULE, keys, key, day).state


def svg() -> str:
    """The picture."""
    by_epoch = sorted(history(), key=lambda point: (point[1], point[0]))
    rows = {epoch: list(points) for epoch, points in groupby(by_epoch, key=lambda point: point[1])}
    height = TOP + ROW * len(rows) + 48
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" {FONT}>',
        "<title>The life of signing keys: published, signing, verifying, gone</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        _text(24, 32, "One key signs, the next one is published already", 'font-size="19" font-weight="600"'),
        *_legend(),
        *(line for number, epoch in enumerate(rows) for line in _row(number, epoch, rows[epoch])),
        *_axis(TOP + ROW * len(rows)),
        "</svg>",
    ]
    return "\n".join(lines)


def _key(epoch: int, day: float, signs_from: float) -> SealedKey:
    return SealedKey(
        kind="public",
        epoch=epoch,
        kid=str(epoch),
        alg="EdDSA",
        sealed="",
        created_at=day,
        signs_from=signs_from,
    )


def _compromised(keys: list[SealedKey], day: float) -> Iterator[SealedKey]:
    """As the store does it: the key that signs is given up, and the next one signs."""
    bad, following = find_signing_key(keys, day), find_standby_key(keys, day)
    for key in keys:
        if key is bad:
            yield msgspec.structs.replace(key, compromised_at=day)
        else:
            yield msgspec.structs.replace(key, signs_from=day) if key is following else key


def _row(number: int, epoch: int, points: list[tuple[float, int, str]]) -> Iterator[str]:
    y = TOP + ROW * number
    yield _text(24, y + 16, f"key {epoch}")
    for state, spell in groupby(points, key=lambda point: point[2]):
        days = [day for day, _, _ in spell]
        if state in COLORS:
            yield _bar(LEFT + days[0] * SCALE, y, (days[-1] - days[0] + STEP) * SCALE, COLORS[state])


def _legend() -> Iterator[str]:
    for number, (state, meaning) in enumerate(MEANINGS.items()):
        x = 24 + 208 * number
        yield f'<rect x="{x}" y="50" width="14" height="14" rx="2" fill="{COLORS[state]}"/>'
        yield _text(x + 20, 62, f"{state}: {meaning}", 'font-size="11"')


def _axis(y: int) -> Iterator[str]:
    for day in range(0, DAYS + 1, int(SCHEDULE.rotation_period)):
        x = LEFT + day * SCALE
        yield _line(x, y, "#cbd5e1")
        yield _text(round(x), y + 16, f"day {day}", 'text-anchor="middle" fill="#475569"')
    x = LEFT + COMPROMISED_ON * SCALE
    yield _line(x, y, COLORS["compromised"])
    yield _text(round(x), y + 32, "compromised", f'text-anchor="middle" fill="{COLORS["compromised"]}"')


def _line(x: float, y: int, color: str) -> str:
    return (
        f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{y}" stroke="{color}" stroke-dasharray="2 4"/>'
    )


def _bar(x: float, y: int, width: float, color: str) -> str:
    return f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{color}"/>'


def _text(x: int, y: int, text: str, style: str = "") -> str:
    return f'<text x="{x}" y="{y}"{style and f" {style}"}>{text}</text>'


if __name__ == "__main__":
    print(svg())
