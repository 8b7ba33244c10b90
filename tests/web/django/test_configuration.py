"""The dict WATCHWORD in the settings of a project."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import override_settings

from watchword import Auth, Key, Settings, Verifier
from watchword.errors import InvalidSettings
from watchword.web.django import Watchword
from watchword.web.django.configuration import read_configuration

VERIFIER = Verifier(Key.generate("HS256"))


def load_user(identity):
    return identity.subject


def listen(event):
    pass


def read(**entries):
    with override_settings(WATCHWORD=entries):
        return read_configuration()


def test_a_name_in_the_dict_counts_before_the_environment(monkeypatch):
    monkeypatch.setenv("WATCHWORD_AUDIENCE", "from the environment")
    monkeypatch.setenv("WATCHWORD_LEEWAY", "5")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///of-the-project.db")
    found = read(AUDIENCE="from the dict", ACCESS_LIFETIME="900").settings
    assert (found.audience, found.leeway, found.access_lifetime) == ("from the dict", 5, 900)
    assert found.database_url == Settings().database_url


def test_an_argument_counts_before_the_dict():
    with override_settings(WATCHWORD={"AUDIENCE": "dict", "DATABASE_URL": "sqlite://"}):
        assert Watchword(audience="code").installation.settings.audience == "code"
        assert Watchword(settings=Settings(prefix="/x")).installation.settings.audience == "watchword"


def test_objects_are_given_as_they_are_or_by_their_path():
    found = read(
        ALSO=[VERIFIER, f"{__name__}.VERIFIER"],
        LOAD_USER=f"{__name__}.load_user",
        LISTENERS=[f"{__name__}.listen"],
        CHECK_PASSWORD=load_user,
        ENDPOINTS={"login": False},
    )
    assert len(found.also) == 2
    assert found.auth_options["check_password"] is load_user
    assert found.load_user.__name__ == "load_user"
    assert [each.__name__ for each in found.auth_options["listeners"]] == ["listen"]
    assert found.endpoints == {"login": False}


@pytest.mark.parametrize("given", [VERIFIER, f"{__name__}.VERIFIER"])
def test_a_project_may_verify_the_tokens_of_another_issuer(given):
    with override_settings(WATCHWORD={"AUTH": given}):
        made = Watchword()
        assert made.installation.endpoints is None
        assert made.urls[0] == []


def test_an_auth_of_the_project_keeps_its_store(tmp_path):
    auth = Auth("sqlite://")
    with override_settings(WATCHWORD={"AUTH": auth}):
        made = Watchword()
        assert made.core is auth
        with pytest.raises(InvalidSettings, match="cannot be replaced"), made.replace_store():
            pass
    auth.close()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"ISSUR": "x"}, r'WATCHWORD\["ISSUR"\] is not a setting. Did you mean ISSUER\?'),
        ({"access_lifetime": 5}, r"Did you mean ACCESS_LIFETIME\?"),
        ({"ACCESS_LIFETIME": "ten"}, r'WATCHWORD\["ACCESS_LIFETIME"\] must be a whole number of seconds'),
        ({"REFRESH_WINDOW": 700}, r"REFRESH_WINDOW.* must be shorter than .*ACCESS_LIFETIME"),
        ({"LOAD_USER": "nowhere.load"}, r'WATCHWORD\["LOAD_USER"\] .* cannot be imported'),
        ({"ALSO": "nowhere.verifier"}, r'WATCHWORD\["ALSO"\] must be a list'),
        ({"ALSO": VERIFIER}, r'WATCHWORD\["ALSO"\] must be a list'),
        ({"ENDPOINTS": {"log_in": False}}, "not the name of an endpoint"),
    ],
)
def test_a_mistake_is_named_as_the_user_wrote_it(entries, message):
    with override_settings(WATCHWORD=entries), pytest.raises(InvalidSettings, match=message):
        _ = Watchword().installation


def test_the_dict_is_a_dict():
    with override_settings(WATCHWORD=["ISSUER"]), pytest.raises(InvalidSettings, match="must be a dict"):
        read_configuration()


@pytest.mark.parametrize("base", [str, Path])
def test_a_relative_path_of_a_database_is_relative_to_base_dir(tmp_path, monkeypatch, base):
    with override_settings(WATCHWORD={"DATABASE_URL": "sqlite:///x.db"}, BASE_DIR=base(tmp_path)):
        assert Watchword().installation.settings.database_url == f"sqlite:///{tmp_path}/x.db"
    monkeypatch.chdir(tmp_path)
    with override_settings(WATCHWORD={"DATABASE_URL": "sqlite:///x.db"}):
        assert Watchword().installation.settings.database_url == f"sqlite:///{tmp_path}/x.db"


def test_a_change_of_the_settings_is_noticed():
    made = Watchword()
    with override_settings(WATCHWORD={"AUDIENCE": "one", "DATABASE_URL": "sqlite://"}):
        first = made.core
        assert first.settings.audience == "one"
        with override_settings(WATCHWORD={"AUDIENCE": "two", "DATABASE_URL": "sqlite://"}):
            assert made.core.settings.audience == "two"
        assert made.core.settings.audience == "one"
        assert made.core is not first
    made.close()
