import inspect
import json
import logging
import re

import pytest

from watchword import events

KINDS = {
    value
    for _, value in inspect.getmembers(events, inspect.isclass)
    if issubclass(value, events.Event) and value not in {events.Event, events.Act}
}

EXAMPLES = [
    (events.LoginSucceeded(subject="u1", session="s1", address="192.0.2.1"), "login", "INFO"),
    (events.LoginFailed(address="192.0.2.1", seconds=0.2), "login_failed", "WARNING"),
    (events.LoginThrottled(address="192.0.2.1", retry_after=4.0), "login_throttled", "WARNING"),
    (events.SessionRefreshed(subject="u1", session="s1"), "refresh", "INFO"),
    (events.RefreshReplayed(session="s1", swapped_by="192.0.2.2"), "refresh_replayed", "INFO"),
    (
        events.RefreshReplayedElsewhere(session="s1", differs=("network",)),
        "refresh_replayed_elsewhere",
        "WARNING",
    ),
    (events.SettingsDiffer(setting="leeway", here=30, recorded=60), "settings_differ", "WARNING"),
    (events.RefreshReused(session="s1", seen="old_lineage"), "refresh_reused", "WARNING"),
    (events.SessionTerminated(session="s1", reason="logout"), "session_ended", "INFO"),
    (events.TokenRedeemed(subject="u1", purpose="password-reset"), "token_redeemed", "INFO"),
    (events.TokenReplayed(subject="u1", issuer="https://issuer.example"), "token_replayed", "WARNING"),
    (events.SessionsEnded(subject="u1", actor="admin"), "sessions_ended", "INFO"),
    (events.AccountCreated(subject="u1"), "account_created", "INFO"),
    (events.AccountDeleted(subject="u1", actor="admin"), "account_deleted", "INFO"),
    (events.AccountDisabled(subject="u1", actor="admin"), "account_disabled", "INFO"),
    (events.AccountEnabled(subject="u1", actor="admin"), "account_enabled", "INFO"),
    (events.AccountRenamed(subject="u1", actor="admin"), "account_renamed", "INFO"),
    (events.PasswordChanged(subject="u1", actor="admin"), "password_changed", "INFO"),
    (events.ScopesChanged(subject="u1", actor="admin", scopes=("read",)), "scopes_changed", "INFO"),
    (events.KeyCreated(kid="k1", kind="public"), "key_created", "INFO"),
    (events.KeyCompromised(kid="k1", kind="public"), "key_compromised", "WARNING"),
    (
        events.KeyDeclaredCompromised(kid="k1", kind="public", actor="admin"),
        "key_declared_compromised",
        "WARNING",
    ),
    (events.KeyAdvanced(kid="k1", kind="public", actor="admin"), "key_advanced", "INFO"),
    (events.KeyImported(kid="k1", kind="public", actor="admin"), "key_imported", "INFO"),
    (events.KeyDeleted(kid="k1", kind="public"), "key_deleted", "INFO"),
    (events.KeysResealed(keys=4, actor="admin"), "keys_resealed", "INFO"),
    (events.KeysFetched(source="https://idp.example/jwks", keys=2, skipped=1), "keys_fetched", "INFO"),
    (events.KeyFetchFailed(source="https://idp.example/jwks", reason="no"), "key_fetch_failed", "WARNING"),
]


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, "watchword.security")
    return caplog


def test_there_is_an_example_of_every_kind_of_event():
    assert {type(event) for event, _, _ in EXAMPLES} == KINDS


@pytest.mark.parametrize(("event", "name", "level"), EXAMPLES, ids=lambda value: str(value)[:20])
def test_an_event_is_one_line_of_json_at_its_level(log, event, name, level):
    events.log_event(event)
    (record,) = log.records
    assert record.levelname == level
    assert "\n" not in record.getMessage()
    line = json.loads(record.getMessage())
    assert line.pop("event") == name
    fields = {field: getattr(event, field) for field in event.__struct_fields__ if getattr(event, field)}
    assert line == json.loads(json.dumps(fields))


def test_the_names_of_events_are_distinct_and_in_snake_case():
    names = {kind.name for kind in KINDS}
    assert len(names) == len(KINDS)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


def test_what_is_not_known_is_not_logged(log):
    events.log_event(events.LoginFailed())
    assert json.loads(log.messages[0]) == {"event": "login_failed"}


def test_a_subject_cannot_forge_a_line_of_its_own(log):
    events.log_event(events.LoginSucceeded(subject='u1"}\n{"event": "login", "subject": "root\r\n%s'))
    assert len(log.messages[0].splitlines()) == 1
    assert json.loads(log.messages[0])["subject"].startswith("u1")


def test_text_that_is_no_unicode_does_not_break_the_login_that_it_reports(log):
    events.log_event(events.LoginSucceeded(subject="u\ud800"))
    assert json.loads(log.messages[0])["event"] == "login"


def test_nothing_is_logged_below_the_loggers_level(caplog):
    caplog.set_level(logging.ERROR, "watchword.security")
    events.log_event(events.LoginFailed())
    assert not caplog.records


def test_the_actor_of_an_act_is_the_argument_or_the_running_requests():
    assert events.SessionsEnded().actor is None
    with events.act_as("admin"):
        assert events.SessionsEnded().actor == "admin"
        assert events.SessionsEnded(actor="job").actor == "job"
        with events.act_as(None):
            assert events.SessionsEnded().actor is None
    assert events.SessionsEnded().actor is None


def test_the_old_name_of_act_as_warns_and_works():
    with pytest.warns(DeprecationWarning, match="use watchword.events.act_as") as warned:
        block = events.acting_as("admin")
    assert warned[0].filename == __file__
    with block:
        assert events.SessionsEnded().actor == "admin"


def test_events_do_not_change():
    with pytest.raises(AttributeError):
        events.LoginFailed().address = "192.0.2.1"
