"""Find settings that are meant for trials, and should not reach production."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from watchword.diagnosis.findings import Finding
from watchword.networks import parse_networks
from watchword.settings import Settings

__all__ = ["find_risks"]

_DEFAULTS = Settings()


def find_risks(settings: Settings) -> Iterator[Finding]:
    """Find what is not safe in production."""
    yield from _find_issuer_risks(settings.issuer)
    if not settings.secret:
        yield Finding(
            "W003",
            "secret is not set. So what seals the signing keys lies in a file beside the database.",
            "Set the secret from a secret manager. A copy of the folder then does not contain the keys.",
        )
    if settings.when_stale == "accept":
        yield Finding(
            "W004",
            'when_stale is "accept". So tokens of ended sessions are accepted while the store is away.',
            'Set when_stale to "reject". Requests with a token are then answered 503 meanwhile.',
        )
    if settings.database_url in {"sqlite://", "sqlite:///:memory:"}:
        yield Finding(
            "W005",
            "database_url names a database in memory: each process has its own, and a restart empties it.",
            "Name a file, or a PostgreSQL database.",
        )
    if any(network.prefixlen == 0 for network in parse_networks(settings.trusted_proxies)):
        yield Finding(
            "W006",
            "trusted_proxies contains every address, so each client chooses the address that limits it.",
            "Name the networks of your proxies only.",
        )
    if settings.password_min < _DEFAULTS.password_min:
        yield Finding(
            "W007",
            f"password_min is {settings.password_min}: too short where the password is the only factor.",
            f"Set it to {_DEFAULTS.password_min} or more (NIST SP 800-63B-4).",
        )


def _find_issuer_risks(issuer: str) -> Iterator[Finding]:
    if issuer == _DEFAULTS.issuer:
        yield Finding(
            "W001",
            f"issuer is not set, so tokens are issued by {issuer}.",
            "Set it to the public URL of this service before anything else relies on its tokens.",
        )
    elif not issuer.startswith("https://") and not _is_loopback(issuer):
        yield Finding(
            "W002",
            "issuer does not begin with https://. So an attacker in the network can replace published keys.",
            "Serve the issuer over https, and set issuer to that URL.",
        )


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
