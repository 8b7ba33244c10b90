"""The project of the suite with views of Django REST framework, in one module, for WSGI servers."""

from __future__ import annotations

import sys
from typing import Any

import contract
import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.urls import include, path

if not settings.configured:
    settings.configure(
        SECRET_KEY="s" * 50,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="drf_app",
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "rest_framework",
            "watchword.web.django",
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        MIDDLEWARE=[
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "watchword.web.django.IdentityMiddleware",
        ],
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": ["watchword.web.django.rest_framework.WatchwordAuthentication"],
            "DEFAULT_PERMISSION_CLASSES": ["watchword.web.django.rest_framework.HasIdentity"],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        },
        WATCHWORD={
            "USERS": "accounts",
            "ALSO": [contract.legacy_verifier()],
            "LOAD_USER": "contract.load_user",
            "ENDPOINTS": contract.switches(),
        },
    )
    django.setup()

from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.response import Response
from rest_framework.test import APIClient

from watchword.web import current_identity
from watchword.web.django import Watchword, auth
from watchword.web.django.rest_framework import (
    HasAnyScope,
    HasFreshLogin,
    HasScopes,
    WatchwordAuthentication,
)

staff = Watchword(settings=contract.staff_settings(), users="accounts")


class StaffAuthentication(WatchwordAuthentication):
    extension = staff


@api_view()
@authentication_classes([])
@permission_classes([])
def open_to_all(request: Any) -> Any:
    return Response(contract.describe(current_identity()))


@api_view()
def protected(request: Any) -> Any:
    return Response(contract.describe(request.auth))


@api_view()
@permission_classes([HasScopes("reports:read")])
def scoped(request: Any) -> Any:
    return Response(contract.describe(current_identity()))


@api_view()
@permission_classes([HasAnyScope("a", "b")])
def any_scope(request: Any) -> Any:
    return Response(contract.describe(request.auth))


@api_view()
@permission_classes([HasFreshLogin(300)])
def fresh(request: Any) -> Any:
    return Response(contract.describe(request.auth))


@api_view()
@permission_classes([])
def optional(request: Any) -> Any:
    return Response(contract.describe(request.auth))


@api_view()
def user(request: Any) -> Any:
    return Response(contract.describe_user(request.user, request.user))


@api_view()
@authentication_classes([StaffAuthentication])
def staff_protected(request: Any) -> Any:
    return Response(contract.describe(request.auth))


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
    client = APIClient()
    client.force_authenticate(token=auth.core.authenticate(token))
    return client.get("/protected").json()


if __name__ == "__main__":
    sys.modules["drf_app"] = sys.modules["__main__"]
    for name, scopes in contract.ACCOUNTS.items():
        auth.core.accounts.add(name, contract.PASSWORD, scopes)
