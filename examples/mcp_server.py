"""An MCP server whose tools need a login. After a logout, it refuses the next request.

The logins are in `watchword serve`, in the same folder and so with the same database. The audience of the
tokens is the URL of the MCP server:

export WATCHWORD_AUDIENCE=http://127.0.0.1:9000/mcp WATCHWORD_ISSUER=http://localhost:8000
watchword account add alice --scope notes:read
watchword serve &
python mcp_server.py
"""

import os
from urllib.parse import urlsplit

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer

from watchword import Auth, Settings
from watchword.web.mcp import TokenVerifier

settings = Settings.from_environment(os.environ)
server = MCPServer(
    "notes",
    token_verifier=TokenVerifier(Auth(settings=settings)),
    auth=AuthSettings.model_validate(
        {
            "issuer_url": settings.issuer,
            "resource_server_url": settings.audience,
            "validate_token_resource": True,
            "required_scopes": ["notes:read"],
        }
    ),
)

NOTES = {"alice": ["buy tea"]}


@server.tool()
def list_notes() -> list[str]:
    """List the notes of the user."""
    token = get_access_token()
    username = token.claims["preferred_username"] if token and token.claims else ""
    return NOTES.get(username, [])


if __name__ == "__main__":
    url = urlsplit(settings.audience)
    server.run("streamable-http", host=url.hostname or "127.0.0.1", port=url.port or 9000)
