"""The URL patterns of our endpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path
from django.views.decorators.debug import sensitive_variables

from watchword.errors import NotFound, WatchwordError
from watchword.web.django.requests import DjangoRequest, read_body
from watchword.web.django.responses import to_django_response, to_refusal
from watchword.web.endpoints import Route
from watchword.web.http import Response
from watchword.web.installation import Installation

__all__ = ["make_patterns"]


def make_patterns(
    find_installation: Callable[[], Installation], others: Iterable[Installation]
) -> Sequence[URLPattern]:
    """Return the URL patterns of an extension. Each endpoint has its own name.

    A pattern has no slash at its end, and matches nothing else. So ``APPEND_SLASH`` redirects no request to
    an endpoint: a client would repeat the body of the request, password included.

    Args:
        find_installation: returns what the extension has now. Tests replace it.
        others: what the earlier extensions of the project have.

    Raises:
        InvalidSettings: another extension has the same prefix, or would accept the same tokens.
    """
    return [
        path(_to_pattern(route.path), _make_view(find_installation, route.name), name=route.name)
        for route in find_installation().select_routes(others)
    ]


def _to_pattern(template: str) -> str:
    return template.removeprefix("/").replace("{", "<str:").replace("}", ">")


def _make_view(find_installation: Callable[[], Installation], name: str) -> Callable[..., HttpResponse]:
    @non_atomic_requests  # The store does not take part in the transactions of Django's database.
    @sensitive_variables()  # The reports of errors would show passwords and tokens.
    def answer(request: HttpRequest, **path_parameters: str) -> HttpResponse:
        installation = find_installation()
        try:
            route = _find_route(installation, name)
            if request.method not in route.methods:
                return _refuse_method(request, route)
            return to_django_response(_call_handler(installation, route, request, path_parameters))
        except WatchwordError as error:
            return to_refusal(installation, error)

    # The endpoints read no cookies. A form of another site would have to contain a token or a password.
    answer.csrf_exempt = True
    answer.login_required = False  # for LoginRequiredMiddleware
    return answer  # type: ignore[no-any-return]


def _call_handler(
    installation: Installation, route: Route, request: HttpRequest, path_parameters: dict[str, Any]
) -> Response:
    body = read_body(request, installation.settings.max_body) if route.has_body else b""
    return route.handler(DjangoRequest(request, path_parameters, body))


def _find_route(installation: Installation, name: str) -> Route:
    """Return a route of the extension as it is now.

    Raises:
        NotFound: the endpoint has been switched off since the URL patterns were made.
    """
    routes = () if installation.endpoints is None else installation.endpoints.routes
    for route in routes:
        if route.name == name:
            return route
    raise NotFound


def _refuse_method(request: HttpRequest, route: Route) -> HttpResponse:
    methods = (*route.methods, "OPTIONS")
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers={"Allow": ", ".join(methods)})
    return HttpResponseNotAllowed(methods)
