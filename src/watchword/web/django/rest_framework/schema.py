"""Describe our authentication in the OpenAPI document of drf-spectacular."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.settings import spectacular_settings

from watchword.web.django.rest_framework.permissions import HasIdentity

__all__ = ["WatchwordScheme"]


class WatchwordScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The security scheme ``Watchword``: a bearer token, which is a JWT."""

    target_class = "watchword.web.django.rest_framework.authentication.WatchwordAuthentication"
    match_subclasses = True
    name = "Watchword"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:  # noqa: ARG002 - the signature of drf-spectacular
        """Return the security scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        """Return the requirement of a view, with its scopes.

        OpenAPI 3.0 allows no scopes beside a bearer scheme, so only OpenAPI 3.1 has them.
        """
        if not spectacular_settings.OAS_VERSION.startswith("3.1"):
            return {self.name: []}
        return {self.name: sorted(_list_scopes(auto_schema.view))}


def _list_scopes(view: Any) -> set[str]:
    """List the scopes that a view needs in any case."""
    required = (each.requirements for each in view.get_permissions() if isinstance(each, HasIdentity))
    return {scope for requirements in required if requirements for scope in requirements.scopes}
