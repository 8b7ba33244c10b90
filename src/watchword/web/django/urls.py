"""The URL patterns of the endpoints: ``path("", include("watchword.web.django.urls"))``."""

from __future__ import annotations

from watchword.web.django.default import auth

__all__ = ["app_name", "urlpatterns"]

urlpatterns, app_name, _ = auth.urls
