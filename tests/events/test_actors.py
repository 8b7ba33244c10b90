"""Each administrative act is an event with the actor that caused it, whichever method is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from watchword import Auth, Key
from watchword.events import Act, Event, act_as

PASSWORD = "correct horse battery staple"

ACTS: dict[str, Callable[[Auth, str, dict[str, str]], object]] = {
    "account_created": lambda auth, _, actor: auth.accounts.add("bob", PASSWORD, **actor),
    "password_changed": lambda auth, alice, actor: auth.change_password(alice, PASSWORD[::-1], **actor),
    "scopes_changed": lambda auth, alice, actor: auth.accounts.set_scopes(alice, ["read"], **actor),
    "account_renamed": lambda auth, alice, actor: auth.accounts.rename(alice, "alicia", **actor),
    "account_disabled": lambda auth, alice, actor: auth.disable_account(alice, **actor),
    "account_enabled": lambda auth, alice, actor: auth.accounts.enable(alice, **actor),
    "account_deleted": lambda auth, alice, actor: auth.delete_account(alice, **actor),
    "sessions_ended": lambda auth, alice, actor: auth.end_all(alice, **actor),
    "key_advanced": lambda auth, _, actor: auth.keyring.rotate("public", **actor),
    "key_imported": lambda auth, _, actor: auth.keyring.add(
        Key.generate(auth.settings.signing_algorithm), **actor
    ),
    "key_declared_compromised": lambda auth, _, actor: auth.keyring.compromise(
        auth.keyring.public.find_signing_key().kid, **actor
    ),
    "keys_resealed": lambda auth, _, actor: auth.keyring.reseal(**actor),
}


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def auth(events: list[Event]) -> Iterator[Auth]:
    auth = Auth("sqlite://", listeners=[events.append])
    yield auth
    auth.close()


@pytest.mark.parametrize("name", ACTS)
def test_an_act_is_one_event_with_its_actor_even_without_a_live_session(
    auth: Auth, events: list[Event], name: str
) -> None:
    alice = auth.accounts.add("alice", PASSWORD).subject
    events.clear()
    with act_as("admin"):
        ACTS[name](auth, alice, {})
    acts = [event for event in events if isinstance(event, Act)]
    assert [(act.name, act.actor) for act in acts] == [(name, "admin")]
    assert acts[0].subject in {None, alice} or name == "account_created"


@pytest.mark.parametrize("name", ACTS)
def test_the_actor_can_be_given(auth: Auth, events: list[Event], name: str) -> None:
    alice = auth.accounts.add("alice", PASSWORD).subject
    events.clear()
    ACTS[name](auth, alice, {"actor": "nightly-job"})
    assert [event.actor for event in events if isinstance(event, Act)] == ["nightly-job"]


def test_a_session_that_an_administrator_ends_names_the_administrator(
    auth: Auth, events: list[Event]
) -> None:
    session = auth.start("alice").session_id
    with act_as("admin"):
        auth.end(session)
    assert isinstance(events[-1], Act)
    assert (events[-1].name, events[-1].session, events[-1].actor) == ("session_ended", session, "admin")


def test_a_listener_that_is_added_later_hears_of_later_events_only(auth: Auth, events: list[Event]) -> None:
    later: list[Event] = []
    auth.start("alice")
    auth.add_listener(later.append)
    auth.end_all("alice")
    assert [event.name for event in later] == ["session_ended", "sessions_ended"]
    assert events[-2:] == later
