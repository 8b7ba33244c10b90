"""The FastAPI application of the suite."""

from __future__ import annotations

from typing import Annotated, Any

import contract
from fastapi import Depends, FastAPI, Security, WebSocket
from fastapi.testclient import TestClient

from watchword import Identity
from watchword.web import current_identity
from watchword.web.fastapi import Watchword

api = FastAPI()
auth = Watchword(
    api, also=[contract.legacy_verifier()], load_user=contract.load_user, endpoints=contract.switches()
)
staff = Watchword(api, settings=contract.staff_settings())

CurrentIdentity = Annotated[Identity, Security(auth.identity)]
CurrentUser = Annotated[contract.User, Depends(auth.user)]


@api.get("/open")
async def open_to_all() -> Any:
    return contract.describe(current_identity())


@api.api_route("/protected", methods=["GET", "OPTIONS"], operation_id="protected", include_in_schema=False)
async def protected(identity: CurrentIdentity) -> Any:
    return contract.describe(identity)


@api.get("/scoped", dependencies=[Security(auth.identity, scopes=["reports:read"])])
def scoped() -> Any:
    return contract.describe(current_identity())


@api.get("/any")
async def any_scope(identity: Annotated[Identity, Depends(auth.any_of("a", "b"))]) -> Any:
    return contract.describe(identity)


@api.get("/fresh")
async def fresh(identity: Annotated[Identity, Depends(auth.fresh(300))]) -> Any:
    return contract.describe(identity)


@api.get("/optional")
async def optional(identity: Annotated[Identity | None, Depends(auth.optional_identity)]) -> Any:
    return contract.describe(identity)


def read_user_again(user: CurrentUser) -> Any:
    return user


@api.get("/user")
async def user(first: CurrentUser, second: Annotated[Any, Depends(read_user_again)]) -> Any:
    return contract.describe_user(first, second)


@api.get("/staff/protected")
async def staff_protected(identity: Annotated[Identity, Security(staff.identity)]) -> Any:
    return contract.describe(identity)


@api.websocket("/socket")
async def serve_socket(websocket: WebSocket, identity: CurrentIdentity) -> None:
    await contract.serve_socket(websocket)


app = contract.name_asgi_worker(api)


def call_as_tester() -> Any:
    """Override the dependency, as FastAPI's tests do."""
    tester = Identity.from_claims({"sub": "tester", "preferred_username": "tester"})
    api.dependency_overrides[auth.identity] = lambda: tester
    return TestClient(api).get("/protected").json()


if __name__ == "__main__":
    for name, scopes in contract.ACCOUNTS.items():
        auth.core.accounts.add(name, contract.PASSWORD, scopes)
