"""Django's users log in at our endpoints, and each refresh reads them again."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import Group, Permission, User
from django.test import override_settings
from people.models import Person

from watchword.errors import InvalidCredentials, InvalidSettings, Overloaded
from watchword.web.django import Watchword, auth
from watchword.web.django.own_users import DjangoUsers, to_scope

PASSWORD = "correct horse battery staple"
WAITING = ["people.backends.WaitingBackend"]


def test_a_user_logs_in_and_the_subject_is_the_primary_key(browser, alice):
    assert browser.log_in().status_code == 200
    claims = browser.read_claims()
    assert (claims["sub"], claims["preferred_username"]) == (str(alice.pk), "alice")
    assert "scope" not in claims
    assert browser.refresh().status_code == 200


def test_a_user_model_of_the_project_logs_in_by_its_own_name_and_key(serve_users):
    browser = serve_users(AUTH_USER_MODEL="people.Person")
    person = Person.objects.create_user("ann@example.com", PASSWORD)
    assert browser.log_in("ann@example.com").status_code == 200
    assert browser.read_claims()["sub"] == str(person.pk)
    assert browser.refresh().status_code == 200
    person.set_password("another password of hers")
    person.save()
    assert not browser.is_logged_in()


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("alice", "a guess"),
        ("nobody", PASSWORD),
        ("inactive", PASSWORD),
        ("unusable", ""),
        ("", ""),
        ("a" * 10_000, PASSWORD),
    ],
    ids=["password", "name", "inactive", "unusable", "empty", "long"],
)
def test_every_wrong_login_gets_the_same_answer_and_costs_a_hash(
    browser, alice, monkeypatch, username, password
):
    User.objects.create_user("inactive", password=PASSWORD, is_active=False)
    User.objects.create_user("unusable")
    hashed, encode = [], MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *a, **k: hashed.append(1) or encode(*a, **k))
    answer = browser.log_in(username, password)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_credentials")
    assert len(hashed) == 1


@pytest.mark.parametrize(
    ("username", "password"), [("alice\0", PASSWORD), ("alice", "\ud800"), ("\udfff", "")]
)
def test_text_that_no_database_takes_is_a_wrong_login_of_a_view_of_the_project(
    browser, alice, username, password
):
    with pytest.raises(InvalidCredentials):
        auth.core.login(username, password)


def test_an_inactive_user_is_refused_although_the_backend_lets_it_in(serve_users, alice):
    browser = serve_users(AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.AllowAllUsersModelBackend"])
    User.objects.update(is_active=False)
    assert browser.log_in().status_code == 401


def test_guesses_are_throttled_as_with_accounts(browser, alice):
    answers = [browser.log_in(password="a guess").status_code for _ in range(8)]
    assert (answers[0], answers[-1]) == (401, 429)


def test_a_backend_sees_the_request_and_may_return_no_stranger(serve_users, alice, backend):
    browser = serve_users(AUTHENTICATION_BACKENDS=WAITING)
    seen = []
    backend.after = staticmethod(seen.append)
    assert browser.log_in().status_code == 200
    assert seen[0].path == "/auth/login"
    for stranger, message in ((Person(), "returned a Person"), (User(username="x"), "is not saved")):
        backend.after = staticmethod(lambda _, stranger=stranger: stranger)
        with pytest.raises(InvalidSettings, match=message):
            browser.log_in()


# -- each refresh --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda users: users.update(is_active=False),
        lambda users: users.update(password=User(password="").password),
        lambda users: users._raw_delete("default"),
    ],
    ids=["inactive", "password", "deleted"],
)
def test_a_refresh_notices_what_no_signal_told(browser, alice, change):
    browser.log_in()
    change(User.objects.filter(pk=alice.pk))
    assert browser.is_logged_in(), "no signal, so the access token lasts until it expires"
    answer = browser.refresh()
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert not browser.is_logged_in(), "the refused refresh has ended the session"


def test_a_refresh_reads_name_and_scopes_again(serve_users, alice):
    browser = serve_users(entries={"SCOPES_FROM": "groups"})
    alice.groups.add(Group.objects.create(name="editors"), Group.objects.create(name="authors"))
    browser.log_in()
    assert browser.read_claims()["scope"] == "authors editors"
    Group.objects.filter(name="editors").delete()
    User.objects.update(username="alicia")
    browser.refresh()
    claims = browser.read_claims()
    assert (claims["scope"], claims["preferred_username"]) == ("authors", "alicia")


def test_a_session_that_a_view_started_is_read_again_too(browser, alice):
    browser.tokens = {"refresh_token": auth.core.start(str(alice.pk), ["read"]).refresh_token}
    browser.refresh()
    assert browser.read_claims()["scope"] == "read", "no SCOPES_FROM, so the scopes of the start stay"
    User.objects.update(is_active=False)
    assert browser.refresh().status_code == 400


@pytest.mark.parametrize("subject", ["99", "x", "1 ", "+1", "\0", "9" * 40, "{pk}.0"])
def test_a_subject_that_is_not_exactly_a_key_has_no_user(browser, alice, subject):
    with pytest.raises(InvalidCredentials):
        auth.core.start(subject.format(pk=alice.pk))


# -- scopes --------------------------------------------------------------------------------------------


def read_roles(user):
    return {"alice": ["reports:read"], "bob": "a b"}[user.username]


@pytest.mark.parametrize(
    ("scopes_from", "scope"),
    [
        ("permissions", "auth.add_user auth.view_user"),
        (read_roles, "reports:read"),
        ("django.contrib.auth.get_permission_codename", None),
    ],
)
def test_scopes_come_from_permissions_or_a_function(serve_users, alice, scopes_from, scope):
    browser = serve_users(entries={"SCOPES_FROM": scopes_from})
    alice.user_permissions.set(Permission.objects.filter(codename__in=["add_user", "view_user"]))
    if scope is None:
        with pytest.raises(
            TypeError
        ):  # That function takes two arguments, so it is a mistake of the project.
            browser.log_in()
    else:
        browser.log_in()
        assert browser.read_claims()["scope"] == scope


@pytest.mark.parametrize("returned", [None, 5, ["two words"], [5], b"bytes"])
def test_a_function_that_returns_no_scopes_is_a_mistake_and_names_the_entry(serve_users, alice, returned):
    browser = serve_users(entries={"SCOPES_FROM": lambda _: returned})
    with pytest.raises(InvalidSettings, match="SCOPES_FROM"):
        browser.log_in()


@pytest.mark.parametrize(
    ("group", "scope"),
    [
        ("editors", "editors"),
        ("reports:read", "reports:read"),
        ("Report readers", "Report%20readers"),
        ("Report%20readers", "Report%2520readers"),
        ('"quoted"\\', "%22quoted%22%5C"),
        ("Köche", "K%C3%B6che"),
        ("a\nb", "a%0Ab"),
    ],
)
def test_the_name_of_a_group_becomes_a_scope_that_no_other_group_has(serve_users, alice, group, scope):
    browser = serve_users(entries={"SCOPES_FROM": "groups"})
    alice.groups.add(Group.objects.create(name=group))
    browser.log_in()
    assert browser.read_claims()["scope"] == scope == to_scope(group)


def test_further_claims_stand_beside_those_of_the_user_and_may_refuse(serve_users, alice):
    tenants = {str(alice.pk): {"tenant": "acme"}}
    browser = serve_users(entries={"SUBJECT_CLAIMS": tenants.get})
    browser.log_in()
    claims = browser.read_claims()
    assert (claims["tenant"], claims["preferred_username"]) == ("acme", "alice")
    tenants.clear()
    assert browser.refresh().status_code == 400


# -- whose passwords -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"USERS": "Django"}, 'must be "django" or "accounts", not \'Django\''),
        ({"USERS": User}, "not the class User"),
        ({"USERS": "django", "CHECK_PASSWORD": print}, "beside AUTH or CHECK_PASSWORD"),
        ({"USERS": "accounts", "SCOPES_FROM": "groups"}, "do not log in here"),
        ({"SCOPES_FROM": 5}, "a function of the user or its dotted path, not 5"),
        ({"SCOPES_FROM": "project.nothing"}, "'project.nothing' cannot be imported"),
    ],
)
def test_entries_that_contradict_each_other_are_refused(serve_users, entries, message):
    serve_users(entries=entries)
    with pytest.raises(InvalidSettings, match=message):
        auth.open()


@pytest.mark.parametrize("scopes_from", ["groups", "permissions"])
def test_a_user_model_without_groups_has_no_scopes_from_them(serve_users, scopes_from):
    serve_users(AUTH_USER_MODEL="people.Person", entries={"SCOPES_FROM": scopes_from})
    with pytest.raises(InvalidSettings, match=r"Person has no .*PermissionsMixin"):
        auth.open()


def test_accounts_log_in_where_the_project_says_so(serve_users, alice):
    browser = serve_users(entries={"USERS": "accounts"})
    assert browser.log_in().status_code == 401
    auth.core.accounts.add("alice", PASSWORD)
    assert browser.log_in().status_code == 200
    assert browser.read_claims()["sub"] != str(alice.pk)


def test_a_further_extension_has_the_same_users(browser, alice):
    extension = Watchword(settings=auth.core.settings, scopes_from=lambda _: "staff")
    with extension.replace_store() as core:
        assert core.authenticate(core.login("alice", PASSWORD).access_token).scopes == ("staff",)


def test_no_more_passwords_are_hashed_at_once_than_the_settings_allow(browser, alice, backend):
    settings = auth.core.settings.__class__(password_checks=1, password_queue=0)
    users = DjangoUsers(settings)
    with override_settings(AUTHENTICATION_BACKENDS=WAITING):
        backend.after = staticmethod(lambda _: users.check_password("alice", PASSWORD))
        with pytest.raises(Overloaded):
            users.check_password("alice", PASSWORD)


def test_the_database_that_is_written_is_asked(browser, alice):
    class Replica:
        def db_for_read(self, model, **_):
            return "other"

        def db_for_write(self, model, **_):
            return "default"

    browser.log_in()
    with override_settings(DATABASE_ROUTERS=[Replica()]):
        assert get_user_model().objects.count() == 0, "the replica has no users yet"
        assert browser.refresh().status_code == 200
