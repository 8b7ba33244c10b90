"""The endpoints of the HTTP API, for adapters: routes whose handlers take a Request and give a Response."""

from watchword.web.endpoints.routes import Endpoints, Route

__all__ = ["Endpoints", "Route"]
