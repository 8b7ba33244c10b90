"""Clients of others, and our own Verifier, use the real server and know its issuer alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import msgspec
import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from watchword_servers import Server, starting

from watchword import Verifier
from watchword.web.endpoints import Endpoints
from watchword.web.http import Request

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`watchword serve` on a fresh machine: the issuer is the URL with the name localhost."""
    with starting() as start:
        yield start(tmp_path_factory.mktemp("served"), WATCHWORD_ISSUER=None)


@pytest.fixture(scope="module")
def issuer(server: Server) -> str:
    return f"http://localhost:{server.port}"


@pytest.fixture(scope="module")
def metadata(issuer: str) -> dict[str, Any]:
    """What a client finds with the issuer alone."""
    answer = requests.get(get_well_known_url(issuer, external=True), timeout=10)
    assert answer.json()["issuer"] == issuer
    return answer.json()


@pytest.fixture
def make_session(server: Server, metadata: dict[str, Any]) -> Callable[..., OAuth2Session]:
    """Makes sessions of Authlib that have the tokens of a login."""

    def make(**options: Any) -> OAuth2Session:
        return OAuth2Session(
            "watchword", token=server.login(), token_endpoint=metadata["token_endpoint"], **options
        )

    return make


def test_our_own_verifier_needs_the_issuer_alone(server, issuer):
    token = server.login()["access_token"]
    verifier = Verifier.from_issuer(issuer, audience="watchword", typ="at+jwt")
    assert verifier.verify(token)["iss"] == issuer
    assert asyncio.run(verifier.verify_async(token))["preferred_username"] == "admin"


def test_pyjwt_needs_the_metadata_alone(server, metadata):
    token = server.login()["access_token"]
    key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token)
    algorithms = metadata["id_token_signing_alg_values_supported"]
    claims = jwt.decode(token, key, algorithms, audience="watchword", issuer=metadata["issuer"])
    assert claims["preferred_username"] == "admin"


def test_authlib_refreshes(server, make_session):
    session = make_session()
    before = session.token["access_token"]
    assert session.refresh_token()["access_token"] != before
    assert session.get(f"http://127.0.0.1:{server.port}/auth/me").json()["username"] == "admin"


def test_authlib_refreshes_by_itself_once_the_access_token_is_over(server, make_session):
    session = make_session(update_token=lambda *_, **__: None)
    session.token["expires_at"] = int(time.time()) - 1
    before = session.token["access_token"]
    assert session.get(f"http://127.0.0.1:{server.port}/auth/me").status_code == 200
    assert session.token["access_token"] != before


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_authlib_revokes_an_access_token_for_real(server, metadata, make_session, kind):
    session = make_session()
    answer = session.revoke_token(
        metadata["revocation_endpoint"], token=session.token[kind], token_type_hint=kind
    )
    assert (answer.status_code, answer.content) == (200, b"")
    assert session.get(f"http://127.0.0.1:{server.port}/auth/me").status_code == 401


def test_authlib_is_told_that_the_client_has_no_secret(server, make_session):
    for options in ({}, {"token_endpoint_auth_method": "client_secret_post"}):
        session = make_session(client_secret="made up", **options)
        with pytest.raises(OAuthError, match="invalid_client"):
            session.refresh_token()
        assert server.refresh(session.token["refresh_token"]).status == 200


def test_authlib_does_the_same_on_an_event_loop(server, metadata):
    async def refresh_and_revoke() -> int:
        async with AsyncOAuth2Client("watchword", token=server.login()) as client:
            await client.refresh_token(metadata["token_endpoint"])
            await client.revoke_token(metadata["revocation_endpoint"])
            return (await client.get(f"http://127.0.0.1:{server.port}/auth/me")).status_code

    assert asyncio.run(refresh_and_revoke()) == 401


@pytest.mark.parametrize("path", ["", "/", "/team"])
def test_authlib_objects_to_nothing_but_the_missing_response_types(desk, path):
    issuer = f"https://login.example{path}"
    auth = type(desk)(issuer=issuer)
    routes = {route.path: route.handler for route in Endpoints(lambda: auth, auth.settings).routes}
    answer = routes[get_well_known_url(issuer)](Request())
    metadata = AuthorizationServerMetadata(msgspec.json.decode(answer.body))
    with pytest.raises(ValueError, match='"response_types_supported" is required'):
        metadata.validate()  # There is none to name, and RFC 8414 §2 demands the member.
    metadata["response_types_supported"] = ["code"]
    metadata.validate()
    auth.close()
