"""Find out where an issuer keeps its keys: OpenID Connect Discovery 1.0 §4, RFC 8414 §3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from watchword.arguments import quote_long
from watchword.errors import InvalidSettings, KeysUnavailable, MalformedToken
from watchword.jose.strict_json import decode_object
from watchword.providers.documents import DocumentMissing
from watchword.providers.fetching import Fetcher
from watchword.providers.locations import parse_location, redact_url

__all__ = ["JwksSource", "check_issuer", "discover"]


class JwksSource(NamedTuple):
    """Where a key set is, and which of its keys count.

    Attributes:
        url: the URL of the JWK set.
        algorithms: the acceptable signature algorithms, or ``None`` for all.
    """

    url: str
    algorithms: frozenset[str] | None


def check_issuer(issuer: str) -> None:
    """Refuse a text that cannot be an issuer (RFC 8414 §2).

    Raises:
        InvalidSettings: the issuer is a template, the URL of metadata, or not an https URL without a query.
    """
    if isinstance(issuer, str) and "{" in issuer:
        raise InvalidSettings(
            f"issuer must be the URL of a single issuer, not a template: {quote_long(redact_url(issuer))}. "
            "Put a tenant's id in the place of the braces"
        )
    parse_location(issuer, "issuer")
    if "/.well-known/" in issuer:
        raise InvalidSettings(
            f"issuer must be the URL of the issuer, not of its metadata: {quote_long(redact_url(issuer))}. "
            "Leave out everything from /.well-known/ on. The metadata name the exact issuer"
        )
    if "?" in issuer:
        raise InvalidSettings("issuer must be a URL without a query. Leave out everything from the ? on")


def discover(issuer: str, fetcher: Fetcher) -> JwksSource:
    """Fetch the issuer's metadata and return where its keys are.

    Raises:
        InvalidSettings: the metadata name another issuer.
        KeysUnavailable: the metadata cannot be fetched now, or not safely.
    """
    missing: list[DocumentMissing] = []
    for url in _list_metadata_urls(issuer):
        try:
            document = fetcher.fetch(url)
        except DocumentMissing as error:
            missing.append(error)
        else:
            return _read_metadata(issuer, document.body)
    raise _summarize(missing)


def _list_metadata_urls(issuer: str) -> Iterator[str]:
    yield f"{issuer.removesuffix('/')}/.well-known/openid-configuration"
    origin, slash, path = issuer.partition("://")[2].partition("/")
    path = (slash + path).removesuffix("/")
    yield f"{issuer.partition('://')[0]}://{origin}/.well-known/oauth-authorization-server{path}"


def _read_metadata(issuer: str, body: bytes) -> JwksSource:
    try:
        metadata = decode_object(body)
    except MalformedToken:
        raise KeysUnavailable("the issuer's metadata are not a JSON object") from None
    stated = metadata.get("issuer")
    if not isinstance(stated, str):
        raise KeysUnavailable("the issuer's metadata do not name an issuer")
    if stated != issuer:  # OpenID Connect Discovery 1.0 §4.3 and RFC 8414 §3.3 want identical texts.
        raise InvalidSettings(
            f"issuer is {quote_long(issuer)}, but the metadata found there name another issuer, "
            f"{quote_long(stated)}. If your tokens have that iss, set issuer to exactly that text"
        )
    jwks_uri = metadata.get("jwks_uri")
    if not isinstance(jwks_uri, str):
        raise KeysUnavailable("the issuer's metadata do not name a jwks_uri")
    return JwksSource(jwks_uri, _read_algorithms(metadata))


def _read_algorithms(metadata: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the algorithms of ID tokens. Metadata do not name the algorithms of access tokens."""
    names = metadata.get("id_token_signing_alg_values_supported")
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise KeysUnavailable("the issuer's metadata do not name its algorithms as a list of texts")
    return frozenset(names)


def _summarize(missing: Sequence[DocumentMissing]) -> KeysUnavailable:
    refusal = next((each for each in missing if each.is_refusal), None)
    if refusal is not None:
        return refusal
    error = KeysUnavailable("the issuer has no metadata at the URLs of OpenID Connect Discovery and RFC 8414")
    for each in missing:
        error.add_note(each.__notes__[0])
    error.add_note("check the issuer, or give the URL of its keys to RemoteKeySet")
    return error
