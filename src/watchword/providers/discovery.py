"""Where an issuer keeps its keys: OpenID Connect Discovery 1.0 §4, RFC 8414 §3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from watchword.arguments import quote_long
from watchword.errors import InvalidSettings, KeysUnavailable, MalformedToken
from watchword.jose.strict_json import decode_object
from watchword.providers.documents import DocumentMissing
from watchword.providers.fetching import Fetcher
from watchword.providers.locations import parse

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
        raise InvalidSettings(
            "issuer must be one issuer's own URL, with a tenant's id in the place of its template, "
            f"not {quote_long(issuer)}"
        )
    parse(issuer)
    if "/.well-known/" in issuer:
        raise InvalidSettings(
            f"issuer must be the issuer's own URL, not that of its metadata: {quote_long(issuer)} "
            "without all from /.well-known/ on, as the metadata name it"
        )
    if "?" in issuer:
        raise InvalidSettings("issuer must be a URL without a query: leave out all from the ? on")


def discovered(issuer: str, fetcher: Fetcher) -> Place:
    """What the issuer's metadata say of its keys.

    Raises:
        InvalidSettings: they are those of an issuer of another name.
        KeysUnavailable: they cannot be had now, or not safely.
    """
    missing: list[DocumentMissing] = []
    for url in _metadata_urls(issuer):
        try:
            document = fetcher.fetch(url)
        except DocumentMissing as error:
            missing.append(error)
        else:
            return _place(issuer, document.body)
    raise _summarize(missing)


def _summarize(missing: Sequence[DocumentMissing]) -> KeysUnavailable:
    refusal = next((each for each in missing if each.is_refusal), None)
    if refusal is not None:
        return refusal
    error = KeysUnavailable("the issuer has no metadata where OpenID Connect and RFC 8414 look for them")
    for each in missing:
        error.add_note(each.__notes__[0])
    return error


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
    stated = metadata.get("issuer")
    if not isinstance(stated, str):
        raise KeysUnavailable("the issuer's metadata do not name an issuer")
    if stated != issuer:  # OpenID Connect Discovery 1.0 §4.3, RFC 8414 §3.3: exactly
        raise InvalidSettings(
            f"issuer is {quote_long(issuer)}, but the metadata found there are those of another issuer, "
            f"{quote_long(stated)}. If that is the one you mean, set it so, to the letter"
        )
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
