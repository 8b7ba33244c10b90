import math
from datetime import timedelta

import msgspec
import pytest
import rich.pretty

from watchword.errors import InvalidSettings
from watchword.settings import Settings

SECRET = "s" * 31 + "!"

UNUSABLE = [
    ("access_lifetime", "a"),
    ("access_lifetime", -5),
    ("access_lifetime", 0),
    ("access_lifetime", 1.5),
    ("access_lifetime", True),
    ("access_lifetime", None),
    ("access_lifetime", 15 * 86_400),  # over idle_lifetime
    ("idle_lifetime", 91 * 86_400),  # over session_lifetime
    ("signing_algorithm", "none"),
    ("signing_algorithm", "eddsa"),
    ("rotation_period", 10_800),  # not above publish_lead
    ("rotation_period", 9 * 8_640 - 1),  # not a hundredth of session_lifetime
    ("publish_lead", 629),  # below jwks_max_age and revocation_max_age
    ("jwks_max_age", 0),
    ("jwks_max_age", 601),
    ("revocation_max_age", 10_201.0),  # with jwks_max_age over publish_lead
    ("refresh_window", 14 * 86_400),  # not below idle_lifetime
    ("leeway", 301),
    ("revocation_interval", 0),
    ("revocation_interval", 30.0),  # not below revocation_max_age
    ("revocation_max_age", math.nan),
    ("when_stale", "perhaps"),
    ("password_min", 7),
    ("password_min", 1025),  # over password_max
    ("password_max", 63),
    ("password_checks", 0),
    ("issuer", ""),
    ("issuer", 5),
    ("resource", "api.example"),
    ("resource", "http://api.example"),
    ("resource", "https://api.example?version=2"),
    ("resource", None),
    ("secret", ["short"]),
    ("secret", [5]),
    ("secret", 5),
    ("trusted_proxies", ["10.0.0.0/33"]),
    ("trusted_proxies", ["10.0.0.1/8"]),
    ("trusted_proxies", ["proxy.example"]),
    ("prefix", "auth"),
    ("prefix", "/auth/"),
    ("prefix", "/auth\n"),
    ("prefix", "/<path>"),
    ("max_body", 1023),
    ("metrics", "perhaps"),
    ("stop_timeout", 2),
    ("scope_claim", "roles"),
    ("token_header", "X_Watchword_Token"),
    ("token_header", "X-Token: a\r\nX"),
    ("token_header", "cookie"),
    ("token_header", ""),
    ("sessions_url", 5),
    ("sessions_wait_replicas", -1),
]


@pytest.mark.parametrize(("name", "value"), UNUSABLE)
def test_an_unusable_value_is_refused_however_it_is_given(name, value):
    with pytest.raises(InvalidSettings, match=f"(?i){name}"):
        Settings(**{name: value})
    with pytest.raises(InvalidSettings, match=f"(?i){name}"):
        Settings.from_mapping({f"WATCHWORD_{name.upper()}": value})


@pytest.mark.parametrize(("name", "value"), [("rotation_period", 9 * 8_640), ("publish_lead", 630)])
def test_the_bounds_of_key_times_themselves_are_usable(name, value):
    assert getattr(Settings(**{name: value}), name) == value


def test_text_is_a_number_in_a_mapping_but_not_in_code():
    assert Settings.from_mapping({"WATCHWORD_ACCESS_LIFETIME": "60"}).access_lifetime == 60
    with pytest.raises(InvalidSettings):
        Settings(access_lifetime="60")


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("access_lifetime", timedelta(minutes=5), 300),
        ("leeway", timedelta(0), 0),
        ("revocation_interval", timedelta(milliseconds=500), 0.5),
    ],
)
def test_a_duration_may_be_a_timedelta_in_code_and_is_kept_in_seconds(name, given, kept):
    seconds = getattr(Settings(**{name: given}), name)
    assert (seconds, type(seconds)) == (kept, type(kept))


@pytest.mark.parametrize("given", [timedelta(seconds=1.5), timedelta(seconds=-1)])
def test_a_timedelta_that_the_setting_cannot_be_is_refused(given):
    with pytest.raises(InvalidSettings, match="access_lifetime"):
        Settings(access_lifetime=given)


def test_an_application_is_asked_before_the_environment_and_both_count():
    environ = {
        "WATCHWORD_LEEWAY": " 7 ",
        "WATCHWORD_ACCESS_LIFETIME": "77",
        "WATCHWORD_ISSUER": "",
        "DATABASE_URL": "postgresql://of-the-application",
        "SESSIONS_URL": "redis://of-the-application",
    }
    settings = Settings.from_application({"WATCHWORD_ACCESS_LIFETIME": 78, "DEBUG": True}, environ)
    assert settings == Settings(leeway=7, access_lifetime=78)


def test_a_misspelt_variable_is_named_whoever_reads_the_environment():
    with pytest.raises(InvalidSettings, match="WATCHWORD_LEWAY"):
        Settings.from_application({}, {"WATCHWORD_LEWAY": "7"})


@pytest.mark.parametrize(
    ("entry", "value", "setting"),
    [
        ("REVOCATION_INTERVAL", "0.5", 0.5),
        ("REVOCATION_INTERVAL", 2, 2.0),
        ("ACCESS_LIFETIME", timedelta(minutes=5), 300),
        ("ISSUER", "https://api.example", "https://api.example"),
        ("PREFIX", "", ""),
        ("PREFIX", "/api/v1.0/auth", "/api/v1.0/auth"),
        ("SECRET", SECRET, (SECRET,)),
        ("SECRET", f" {SECRET} , {SECRET[::-1]},", (SECRET, SECRET[::-1])),
        ("SECRET", [SECRET], (SECRET,)),
        ("SECRET", "", ()),
        ("TRUSTED_PROXIES", "10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
    ],
)
def test_a_mapping_is_read_as_the_environment_writes_it(entry, value, setting):
    settings = Settings.from_mapping({f"WATCHWORD_{entry}": value})
    assert getattr(settings, entry.lower()) == setting


def test_an_empty_mapping_gives_the_defaults():
    assert Settings.from_mapping({}) == Settings()


def test_entries_without_the_prefix_are_somebody_elses():
    settings = Settings.from_mapping({"ACCESS_LIFETIME": "no number", "MINE_LEEWAY": "0"}, prefix="MINE_")
    assert settings == Settings(leeway=0)


def test_an_entry_without_a_text_as_name_is_ignored():
    assert Settings.from_mapping({5: "x", None: "y", "WATCHWORD_LEEWAY": 5}).leeway == 5


def test_an_unknown_setting_is_refused_by_name():
    with pytest.raises(InvalidSettings, match="WATCHWORD_ACCES_LIFETIME") as caught:
        Settings.from_mapping({"WATCHWORD_ACCES_LIFETIME": "hush"})
    assert "hush" not in str(caught.value)
    with pytest.raises(TypeError):
        Settings(acces_lifetime=5)


@pytest.mark.parametrize("given", ["yes", "on", "2"])
def test_a_switch_says_which_words_it_knows(given):
    with pytest.raises(InvalidSettings, match=f"^WATCHWORD_METRICS must be true or false, not '{given}'$"):
        Settings.from_mapping({"WATCHWORD_METRICS": given})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"ACCESS_LIFETIME": "ten"},
            "WATCHWORD_ACCESS_LIFETIME must be a whole number of seconds, at least 1, not 'ten'",
        ),
        ({"LEEWAY": 301}, "WATCHWORD_LEEWAY must be a whole number of seconds from 0 to 300, not 301"),
        ({"MAX_BODY": 1}, "WATCHWORD_MAX_BODY must be a whole number from 1024 to 1048576, not 1"),
        ({"MAX_SESSIONS": 0}, "WATCHWORD_MAX_SESSIONS must be a whole number, at least 1, not 0"),
        (
            {"REVOCATION_INTERVAL": 0},
            "WATCHWORD_REVOCATION_INTERVAL must be a number of seconds from 0.05 to 60, not 0",
        ),
        ({"WHEN_STALE": "perhaps"}, "WATCHWORD_WHEN_STALE must be one of accept, reject, not 'perhaps'"),
        ({"ISSUER": None}, "WATCHWORD_ISSUER must be text that is not empty, not NoneType"),
        (
            {"PREFIX": "auth"},
            "must be empty or a path such as /auth, with a slash in front and none at the end",
        ),
        ({"DATABASE_URL": 5}, "WATCHWORD_DATABASE_URL must be text that is not empty, not int"),
        (
            {"ACCES_LIFETIME": "5"},
            "WATCHWORD_ACCES_LIFETIME is not a setting. Did you mean WATCHWORD_ACCESS_LIFETIME?",
        ),
        ({"COLOUR": "red"}, "WATCHWORD_COLOUR is not a setting. docs/defaults.md lists all settings."),
        ({"SECRET": "short"}, "WATCHWORD_SECRET must have at least 32 characters."),
        (
            {"REFRESH_WINDOW": "600"},
            "WATCHWORD_REFRESH_WINDOW (600 s) must be shorter than WATCHWORD_ACCESS_LIFETIME (600 s)",
        ),
        ({"TRUSTED_PROXIES": "issuer"}, "WATCHWORD_TRUSTED_PROXIES: 'issuer' is not a network"),
    ],
)
def test_an_error_says_what_was_given_and_what_is_accepted(given, sentence):
    with pytest.raises(InvalidSettings) as caught:
        Settings.from_mapping({f"WATCHWORD_{name}": value for name, value in given.items()})
    assert sentence in str(caught.value)


def test_a_single_secret_given_in_code_is_told_to_be_a_list():
    with pytest.raises(
        InvalidSettings, match=r'secret must be a list of texts such as \["\.\.\."\].*, not str'
    ):
        Settings(secret=SECRET)


def test_a_fraction_of_a_second_is_no_lifetime():
    with pytest.raises(InvalidSettings):
        Settings.from_mapping({"WATCHWORD_ACCESS_LIFETIME": timedelta(milliseconds=1500)})


def test_a_list_given_in_code_is_kept_as_a_tuple():
    settings = Settings(secret=[SECRET], trusted_proxies=["::1"])
    assert (settings.secret, settings.trusted_proxies) == ((SECRET,), ("::1",))
    assert hash(settings) == hash(Settings(secret=(SECRET,), trusted_proxies=("::1",)))


def test_settings_do_not_change():
    with pytest.raises(AttributeError):
        Settings().leeway = 5


def test_a_changed_copy_is_checked_too():
    assert msgspec.structs.replace(Settings(), leeway=5).leeway == 5
    with pytest.raises(InvalidSettings):
        msgspec.structs.replace(Settings(), leeway=-5)


@pytest.mark.parametrize("shown", [repr, str, rich.pretty.pretty_repr], ids=["repr", "str", "rich"])
def test_secrets_are_not_shown(shown):
    urls = {"database_url": "postgresql://app:hunter2@db/app", "sessions_url": "redis://:hunter2@redis"}
    settings = Settings(secret=(SECRET,), leeway=7, **urls)
    text = shown(settings)
    assert SECRET not in text
    assert "hunter2" not in text
    assert "leeway=7" in text


@pytest.mark.parametrize(
    ("entry", "accepted"), [("SECRET", "a list of texts"), ("DATABASE_URL", "text"), ("SESSIONS_URL", "text")]
)
def test_a_number_that_may_be_a_secret_is_not_told_under_any_prefix(entry, accepted):
    with pytest.raises(InvalidSettings) as caught:
        Settings.from_mapping({f"MINE_{entry}": 112_233_445_566}, prefix="MINE_")
    assert str(caught.value).startswith(f"MINE_{entry} must be {accepted}")
    assert str(caught.value).endswith(", not int")


def test_a_number_that_is_too_long_to_print_is_told_by_its_type():
    with pytest.raises(InvalidSettings, match=r"leeway must be .*, not int"):
        Settings(leeway=10**5_000)


@pytest.mark.parametrize("secret", ["short secret", [SECRET, "short secret"]])
def test_a_refused_secret_is_not_told(secret):
    for refuse in (
        lambda: Settings.from_mapping({"WATCHWORD_SECRET": secret}),
        lambda: Settings(secret=secret),
    ):
        with pytest.raises(InvalidSettings) as caught:
            refuse()
        assert "short secret" not in str(caught.value)


SERVICE_LINKS = {
    "WATCHWORD_SERVICE_HOST": "10.96.14.3",
    "WATCHWORD_SERVICE_PORT": "8000",
    "WATCHWORD_SERVICE_PORT_HTTP": "8000",
    "WATCHWORD_PORT": "tcp://10.96.14.3:8000",
    "WATCHWORD_PORT_8000_TCP": "tcp://10.96.14.3:8000",
    "WATCHWORD_PORT_8000_TCP_PROTO": "tcp",
    "WATCHWORD_PORT_8000_TCP_PORT": "8000",
    "WATCHWORD_PORT_8000_TCP_ADDR": "10.96.14.3",
    "WATCHWORD_REDIS_SERVICE_HOST": "10.96.14.4",
    "WATCHWORD_REDIS_PORT": "tcp://10.96.14.4:6379",
    "WATCHWORD_REDIS_PORT_53_UDP_ADDR": "10.96.14.4",
}


def test_kubernetes_variables_for_a_service_of_our_name_are_ignored():
    assert Settings.from_environment({**SERVICE_LINKS, "WATCHWORD_LEEWAY": "5"}) == Settings(leeway=5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WATCHWORD_PORT", "8000"),
        ("WATCHWORD_SERVICE", "10.96.14.3"),
        ("WATCHWORD_SERVICE_HOSTS", "10.96.14.3"),
        ("WATCHWORD_PORT_HTTP", "8000"),
        ("WATCHWORD_PORT_8000_TCP_LEEWAY", "5"),
    ],
)
def test_a_misspelt_setting_is_not_taken_for_one_of_kubernetes_variables(name, value):
    with pytest.raises(InvalidSettings, match=name):
        Settings.from_environment({name: value})


def test_white_space_around_values_of_the_environment_does_not_count():
    environment = {
        "DATABASE_URL": "sqlite:///made.db\n",
        "WATCHWORD_ISSUER": " https://login.example\r\n",
        "WATCHWORD_LEEWAY": "5\n",
        "WATCHWORD_AUDIENCE": " \n",
    }
    assert Settings.from_environment(environment) == Settings(
        database_url="sqlite:///made.db", issuer="https://login.example", leeway=5
    )


def test_the_address_of_a_host_in_its_network_is_refused_with_the_network():
    with pytest.raises(
        InvalidSettings, match=r"'172\.18\.0\.1/16' is an address .* The network is '172\.18\.0\.0/16'"
    ):
        Settings(trusted_proxies=["172.18.0.1/16"])
    with pytest.raises(InvalidSettings, match=r"'fd00::1/64' is an address .* 'fd00::/64'"):
        Settings(trusted_proxies=["fd00::1/64"])


# -- settings from files -------------------------------------------------------------------------------


@pytest.fixture
def secret_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text(f" {'s' * 40}\n")
    return str(file)


def test_secrets_are_read_from_files(secret_file, tmp_path):
    url = tmp_path / "url"
    url.write_text("sqlite:///from-a-file.db\n")
    settings = Settings.from_environment(
        {
            "WATCHWORD_SECRET_FILE": secret_file,
            "WATCHWORD_DATABASE_URL_FILE": str(url),
            "DATABASE_URL": "sqlite:///x.db",
        }
    )
    assert settings.secret == ("s" * 40,)
    assert settings.database_url == "sqlite:///from-a-file.db"


@pytest.mark.parametrize("name", ["SECRET", "SECRET_FILE"])
def test_the_configuration_of_an_application_counts_before_the_environment_with_files_too(secret_file, name):
    value = {"SECRET": "c" * 40, "SECRET_FILE": secret_file}[name]
    for environment in ({"WATCHWORD_SECRET": "e" * 40}, {"WATCHWORD_SECRET_FILE": "/nowhere"}):
        found = Settings.from_application({f"WATCHWORD_{name}": value}, environment)
        assert found.secret == ({"SECRET": "c", "SECRET_FILE": "s"}[name] * 40,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "WATCHWORD_SECRET_FILE names '.*', which cannot be read: No such file"),
        (b"\xff" * 40, "cannot be read: it is not text in UTF-8"),
        (b"short", "WATCHWORD_SECRET must have at least 32 characters"),
    ],
)
def test_a_file_that_holds_no_secret_is_named(tmp_path, content, message):
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidSettings, match=message):
        Settings.from_environment({"WATCHWORD_SECRET_FILE": str(file)})


def test_a_setting_and_its_file_are_not_both_set(secret_file):
    with pytest.raises(InvalidSettings, match="WATCHWORD_SECRET_FILE and WATCHWORD_SECRET are both set"):
        Settings.from_environment({"WATCHWORD_SECRET_FILE": secret_file, "WATCHWORD_SECRET": "s" * 40})


def test_settings_without_a_secret_have_no_entry_for_a_file():
    with pytest.raises(InvalidSettings, match="WATCHWORD_ISSUER_FILE is not a setting"):
        Settings.from_environment({"WATCHWORD_ISSUER_FILE": "x"})
