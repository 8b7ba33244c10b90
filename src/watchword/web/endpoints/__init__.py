"""The endpoints of the HTTP API, for adapters: routes whose handlers take a Request and give a Response."""

from watchword.web.endpoints.metadata import find_resource_metadata
from watchword.web.endpoints.routes import Endpoints, Route

__all__ = ["Endpoints", "Route", "find_resource_metadata"]
