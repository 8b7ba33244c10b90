"""The application behind a gateway: it answers with what it has got."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket


async def echo(request: Request) -> JSONResponse:
    body = (await request.body()).decode()
    return JSONResponse(
        {"method": request.method, "path": request.url.path, "headers": request.headers.items(), "body": body}
    )


async def refuse(request: Request) -> JSONResponse:
    return JSONResponse({"error": "of the application"}, int(request.path_params["status"]))


async def echo_socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_json(socket.headers.items())
    await socket.send_text(await socket.receive_text())
    await socket.close()


METHODS = ["GET", "POST"]
app = Starlette(
    routes=[
        Route("/status/{status}", refuse),
        WebSocketRoute("/socket", echo_socket),
        Route("/{path:path}", echo, methods=METHODS),
    ]
)
