"""A new password, a deactivation and a deletion end the sessions of a user, when the transaction commits."""

from __future__ import annotations

import io
import logging

import pytest
from django.contrib.auth import logout
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.hashers import make_password
from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import path
from people.models import Employee, Person, Proxy

from watchword.errors import StoreUnavailable
from watchword.web.django import auth

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "a password of tomorrow"


def set_password(user):
    user.set_password(NEW_PASSWORD)
    user.save()


def set_password_field(user):
    user.set_password(NEW_PASSWORD)
    user.save(update_fields=["password", "email"])


def write_hash(user):
    user.password = make_password(NEW_PASSWORD)
    user.save(update_fields=["password"])


def write_hash_of_an_outdated_algorithm(user):
    User.objects.update(password=make_password("x", hasher="outdated"))
    user.password = make_password(NEW_PASSWORD)
    user.save(update_fields=["password"])


def set_unusable_password(user):
    user.set_unusable_password()
    user.save()


def call_command_changepassword(user):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changepassword.Command, "_get_pass", lambda *_: NEW_PASSWORD)
        call_command("changepassword", user.username, verbosity=0, stdout=io.StringIO())


def use_the_form(user):
    form = SetPasswordForm(user, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    assert form.is_valid()
    form.save()


def deactivate(user):
    user.is_active = False
    user.save(update_fields=["is_active"])


def save_the_proxy(user):
    proxy = Proxy.objects.get(pk=user.pk)
    proxy.is_active = False
    proxy.save()


ENDS = [
    set_password,
    set_password_field,
    write_hash,
    write_hash_of_an_outdated_algorithm,
    set_unusable_password,
    call_command_changepassword,
    use_the_form,
    deactivate,
    save_the_proxy,
    lambda user: user.delete(),
    lambda user: User.objects.filter(pk=user.pk).delete(),
]


@pytest.mark.parametrize("change", ENDS)
def test_the_sessions_end_at_once_on_every_device(in_browsers, alice, change):
    change(alice)
    assert [browser.is_logged_in() for browser in in_browsers] == [False, False]
    assert in_browsers[0].refresh().status_code == 400


def save_all(user):
    user.email = "alice@example.org"
    user.save()


def rename(user):
    user.username = "alicia"
    user.save()


def assign_without_saving(user):
    user.set_password(NEW_PASSWORD)
    user.is_active = False
    user.save(update_fields=["email"])


def change_another(user):
    set_password(User.objects.create_user("bob", password=PASSWORD))
    User.objects.create_user("carol").delete()
    Group.objects.create(name="editors").delete()


GOES_ON = [save_all, rename, assign_without_saving, change_another, lambda _: Client().logout()]


@pytest.mark.parametrize("change", GOES_ON)
def test_the_sessions_go_on_after_any_other_change(in_browsers, alice, change):
    change(alice)
    assert [browser.is_logged_in() for browser in in_browsers] == [True, True]
    assert in_browsers[0].refresh().status_code == 200


def test_a_user_with_a_table_of_its_own_is_a_user(serve_users):
    employee = Employee.objects.create_user("eve", password=PASSWORD, number=5)
    browser = serve_users()
    for change in (set_password, lambda user: user.delete()):
        assert browser.log_in("eve", PASSWORD).status_code == 200
        change(employee)
        assert not browser.is_logged_in()
        employee.set_password(PASSWORD)
        if employee.pk:
            employee.save()


# -- transactions --------------------------------------------------------------------------------------


def test_the_sessions_end_when_the_transaction_commits(in_browsers, alice):
    with transaction.atomic():
        set_password(alice)
        assert in_browsers[0].is_logged_in()
    assert not in_browsers[0].is_logged_in()


@pytest.mark.parametrize("change", [set_password, deactivate, lambda user: user.delete()])
def test_a_transaction_that_is_rolled_back_ends_nothing(in_browsers, alice, change):
    with transaction.atomic():
        change(alice)
        transaction.set_rollback(True)
    assert in_browsers[0].is_logged_in()
    assert in_browsers[0].refresh().status_code == 200


def test_a_user_of_another_database_is_ended_with_the_transaction_of_that_database(in_browsers, alice):
    other = User(pk=alice.pk, username="alice", password=alice.password)
    other.save(using="other")
    with transaction.atomic(using="default"):
        other.set_password(NEW_PASSWORD)
        other.save(using="other")
        assert not in_browsers[0].is_logged_in(), "that database has no transaction here"


# -- failures ------------------------------------------------------------------------------------------


def test_a_failure_is_raised_and_logged_and_the_refresh_is_refused(in_browsers, alice, monkeypatch, caplog):
    def fail(*_, **__):
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(auth.core.stores.sessions, "end_sessions", fail)
        with pytest.raises(StoreUnavailable):
            set_password(alice)
    assert alice.check_password(NEW_PASSWORD)
    logged = [record for record in caplog.records if record.name == "watchword.django"]
    assert [record.levelno for record in logged] == [logging.ERROR]
    assert f"auth.core.end_all('{alice.pk}')" in logged[0].getMessage()
    assert in_browsers[0].is_logged_in(), "until the access token expires"
    assert in_browsers[0].refresh().status_code == 400
    assert not in_browsers[0].is_logged_in()


def test_a_deactivation_is_repeated_by_saving_the_user_again(in_browsers, alice):
    User.objects.update(is_active=False)
    alice.refresh_from_db()
    assert in_browsers[0].is_logged_in()
    alice.save()
    assert not in_browsers[0].is_logged_in()


# -- the same password with another hash ---------------------------------------------------------------


@pytest.fixture
def outdated(in_browsers, alice):
    """Alice's hash is of an algorithm that is not the preferred one, as her sessions know it."""
    with override_settings(PASSWORD_HASHERS=["people.hashers.OutdatedHasher"]):
        alice.set_password(PASSWORD)
        alice.save()
        for browser in in_browsers:
            assert browser.log_in().status_code == 200
    return in_browsers


@pytest.mark.parametrize("where", ["our login", "Django's login"])
def test_a_hash_that_a_login_renews_is_not_a_new_password(outdated, alice, where):
    before = User.objects.get(pk=alice.pk).password
    if where == "our login":
        outdated[0].log_in()
    else:
        assert Client().login(username="alice", password=PASSWORD)
    assert User.objects.get(pk=alice.pk).password != before
    assert outdated[1].is_logged_in()
    assert outdated[1].refresh().status_code == 200


def test_a_session_of_an_older_password_does_not_go_on_with_a_renewed_hash(outdated, alice, monkeypatch):
    with override_settings(PASSWORD_HASHERS=["people.hashers.OutdatedHasher"]):
        User.objects.update(password=make_password(NEW_PASSWORD))  # No signal ends the sessions.
    assert outdated[0].log_in(password=NEW_PASSWORD).status_code == 200
    assert outdated[0].refresh().status_code == 200
    assert outdated[1].refresh().status_code == 400


def test_a_login_works_although_the_renewed_hash_cannot_be_told(outdated, alice, monkeypatch, caplog):
    def fail(*_, **__):
        raise StoreUnavailable

    monkeypatch.setattr(auth.core.stores.sessions, "replace_version", fail)
    assert outdated[0].log_in().status_code == 200
    assert "end at their next refresh" in caplog.text
    assert outdated[1].refresh().status_code == 400


# -- what it costs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("save", "queries"),
    [
        (lambda user: user.save(update_fields=["last_login"]), 1),
        (lambda user: user.save(update_fields=["email"]), 1),
        (lambda user: user.save(), 2),
        (lambda user: Group.objects.create(name="editors"), 1),
        (lambda user: Group.objects.all().delete(), 2),
    ],
)
def test_only_a_save_that_may_matter_costs_a_query(browser, alice, save, queries):
    with CaptureQueriesContext(connection) as captured:
        save(alice)
    assert len([query for query in captured if "BEGIN" not in query["sql"]]) <= queries


def test_another_user_model_is_watched_after_the_setting_changed(serve_users):
    browser = serve_users(AUTH_USER_MODEL="people.Person")
    person = Person.objects.create_user("ann@example.com", PASSWORD)
    browser.log_in("ann@example.com")
    person.delete()
    assert not browser.is_logged_in()


# -- logout --------------------------------------------------------------------------------------------


def log_out(request):
    logout(request)
    return HttpResponse()


def test_djangos_logout_ends_the_session_of_the_token_that_came_along(serve_users, alice):
    browser = serve_users(path("log-out", log_out))
    browser.log_in()
    first = dict(browser.tokens)
    browser.log_in()
    assert browser.get("/log-out").status_code == 200
    assert not browser.is_logged_in()
    browser.tokens = first
    assert browser.is_logged_in(), "the other device"
    browser.tokens = {}
    assert browser.get("/log-out").status_code == 200, "without a token there is nothing of ours to end"


def test_a_hash_that_a_program_writes_is_a_new_password_although_the_object_had_a_password_before(
    browser, alice
):
    set_password(alice)
    assert browser.log_in(password=NEW_PASSWORD).status_code == 200
    write_hash(alice)
    assert not browser.is_logged_in()
