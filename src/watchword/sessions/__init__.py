"""Who is logged in."""

from watchword.sessions.revocations import Revocations
from watchword.sessions.sessions import Client, RefreshClaims, Sessions, Tokens, refresh_verifier

__all__ = ["Client", "RefreshClaims", "Revocations", "Sessions", "Tokens", "refresh_verifier"]
