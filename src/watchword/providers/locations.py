"""Check URLs of documents of other parties. Every parser must read a URL in the same way."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from watchword.arguments import describe, quote_long
from watchword.errors import InvalidSettings
from watchword.networks import is_loopback, parse_address

__all__ = ["Location", "parse_location", "redact_url"]

_LONGEST = 2_048
_PORTS = {"https": 443, "http": 80}
# RFC 3986 §2, without @, # and the backslash: parsers disagree whether a host ends before such a character.
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]!$&'()*+,;=%]+")
_AUTHORITY = re.compile(r"([a-z0-9_]([a-z0-9._-]*[a-z0-9_])?\.?|\[[0-9a-f.]*:[0-9a-f:.]+\])(:[1-9][0-9]*)?")


class Location(NamedTuple):
    """The place of a document: a URL in its parts.

    Attributes:
        scheme: ``https`` or ``http``.
        host: a name or an address, in lower case and without brackets.
        port: the port of the URL, or the default port of the scheme.
        authority: host and port as they stand in the URL. The ``Host`` header has this value.
        target: path and query.
    """

    scheme: str
    host: str
    port: int
    authority: str
    target: str

    def __repr__(self) -> str:
        return f"Location({self.without_query})"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port, which identify the server."""
        return self.scheme, self.host, self.port

    @property
    def without_query(self) -> str:
        """The URL without its query, which may contain a credential."""
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine, by its name (RFC 6761 §6.3) or by its address."""
        return is_loopback(self.host)

    @property
    def is_address(self) -> bool:
        """Whether the host is an address and not a name."""
        return parse_address(self.host) is not None


def parse_location(url: object, argument: str = "url") -> Location:
    """Parse a URL.

    Args:
        url: an absolute URL.
        argument: the name of the argument, for the error.

    Raises:
        InvalidSettings: it is not an http or https URL in ASCII of at most 2,048 characters, or it has user
            information or a fragment.
    """
    if isinstance(url, str) and len(url) <= _LONGEST and _CHARACTERS.fullmatch(url):
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port, parts = "", None, urlsplit("")
        if parts.scheme in _PORTS and _AUTHORITY.fullmatch(parts.netloc.lower()):
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            return Location(parts.scheme, host, port or _PORTS[parts.scheme], parts.netloc, target)
    given = quote_long(redact_url(url)) if isinstance(url, str) else describe(url)
    raise InvalidSettings(
        f"{argument} must be an https URL such as https://accounts.example.com, in ASCII and "
        f"without user, password and fragment, not {given}"
    )


def redact_url(url: str) -> str:
    """Return the part of a URL that may be shown: no user, no password, no query."""
    return re.sub(r"//[^/]*@", "//", url.partition("?")[0])
