"""Issue, verify and inspect JSON Web Tokens (RFC 7519)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchword.deprecation import warn_renamed
from watchword.jwt.claims import Claims
from watchword.jwt.inspection import Inspection, inspect_unverified
from watchword.jwt.issuer import Issuer
from watchword.jwt.multi_issuer import MultiIssuer
from watchword.jwt.verifier import Verifier

__all__ = ["Claims", "Inspection", "Issuer", "MultiIssuer", "Verifier", "inspect_unverified"]

if TYPE_CHECKING:
    inspect = inspect_unverified
else:

    def __getattr__(name: str) -> Any:
        if name == "inspect":
            warn_renamed("watchword.jwt.inspect", "watchword.jwt.inspect_unverified")
            return inspect_unverified
        raise AttributeError(f"module 'watchword.jwt' has no attribute {name!r}")
