"""Watchword for Django REST framework: an authentication class, and permissions by scope."""

from watchword.errors import MissingExtra

try:
    from watchword.web.django.rest_framework.authentication import WatchwordAuthentication
    from watchword.web.django.rest_framework.permissions import (
        HasAnyScope,
        HasFreshLogin,
        HasIdentity,
        HasScopes,
    )
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] not in {"django", "rest_framework"}:
        raise
    raise MissingExtra.from_extra("drf") from error

__all__ = ["HasAnyScope", "HasFreshLogin", "HasIdentity", "HasScopes", "WatchwordAuthentication"]
