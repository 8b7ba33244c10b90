"""Settings that are meant for trials."""

from __future__ import annotations

import pytest

from watchword import Settings
from watchword.diagnosis import find_risks

SAFE = {"issuer": "https://login.example", "secret": ("s" * 40,)}


@pytest.mark.parametrize(
    ("changed", "id_"),
    [
        ({"issuer": "http://localhost:8000"}, "W001"),
        ({"issuer": "http://login.example"}, "W002"),
        ({"issuer": "login"}, "W002"),
        ({"secret": ()}, "W003"),
        ({"when_stale": "accept"}, "W004"),
        ({"database_url": "sqlite://"}, "W005"),
        ({"trusted_proxies": ("10.0.0.0/8", "0.0.0.0/0")}, "W006"),
        ({"trusted_proxies": ("::/0",)}, "W006"),
        ({"password_min": 8}, "W007"),
    ],
)
def test_a_risk_is_found(changed, id_):
    (finding,) = find_risks(Settings(**(SAFE | changed)))
    assert (finding.id, finding.level) == (id_, "warning")
    assert finding.hint


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"issuer": "http://127.0.0.1:9000"},
        {"issuer": "http://[::1]:9000"},
        {"trusted_proxies": ("10.0.0.0/8",)},
        {"password_min": 20},
    ],
)
def test_what_is_safe_is_not_found(changed):
    assert list(find_risks(Settings(**(SAFE | changed)))) == []
