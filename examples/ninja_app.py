"""An API of django-ninja whose users are Django's, on an event loop. All of the project is in this file.

python ninja_app.py migrate
python ninja_app.py createsuperuser --username alice --email alice@example.com
uvicorn ninja_app:application
curl localhost:8000/auth/login --json '{"username": "alice", "password": "..."}'
curl localhost:8000/notes -H "Authorization: Bearer ..."
"""

import os
import sys
from collections import defaultdict
from pathlib import Path

import django
from django.conf import settings

settings.configure(
    SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY", "only-for-trials-on-this-machine"),
    DEBUG="DJANGO_DEBUG" in os.environ,
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "watchword.web.django"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "watchword.web.django.IdentityMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path("db.sqlite3").absolute()}},
    USE_TZ=True,
    WATCHWORD={
        "ISSUER": os.environ.get("PUBLIC_URL", "http://localhost:8000"),
        "AUDIENCE": "notes",
        "SCOPES_FROM": lambda user: ["notes:write"] if user.is_staff else [],
    },
)
django.setup()

from django.core.handlers.asgi import ASGIHandler
from django.core.management import execute_from_command_line
from django.http import HttpRequest
from django.urls import include, path
from ninja import NinjaAPI, Schema

from watchword.web.django.ninja import WatchwordBearer

notes: dict[str, list[str]] = defaultdict(list)
api = NinjaAPI(title="Notes", auth=WatchwordBearer())


class Note(Schema):
    text: str


@api.get("/notes")
async def list_notes(request: HttpRequest) -> list[str]:
    """List the notes of the user."""
    return notes[request.auth.subject]


@api.post("/notes", auth=WatchwordBearer(scopes=["notes:write"]), response={201: None})
async def add_note(request: HttpRequest, note: Note) -> tuple[int, None]:
    """Add a note."""
    notes[request.auth.subject].append(note.text)
    return 201, None


@api.get("/profile")
def show_profile(request: HttpRequest) -> dict[str, str]:
    """Show the user, which this view reads from Django's database."""
    return {"name": request.user.get_username(), "email": request.user.email}


urlpatterns = [
    path("", include("watchword.web.django.urls")),  # /auth/login and so on, and /.well-known/
    path("", api.urls),
]
application = ASGIHandler()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
