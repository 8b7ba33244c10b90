"""What the extensions of Starlette and FastAPI share: an Auth that opens late, its client, its life."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import HTTPConnection

from watchword.auth import Auth
from watchword.sessions import Client
from watchword.settings import Settings
from watchword.web.asgi import AsgiRequest
from watchword.web.authenticators import AnyVerifier, AuthOrVerifier, check_also
from watchword.web.installation import (
    Installation,
    check_arguments,
    make_repeatable,
    warn_of_default_issuer,
)
from watchword.web.starlette.connections import ConnectionChecks
from watchword.web.starlette.running import find_running_request
from watchword.web.users import LoadUser

__all__ = ["AsgiExtension"]


class AsgiExtension:
    """An extension of an ASGI application.

    Args:
        auth: what the application made itself. ``None`` to make an Auth from the settings.
        also: verifiers of other kinds of tokens, which the guard accepts as well.
        settings: replaces the settings of the environment.
        endpoints: which endpoints are served, by name.
        load_user: returns the application's user for an identity.
        auth_options: further arguments for the Auth.

    Raises:
        InvalidSettings: an argument has the wrong form.
        TypeError: an argument is not an argument of an Auth, or would be ignored beside the given Auth.
    """

    def __init__(
        self,
        auth: AuthOrVerifier | None,
        *,
        also: Iterable[AnyVerifier],
        settings: Settings | None,
        endpoints: Mapping[str, bool] | None,
        load_user: LoadUser | None,
        auth_options: Mapping[str, Any],
    ) -> None:
        options = make_repeatable(auth_options)
        check_arguments(auth, settings, options)
        self._installation = Installation(
            auth,
            options,
            auth.settings
            if isinstance(auth, Auth)
            else settings or Settings.from_application({}, os.environ),
            switches=endpoints,
            also=check_also(also),
            load_user=load_user,
            find_request=find_running_request,
        )
        self._checks = ConnectionChecks(self._installation)
        if auth is None and settings is None:
            warn_of_default_issuer(self._installation.settings, os.environ, options)

    @property
    def core(self) -> Auth:
        """The Auth, which is opened if it is not open. Its methods block, except ``authenticate_async``.

        Raises:
            TypeError: the extension was given a Verifier.
            InvalidSettings: the settings do not fit what is in the store.
            StoreUnavailable: the store cannot be opened.
        """
        return self._installation.open()

    @property
    def desk(self) -> Auth:
        """Another name of :attr:`core`."""
        return self.core

    def open(self) -> None:
        """Open the store now, not at the first token. Mistakes then show at the start.

        Raises:
            TypeError, InvalidSettings, StoreUnavailable: as :attr:`core`.
        """
        self._installation.open()

    def close(self) -> None:
        """Close the connections and threads of the store. A later token opens it anew.

        An Auth that was given is left open.
        """
        self._installation.close()

    def client(self, request: HTTPConnection) -> Client:
        """Return the address and user agent of a request's client, behind trusted proxies or not.

        Raises:
            TypeError: the extension was given a Verifier.
        """
        return self._installation.find_client(AsgiRequest(request.scope))
