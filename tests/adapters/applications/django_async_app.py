"""The Django project of the suite with views on the event loop, for ASGI servers."""

from __future__ import annotations

from typing import Any

import contract
import django_app
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import JsonResponse
from django.urls import include, path
from django_app import auth, staff

from watchword.web import current_identity
from watchword.web.django import protect

settings.ROOT_URLCONF = "django_async_app"


async def open_to_all(request: Any) -> Any:
    return JsonResponse(contract.describe(current_identity()))


@protect
async def protected(request: Any) -> Any:
    return JsonResponse(contract.describe(request.identity))


@protect(scopes=["reports:read"])
async def scoped(request: Any) -> Any:
    return JsonResponse(contract.describe(current_identity()))


@protect(any_scopes=["a", "b"])
async def any_scope(request: Any) -> Any:
    return JsonResponse(contract.describe(request.identity))


@protect(fresh=300)
async def fresh(request: Any) -> Any:
    return JsonResponse(contract.describe(request.identity))


@protect(optional=True)
async def optional(request: Any) -> Any:
    return JsonResponse(contract.describe(request.identity))


@protect
async def user(request: Any) -> Any:
    return JsonResponse(contract.describe_user(await request.auser(), await request.auser()))


@staff.protect
async def staff_protected(request: Any) -> Any:
    return JsonResponse(contract.describe(request.identity))


urlpatterns = [
    path("", include("watchword.web.django.urls")),
    path("", staff.urls),
    path("open", open_to_all),
    path("protected", protected),
    path("scoped", scoped),
    path("any", any_scope),
    path("fresh", fresh),
    path("optional", optional),
    path("user", user),
    path("staff/protected", staff_protected),
]
app = contract.name_asgi_worker(ASGIHandler())
call_as_tester = django_app.call_as_tester

if __name__ == "__main__":
    for name, scopes in contract.ACCOUNTS.items():
        auth.core.accounts.add(name, contract.PASSWORD, scopes)
