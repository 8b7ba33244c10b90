"""The Starlette application of the suite. Its guards work beside a middleware, and without one."""

from __future__ import annotations

from typing import Any

import contract
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

from watchword.web import current_identity
from watchword.web.starlette import Watchword

auth = Watchword(
    also=[contract.legacy_verifier()], load_user=contract.load_user_async, endpoints=contract.switches()
)
staff = Watchword(settings=contract.staff_settings())


async def open_to_all(request: Request) -> JSONResponse:
    return JSONResponse(contract.describe(current_identity()))


@auth.protect
async def protected(request: Request) -> JSONResponse:
    return JSONResponse(contract.describe(request.user))


@auth.protect(scopes=["reports:read"])
def scoped(request: Request) -> JSONResponse:
    return JSONResponse(contract.describe(current_identity()))


@auth.protect(any_scopes=["a", "b"])
class AnyScope(HTTPEndpoint):
    async def get(self, request: Request) -> JSONResponse:
        return JSONResponse(contract.describe(request.user))


@auth.protect(fresh=300)
async def fresh(request: Request) -> JSONResponse:
    return JSONResponse(contract.describe(request.user))


@auth.protect(optional=True)
async def optional(request: Request) -> JSONResponse:
    return JSONResponse(contract.describe(request.user if request.user.is_authenticated else None))


@auth.protect
async def user(request: Request) -> JSONResponse:
    return JSONResponse(contract.describe_user(await auth.user(request), await auth.user(request)))


@staff.protect
async def staff_protected(request: Request) -> JSONResponse:
    return JSONResponse(contract.describe(request.user))


starlette = Starlette(
    routes=[
        *auth.routes,
        *staff.routes,
        Route("/open", open_to_all),
        Route("/protected", protected, methods=["GET", "OPTIONS"]),
        Route("/scoped", scoped),
        Route("/any", AnyScope),
        Route("/fresh", fresh),
        Route("/optional", optional),
        Route("/user", user),
        Route("/staff/protected", staff_protected),
        WebSocketRoute("/socket", auth.protect(contract.serve_socket)),
    ],
    middleware=[auth.middleware],
)
app = contract.name_asgi_worker(starlette)


def call_as_tester() -> Any:
    token = auth.core.start("tester", username="tester").access_token
    return TestClient(starlette).get("/protected", headers={"Authorization": f"Bearer {token}"}).json()


if __name__ == "__main__":
    for name, scopes in contract.ACCOUNTS.items():
        auth.core.accounts.add(name, contract.PASSWORD, scopes)
