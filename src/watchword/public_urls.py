"""The public URLs of a service, and the well-known URLs that belong to them (RFC 8615)."""

from __future__ import annotations

import re
from typing import NamedTuple

from watchword.networks import is_loopback

__all__ = ["PublicUrl", "parse_public_url"]

_FORM = re.compile(
    r"(?P<origin>(?P<scheme>https?)://(?:(?P<name>[A-Za-z0-9._-]+)|\[(?P<address>[0-9A-Fa-f:.]+)\])(?::[0-9]{1,5})?)"
    r"(?P<path>(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~-]+)*)/?"
)


class PublicUrl(NamedTuple):
    """An https URL without user, query and fragment, or the http URL of a service on this machine.

    Attributes:
        origin: scheme, host and port, such as ``https://example.com``.
        path: the path without a slash at its end, such as ``/login``. Empty at the root.
    """

    origin: str
    path: str

    def append(self, path: str) -> str:
        """Return the URL of a path below this URL."""
        return f"{self.origin}{self.path}{path}"

    def insert(self, well_known: str) -> str:
        """Return this URL with a well-known path between host and path (RFC 8414 §3.1, RFC 9728 §3.1)."""
        return f"{self.origin}{well_known}{self.path}"


def parse_public_url(text: str) -> PublicUrl | None:
    """Parse the public URL of a service.

    RFC 8414 §2 and RFC 9728 §1.2 demand https, because an attacker on the path could name other keys. Plain
    http is accepted for this machine, where developers try things out.

    Returns:
        The URL, or ``None`` if the text has another form.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    if found["scheme"] == "http" and not is_loopback((found["name"] or found["address"]).lower()):
        return None
    return PublicUrl(found["origin"], found["path"])
