"""Usernames: which ones may be used, and when two of them are the same."""

from __future__ import annotations

import re
import unicodedata

from watchword.errors import UsernameRejected

__all__ = ["MAX_LENGTH", "fold", "normalize"]

MAX_LENGTH = 254  # of an e-mail address: RFC 5321 §4.5.3.1.3 without the angle brackets


def normalize(username: str) -> str:
    """The username as it is kept and shown: NFKC-normalized.

    Raises:
        UsernameRejected: it is not text, is empty or longer than 254 characters, begins or ends with white
            space, or has characters that cannot be seen: controls, formats, line separators, surrogates,
            private-use and unassigned ones, default-ignorable ones.
    """
    if not isinstance(username, str):
        raise UsernameRejected(f"a username is text, not {type(username).__name__}")
    # before normalizing, which takes quadratic time on runs of combining marks
    if len(username) > MAX_LENGTH:
        raise UsernameRejected(f"a username has at most {MAX_LENGTH} characters")
    name = unicodedata.normalize("NFKC", username)
    if not name:
        raise UsernameRejected("a username has at least one character")
    if len(name) > MAX_LENGTH or len(fold(name)) > MAX_LENGTH:
        raise UsernameRejected(f"a username has at most {MAX_LENGTH} characters, its ligatures written out")
    if name != name.strip():
        raise UsernameRejected("a username does not begin or end with white space")
    if any(unicodedata.category(character) in _UNSEEN for character in name) or _IGNORABLE.search(name):
        raise UsernameRejected("a username has no control characters and none that cannot be seen")
    return name


def fold(username: str) -> str:
    """The form under which usernames are compared: of any text, usable as a username or not.

    It is that of a compatibility caseless match (the Unicode Standard, definition D146).
    """
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", username).casefold())
    return unicodedata.normalize("NFKC", once.casefold())


# Unassigned characters (Cn) among them: only assigned ones fold the same way in every version of Unicode.
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})

# DerivedCoreProperties' Default_Ignorable_Code_Point, as far as neither _UNSEEN nor NFKC deals with it.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
