"""The Django app: ``auth`` and ``protect`` of the project, the middleware, and further extensions."""

from watchword.errors import MissingExtra

try:
    from watchword.web.django.default import auth, protect
    from watchword.web.django.extension import Watchword
    from watchword.web.django.middleware import IdentityMiddleware
except ImportError as error:
    raise MissingExtra.from_extra("django") from error

__all__ = ["IdentityMiddleware", "Watchword", "auth", "protect"]
