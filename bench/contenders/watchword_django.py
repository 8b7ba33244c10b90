"""Watchword's Django app: a whole Auth on an SQLite file, the views beside each other in one project."""

from __future__ import annotations

import functools
import logging
import tempfile

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.test import override_settings
from django.urls import path

import specimen
from cases import Case
from wsgi import request

logging.getLogger("watchword").setLevel(logging.ERROR)  # security events would mix with the figures
_directory = tempfile.TemporaryDirectory()
settings.configure(
    SECRET_KEY=specimen.SECRET,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "watchword.web.django",
    ],
    MIDDLEWARE=[],  # without middleware the guard weighs most
    WATCHWORD={
        "ISSUER": specimen.ISSUER,
        "AUDIENCE": specimen.AUDIENCE,
        "USERS": "accounts",  # so that a session needs no row in Django's database
        "DATABASE_URL": f"sqlite:///{_directory.name}/app.db",
    },
)
django.setup()

from watchword.web.django import auth, protect  # noqa: E402 -- as a project does it, after the settings

STARTPROJECT = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]


def bare() -> Case:
    return _request(_project, "/bare")


def protected() -> Case:
    return _request(_project, "/protected")


def thin_bare() -> Case:
    return _request(_thin, "/bare")


def thin_protected() -> Case:
    return _request(_thin, "/protected")


@functools.cache
def _access_token() -> str:
    for number in range(20):  # the set of ended sessions is never empty where people log out
        auth.core.end(auth.core.start(f"gone-{number}").session_id)
    return auth.core.start(specimen.SUBJECT, ("read", "write"), username="alice").access_token


def _request(application: WSGIHandler, path: str) -> Case:
    return request(application, path, _access_token())


_thin = WSGIHandler()
with override_settings(MIDDLEWARE=STARTPROJECT):
    _project = WSGIHandler()


def _greet(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 -- Django's signature
    return JsonResponse({"message": "Hello, alice!"})


@protect
def _greet_user(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"message": f"Hello, {request.identity.username}!"})  # type: ignore[attr-defined]


urlpatterns = [path("protected", _greet_user), path("bare", _greet)]
