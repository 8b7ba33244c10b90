"""Where an issuer keeps its keys: OpenID Connect Discovery 1.0 §4, RFC 8414 §3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from watchword.errors import InvalidSettings, KeysUnavailable, MalformedToken
from watchword.jose.strict_json import decode_object
from watchword.keyring.fetching import Fetcher
from watchword.keyring.locations import parse

__all__ = ["Place", "check_issuer", "discovered"]


class Place(NamedTuple):
    """Where keys are, and what they are for.

    Attributes:
        url: that of the JWK set.
        algorithms: which signature algorithms are acceptable; ``None`` for all.
    """

    url: str
    algorithms: frozenset[str] | None


def check_issuer(issuer: str) -> None:
    """Refuse what can be no issuer (RFC 8414 §2).

    Raises:
        InvalidSettings: why, it says.
    """
    if isinstance(issuer, str) and "{" in issuer:
        raise InvalidSettings("issuer: one issuer's own URL, with a tenant's id in the place of its template")
    parse(issuer)
    if "?" in issuer:
        raise InvalidSettings("issuer: a URL without a query")


def discovered(issuer: str, fetcher: Fetcher) -> Place:
    """What the issuer's metadata say of its keys.

    Raises:
        KeysUnavailable: they cannot be had now, or not safely; or they are another issuer's, or none.
    """
    for url in _metadata_urls(issuer):
        document = fetcher.fetch(url)
        if document is not None:
            return _place(issuer, document.body)
    raise KeysUnavailable("the issuer has no metadata where OpenID Connect and RFC 8414 look for them")


def _metadata_urls(issuer: str) -> Iterator[str]:
    yield f"{issuer.removesuffix('/')}/.well-known/openid-configuration"
    origin, slash, path = issuer.partition("://")[2].partition("/")
    path = (slash + path).removesuffix("/")
    yield f"{issuer.partition('://')[0]}://{origin}/.well-known/oauth-authorization-server{path}"


def _place(issuer: str, body: bytes) -> Place:
    try:
        metadata = decode_object(body)
    except MalformedToken:
        raise KeysUnavailable("the issuer's metadata are not a JSON object") from None
    if metadata.get("issuer") != issuer:  # OpenID Connect Discovery 1.0 §4.3, RFC 8414 §3.3: exactly
        raise KeysUnavailable("the metadata found there are those of another issuer")
    jwks_uri = metadata.get("jwks_uri")
    if not isinstance(jwks_uri, str):
        raise KeysUnavailable("the issuer's metadata do not name its keys")
    return Place(jwks_uri, _algorithms(metadata))


def _algorithms(metadata: Mapping[str, Any]) -> frozenset[str] | None:
    """The algorithms that the issuer signs with; of access tokens the metadata say nothing else."""
    names = metadata.get("id_token_signing_alg_values_supported")
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise KeysUnavailable("the issuer's metadata do not name its algorithms as a list")
    return frozenset(names)
