"""The keys of other issuers: key sets behind a URL, discovery, fetching, and when keys are fetched again.

The names are imported when they are first used, because fetching needs the extra ``remote``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchword.providers.policy import FetchPolicy
    from watchword.providers.remote import IssuerKeySet, RemoteKeySet

__all__ = ["FetchPolicy", "IssuerKeySet", "RemoteKeySet"]

_HOMES = {
    "FetchPolicy": "watchword.providers.policy",
    "IssuerKeySet": "watchword.providers.remote",
    "RemoteKeySet": "watchword.providers.remote",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
