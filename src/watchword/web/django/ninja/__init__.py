"""Watchword for django-ninja: ``auth=WatchwordBearer(scopes=["reports:read"])``."""

from watchword.errors import MissingExtra

try:
    from watchword.web.django.ninja.bearer import ANONYMOUS, WatchwordBearer
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] not in {"django", "ninja"}:
        raise
    raise MissingExtra.from_extra("ninja") from error

__all__ = ["ANONYMOUS", "WatchwordBearer"]
