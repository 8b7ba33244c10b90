"""A FastAPI application with a login, guarded operations, and a WebSocket that ends with its session.

pip install 'watchword[fastapi,cli]' 'uvicorn[standard]'
export WATCHWORD_ISSUER=http://localhost:8000
watchword account add alice --scope reports:read
uvicorn fastapi_app:app
"""

from typing import Annotated

from fastapi import Depends, FastAPI, Security, WebSocket

from watchword import Identity
from watchword.web.fastapi import Watchword

app = FastAPI()
auth = Watchword(app)  # POST /auth/login, /auth/refresh, /auth/logout, ... and their documentation at /docs

CurrentIdentity = Annotated[Identity, Security(auth.identity)]
Reader = Annotated[Identity, Security(auth.identity, scopes=["reports:read"])]


@app.get("/hello")
async def hello(identity: CurrentIdentity) -> dict[str, str]:
    return {"message": f"Hello, {identity.username}!"}


@app.get("/reports")
def read_reports(identity: Reader) -> dict[str, str]:
    return {"reports of": identity.username}


@app.post("/danger", dependencies=[Depends(auth.fresh(300))])  # a login of the last five minutes
async def delete_everything() -> dict[str, bool]:
    return {"done": True}


@app.get("/welcome")
async def welcome(identity: Annotated[Identity | None, Depends(auth.optional_identity)]) -> dict[str, str]:
    return {"hello": identity.username if identity else "stranger"}


@app.websocket("/echo")
async def echo(websocket: WebSocket, identity: CurrentIdentity) -> None:
    await websocket.accept()
    await websocket.send_text(f"Hello, {identity.username}!")
    async for text in websocket.iter_text():
        await websocket.send_text(text)
