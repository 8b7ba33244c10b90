"""The project of the suite with operations of django-ninja, in one module, for ASGI servers."""

from __future__ import annotations

import sys
from typing import Any

import contract
import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.urls import include, path

if not settings.configured:
    settings.configure(
        SECRET_KEY="s" * 50,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="ninja_app",
        INSTALLED_APPS=["ninja", "watchword.web.django"],
        MIDDLEWARE=[
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "watchword.web.django.IdentityMiddleware",
        ],
        WATCHWORD={
            "ALSO": [contract.legacy_verifier()],
            "LOAD_USER": "contract.load_user_async",
            "ENDPOINTS": contract.switches(),
        },
    )
    django.setup()

from ninja import NinjaAPI
from ninja.testing import TestClient

from watchword.web import current_identity
from watchword.web.django import Watchword, auth
from watchword.web.django.ninja import WatchwordBearer

staff = Watchword(settings=contract.staff_settings())
api = NinjaAPI(auth=WatchwordBearer())


@api.get("/open", auth=None)
def open_to_all(request: Any) -> Any:
    return contract.describe(current_identity())


@api.get("/protected")
def protected(request: Any) -> Any:
    return contract.describe(request.identity)


@api.api_operation(["OPTIONS"], "/protected", auth=None)
def answer_preflight(request: Any) -> Any:
    """Ninja answers OPTIONS with 405 unless an operation says more."""
    return {}


@api.get("/scoped", auth=WatchwordBearer(scopes=["reports:read"]))
async def scoped(request: Any) -> Any:
    return contract.describe(current_identity())


@api.get("/any", auth=WatchwordBearer(any_scopes=["a", "b"]))
def any_scope(request: Any) -> Any:
    return contract.describe(request.auth)


@api.get("/fresh", auth=WatchwordBearer(fresh=300))
async def fresh(request: Any) -> Any:
    return contract.describe(request.auth)


@api.get("/optional", auth=WatchwordBearer(optional=True))
async def optional(request: Any) -> Any:
    return contract.describe(request.identity)


@api.get("/user")
async def user(request: Any) -> Any:
    return contract.describe_user(await request.auser(), await request.auser())


@api.get("/staff/protected", auth=WatchwordBearer(extension=staff))
async def staff_protected(request: Any) -> Any:
    return contract.describe(request.auth)


urlpatterns = [
    path("", include("watchword.web.django.urls")),
    path("", staff.urls),
    path("", api.urls),
]
app = contract.name_asgi_worker(ASGIHandler())


def call_as_tester() -> Any:
    token = auth.core.start("tester", username="tester").access_token
    return TestClient(api).get("/protected", headers={"Authorization": f"Bearer {token}"}).json()


if __name__ == "__main__":
    sys.modules["ninja_app"] = sys.modules["__main__"]
    for name, scopes in contract.ACCOUNTS.items():
        auth.core.accounts.add(name, contract.PASSWORD, scopes)
