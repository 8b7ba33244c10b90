"""The FastAPI adapter."""

from watchword.errors import MissingExtra

try:
    from watchword.web.fastapi.errors import RefusedOperation
    from watchword.web.fastapi.extension import Watchword
except ImportError as error:
    raise MissingExtra.from_extra("fastapi") from error

__all__ = ["RefusedOperation", "Watchword"]
