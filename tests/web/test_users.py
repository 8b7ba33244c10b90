"""The application's own user of an identity."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from watchword import Identity
from watchword.errors import InvalidSettings, InvalidToken
from watchword.web import current_identity
from watchword.web.current import reset_identity, set_identity
from watchword.web.users import UserLoader

ALICE = Identity.from_claims({"sub": "alice"})
USERS = {"alice": {"id": 7}}


def find_user(identity):
    return USERS.get(identity.subject)


async def find_user_async(identity):
    await asyncio.sleep(0)
    return USERS.get(identity.subject)


class Finder:
    async def __call__(self, identity):
        return await find_user_async(identity)


SYNC = [find_user, partial(find_user)]


def find_user_later(identity):
    """Return a coroutine, though this is not a coroutine function."""
    return find_user_async(identity)


ASYNC = [find_user_async, partial(find_user_async), Finder()]


@pytest.mark.parametrize("load_user", SYNC)
def test_a_plain_function_loads_the_user_with_and_without_an_event_loop(load_user):
    users = UserLoader(load_user)
    assert not users.is_async
    assert users.load(ALICE) is asyncio.run(users.load_async(ALICE)) is USERS["alice"]


@pytest.mark.parametrize("load_user", [*ASYNC, find_user_later])
def test_a_coroutine_function_loads_the_user_on_the_event_loop(load_user):
    users = UserLoader(load_user)
    assert asyncio.run(users.load_async(ALICE)) is USERS["alice"]


@pytest.mark.parametrize("load_user", ASYNC)
def test_an_adapter_without_an_event_loop_refuses_a_coroutine_function(load_user):
    users = UserLoader(load_user)
    assert users.is_async
    for refuse in (users.refuse_async, lambda: users.load(ALICE)):
        with pytest.raises(InvalidSettings, match="plain function here, not a coroutine function"):
            refuse()


def test_a_coroutine_is_never_taken_for_a_user():
    users = UserLoader(find_user_later)
    users.refuse_async()
    with pytest.raises(InvalidSettings, match="not a coroutine"):
        users.load(ALICE)


def test_a_plain_function_does_not_block_the_event_loop_and_knows_the_identity():
    seen = []

    def load_user(identity):
        seen.append((threading.current_thread(), current_identity()))
        return identity.subject

    token = set_identity(ALICE)
    assert asyncio.run(UserLoader(load_user).load_async(ALICE)) == "alice"
    reset_identity(token)
    assert [(thread is not threading.main_thread(), identity) for thread, identity in seen] == [(True, ALICE)]


@pytest.mark.parametrize("load_user", [find_user, find_user_async])
def test_a_subject_without_a_user_is_refused_like_a_bad_token(load_user):
    nobody = Identity.from_claims({"sub": "nobody"})
    with pytest.raises(InvalidToken, match="has no user"):
        asyncio.run(UserLoader(load_user).load_async(nobody))
    with pytest.raises(InvalidToken, match="has no user"):
        UserLoader(find_user).load(nobody)


def test_a_user_that_is_false_is_a_user():
    assert UserLoader(lambda _: []).load(ALICE) == []


def test_an_error_of_the_application_reaches_the_caller():
    users = UserLoader(lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        users.load(ALICE)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(users.load_async(ALICE))


def test_without_a_function_the_error_says_what_to_give():
    users = UserLoader()
    users.refuse_async()
    with pytest.raises(InvalidSettings, match="give load_user= to the extension"):
        users.load(ALICE)
    with pytest.raises(InvalidSettings, match="give load_user= to the extension"):
        asyncio.run(users.load_async(ALICE))


@pytest.mark.parametrize(("load_user", "given"), [("find_user", "str"), (USERS, "dict"), (7, "7")])
def test_what_is_not_a_function_is_refused(load_user, given):
    with pytest.raises(InvalidSettings, match=f"load_user must be a function, not {given}"):
        UserLoader(load_user)
