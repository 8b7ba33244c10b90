"""An API of Django REST framework whose users are Django's. All of the project is in this file.

python drf_app.py migrate
python drf_app.py createsuperuser --username alice --email alice@example.com
python drf_app.py runserver
curl localhost:8000/auth/login --json '{"username": "alice", "password": "..."}'
curl localhost:8000/notes -H "Authorization: Bearer ..."
"""

import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import django
from django.conf import settings

settings.configure(
    SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY", "only-for-trials-on-this-machine"),
    DEBUG="DJANGO_DEBUG" in os.environ,
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "watchword.web.django",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "watchword.web.django.IdentityMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path("db.sqlite3").absolute()}},
    USE_TZ=True,
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["watchword.web.django.rest_framework.WatchwordAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["watchword.web.django.rest_framework.HasIdentity"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    WATCHWORD={
        "ISSUER": os.environ.get("PUBLIC_URL", "http://localhost:8000"),
        "AUDIENCE": "notes",
        "SCOPES_FROM": lambda user: ["notes:write"] if user.is_staff else [],
    },
)
django.setup()

from django.core.handlers.wsgi import WSGIHandler
from django.core.management import execute_from_command_line
from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer
from rest_framework.views import APIView

from watchword.web.django.rest_framework import HasFreshLogin, HasIdentity, HasScopes

notes: dict[str, list[str]] = defaultdict(list)


class Notes(APIView):
    """The notes of a user. Writing needs the scope."""

    def get_permissions(self) -> list[Any]:
        return [HasScopes("notes:write")() if self.request.method == "POST" else HasIdentity()]

    def get(self, request: Request) -> Response:
        return Response(notes[request.auth.subject])

    def post(self, request: Request) -> Response:
        notes[request.auth.subject].append(str(request.data["text"]))
        return Response(status=201)


class NewPassword(Serializer):
    password = CharField(min_length=15)


class Password(APIView):
    """Set a new password after a login of the last five minutes. All sessions of the user end."""

    permission_classes = (HasFreshLogin(300),)

    def post(self, request: Request) -> Response:
        given = NewPassword(data=request.data)
        given.is_valid(raise_exception=True)
        request.user.set_password(given.validated_data["password"])
        request.user.save()
        return Response(status=204)


urlpatterns = [
    path("", include("watchword.web.django.urls")),  # /auth/login and so on, and /.well-known/
    path("notes", Notes.as_view()),
    path("password", Password.as_view()),
]
application = WSGIHandler()  # gunicorn drf_app

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
