"""Check scopes: their form in RFC 6749 §3.3."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from watchword.arguments import describe
from watchword.errors import InvalidSettings

__all__ = ["check_scopes"]

# RFC 6749 §3.3. A store may keep several scopes in a single text, separated by spaces.
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


def check_scopes(scopes: str | Iterable[str], argument: str = "scopes") -> tuple[str, ...]:
    """Return scopes as a tuple, if each scope has the form of RFC 6749 §3.3.

    Args:
        scopes: the scopes, or a text in which spaces separate them.
        argument: the name of the argument, for the error.

    Raises:
        InvalidSettings: a scope has another form.
    """
    several = scopes.split() if isinstance(scopes, str) else scopes
    if not isinstance(several, Iterable) or isinstance(several, bytes | Mapping):
        raise InvalidSettings(f"{argument} {_NEEDED}, not {describe(scopes)}")
    checked = tuple(several)
    for scope in checked:
        if not isinstance(scope, str) or not _SCOPE_TOKEN.fullmatch(scope):
            raise InvalidSettings(f"{argument} {_NEEDED}, not {scope!a:.60}")
    return checked


_NEEDED = 'must be names such as ["reports:read"], of printable ASCII without space, quote and backslash'
