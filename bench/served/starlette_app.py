"""A route of Starlette without a guard: what a guarded route cannot be faster than."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def bare(_: Request) -> JSONResponse:
    return JSONResponse({"message": "Hello, alice!"})


app = Starlette(routes=[Route("/protected", bare)])
