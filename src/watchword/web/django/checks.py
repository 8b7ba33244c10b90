"""What ``manage.py check`` shows. docs/django.md lists the ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.conf import settings as project
from django.core import checks
from django.urls import Resolver404, get_resolver, resolve
from django.utils.module_loading import import_string

from watchword.diagnosis import Finding, find_risks
from watchword.errors import WatchwordError
from watchword.web.django.configuration import find_wrong_entries
from watchword.web.django.default import auth
from watchword.web.django.extension import list_extensions

__all__ = ["register_checks"]

_MIDDLEWARE = "watchword.web.django.IdentityMiddleware"
_USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"
_AUTHENTICATION = "watchword.web.django.rest_framework"


def register_checks() -> None:
    """Register the checks of this app."""
    checks.register(_show(find_unusable_settings), checks.Tags.security)
    checks.register(_show(find_misplaced_settings), checks.Tags.security)
    checks.register(_show(find_middleware_mistakes), checks.Tags.security)
    checks.register(_show(find_missing_urls), checks.Tags.urls)
    checks.register(_show(find_class_order_mistakes), checks.Tags.security)
    checks.register(_show(find_deployment_risks), checks.Tags.security, deploy=True)


def _show(find: Callable[[], Iterable[Finding]]) -> Callable[..., list[checks.CheckMessage]]:
    """Return a check of Django that shows findings."""

    def check(app_configs: Any, **_: Any) -> list[checks.CheckMessage]:  # noqa: ARG001 -- Django's signature
        return [
            (checks.Error if finding.level == "error" else checks.Warning)(
                finding.message, hint=finding.hint, id=f"watchword.{finding.id}"
            )
            for finding in find()
        ]

    return check


def find_unusable_settings() -> Iterator[Finding]:
    """Find what keeps the extension from being made: E001 to E004."""
    wrong = find_wrong_entries()
    yield from wrong
    if wrong:
        return
    try:
        _ = auth.installation
    except (WatchwordError, TypeError) as error:
        yield Finding("E003", str(error), "docs/django.md shows a whole project.")


def find_misplaced_settings() -> Iterator[Finding]:
    """Find settings outside of the dict, where they have no effect: W014."""
    names = [name for name in dir(project) if name.startswith("WATCHWORD_")]
    for name in names:
        yield Finding(
            "W014",
            f"the setting {name} has no effect.",
            f'Write WATCHWORD = {{"{name.removeprefix("WATCHWORD_")}": ...}}.',
        )


def find_middleware_mistakes() -> Iterator[Finding]:
    """Find a middleware that is missing (W010) or in the wrong place (W011)."""
    order = list(project.MIDDLEWARE)
    if _MIDDLEWARE not in order:
        yield Finding(
            "W010",
            f"{_MIDDLEWARE} is not in MIDDLEWARE, so requests have no identity outside of guarded views.",
            f"Add it after {_USERS}.",
        )
    elif _USERS in order and order.index(_MIDDLEWARE) < order.index(_USERS):
        yield Finding(
            "W011",
            f"{_MIDDLEWARE} stands before {_USERS}, which replaces request.user.",
            f"Put it after {_USERS}.",
        )


def find_missing_urls() -> Iterator[Finding]:
    """Find endpoints that no URL leads to, or that lie below a path: W012."""
    if not getattr(project, "ROOT_URLCONF", None) or not _has_endpoints():
        return
    _ = get_resolver().url_patterns  # This imports the URLs.
    if not any(extension.has_urls for extension in list_extensions()):
        yield Finding(
            "W012",
            "no URL leads to the endpoints of Watchword, so no client can log in here.",
            'Add path("", include("watchword.web.django.urls")) to the URLs. Silence this check if '
            "another service issues the tokens.",
        )
    elif auth.has_urls and not _is_at_root():
        yield Finding(
            "W012",
            "the endpoints of Watchword are included below a path, where no client looks for the keys.",
            'Include them with path("", include("watchword.web.django.urls")), and set PREFIX to the path.',
        )


def _has_endpoints() -> bool:
    try:
        return auth.installation.endpoints is not None
    except (WatchwordError, TypeError):
        return False  # E003 says so.


def _is_at_root() -> bool:
    endpoints = auth.installation.endpoints
    routes = () if endpoints is None else endpoints.routes
    paths = [route.path for route in routes if "{" not in route.path]
    try:
        return not paths or "watchword" in resolve(paths[0]).app_names
    except Resolver404:
        return False


def find_class_order_mistakes() -> Iterator[Finding]:
    """Find authentication classes of Django REST framework before ours: W013."""
    defaults = getattr(project, "REST_FRAMEWORK", {}).get("DEFAULT_AUTHENTICATION_CLASSES", ())
    if _is_misplaced(defaults):
        yield _describe_class_order("DEFAULT_AUTHENTICATION_CLASSES")
    if not getattr(project, "ROOT_URLCONF", None):
        return
    views = {_find_class(callback) for callback in _list_callbacks(get_resolver().url_patterns)} - {None}
    for view in sorted(views, key=repr):
        classes = vars(view).get("authentication_classes", ())
        if _is_misplaced(classes):
            yield _describe_class_order(f"{view.__module__}.{view.__qualname__}.authentication_classes")


def _describe_class_order(place: str) -> Finding:
    return Finding(
        "W013",
        f"WatchwordAuthentication is not the first class in {place}. "
        "The first class decides whether a request without a token is answered 401 or 403.",
        "Put WatchwordAuthentication first.",
    )


def _is_misplaced(classes: Iterable[Any]) -> bool:
    places = [index for index, each in enumerate(classes) if _is_own(each)]
    return bool(places) and places[0] > 0


def _is_own(given: Any) -> bool:
    try:
        kind = import_string(given) if isinstance(given, str) else given
    except ImportError:
        return False  # The framework itself reports it.
    return any(base.__module__.startswith(_AUTHENTICATION) for base in getattr(kind, "__mro__", ()))


def _list_callbacks(patterns: Iterable[Any]) -> Iterator[Any]:
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            yield from _list_callbacks(pattern.url_patterns)
        else:
            yield pattern.callback


def _find_class(callback: Any) -> Any:
    return getattr(callback, "cls", None) or getattr(callback, "view_class", None)


def find_deployment_risks() -> Iterator[Finding]:
    """Find what is not safe in production: W001 to W007. Only shown with ``--deploy``."""
    try:
        installation = auth.installation
    except (WatchwordError, TypeError):
        return  # E003 says so.
    if not installation.has_accounts:
        return
    for finding in find_risks(installation.settings):
        if finding.id != "W007" or not auth.has_django_users:  # Django's validators judge its own passwords.
            yield finding
