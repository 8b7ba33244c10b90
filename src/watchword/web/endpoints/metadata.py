"""Publish our keys and the URLs of our endpoints, for services and clients that know only the issuer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from watchword.auth import Auth
from watchword.errors import NotFound
from watchword.jose.key_set import KeySet
from watchword.public_urls import PublicUrl, parse_public_url
from watchword.settings import Settings
from watchword.web.endpoints.documents import PublicDocument
from watchword.web.http import Request, Response

__all__ = ["MetadataEndpoints", "list_metadata_paths"]

_WELL_KNOWN = {
    "openid_configuration": "/.well-known/openid-configuration",
    "authorization_server": "/.well-known/oauth-authorization-server",
}


def list_metadata_paths(issuer: str) -> dict[str, str]:
    """Return the paths at which the metadata of an issuer are, each with a name of its own.

    OpenID Connect Discovery 1.0 §4 appends the well-known path to the issuer. RFC 8414 §3.1 inserts it before
    the path of the issuer. An application that is mounted at that path gets only requests for appended paths.
    """
    url = parse_public_url(issuer)
    path = "" if url is None else url.path
    inserted = {f"inserted_{name}": well_known + path for name, well_known in _WELL_KNOWN.items()}
    return {**_WELL_KNOWN, **(inserted if path else {})}


class MetadataEndpoints:
    """The endpoints for services that verify our tokens, and for OAuth clients.

    Args:
        open_auth: returns the Auth.
        settings: the settings of the Auth.
        find_path: returns the path of the endpoint of a name. ``None`` if the endpoint is not served.
    """

    def __init__(
        self, open_auth: Callable[[], Auth], settings: Settings, find_path: Callable[[str], str | None]
    ) -> None:
        self._open_auth = open_auth
        self._issuer = settings.issuer
        self._url = parse_public_url(settings.issuer)
        self._find_path = find_path
        self._encoded: _EncodedMetadata | None = None

    def publish_keys(self, request: Request) -> Response:
        """Return the public keys."""
        auth = self._open_auth()
        document = PublicDocument(*auth.find_published_keys().jwks_document)
        return document.to_response(request, auth.jwks_max_age())

    def describe_server(self, request: Request) -> Response:
        """Return the metadata of the issuer (RFC 8414 §3, OpenID Connect Discovery 1.0 §4).

        Raises:
            NotFound: the issuer is not a URL to which metadata could belong.
        """
        if self._url is None:
            raise NotFound(
                "there are no metadata, because the issuer of this service is not an https URL. "
                "Set WATCHWORD_ISSUER to the public URL of the service, or verify its tokens with the URL "
                "of its keys"
            )
        auth = self._open_auth()
        document = self._encode_metadata(self._url, auth.find_published_keys())
        return document.to_response(request, auth.jwks_max_age())

    def _encode_metadata(self, url: PublicUrl, keys: KeySet) -> PublicDocument:
        """Return the metadata. They are encoded again only if the keys have changed."""
        encoded = self._encoded
        if encoded is None or encoded.version is not keys.version:
            document = PublicDocument.from_content(self._list_metadata(url, keys))
            encoded = self._encoded = _EncodedMetadata(keys.version, document)
        return encoded.document

    def _list_metadata(self, url: PublicUrl, keys: KeySet) -> dict[str, object]:
        """Return the members of RFC 8414 §2. An endpoint that is switched off does not appear."""
        metadata: dict[str, object] = {
            "issuer": self._issuer,  # RFC 8414 §3.3: the same text as in the tokens.
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "grant_types_supported": [],
            "id_token_signing_alg_values_supported": sorted({jwk["alg"] for jwk in keys.to_jwks()["keys"]}),
        }
        if (path := self._find_path("jwks")) is not None:
            metadata["jwks_uri"] = url.append(path)
        if (path := self._find_path("token")) is not None:
            metadata["token_endpoint"] = url.append(path)
            metadata["grant_types_supported"] = ["refresh_token"]
            metadata["token_endpoint_auth_methods_supported"] = ["none"]
        if (path := self._find_path("revoke")) is not None:
            metadata["revocation_endpoint"] = url.append(path)
            # RFC 8414 §2: without this member, clients must authenticate with a secret.
            metadata["revocation_endpoint_auth_methods_supported"] = ["none"]
        return metadata


class _EncodedMetadata(NamedTuple):
    """Metadata, and the version of the key set that they describe."""

    version: object
    document: PublicDocument
