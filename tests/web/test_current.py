"""The identity of the running request, whatever framework runs it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import flask
import pytest

from watchword import Auth, Identity
from watchword.web import current_identity
from watchword.web.current import reset_identity, set_identity


def make_identity(subject):
    return Identity.from_claims({"sub": subject})


@pytest.fixture
def alice():
    token = set_identity(make_identity("alice"))
    yield
    reset_identity(token)


def test_there_is_no_identity_outside_of_requests():
    assert current_identity() is None


def test_an_identity_that_was_set_is_found_until_it_is_reset():
    outer = set_identity(make_identity("alice"))
    inner = set_identity(make_identity("bob"))
    assert current_identity().subject == "bob"
    reset_identity(inner)
    assert current_identity().subject == "alice"
    reset_identity(outer)
    assert current_identity() is None


def test_each_task_has_an_identity_of_its_own():
    async def serve(subject):
        set_identity(make_identity(subject))
        await asyncio.sleep(0)
        in_thread = await asyncio.to_thread(current_identity)
        return current_identity().subject, in_thread.subject

    async def serve_all():
        return await asyncio.gather(*(serve(str(number)) for number in range(20)))

    assert asyncio.run(serve_all()) == [(str(number), str(number)) for number in range(20)]
    assert current_identity() is None


def test_a_thread_of_a_pool_does_not_see_the_identity_of_its_starter(alice):
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(current_identity).result() is None


def test_the_identity_that_was_set_comes_before_that_of_a_framework(alice, extension, app, desk):
    token = desk.start("7").access_token

    @app.get("/who")
    @extension.protect()
    def tell():
        return flask.jsonify(current_identity().subject)

    answer = app.test_client().get("/who", headers={"Authorization": f"Bearer {token}"})
    assert answer.get_json() == "alice"


def test_what_happens_in_the_request_is_done_by_its_subject(alice):
    heard = []
    auth = Auth("sqlite://", listeners=[heard.append])
    auth.accounts.add("bob", "correct horse battery")
    auth.close()
    assert [event.actor for event in heard if event.name == "account_created"] == ["alice"]
