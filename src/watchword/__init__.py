"""Watchword: JWT login for Python. Issue a token, verify it, refresh it, and revoke it at once.

The package imports the codec, which needs only ``cryptography`` and ``msgspec``. Names that need an extra,
such as :class:`Auth` and :class:`RemoteKeySet`, are imported at their first use. If the extra is not
installed, ``from watchword import *`` and ``help(watchword)`` leave them out.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from watchword.deprecation import warn_renamed
from watchword.errors import MissingExtra, WatchwordError
from watchword.jose import Key, KeySet
from watchword.jwt import Claims, Inspection, Issuer, MultiIssuer, Verifier, inspect_unverified
from watchword.settings import Settings

if TYPE_CHECKING:
    from watchword.auth import Auth
    from watchword.logins import Subject
    from watchword.providers import FetchPolicy, IssuerKeySet, RemoteKeySet
    from watchword.sessions import Client, Identity, Tokens

    __all__ = [
        "Auth",
        "Claims",
        "Client",
        "FetchPolicy",
        "Identity",
        "Inspection",
        "Issuer",
        "IssuerKeySet",
        "Key",
        "KeySet",
        "MultiIssuer",
        "RemoteKeySet",
        "Settings",
        "Subject",
        "Tokens",
        "Verifier",
        "WatchwordError",
        "inspect_unverified",
    ]

    inspect = inspect_unverified

__version__ = "0.1.0"

_EARLY = (
    "Claims",
    "Inspection",
    "Issuer",
    "Key",
    "KeySet",
    "MultiIssuer",
    "Settings",
    "Verifier",
    "WatchwordError",
    "inspect_unverified",
)
_LATE = {
    "Auth": "watchword.auth",
    "Client": "watchword.sessions",
    "FetchPolicy": "watchword.providers",
    "Identity": "watchword.sessions",
    "IssuerKeySet": "watchword.providers",
    "RemoteKeySet": "watchword.providers",
    "Subject": "watchword.logins",
    "Tokens": "watchword.sessions",
}


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return __dir__()
    if name == "inspect":
        warn_renamed("watchword.inspect", "watchword.inspect_unverified")
        return inspect_unverified
    if name not in _LATE:
        raise AttributeError(f"module 'watchword' has no attribute {name!r}")
    return getattr(import_module(_LATE[name]), name)


def __dir__() -> list[str]:
    return sorted([*_EARLY, *filter(_is_installed, _LATE)])


def _is_installed(name: str) -> bool:
    try:
        __getattr__(name)
    except MissingExtra:
        return False
    return True
