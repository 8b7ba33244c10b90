"""A node: what its Auth shares with the other processes, and the names of before."""

from __future__ import annotations

from collections.abc import Iterator

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


def test_the_names_of_before_work_and_warn() -> None:
    auth = Auth("sqlite://")
    with pytest.warns(DeprecationWarning, match=r"Auth\.published_keys is deprecated"):
        assert auth.published_keys().version == auth.find_published_keys().version
    with pytest.warns(DeprecationWarning, match=r"Auth\.store is deprecated"):
        assert auth.store is auth.stores
    auth.close()
