"""The Flask extension."""

from watchword.web.flask.errors import Refused
from watchword.web.flask.extension import Watchword

__all__ = ["Refused", "Watchword"]
