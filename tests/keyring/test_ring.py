import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, text

from watchword.errors import InvalidSettings, KeysUnavailable
from watchword.events import KeyCreated
from watchword.jose.jwk import Key
from watchword.keyring import Keyring, Ring
from watchword.keyring.sealed import seal
from watchword.stores import open_store
from watchword.stores.sql import SqlStore


def ignored(event):
    """Nobody is listening."""


@pytest.fixture
def file_store(tmp_path):
    opened = open_store(f"sqlite:///{tmp_path / 'keys.db'}")
    yield opened
    opened.close()


@pytest.fixture
def tamper(file_store):
    """Runs a statement against the database behind everybody's back."""
    engine = create_engine(f"sqlite:///{file_store.file}")

    def run(statement, **values):
        with engine.begin() as connection:
            connection.execute(text(statement), values)

    yield run
    engine.dispose()


def test_first_start_makes_one_public_eddsa_and_one_internal_hs256_key(store, secret):
    events = []
    keyring = Keyring(store, [secret], notify=events.append)
    assert [key.alg for key in keyring.public.keys] == ["EdDSA"]
    assert [key.alg for key in keyring.internal.keys] == ["HS256"]
    assert events == [
        KeyCreated(kid=keyring.public.signing_key().kid, kind="public"),
        KeyCreated(kid=keyring.internal.signing_key().kid, kind="internal"),
    ]


def test_a_second_start_reads_the_same_keys_and_makes_none(store, secret):
    first, events = Keyring(store, [secret], notify=ignored), []
    second = Keyring(store, [secret], notify=events.append)
    for kind in ("public", "internal"):
        ours, theirs = getattr(first, kind).signing_key(), getattr(second, kind).signing_key()
        assert ours.to_jwk(private=True) == theirs.to_jwk(private=True)
    assert events == []
    assert first.version == second.version


def test_nodes_that_start_at_once_end_with_the_same_keys(tmp_path, secret):
    url, nodes = f"sqlite:///{tmp_path / 'race.db'}", 6
    open_store(url).close()
    together, events = threading.Barrier(nodes), []

    class PausedStore(SqlStore):
        """Lets every node see that there are no keys before any of them makes one."""

        def keys(self):
            answer = super().keys()
            if not answer[1] and not self.seen:
                self.seen = True
                together.wait(10)
            return answer

        seen = False

    def start(_node):
        store = PausedStore(url)
        try:
            keyring = Keyring(store, [secret], notify=events.append)
            return keyring.public.signing_key().kid, keyring.internal.signing_key().kid, len(store.keys()[1])
        finally:
            store.close()

    with ThreadPoolExecutor(nodes) as pool:
        assert len(set(pool.map(start, range(nodes)))) == 1
    assert sorted(event.kind for event in events) == ["internal", "public"]


def test_a_kind_that_is_missing_is_made_beside_the_one_that_is_there(store, secret):
    key = Key.generate("EdDSA")
    store.insert_key("public", 1, key.kid, seal(key, secret, kind="public", epoch=1))
    events = []
    keyring = Keyring(store, [secret], notify=events.append)
    assert keyring.public.signing_key().kid == key.kid
    assert [event.kind for event in events] == ["internal"]


def test_a_kind_whose_first_key_is_gone_gets_no_first_key_again(store, secret):
    keys = {kind: Key.generate(alg) for kind, alg in (("public", "EdDSA"), ("internal", "HS256"))}
    for kind, key in keys.items():
        store.insert_key(kind, 2, key.kid, seal(key, secret, kind=kind, epoch=2))
    Keyring(store, [secret], notify=ignored)
    assert sorted(stored.kid for stored in store.keys()[1]) == sorted(key.kid for key in keys.values())


TAMPERED = {
    "kind": [
        "DELETE FROM watchword_keys WHERE kind = 'internal'",
        "UPDATE watchword_keys SET kind = 'internal'",
    ],
    "kinds swapped": [
        "UPDATE watchword_keys SET epoch = 7 WHERE kind = 'public'",
        "UPDATE watchword_keys SET kind = 'public' WHERE kind = 'internal'",
        "UPDATE watchword_keys SET kind = 'internal', epoch = 1 WHERE epoch = 7",
    ],
    "epoch": ["UPDATE watchword_keys SET epoch = 2 WHERE kind = 'public'"],
    "kid": ["UPDATE watchword_keys SET kid = 'another' WHERE kind = 'internal'"],
    "kids swapped": [
        "CREATE TABLE swapped AS SELECT kind, kid FROM watchword_keys",
        "UPDATE watchword_keys SET kid = kind",
        "UPDATE watchword_keys SET kid = (SELECT kid FROM swapped WHERE kind != watchword_keys.kind)",
    ],
    "seals swapped": [
        "UPDATE watchword_keys SET sealed = (SELECT sealed FROM watchword_keys WHERE kind = 'public')",
    ],
    "seal's tag": ["UPDATE watchword_keys SET sealed = substr(sealed, 1, length(sealed) - 4) || 'AAAA'"],
    "seal's header": ["UPDATE watchword_keys SET sealed = 'e30' || substr(sealed, instr(sealed, '.'))"],
    "no seal at all": ["UPDATE watchword_keys SET sealed = ''"],
    "a key outside a seal": ['UPDATE watchword_keys SET sealed = \'{"kty":"oct","k":"AAAA"}\''],
}


@pytest.mark.parametrize("statements", TAMPERED.values(), ids=TAMPERED)
def test_key_rows_that_were_tampered_with_are_refused(file_store, secret, tamper, statements):
    Keyring(file_store, [secret], notify=ignored)
    for statement in statements:
        tamper(statement)
    with pytest.raises(InvalidSettings):
        Keyring(file_store, [secret], notify=ignored)


def test_keys_that_cannot_be_opened_leave_the_old_ones_in_use(file_store, secret, tamper):
    keyring = Keyring(file_store, [secret], notify=ignored)
    kid, version = keyring.public.signing_key().kid, keyring.version
    tamper("UPDATE watchword_keys SET sealed = ''")
    with pytest.raises(InvalidSettings):
        keyring.reload()
    assert keyring.public.signing_key().kid == kid
    assert keyring.version == version


def test_a_new_key_in_the_store_is_read_when_the_key_version_changes(store, secret):
    keyring = Keyring(store, [secret], notify=ignored)
    ring_version, key = keyring.public.version, Key.generate("EdDSA")
    store.insert_key("public", 2, key.kid, seal(key, secret, kind="public", epoch=2))
    keyring.reload(keyring.version)
    assert not keyring.public.find(key.kid, "EdDSA")
    keyring.reload(keyring.version + 1)
    assert [found.kid for found in keyring.public.find(key.kid, "EdDSA")] == [key.kid]
    assert keyring.public.version != ring_version
    assert keyring.public.signing_key().kid == key.kid
    assert keyring.version == store.keys()[0]


def test_a_key_is_found_by_id_and_algorithm_and_without_io(store, secret):
    keyring = Keyring(store, [secret], notify=ignored)
    kid = keyring.internal.signing_key().kid
    store.close()
    assert keyring.internal.ready(kid, "HS256")
    assert [key.kid for key in keyring.internal.find(kid, "HS256")] == [kid]
    assert list(keyring.internal.find(kid, "EdDSA")) == []
    assert list(keyring.public.find(kid, "HS256")) == []


def test_an_empty_ring_signs_nothing():
    with pytest.raises(KeysUnavailable):
        Ring().signing_key()


def test_a_database_dump_holds_no_private_key_material(store, secret):
    keyring = Keyring(store, [secret], notify=ignored)
    private = [
        value
        for ring in (keyring.public, keyring.internal)
        for name, value in ring.signing_key().to_jwk(private=True).items()
        if name in {"d", "k"}
    ]
    assert len(private) == 2
    dump = repr([(row.kind, row.epoch, row.kid, row.sealed) for row in store.keys()[1]])
    assert not any(value in dump for value in (*private, secret))
