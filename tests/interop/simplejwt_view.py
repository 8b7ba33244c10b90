"""A view of Django REST framework behind djangorestframework-simplejwt, with the settings of the recipe."""

import django
import simplejwt_settings as recipe
from django.conf import settings

settings.configure(
    SECRET_KEY="s" * 50,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    REST_FRAMEWORK={**recipe.REST_FRAMEWORK, "UNAUTHENTICATED_USER": None},
    SIMPLE_JWT=recipe.SIMPLE_JWT,
)
django.setup()

# Django must be set up before these are imported.
from rest_framework.decorators import api_view, permission_classes  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.test import APIRequestFactory  # noqa: E402


@api_view()
@permission_classes([IsAuthenticated])
def show(request):
    return Response({"sub": request.user.id})


def verify(token: str) -> dict[str, str]:
    response = show(APIRequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {token}"))
    if response.status_code != 200:
        raise PermissionError(response.data)
    return response.data
