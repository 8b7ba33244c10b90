"""The Django project of the suite, in one module, for WSGI servers."""

from __future__ import annotations

import sys
from typing import Any

import contract
import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import JsonResponse
from django.test import Client
from django.urls import include, path

if not settings.configured:
    settings.configure(
        SECRET_KEY="s" * 50,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="django_app",
        INSTALLED_APPS=["watchword.web.django"],
        MIDDLEWARE=[
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "watchword.web.django.IdentityMiddleware",
        ],
        WATCHWORD={
            "ALSO": [contract.legacy_verifier()],
            "LOAD_USER": "contract.load_user",
            "ENDPOINTS": contract.switches(),
        },
    )
    django.setup()

from watchword.web import current_identity
from watchword.web.django import Watchword, auth, protect

staff = Watchword(settings=contract.staff_settings())


def open_to_all(request: Any) -> Any:
    return JsonResponse(contract.describe(current_identity()))


@protect
def protected(request: Any) -> Any:
    return JsonResponse(contract.describe(request.identity))


@protect(scopes=["reports:read"])
def scoped(request: Any) -> Any:
    return JsonResponse(contract.describe(current_identity()))


@protect(any_scopes=["a", "b"])
def any_scope(request: Any) -> Any:
    return JsonResponse(contract.describe(request.identity))


@protect(fresh=300)
def fresh(request: Any) -> Any:
    return JsonResponse(contract.describe(request.identity))


@protect(optional=True)
def optional(request: Any) -> Any:
    return JsonResponse(contract.describe(request.identity))


@protect
def user(request: Any) -> Any:
    return JsonResponse(contract.describe_user(request.user, request.user))


@staff.protect
def staff_protected(request: Any) -> Any:
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
app = contract.name_wsgi_worker(WSGIHandler())


def call_as_tester() -> Any:
    token = auth.core.start("tester", username="tester").access_token
    return Client().get("/protected", headers={"Authorization": f"Bearer {token}"}).json()


if __name__ == "__main__":
    sys.modules["django_app"] = sys.modules["__main__"]
    for name, scopes in contract.ACCOUNTS.items():
        auth.core.accounts.add(name, contract.PASSWORD, scopes)
