"""Check and normalize usernames, and fold them for comparison."""

from __future__ import annotations

import re
import unicodedata

from watchword.errors import UsernameRejected

__all__ = ["MAX_LENGTH", "fold", "normalize"]

MAX_LENGTH = 254  # The longest e-mail address: RFC 5321 §4.5.3.1.3 without the angle brackets.


def normalize(username: str) -> str:
    """Return a username in the form that is stored and shown: NFKC.

    Raises:
        UsernameRejected: the username is not text, is empty or longer than 254 characters, begins or ends
            with white space, or has invisible characters. These are control, format, surrogate, private-use,
            unassigned and default-ignorable characters, and line separators.
    """
    if not isinstance(username, str):
        raise UsernameRejected(f"a username must be text, not {type(username).__name__}")
    # Before normalizing, which takes quadratic time for a run of combining marks.
    if len(username) > MAX_LENGTH:
        raise UsernameRejected(f"a username must have at most {MAX_LENGTH} characters")
    name = unicodedata.normalize("NFKC", username)
    if not name:
        raise UsernameRejected("a username must not be empty")
    if len(name) > MAX_LENGTH or len(fold(name)) > MAX_LENGTH:
        raise UsernameRejected(
            f"a username must have at most {MAX_LENGTH} characters, with ligatures written out"
        )
    if name != name.strip():
        raise UsernameRejected("a username must not begin or end with white space")
    if any(unicodedata.category(character) in _UNSEEN for character in name) or _IGNORABLE.search(name):
        raise UsernameRejected("a username must not have control characters or invisible characters")
    return name


def fold(username: str) -> str:
    """Return the form in which usernames are compared. Any text has such a form, also a rejected username.

    It is the form for a compatibility caseless match (the Unicode Standard, definition D146).
    """
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", username).casefold())
    return unicodedata.normalize("NFKC", once.casefold())


# Unassigned characters (Cn) are among them, because they may fold differently in a later version of Unicode.
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})

# Default_Ignorable_Code_Point of DerivedCoreProperties, without the characters that _UNSEEN or NFKC covers.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
