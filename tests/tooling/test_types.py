"""What mypy makes of an application's code that uses ours."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APPLICATION = """
from dataclasses import dataclass

from watchword import Claims, Issuer, Key, MultiIssuer, RemoteKeySet, Verifier, inspect, inspect_unverified
from watchword.jwt import profiles


class MyClaims(Claims):
    scope: str = ""


class Tenant(profiles.AccessTokenClaims):
    tenant: str


@dataclass(frozen=True)
class Subject:
    sub: str


key = Key.generate("EdDSA")
token = Issuer("i", key, encrypt_to=Key.generate("dir")).issue("user-1", MyClaims(scope="read"))
claims = Verifier(key, claims=MyClaims).verify(token)
reveal_type(claims)  # app.MyClaims
reveal_type(claims.scope)  # str
claims.scope = "admin"  # [misc]
MyClaims("read")  # [call-arg]
MyClaims(scope=5)  # [arg-type]
Tenant(tenant="t")  # [call-arg]
reveal_type(Verifier(key).verify(token))  # dict[str, Any]
reveal_type(Verifier(key, claims=Subject).verify(token))  # app.Subject
reveal_type(profiles.access_token_verifier(key, issuer="i", audience="a").verify(token).client_id)  # str
of_tenants = profiles.access_token_verifier(key, issuer="i", audience="a", claims=Tenant)
reveal_type(of_tenants.verify(token))  # app.Tenant
reveal_type(profiles.access_token(key, issuer="i", audience="a", claims=Tenant).verify(token))  # app.Tenant
reveal_type(profiles.id_token_verifier(key, issuer="i", client_id="c", nonce="n").verify(token).sub)  # str
profiles.id_token_verifier(key, issuer="i", client_id="c")  # [call-arg]
provider = Verifier.from_issuer("i", audience="a", claims=MyClaims, leeway=5)
reveal_type(provider.verify(token))  # app.MyClaims
reveal_type(MultiIssuer([provider]).verify(token).scope)  # str
reveal_type(Verifier.from_issuer("i", audience="a").verify(token))  # dict[str, Any]
reveal_type(Verifier(RemoteKeySet("u")).verify(token))  # dict[str, Any]
Verifier.from_issuer("i")  # [call-arg]
Verifier(key, leeway="5")  # [arg-type]
Verifier(key, leway=5)  # [call-arg]
Verifier.from_issuer("i", audience="a", leway=5)  # [call-arg]
reveal_type(profiles.dpop_proof_verifier(method="GET", url="https://a.example/").verify(token).jkt)  # str
reveal_type(profiles.dpop_proof(token, method="GET", url="https://a.example/").jkt)  # str
profiles.dpop_proof(token, url="https://a.example/")  # [call-arg]
reveal_type(inspect_unverified(token).header)  # dict[str, Any]
reveal_type(inspect(token).header)  # dict[str, Any]
"""
FLASK = """
import flask

from watchword.web.flask import Watchword

app = flask.Flask("app")
auth = Watchword(app)


@app.get("/<int:number>")
@auth.protect(scopes=["read"])
def read(number: int) -> dict[str, str]:
    reveal_type(auth.identity)  # watchword.sessions.access_tokens.Identity
    return {"name": auth.identity.username}


@auth.protect
def show() -> str:
    return ""


@auth.public
def greet() -> str:
    return ""


reveal_type(read)  # def (number: int) -> dict[str, str]
reveal_type(show)  # def () -> str
@auth.public()
def greet_too() -> str:
    return ""


reveal_type(greet)  # def () -> str
reveal_type(greet_too)  # def () -> str
reveal_type(auth.check(scopes="read"))  # watchword.sessions.access_tokens.Identity
reveal_type(auth.check(optional=True))  # watchword.sessions.access_tokens.Identity | None
reveal_type(auth.core.login("alice", "secret").access_token)  # str
auth.protect(scope="read")  # [call-overload]
auth.protect_all(app, optional=True)  # [call-arg]
"""
STARLETTE = """
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.websockets import WebSocket

from watchword import Identity
from watchword.web import current_identity
from watchword.web.starlette import Watchword

auth = Watchword()


@auth.protect
async def read(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.user.username)


@auth.protect(scopes=["read"], fresh=300)
async def listen(websocket: WebSocket, times: int = 1) -> None: ...


async def load(identity: Identity) -> str:
    return identity.subject


answer = [read(5)]  # [arg-type]
listening = [listen(5)]  # [arg-type]
reveal_type(current_identity())  # watchword.sessions.access_tokens.Identity | None
auth.protect(fresh="300")  # [call-overload]
Watchword(load_user=load)
Watchword(load_user=5)  # [arg-type]
app = Starlette(routes=[*auth.routes, Route("/", read)], middleware=[auth.middleware])
"""
FASTAPI = """
from typing import Annotated

from fastapi import Depends, FastAPI, Security

from watchword import Identity
from watchword.web.fastapi import Watchword

app = FastAPI()
auth = Watchword(app)
CurrentIdentity = Annotated[Identity, Security(auth.identity, scopes=["read"])]


@app.get("/current", dependencies=[Security(auth.identity, scopes=["read"]), Depends(auth.fresh(300))])
async def read(current: CurrentIdentity, either: Annotated[Identity, Depends(auth.any_of("a", "b"))]) -> str:
    reveal_type(current)  # watchword.sessions.access_tokens.Identity
    reveal_type(either.scopes)  # tuple[str, ...]
    current.subjekt  # [attr-defined]
    return current.subject


@app.get("/optional")
async def peek(identity: Annotated[Identity | None, Depends(auth.optional_identity)]) -> str:
    return identity.subject  # [union-attr]


reveal_type(auth.core)  # watchword.auth.Auth
auth.fresh("300")  # [arg-type]
auth.any_of(["a", "b"])  # [arg-type]
Watchword(app, endpoints=["login"])  # [arg-type]
app.dependency_overrides[auth.identity] = lambda: None
"""
DJANGO = """
from typing import Any

from watchword.web.django import auth, protect


@protect(any_scopes=["a", "b"])
async def read(request: Any, number: int) -> str:
    return ""


@protect
class Reports:
    def dispatch(self, request: Any) -> str:
        return ""


reveal_type(read)  # def (request: Any, number: int) -> typing.Coroutine[Any, Any, str]
reveal_type(Reports().dispatch)  # def (request: Any) -> str
reveal_type(auth.core)  # watchword.auth.Auth
protect(scope="a")  # [call-overload]
"""
FINDING = re.compile(r':(\d+): (?:note: Revealed type is "(.*)"|error: .*(\[.*\]))$', re.MULTILINE)


def list_findings(folder, application):
    """What mypy finds in an application, and everything it shows."""
    file = folder / "app.py"
    file.write_text(application)
    shown = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return {(int(line), type_ or code) for line, type_, code in FINDING.findall(shown.stdout)}, shown.stdout


def list_expected(application):
    return {
        (number, line.partition("  # ")[2])
        for number, line in enumerate(application.splitlines(), 1)
        if "  # " in line
    }


def test_claims_are_frozen_and_typed_in_the_eyes_of_mypy(tmp_path):
    found, shown = list_findings(tmp_path, APPLICATION)
    assert found == list_expected(APPLICATION), shown


@pytest.mark.parametrize(
    "application",
    [FLASK, STARLETTE, FASTAPI, DJANGO],
    ids=["Flask", "Starlette", "FastAPI", "Django"],
)
def test_an_applications_views_keep_their_types_behind_a_guard(tmp_path, application):
    found, shown = list_findings(tmp_path, application)
    assert found == list_expected(application), shown
