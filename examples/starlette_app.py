"""A Starlette application with a login, guarded endpoints, and a WebSocket that ends with its session.

pip install 'watchword[starlette,cli]' 'uvicorn[standard]'
export WATCHWORD_ISSUER=http://localhost:8000
watchword account add alice --scope reports:read
uvicorn starlette_app:app
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from watchword.web.starlette import Watchword

auth = Watchword()


@auth.protect
async def hello(request: Request) -> JSONResponse:
    return JSONResponse({"message": f"Hello, {request.user.username}!"})


@auth.protect(scopes=["reports:read"])
def read_reports(request: Request) -> JSONResponse:
    return JSONResponse({"reports of": request.user.username})


@auth.protect(fresh=300)  # a login of the last five minutes
async def delete_everything(_: Request) -> JSONResponse:
    return JSONResponse({"done": True})


async def welcome(request: Request) -> JSONResponse:
    return JSONResponse({"hello": request.user.display_name or "stranger"})


@auth.protect
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(f"Hello, {websocket.user.username}!")
    async for text in websocket.iter_text():
        await websocket.send_text(text)


app = Starlette(
    routes=[
        *auth.routes,  # POST /auth/login, /auth/refresh, /auth/logout, ...
        Route("/hello", hello),
        Route("/reports", read_reports),
        Route("/danger", delete_everything, methods=["POST"]),
        Route("/welcome", welcome),
        WebSocketRoute("/echo", echo),
    ],
    middleware=[auth.middleware],  # sets request.user and request.auth, also where nothing is guarded
)
