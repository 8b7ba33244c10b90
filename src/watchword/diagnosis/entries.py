"""Find entries of a configuration that are not settings, or have values that cannot be used."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping

from watchword.diagnosis.findings import Finding
from watchword.errors import InvalidSettings
from watchword.settings import list_entries, read_entry

__all__ = ["find_bad_entries"]


def find_bad_entries(
    entries: Mapping[object, object], further: Collection[str], show: Callable[[object], str]
) -> Iterator[Finding]:
    """Find each entry that is unknown (E001), or has a value of the wrong type or out of range (E002).

    Args:
        entries: the configuration. The names of settings are in upper case, without a prefix.
        further: the names of entries that are not settings. Their values are not checked.
        show: returns an entry as the user writes it.
    """
    names = list_entries()
    for name, value in entries.items():
        if name in further:
            continue
        if name not in names:
            yield Finding("E001", f"{show(name)} is not a setting.", _suggest_name(name, further))
            continue
        try:
            read_entry(str(name).lower(), value, show(name))
        except InvalidSettings as error:
            yield Finding("E002", str(error), "docs/defaults.md says what each setting accepts.")


def _suggest_name(name: object, further: Collection[str]) -> str:
    """Return the sentence that helps with a name that is not a setting."""
    known = sorted({*list_entries(), *further})
    wanted = str(name).upper().removeprefix("WATCHWORD_")
    near = [wanted] if wanted in known else difflib.get_close_matches(wanted, known, n=1)
    return f"Did you mean {near[0]}?" if near else "docs/defaults.md lists all settings."
