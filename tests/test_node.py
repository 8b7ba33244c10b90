"""A node: what its Auth shares with the other processes, and the names of before."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from watchword import Auth, Settings
from watchword.errors import InvalidSettings
from watchword.node import Node
from watchword.stores import open_sql_stores


@pytest.fixture
def node() -> Iterator[Node]:
    opened = Node(Settings(), open_sql_stores("sqlite://"), key=None, listeners=())
    yield opened
    opened.close()


def test_a_node_publishes_its_keys_and_knows_its_feed_without_any_login(node: Node) -> None:
    assert not node.ready()
    assert node.jwks() == node.find_published_keys().to_jwks() != {"keys": []}
    node.check()
    assert node.ready()
    assert 0 < node.jwks_max_age() <= node.settings.jwks_max_age
    assert 0 <= node.revocation_staleness() < 60
    assert node.revocation_status().failing is False
    assert node.find_settings_that_differ() == ()


def test_a_node_that_cannot_start_closes_its_stores() -> None:
    stores = open_sql_stores("sqlite://")
    closed = []
    close = stores.backends[0].close
    stores.backends[0].close = lambda: closed.append(close())
    stores.keys.insert_key(
        "public", 1, "k", "ES256", "sealed under a secret that is lost", not_before=0, lead=0
    )
    with pytest.raises(InvalidSettings, match="secret"):
        Node(Settings(), stores, key=None, listeners=())
    assert closed == [None]


def test_a_compromised_key_is_known_with_the_next_poll_if_the_keys_lie_in_another_database_of_ours() -> None:
    keys = open_sql_stores("sqlite://")
    sessions = open_sql_stores("sqlite://")
    backends = (*sessions.backends, *keys.backends)
    stores = msgspec.structs.replace(sessions, keys=keys.keys, backends=backends)
    settings = Settings(secret=("s" * 32,))
    here, there = (Node(settings, stores, key=None, listeners=()) for _ in range(2))
    here.check()
    kid = here.keyring.public.find_signing_key().kid
    there.keyring.compromise(kid)
    here._revocations.poll()
    assert here.keyring.public.find_signing_key().kid != kid
    here.close()
    there.close()


def test_the_names_of_before_work_and_warn() -> None:
    auth = Auth("sqlite://")
    with pytest.warns(DeprecationWarning, match=r"Auth\.published_keys is deprecated"):
        assert auth.published_keys().version == auth.find_published_keys().version
    with pytest.warns(DeprecationWarning, match=r"Auth\.store is deprecated"):
        store = auth.store
    assert store.live_sessions("alice") == []
    assert store.keys().keys == auth.stores.keys.list_keys().keys
    assert store.in_memory
    store.time_shift = 3_600
    assert auth.stores.sessions.time_shift == auth.stores.throttles.time_shift == 3_600
    with pytest.raises(AttributeError, match="no store has the attribute 'swap'"):
        store.swap()
    auth.close()
