"""Read the dict ``WATCHWORD`` in the settings of a Django project, and the environment for the rest."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings as project
from django.utils.module_loading import import_string

from watchword.arguments import describe
from watchword.diagnosis import Finding, find_bad_entries
from watchword.errors import InvalidSettings
from watchword.settings import Settings

__all__ = [
    "AUTH_OPTIONS",
    "OWN_ENTRIES",
    "Configuration",
    "find_base_folder",
    "find_wrong_entries",
    "read_configuration",
    "read_entries",
    "read_settings",
]

AUTH_OPTIONS = ("BREACHED", "CHECK_PASSWORD", "KEYS", "LISTENERS", "STORES", "SUBJECT_CLAIMS")
"""The entries that are arguments of an Auth."""

OWN_ENTRIES = frozenset({"ALSO", "AUTH", "ENDPOINTS", "LOAD_USER", "SCOPES_FROM", "USERS", *AUTH_OPTIONS})
"""The entries that are not settings of :class:`~watchword.Settings`."""

_PREFIX = "WATCHWORD_"
_NAME = re.compile(rf"\b{_PREFIX}([A-Z_]+)\b")


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What a project says about its login.

    Attributes:
        settings: the settings.
        auth: what the project made itself, or ``None``.
        also: verifiers of other kinds of tokens.
        endpoints: which endpoints are served.
        load_user: returns the user for an identity, or ``None``.
        users: ``"django"`` or ``"accounts"``, or ``None``: see :mod:`watchword.web.django.own_users`.
        scopes_from: where the scopes of Django's users come from.
        auth_options: further arguments for the Auth.
    """

    settings: Settings
    auth: Any = None
    also: Sequence[Any] = ()
    endpoints: Mapping[str, bool] | None = None
    load_user: Callable[..., Any] | None = None
    users: str | None = None
    scopes_from: str | Callable[..., Any] | None = None
    auth_options: Mapping[str, Any] = {}


def read_configuration() -> Configuration:
    """Read the configuration of the project. Dotted paths are imported.

    Raises:
        InvalidSettings: an entry is unknown, of the wrong type or out of range, or a path cannot be imported.
    """
    entries = read_entries()
    return Configuration(
        settings=read_settings(entries),
        auth=_import_entry(entries, "AUTH"),
        also=_import_list(entries, "ALSO"),
        endpoints=entries.get("ENDPOINTS"),
        load_user=_import_entry(entries, "LOAD_USER"),
        users=entries.get("USERS"),
        scopes_from=entries.get("SCOPES_FROM"),
        auth_options=_read_auth_options(entries),
    )


def read_entries() -> Mapping[str, Any]:
    """Return the dict ``WATCHWORD``, or an empty dict if the project has none.

    Raises:
        InvalidSettings: it is not a dict, or an entry is not usable.
    """
    findings = find_wrong_entries()
    if findings:
        raise InvalidSettings(" ".join(f"{finding.message} {finding.hint}" for finding in findings))
    entries: Mapping[str, Any] = getattr(project, "WATCHWORD", {})
    return entries


def read_settings(entries: Mapping[str, Any]) -> Settings:
    """Read the settings from the entries, and from the environment what they do not name.

    Raises:
        InvalidSettings: an entry or a variable of the environment is not usable.
    """
    given = {f"{_PREFIX}{name}": value for name, value in entries.items() if name not in OWN_ENTRIES}
    try:
        return Settings.from_application(given, os.environ)
    except InvalidSettings as error:
        raise InvalidSettings(_name_entries(str(error), entries)) from None


def find_wrong_entries() -> Sequence[Finding]:
    """Find what is wrong with the dict, entry by entry. No dotted path is imported."""
    entries = getattr(project, "WATCHWORD", {})
    if not isinstance(entries, Mapping):
        return [
            Finding(
                "E004",
                f"WATCHWORD must be a dict, not {describe(entries)}.",
                'Write WATCHWORD = {"ISSUER": "https://..."}.',
            )
        ]
    return list(find_bad_entries(entries, OWN_ENTRIES, _show_entry))


def find_base_folder() -> Path:
    """Return ``BASE_DIR`` of the project, or the working directory if the project has none."""
    return Path(getattr(project, "BASE_DIR", None) or Path.cwd())


def _show_entry(name: object) -> str:
    return f'WATCHWORD["{name}"]' if isinstance(name, str) else f"WATCHWORD[{describe(name)}]"


def _name_entries(sentence: str, entries: Mapping[str, Any]) -> str:
    """Replace the names of variables with the entries of the dict that the project has."""
    return _NAME.sub(
        lambda found: _show_entry(found[1]) if found[1] in entries else found[0],
        sentence,
    )


def _read_auth_options(entries: Mapping[str, Any]) -> dict[str, Any]:
    options = {
        name.lower(): _import_entry(entries, name)
        for name in AUTH_OPTIONS
        if name in entries and name != "LISTENERS"
    }
    if "LISTENERS" in entries:
        options["listeners"] = _import_list(entries, "LISTENERS")
    return options


def _import_list(entries: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    """Return the objects in a list of objects and dotted paths."""
    given = entries.get(name, ())
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidSettings(f'WATCHWORD["{name}"] must be a list, not {describe(given)}')
    return tuple(_import_object(each, name) for each in given)


def _import_entry(entries: Mapping[str, Any], name: str) -> Any:
    return _import_object(entries.get(name), name)


def _import_object(given: Any, name: str) -> Any:
    """Return an object, which may be given by its dotted path."""
    if not isinstance(given, str):
        return given
    try:
        return import_string(given)
    except ImportError as error:
        raise InvalidSettings(
            f'WATCHWORD["{name}"] must be an object or its dotted path, such as "project.login.name". '
            f"{given!r} cannot be imported: {error}"
        ) from error
