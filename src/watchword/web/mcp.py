"""Verify the tokens of MCP servers: MCPServer of the SDK, and FastMCP."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from watchword.errors import InsufficientScope, InvalidToken, MissingExtra

try:
    from mcp.server.auth.provider import AccessToken

    from watchword.auth import Auth
except ImportError as error:
    raise MissingExtra.from_extra("mcp") from error

from watchword.scopes import check_scopes
from watchword.web.authenticators import AuthOrVerifier, check_auth, to_authenticator
from watchword.web.guard import Requirements

__all__ = ["TokenVerifier"]

logger = logging.getLogger("watchword.web")


class TokenVerifier:
    """Verifies bearer tokens for an MCP server, as the protocol of the same name in the SDK describes.

    Does no I/O on the event loop. The tokens of a session that has ended are refused as everywhere.

    Args:
        auth: an :class:`~watchword.Auth`, a :class:`~watchword.Verifier` or a
            :class:`~watchword.MultiIssuer`.
        required_scopes: the scopes that every token must grant. A token without them is refused as an
            invalid token, with 401. Name them to the server instead for a 403 that names the scopes.

    Attributes:
        required_scopes: as given, in a list.
        scopes_supported: the same, which FastMCP publishes in the metadata of RFC 9728.

    Raises:
        InvalidSettings: an argument has the wrong form.
    """

    def __init__(self, auth: AuthOrVerifier, required_scopes: Iterable[str] = ()) -> None:
        check_auth(auth)
        self.required_scopes = list(check_scopes(required_scopes, "required_scopes"))
        self.scopes_supported = self.required_scopes
        authenticator = to_authenticator(auth, (), "scope")
        self._authenticate = authenticator.authenticate_async
        self._now = authenticator.now
        self._requirements = Requirements(scopes=self.required_scopes)
        self._audiences = frozenset([auth.settings.audience]) if isinstance(auth, Auth) else auth.audiences

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what a token grants, or ``None`` for a token that is not acceptable.

        The protocol has no place for the reason, so it is logged with the level DEBUG.

        Raises:
            Unavailable: it is not known whether the token is acceptable. The server answers with 500, so
                that the client keeps the token.
        """
        try:
            identity = await self._authenticate(token)
            self._requirements.check(identity, self._now)
        except (InvalidToken, InsufficientScope) as refusal:
            logger.debug("a token for the MCP server was refused: %s", refusal.code)
            return None
        claims = identity.claims
        return AccessToken(
            token=token,
            client_id=_find_client(claims, identity.subject),
            scopes=list(identity.scopes),
            expires_at=None if claims.get("exp") is None else int(claims["exp"]),
            resource=self._find_resource(claims),
            subject=identity.subject,
            claims=claims,
        )

    def _find_resource(self, claims: Mapping[str, Any]) -> str | None:
        """Return the audience of a token that is meant for this server (RFC 8707 §2)."""
        aud = claims.get("aud", [])
        named = [aud] if isinstance(aud, str) else aud
        return next((name for name in named if name in self._audiences), None)


def _find_client(claims: Mapping[str, Any], subject: str) -> str:
    """Return the ``client_id`` (RFC 9068 §2.2). Some issuers name it ``azp``, and others have none."""
    names = (claims.get("client_id"), claims.get("azp"))
    return next((name for name in names if isinstance(name, str)), subject)
