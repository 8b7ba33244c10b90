"""Read the scopes of a user of Django, from groups, permissions or a function of the project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import quote

from django.contrib.auth import get_user_model
from django.utils.module_loading import import_string

from watchword.arguments import describe
from watchword.errors import InvalidSettings
from watchword.scopes import check_scopes

__all__ = ["ScopesFrom", "make_scope_reader", "to_scope"]

ScopesFrom = str | Callable[[Any], Iterable[str] | str] | None
"""``"groups"``, ``"permissions"``, a function of the user or its dotted path, or ``None`` for no scopes."""

_ENTRY = 'WATCHWORD["SCOPES_FROM"]'
_KEPT = "!#$&'()*+,/:;<=>?@[]^`{|}"  # RFC 6749 §3.3 allows them. "%" marks what is encoded.


def to_scope(name: str) -> str:
    """Return the scope for the name of a group, such as ``Report%20readers`` for ``Report readers``.

    Characters that no scope may have are percent-encoded (RFC 3986 §2.1), and so is the percent sign. So two
    groups never have the same scope.
    """
    return quote(name, safe=_KEPT)


def make_scope_reader(scopes_from: ScopesFrom) -> Callable[[Any], Sequence[str]] | None:
    """Return a function that reads the scopes of a user, or ``None`` if users have no scopes.

    Raises:
        InvalidSettings: ``scopes_from`` has another form, or the user model has no groups or permissions.
    """
    if scopes_from is None:
        return None
    if scopes_from == "groups":
        _check_user_model("groups")
        return _read_groups
    if scopes_from == "permissions":
        _check_user_model("get_all_permissions")
        return _read_permissions
    function = _import_function(scopes_from) if isinstance(scopes_from, str) else scopes_from
    if not callable(function):
        raise InvalidSettings(
            f'{_ENTRY} must be "groups", "permissions", a function of the user or its dotted path, '
            f"not {describe(function)}"
        )
    return lambda user: check_scopes(function(user), f"the result of {_ENTRY}")


def _read_groups(user: Any) -> Sequence[str]:
    return [to_scope(name) for name in user.groups.order_by("name").values_list("name", flat=True)]


def _read_permissions(user: Any) -> Sequence[str]:
    return sorted(map(to_scope, user.get_all_permissions()))


def _check_user_model(attribute: str) -> None:
    model = get_user_model()
    if not hasattr(model, attribute):
        raise InvalidSettings(
            f"{_ENTRY}: {model.__name__} has no {attribute}. Derive the model from PermissionsMixin, or give "
            "a function of the user that returns the scopes."
        )


def _import_function(path: str) -> Any:
    try:
        return import_string(path)
    except ImportError as error:
        raise InvalidSettings(
            f'{_ENTRY} must be "groups", "permissions", a function of the user or its dotted path. '
            f"{path!r} cannot be imported: {error}"
        ) from error
