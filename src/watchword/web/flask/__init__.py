"""The Flask extension."""

from watchword.errors import MissingExtra

try:
    from watchword.web.flask.errors import Refused
    from watchword.web.flask.extension import Watchword
except ImportError as error:
    raise MissingExtra.from_extra("flask") from error

__all__ = ["Refused", "Watchword"]
