"""What the applications of all adapters have in common.

Each application is a module of this folder, ``<adapter>_app.py``:

- It serves the routes below. Each answers with :func:`describe` of the identity unless said otherwise.
- Its settings come from the environment, as those of any application do.
- Its first extension takes ``also=[legacy_verifier()]``, ``load_user=load_user`` (or ``load_user_async``) and
  ``endpoints=switches()``.
- Its second extension takes ``settings=staff_settings()``.
- Run as a script, it makes the accounts of :data:`ACCOUNTS`, for the logins of both extensions.
- Its function ``call_as_tester()`` is how a test of an application calls ``GET /protected`` as the subject
  ``tester`` of the same username without a login, and returns the JSON of the answer.
- It names its worker: :func:`name_wsgi_worker` or :func:`name_asgi_worker` wraps it.

========================  ====================================================================================
``GET /open``             no guard. Describes ``watchword.web.current_identity()``
``GET /protected``        any login. Routed for OPTIONS too, which the guard lets through or answers
``GET /scoped``           ``scopes=["reports:read"]``. Describes ``watchword.web.current_identity()``
``GET /any``              ``any_scopes=["a", "b"]``
``GET /fresh``            ``fresh=300``
``GET /optional``         ``optional=True``. Describes ``None`` without a token
``GET /user``             any login. Reads the user twice and answers with :func:`describe_user`
``GET /staff/protected``  any login at the second extension
``/socket``               only on ASGI: a WebSocket for any login. See :func:`serve_socket`
========================  ====================================================================================
"""

from __future__ import annotations

import asyncio
import os
from typing import Any, NamedTuple

import msgspec

from watchword import Identity, Key, Settings, Verifier

__all__ = [
    "ACCOUNTS",
    "LEGACY_ISSUER",
    "PASSWORD",
    "User",
    "describe",
    "describe_user",
    "legacy_verifier",
    "load_user",
    "load_user_async",
    "name_asgi_worker",
    "name_wsgi_worker",
    "serve_socket",
    "staff_settings",
    "switches",
]

PASSWORD = "correct horse battery staple"
ACCOUNTS = {
    "alice": ("a", "reports:read"),
    "bob": (),
    "carol": (),
    "ghost": (),
}  # with their scopes. All sessions of carol end now and then, and no user belongs to ghost
LEGACY_ISSUER = "https://legacy.example"


class User(NamedTuple):
    """A user of the application."""

    name: str


def legacy_verifier() -> Verifier[dict[str, Any]]:
    """Verifies the tokens of a system that the application moves away from."""
    key = Key.from_secret(os.environ["LEGACY_KEY"], alg="HS256")
    return Verifier(key, issuer=LEGACY_ISSUER, audience=None)


def staff_settings() -> Settings:
    return msgspec.structs.replace(
        Settings.from_environment(os.environ), prefix="/staff/auth", audience="staff"
    )


def switches() -> dict[str, bool]:
    """What the application gives as ``endpoints=``."""
    return dict.fromkeys(os.environ.get("SWITCHED_OFF", "").split(), False)


def load_user(identity: Identity) -> User | None:
    return None if identity.username == "ghost" else User(identity.username or identity.subject)


async def load_user_async(identity: Identity) -> User | None:
    return load_user(identity)


def describe(identity: Identity | None) -> dict[str, str | None]:
    if identity is None:
        return {"subject": None, "username": None}
    return {"subject": identity.subject, "username": identity.username}


def describe_user(first: User, second: User) -> dict[str, Any]:
    """Describe a user that the view has read twice: the adapter loads it once."""
    return {"user": first.name, "is_loaded_once": first is second}


async def serve_socket(websocket: Any) -> None:
    """Accept a WebSocket after ``?hesitation=`` seconds, and then only sleep for three seconds."""
    await asyncio.sleep(float(websocket.query_params.get("hesitation", "0")))
    await websocket.accept(subprotocol=next(iter(websocket.scope["subprotocols"]), None))
    await websocket.send_text("begun")
    await asyncio.sleep(3)


def name_wsgi_worker(application: Any) -> Any:
    """Return the application with the id of its process in the header ``Worker`` of every answer."""

    def call(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("Worker", str(os.getpid()))], *rest)

        return application(environ, start)

    return call


def name_asgi_worker(application: Any) -> Any:
    """Do what :func:`name_wsgi_worker` does for an ASGI application."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        async def send_named(message: Any) -> None:
            if message["type"] == "http.response.start":
                worker = (b"worker", str(os.getpid()).encode())
                message = {**message, "headers": [*message.get("headers", ()), worker]}
            await send(message)

        await application(scope, receive, send_named)

    return call
