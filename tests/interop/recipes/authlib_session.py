import os

import requests
from authlib.integrations.requests_client import OAuth2Session

ISSUER = os.environ["ISSUER"]
answer = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=10)
answer.raise_for_status()
server = answer.json()


def open_session(tokens=None, save=None):
    """A session of requests. It refreshes tokens that have expired, and calls save with the next."""
    return OAuth2Session(
        client_id="watchword",  # WATCHWORD_CLIENT_ID
        token=tokens,
        update_token=save,
        token_endpoint=server["token_endpoint"],
        token_endpoint_auth_method="none",
        revocation_endpoint_auth_method="none",
    )


def refresh(refresh_token):
    return open_session().refresh_token(server["token_endpoint"], refresh_token=refresh_token)


def revoke(token):
    open_session().revoke_token(server["revocation_endpoint"], token=token).raise_for_status()
