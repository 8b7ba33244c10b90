"""Publish our keys and the URLs of our endpoints, for services and clients that know only the issuer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

from watchword.auth import Auth
from watchword.errors import NotFound
from watchword.jose.key_set import KeySet
from watchword.public_urls import PublicUrl, parse_public_url
from watchword.settings import Settings
from watchword.web.endpoints.documents import PublicDocument
from watchword.web.http import Request, Response

__all__ = ["MetadataEndpoints", "find_resource_metadata"]

_OPENID_CONFIGURATION = "/.well-known/openid-configuration"
_AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"
_PROTECTED_RESOURCE = "/.well-known/oauth-protected-resource"


def find_resource_metadata(resource: str) -> str | None:
    """Return the URL of the metadata of a resource (RFC 9728 §3.1). ``None`` without a resource."""
    url = parse_public_url(resource)
    return None if url is None else url.insert(_PROTECTED_RESOURCE)


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
        self._settings = settings
        self._issuer = parse_public_url(settings.issuer)
        self._resource = parse_public_url(settings.resource)
        self._find_path = find_path
        self._encoded: _EncodedMetadata | None = None

    def list_documents(self) -> Iterator[tuple[str, str, Callable[[Request], Response]]]:
        """List the metadata that there are: a name of its own, the path and the handler of each document.

        OpenID Connect Discovery 1.0 §4 appends the well-known path to the issuer. RFC 8414 §3.1 and RFC 9728
        §3.1 insert it before the path of the URL. An application that is mounted at that path gets only
        requests for the appended path, unless the outer server passes other requests on.
        """
        documents = [
            ("openid_configuration", _OPENID_CONFIGURATION, self._issuer, self.describe_server),
            ("authorization_server", _AUTHORIZATION_SERVER, self._issuer, self.describe_server),
        ]
        if self._resource is not None:
            documents.append(
                ("protected_resource", _PROTECTED_RESOURCE, self._resource, self.describe_resource)
            )
        for name, well_known, url, describe in documents:
            yield name, well_known, describe
            if url is not None and url.path:
                yield f"inserted_{name}", well_known + url.path, describe

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
        if self._issuer is None:
            raise NotFound(
                "there are no metadata, because the issuer of this service is not an https URL. "
                "Set WATCHWORD_ISSUER to the public URL of the service, or verify its tokens with the URL "
                "of its keys"
            )
        auth = self._open_auth()
        document = self._encode_metadata(self._issuer, auth.find_published_keys())
        return document.to_response(request, auth.jwks_max_age())

    def describe_resource(self, request: Request) -> Response:
        """Return the metadata of the API that accepts our tokens (RFC 9728 §3.2)."""
        return self._resource_metadata.to_response(request, self._settings.jwks_max_age)

    @cached_property
    def _resource_metadata(self) -> PublicDocument:
        """The members of RFC 9728 §2."""
        metadata = {"resource": self._settings.resource, "bearer_methods_supported": ["header"]}
        if self._issuer is not None:
            metadata["authorization_servers"] = [self._settings.issuer]
        return PublicDocument.from_content(metadata)

    def _encode_metadata(self, issuer: PublicUrl, keys: KeySet) -> PublicDocument:
        """Return the metadata. They are encoded again only if the keys have changed."""
        encoded = self._encoded
        if encoded is None or encoded.version is not keys.version:
            document = PublicDocument.from_content(self._list_metadata(issuer, keys))
            encoded = self._encoded = _EncodedMetadata(keys.version, document)
        return encoded.document

    def _list_metadata(self, issuer: PublicUrl, keys: KeySet) -> dict[str, object]:
        """Return the members of RFC 8414 §2. An endpoint that is switched off does not appear."""
        metadata: dict[str, object] = {
            "issuer": self._settings.issuer,  # RFC 8414 §3.3: the same text as in the tokens.
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "grant_types_supported": [],
            "id_token_signing_alg_values_supported": sorted({jwk["alg"] for jwk in keys.to_jwks()["keys"]}),
        }
        if (path := self._find_path("jwks")) is not None:
            metadata["jwks_uri"] = issuer.append(path)
        if (path := self._find_path("token")) is not None:
            metadata["token_endpoint"] = issuer.append(path)
            metadata["grant_types_supported"] = ["refresh_token"]
            metadata["token_endpoint_auth_methods_supported"] = ["none"]
        if (path := self._find_path("revoke")) is not None:
            metadata["revocation_endpoint"] = issuer.append(path)
            # RFC 8414 §2: without this member, clients must authenticate with a secret.
            metadata["revocation_endpoint_auth_methods_supported"] = ["none"]
        return metadata


class _EncodedMetadata(NamedTuple):
    """Metadata, and the version of the key set that they describe."""

    version: object
    document: PublicDocument
