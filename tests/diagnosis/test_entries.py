"""Entries that are not settings, and values that cannot be used."""

from __future__ import annotations

import pytest

from watchword.diagnosis import find_bad_entries


def find(entries):
    return [
        (finding.id, finding.level, finding.message, finding.hint)
        for finding in find_bad_entries(entries, {"LOAD_USER"}, lambda name: f"<{name}>")
    ]


@pytest.mark.parametrize(
    "entries",
    [
        {},
        {"ISSUER": "https://x.example"},
        {"ACCESS_LIFETIME": "600"},
        {"LOAD_USER": 5},
        {"TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1"},
    ],
)
def test_good_entries_are_not_found(entries):
    assert find(entries) == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ISSUR", "Did you mean ISSUER?"),
        ("issuer", "Did you mean ISSUER?"),
        ("WATCHWORD_ISSUER", "Did you mean ISSUER?"),
        ("LOADUSER", "Did you mean LOAD_USER?"),
        ("SECRET_FIEL", "Did you mean SECRET_FILE?"),
        ("GREETING", "docs/defaults.md lists all settings."),
        (5, "docs/defaults.md lists all settings."),
    ],
)
def test_an_unknown_name_is_an_error_with_a_suggestion(name, hint):
    assert find({name: "x"}) == [("E001", "error", f"<{name}> is not a setting.", hint)]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ACCESS_LIFETIME", "ten minutes", "<ACCESS_LIFETIME> must be a whole number of seconds"),
        ("SIGNING_ALGORITHM", "none", "<SIGNING_ALGORITHM> must be one of ES256"),
        ("SECRET", 5, "<SECRET> must be a list of texts"),
        ("SECRET_FILE", "/nowhere/secret", "<SECRET_FILE> names '/nowhere/secret', which cannot be read"),
    ],
)
def test_a_wrong_value_is_an_error_that_says_what_is_accepted(name, value, message):
    ((id_, _, found, _),) = find({name: value})
    assert id_ == "E002"
    assert found.startswith(message)


def test_every_entry_is_judged_by_itself():
    assert [id_ for id_, *_ in find({"ISSUR": 1, "PREFIX": "auth/", "AUDIENCE": "api"})] == ["E001", "E002"]


def test_no_finding_shows_a_secret():
    assert "hunter2" not in repr(
        find({"SECRET": {"hunter2": 1}, "DATABASE_URL": 5, "SESSIONS_URL": ["hunter2"]})
    )
