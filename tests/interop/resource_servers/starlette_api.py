"""A service that knows nothing of the login service but its URL."""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from watchword import Verifier
from watchword.web.starlette import Watchword

verifier = Verifier.from_issuer(os.environ["ISSUER"], audience=os.environ["AUDIENCE"], typ="at+jwt")
auth = Watchword(verifier)


async def show_all(_: Request) -> JSONResponse:
    return JSONResponse({})


@auth.protect(scopes=["reports:read"])
async def show_reports(request: Request) -> JSONResponse:
    return JSONResponse({"subject": request.user.subject})


app = Starlette(
    routes=[Route("/open", show_all), Route("/reports", show_reports)],
    middleware=[auth.middleware],
)
