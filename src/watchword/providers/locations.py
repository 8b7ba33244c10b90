"""URLs of other people's documents: only such as mean one thing to everybody who reads them."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from watchword.arguments import quote_long
from watchword.errors import InvalidSettings
from watchword.networks import find_reach

__all__ = ["Location", "parse", "without_user"]

_LONGEST = 2_048
_PORTS = {"https": 443, "http": 80}
# RFC 3986 §2, without what separates user information and fragments: two parsers do not agree where a host
# ends that has one of those, or a backslash, before it.
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]!$&'()*+,;=%]+")
_AUTHORITY = re.compile(r"([a-z0-9_]([a-z0-9._-]*[a-z0-9_])?\.?|\[[0-9a-f.]*:[0-9a-f:.]+\])(:[1-9][0-9]*)?")


class Location(NamedTuple):
    """Where a document is.

    Attributes:
        scheme: ``https`` or ``http``.
        host: a name or an address, in lower case and without brackets.
        port: the one given, or that of the scheme.
        authority: host and port as they stand in the URL: what the ``Host`` header says.
        target: path and query.
    """

    scheme: str
    host: str
    port: int
    authority: str
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: which server it is."""
        return self.scheme, self.host, self.port

    @property
    def shown(self) -> str:
        """The URL without its query, which may hold a credential."""
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine by its very name (RFC 6761 §6.3), or by its address."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        return self.is_address and find_reach(self.host) == "loopback"

    @property
    def is_address(self) -> bool:
        """Whether the host is an address."""
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True


def parse(url: object) -> Location:
    """The parts of a URL.

    Raises:
        InvalidSettings: it is no absolute http or https URL in ASCII, is longer than 2,048 characters, or has
            user information or a fragment.
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
    raise InvalidSettings(
        "the URL of keys or of an issuer must be an https one, in ASCII, without user and fragment, "
        f"not {quote_long(without_user(url))}"
    )


def without_user(url: object) -> object:
    """Return what may be shown of a URL: no user and password, no query."""
    if not isinstance(url, str):
        return url
    return re.sub(r"//[^/]*@", "//", url.partition("?")[0])
