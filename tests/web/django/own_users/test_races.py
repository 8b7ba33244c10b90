"""Changes of a user that meet a login or a refresh, in real threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction

from watchword.errors import InvalidCredentials, InvalidGrant
from watchword.web.django import auth

PASSWORD = "correct horse battery staple"
WAITING = ["people.backends.WaitingBackend"]


def set_password(user):
    user.set_password("a password of tomorrow")
    user.save()


def deactivate(user):
    user.is_active = False
    user.save()


def update_in_silence(user):
    User.objects.filter(pk=user.pk).update(password="!")


def run(function):
    try:
        return function()
    finally:
        connections.close_all()  # Those of the thread.


@pytest.mark.parametrize("change", [set_password, deactivate, lambda user: user.delete(), update_in_silence])
def test_a_login_that_began_before_the_change_gives_no_session(serve_users, alice, backend, change):
    serve_users(AUTHENTICATION_BACKENDS=WAITING)
    checked, changed = threading.Event(), threading.Event()

    def wait(_request):
        checked.set()
        assert changed.wait(30)

    backend.after = staticmethod(wait)
    subject = str(alice.pk)
    with ThreadPoolExecutor(1) as pool:
        login = pool.submit(run, lambda: auth.core.login("alice", PASSWORD))
        assert checked.wait(30)
        change(alice)
        changed.set()
        with pytest.raises(InvalidCredentials):
            login.result(30)
    assert auth.core.sessions(subject) == []


def test_a_login_while_the_transaction_of_the_change_is_open_has_no_session_after_it(
    serve_users, alice, backend
):
    """The old password still counts before the commit, and the end after the commit takes the session."""
    serve_users()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            before = pool.submit(run, lambda: auth.core.login("alice", PASSWORD)).result(30)
            set_password(alice)
        with pytest.raises(InvalidGrant):
            auth.core.refresh(before.refresh_token)
    assert auth.core.sessions(str(alice.pk)) == []


def test_many_logins_and_a_new_password_leave_no_session_of_the_old_password(serve_users, alice, backend):
    serve_users(AUTHENTICATION_BACKENDS=WAITING, entries={"PASSWORD_CHECKS": 8})
    barrier = threading.Barrier(5)
    backend.after = staticmethod(lambda _request: barrier.wait(30) and None)

    def log_in():
        try:
            return auth.core.login("alice", PASSWORD)
        except InvalidCredentials:
            return None

    def change():
        barrier.wait(30)
        set_password(alice)

    with ThreadPoolExecutor(5) as pool:
        logins = [pool.submit(run, log_in) for _ in range(4)]
        pool.submit(run, change).result(30)
        tokens = [login.result(30) for login in logins]
    assert auth.core.sessions(str(alice.pk)) == []
    for each in filter(None, tokens):
        with pytest.raises(InvalidGrant):
            auth.core.refresh(each.refresh_token)
