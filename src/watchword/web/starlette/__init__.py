"""The Starlette adapter."""

from watchword.errors import MissingExtra

try:
    from watchword.web.starlette.errors import RefusedRequest
    from watchword.web.starlette.extension import Watchword
except ImportError as error:
    raise MissingExtra.from_extra("starlette") from error

__all__ = ["RefusedRequest", "Watchword"]
