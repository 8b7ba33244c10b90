"""Check new passwords against the rules of NIST SP 800-63B-4 §3.1.1.2.

A password has a minimum length and no composition rules. It is compared as a whole with a blocklist: common
passwords, keyboard rows, the username and the name of the service. Trivial expansions of these are refused,
too: repeats, and digits or punctuation around them. Without that the list would not reach 15 characters.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from importlib import resources
from itertools import pairwise
from urllib.parse import urlsplit

from watchword.accounts.passwords import normalize
from watchword.errors import PasswordRejected
from watchword.settings import Settings

__all__ = ["PasswordPolicy"]

SHORTEST_NAME = 3  # Shorter parts of names are found in any text.
SHORTEST_PERIOD = 8  # A password that repeats fewer characters is no stronger than these characters.
SHORTEST_RUN = 3
LONGEST_COMMON = 20  # The length of the longest password in the list.
MOST_LOOSE = 10  # Digits and punctuation around a common password. More would be a password by themselves.
MOST_COMPARED = 4096  # Characters. Only ligatures written out make a longer text.

_AROUND = "repeats, digits or punctuation around it"
_REASONS = {
    "common": f"a password must not be a common password, nor a common password with {_AROUND}",
    "repeated": f"a password must not repeat fewer than {SHORTEST_PERIOD} characters over and over",
    "sequence": "a password must not be a row of the keyboard, of the alphabet or of digits",
    "username": f"a password must not be the username, nor the username with {_AROUND}",
    "service": f"a password must not be the name of the service, nor that name with {_AROUND}",
    "breached": "a password must not be known from a data breach: choose another password",
}

_ROWS = (
    "01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn", "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "zaq1xsw2cde3vfr4bgt5", "!@#$%^&*()",
)  # fmt: skip
_STEPS = frozenset(pair for row in _ROWS for way in (row, row[::-1]) for pair in pairwise(way))


class PasswordPolicy:
    """The rules for new passwords.

    Args:
        settings: the settings ``password_min`` and ``password_max`` are used, and ``issuer`` and
            ``audience`` as the names of the service.
        breached: called with each new password that passes all other rules, in normalization form C. Returns
            whether the password is known from a breach. Its exceptions propagate, and nothing is stored.
    """

    def __init__(self, settings: Settings, breached: Callable[[str], bool] | None = None) -> None:
        self._settings = settings
        self._breached = breached
        self._service = _find_service_names(settings.issuer) | _find_service_names(settings.audience)

    def check(self, password: str, username: str) -> None:
        """Raise unless an account may have a password.

        Args:
            password: the new password.
            username: the username of the account.

        Raises:
            PasswordRejected: the account may not have it. ``reason`` and message say why.
        """
        text = normalize(password, longest=self._settings.password_max)
        if len(text) < self._settings.password_min:
            raise PasswordRejected(
                f"a password must have at least {self._settings.password_min} characters", reason="too_short"
            )
        reason = _find_reason(_fold(text), _fold(username), self._service)
        if reason is None and self._breached is not None and self._breached(text):
            reason = "breached"
        if reason is not None:
            raise PasswordRejected(_REASONS[reason], reason=reason)


def _find_reason(text: str, username: str, service: Iterable[str]) -> str | None:
    """Return why the password is easy to guess, or ``None``."""
    if len(text) > MOST_COMPARED:
        return None
    period = _find_period(text)
    if period < min(SHORTEST_PERIOD, len(text)):
        return "repeated"
    text = text[:period]
    if text in _load_common_passwords():
        return "common"
    names = dict.fromkeys(service, "service") | dict.fromkeys(_split_name(username), "username")
    return _find_reason_by_parts(
        text, {name: kind for name, kind in names.items() if len(name) >= SHORTEST_NAME}
    )


def _find_reason_by_parts(text: str, names: Mapping[str, str]) -> str | None:
    """Return why a text is easy to guess, or ``None`` if it has other parts than these.

    The parts are a single common password, names, runs, and up to ten loose characters such as digits. The
    password and each name may repeat any number of times.
    """
    in_run = _mark_runs(text)
    # For each position, the ways to reach it: the common password, the kind of the name, and the fewest loose
    # characters.
    reached: list[dict[tuple[str, str], int]] = [{("", ""): 0}, *({} for _ in text)]
    for start, character in enumerate(text):
        parts = _find_parts(text, start, names) if reached[start] else []
        for (word, kind), loose in reached[start].items():
            if in_run[start] or not character.isalpha():
                _keep_fewest(reached[start + 1], (word, kind), loose + (not in_run[start]))
            for part in parts:
                if part in names:
                    _keep_fewest(reached[start + len(part)], (word, _join_kinds(kind, names[part])), loose)
                elif word in {"", part}:
                    _keep_fewest(reached[start + len(part)], (part, kind), loose)
    return _choose_reason(reached[-1], is_tight=reached[-1].get(("", ""), len(text)) <= len(text) // 4)


def _find_parts(text: str, start: int, names: Mapping[str, str]) -> list[str]:
    """Return the names and the common passwords that begin at a position of the text."""
    common = _load_common_passwords()
    longest = max(LONGEST_COMMON, max(map(len, names), default=0))
    parts = (text[start:end] for end in range(start + 1, min(start + longest, len(text)) + 1))
    # Common passwords of digits alone would be found in any long number.
    return [part for part in parts if part in names or (part in common and any(map(str.isalpha, part)))]


def _keep_fewest(ways: dict[tuple[str, str], int], way: tuple[str, str], loose: int) -> None:
    if loose <= MOST_LOOSE:
        ways[way] = min(loose, ways.get(way, loose))


def _choose_reason(ways: Collection[tuple[str, str]], *, is_tight: bool) -> str | None:
    """Return the reason that is easiest to understand."""
    names = {kind for word, kind in ways if kind and not word}
    if names:
        return "username" if "username" in names else "service"
    if is_tight:
        return "sequence"
    return "common" if any(word for word, _ in ways) else None


def _join_kinds(before: str, kind: str) -> str:
    return before if before == "username" else kind


def _mark_runs(text: str) -> list[bool]:
    """Return for each character whether it belongs to a run: equal characters, or neighbours in a row."""
    marks = [False] * len(text)
    start = 0
    for at in range(1, len(text) + 1):
        if at < len(text) and (text[at] == text[at - 1] or (text[at - 1], text[at]) in _STEPS):
            continue
        if at - start >= SHORTEST_RUN:
            marks[start:at] = [True] * (at - start)
        start = at
    return marks


def _find_period(text: str) -> int:
    """Return how many characters the text repeats at least twice, or its length."""
    borders = [0] * len(text)  # The prefix function of Knuth, Morris and Pratt.
    border = 0
    for at in range(1, len(text)):
        while border and text[at] != text[border]:
            border = borders[border - 1]
        border += text[at] == text[border]
        borders[at] = border
    period = len(text) - border
    return period if 2 * period <= len(text) else len(text)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _split_name(text: str) -> set[str]:
    """Return a folded name and its words."""
    return {text, *re.split(r"[\W\d_]+", text)}


def _find_service_names(text: str) -> set[str]:
    """Return the host of a URL and its words. Of a text that is not a URL, the text and its words."""
    try:
        host = urlsplit(text).hostname
    except ValueError:
        host = None
    return _split_name(_fold(host or text))


@functools.cache
def _load_common_passwords() -> frozenset[str]:
    """Load the list. It is loaded when the first password is set."""
    lines = resources.files("watchword.accounts").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(lines.split("\n")) - {""}
