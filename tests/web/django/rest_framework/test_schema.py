"""drf-spectacular describes what our classes guard."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings
from rest_framework.response import Response
from rest_framework.views import APIView

from watchword.web.django.rest_framework import HasAnyScope, HasScopes, WatchwordAuthentication


class Reports(APIView):
    """Reports."""

    authentication_classes = (WatchwordAuthentication,)
    permission_classes = (HasScopes("reports:read"), HasScopes("b") & HasScopes("c"))

    def get(self, request: Any) -> Response:
        """List the reports."""
        return Response([])


class Subclass(WatchwordAuthentication):
    """As a project has it for a second extension."""


class Others(Reports):
    authentication_classes = (Subclass,)
    permission_classes = (HasAnyScope("a"),)


@pytest.fixture
def describe():
    """Describes the views as the management command ``spectacular`` does."""

    def describe(version: str) -> dict[str, Any]:
        patterns = [path("reports", Reports.as_view()), path("others", Others.as_view())]
        with patched_settings({"OAS_VERSION": version}):
            return SchemaGenerator(patterns=patterns).get_schema(request=None, public=True)

    with override_settings(REST_FRAMEWORK={"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}):
        yield describe


@pytest.mark.parametrize(("version", "scopes"), [("3.0.3", []), ("3.1.1", ["reports:read"])])
def test_the_document_has_the_bearer_scheme_and_where_openapi_allows_it_the_scopes(
    describe, monkeypatch, version, scopes
):
    from drf_spectacular.openapi import AutoSchema  # noqa: PLC0415 - needs the settings

    monkeypatch.setattr(APIView, "schema", AutoSchema())
    document = describe(version)
    assert document["components"]["securitySchemes"] == {
        "Watchword": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    assert document["paths"]["/reports"]["get"]["security"] == [{"Watchword": scopes}]
    assert document["paths"]["/others"]["get"]["security"] == [{"Watchword": []}]
