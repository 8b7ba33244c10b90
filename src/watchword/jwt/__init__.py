"""Issue, verify and inspect JSON Web Tokens (RFC 7519)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchword.deprecation import make_getattr
from watchword.jwt.claims import Claims
from watchword.jwt.inspection import Inspection, inspect_unverified
from watchword.jwt.issuer import Issuer
from watchword.jwt.multi_issuer import MultiIssuer
from watchword.jwt.verifier import Verifier

__all__ = ["Claims", "Inspection", "Issuer", "MultiIssuer", "Verifier", "inspect_unverified"]

if TYPE_CHECKING:
    inspect = inspect_unverified
else:
    __getattr__ = make_getattr(__name__, {"inspect": "watchword.jwt.inspect_unverified"})
