"""The extension: its arguments, its settings, its Auth, and the extra that it needs."""

from __future__ import annotations

import subprocess
import sys

import flask
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from watchword import Key, Settings, Verifier
from watchword.errors import InvalidSettings
from watchword.web.starlette import Watchword

SETTINGS = Settings(database_url="sqlite://", issuer="https://i.example")


def test_the_auth_opens_late_and_closes(caplog):
    extension = Watchword(settings=SETTINGS)
    extension.open()
    auth = extension.core
    assert extension.desk is auth
    extension.close()
    assert extension.core is not auth
    extension.close()
    assert caplog.records == []


def test_settings_come_from_the_environment(monkeypatch, caplog):
    monkeypatch.setenv("WATCHWORD_DATABASE_URL", "sqlite://")
    monkeypatch.setenv("WATCHWORD_PREFIX", "/login")
    extension = Watchword()
    assert "/login/me" in [route.path for route in extension.routes]
    assert "WATCHWORD_ISSUER is not set" in caplog.text
    caplog.clear()
    Watchword(issuer="http://localhost:8000")
    assert caplog.records == []
    monkeypatch.setenv("WATCHWORD_ISSUER", "http://localhost:8000")
    Watchword()
    assert caplog.records == []
    monkeypatch.setenv("WATCHWORD_PREFX", "/x")
    with pytest.raises(InvalidSettings, match="WATCHWORD_PREFIX"):
        Watchword()


def test_options_are_for_the_auth():
    extension = Watchword(settings=SETTINGS, audience="staff", check_password=lambda username, password: None)
    assert extension.core.settings.audience == "staff"
    extension.close()


def test_the_client_of_a_request(extension):
    scope = {"type": "http", "client": ("203.0.113.9", 1), "headers": [(b"user-agent", b"curl")]}
    client = extension.client(Request(scope))
    assert (client.ip_address, client.user_agent) == ("203.0.113.9", "curl")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([Starlette()], r"routes=\[\*auth.routes"),
        ([flask.Flask("x")], "auth must be an Auth, a Verifier or a MultiIssuer, not Flask"),
        ([Settings()], "not Settings"),
    ],
)
def test_what_cannot_authenticate_is_refused(arguments, message):
    with pytest.raises(InvalidSettings, match=message):
        Watchword(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"endpoints": {"logni": False}}, "Did you mean login"),
        ({"endpoints": False}, "endpoints must be a mapping"),
        ({"also": Verifier(Key.generate("HS256"))}, r"also=\[verifier\]"),
        ({"load_user": "user"}, "load_user must be"),
        ({"settings": {"issuer": "x"}}, "settings must be a Settings"),
    ],
)
def test_an_argument_of_the_wrong_form_is_refused(options, message):
    with pytest.raises(InvalidSettings, match=message):
        Watchword(**{"settings": SETTINGS, **options})


def test_an_argument_that_would_be_ignored_is_refused(desk):
    with pytest.raises(TypeError, match="would have no effect"):
        Watchword(desk, settings=SETTINGS)
    with pytest.raises(TypeError, match="Did you mean audience"):
        Watchword(settings=SETTINGS, audiense="x")


def test_a_verifier_has_no_auth():
    extension = Watchword(Verifier(Key.generate("HS256")))
    with pytest.raises(TypeError, match="needs an Auth"):
        assert extension.core
    extension.close()


def test_an_auth_of_the_application_stays_open(desk):
    extension = Watchword(desk)
    extension.close()
    assert extension.core is desk
    assert list(desk.sessions("7")) == []


def test_a_missing_framework_is_reported_with_the_extra():
    code = "import sys; sys.modules['starlette'] = None; import watchword.web.starlette"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr.rstrip().endswith("this needs an extra: pip install 'watchword[starlette]'")
