import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, text

from watchword.errors import InvalidSettings, KeysUnavailable, RotationRefused, StoreUnavailable, UnknownKey
from watchword.events import KeyCompromised, KeyCreated, KeyDeclaredCompromised
from watchword.jose import jws
from watchword.jose.jwk import Key
from watchword.keyring import Keyring, Schedule
from watchword.keyring.sealing import seal, unseal
from watchword.stores import open_sql_stores
from watchword.stores.sql.keys import SqlKeys

PERIOD, LEAD, VERIFY_FOR = 1_000, 100, 300


def ignored(event):
    """Nobody is listening."""


def schedule(algorithm):
    return Schedule(algorithm=algorithm, rotation_period=PERIOD, publish_lead=LEAD, verify_for=VERIFY_FOR)


def node(store, *secrets, notify=ignored, algorithm="EdDSA"):
    """A keyring as a process has it; ``follow`` and ``tend`` are called when the test says so."""
    schedules = {"public": schedule(algorithm), "internal": schedule("HS256")}
    return Keyring(store, secrets, schedules, clock=store._database.now, notify=notify)


def poll(keyring, store):
    """What a process does once an interval."""
    keyring.follow(store.list_keys().version)
    keyring.tend()
    keyring.follow(store.list_keys().version)


def put(store, secret, kind, epoch, key, *, not_before=0.0, lead=0.0):
    sealed = seal(key, secret, kind=kind, epoch=epoch)
    assert store.insert_key(kind, epoch, key.kid, key.alg, sealed, not_before=not_before, lead=lead)


def states(keyring, kind="public"):
    """Epoch and state of each key in the store."""
    return [(key.epoch, phase.state) for key, phase in keyring.list_phases() if key.kind == kind]


def kids(keyring):
    return [key.kid for key in keyring.public.keys]


@pytest.fixture
def file_store(tmp_path):
    opened = open_sql_stores(f"sqlite:///{tmp_path / 'keys.db'}")
    yield opened.keys
    opened.close()


@pytest.fixture
def tamper(file_store):
    """Runs a statement against the database behind everybody's back."""
    engine = create_engine(f"sqlite:///{file_store._database.path}")

    def run(statement, **values):
        with engine.begin() as connection:
            connection.execute(text(statement), values)

    yield run
    engine.dispose()


def test_the_first_start_makes_a_key_that_signs_and_a_standby_of_each_kind(store, secret):
    events = []
    keyring = node(store, secret, notify=events.append)
    assert [key.alg for key in keyring.public.keys] == ["EdDSA"] * 2
    assert [key.alg for key in keyring.internal.keys] == ["HS256"] * 2
    assert states(keyring, "public") == states(keyring, "internal") == [(1, "signing"), (2, "published")]
    assert events[:2] == [
        KeyCreated(kid=keyring.public.find_signing_key().kid, kind="public"),
        KeyCreated(kid=keyring.internal.find_signing_key().kid, kind="internal"),
    ]
    assert [event.kind for event in events] == ["public", "internal"] * 2


def test_a_second_start_reads_the_same_keys_and_makes_none(store, secret):
    first, events = node(store, secret), []
    second = node(store, secret, notify=events.append)
    for kind in ("public", "internal"):
        ours, theirs = getattr(first, kind).find_signing_key(), getattr(second, kind).find_signing_key()
        assert ours.to_jwk(private=True) == theirs.to_jwk(private=True)
    assert events == []
    assert first.version == second.version


def test_nodes_that_start_at_once_end_with_the_same_keys(tmp_path, secret):
    url, nodes = f"sqlite:///{tmp_path / 'race.db'}", 6
    open_sql_stores(url).close()
    together, events = threading.Barrier(nodes), []

    class PausedKeys(SqlKeys):
        """Lets every node see that there are no keys before any of them makes one."""

        def list_keys(self):
            answer = super().list_keys()
            if not answer.keys and not self.seen:
                self.seen = True
                together.wait(10)
            return answer

        seen = False

    def start(_node):
        store = PausedKeys(open_sql_stores(url).backends[0])
        try:
            keyring = node(store, secret, notify=events.append)
            return (
                keyring.public.find_signing_key().kid,
                keyring.internal.find_signing_key().kid,
                len(store.list_keys().keys),
            )
        finally:
            store._database.close()

    with ThreadPoolExecutor(nodes) as pool:
        assert len(set(pool.map(start, range(nodes)))) == 1
    assert sorted(event.kind for event in events) == ["internal"] * 2 + ["public"] * 2


def test_a_kind_that_is_missing_is_made_beside_the_one_that_is_there(store, secret):
    key, following, events = Key.generate("EdDSA"), Key.generate("EdDSA"), []
    put(store, secret, "public", 1, key)
    put(store, secret, "public", 2, following, lead=50)
    keyring = node(store, secret, notify=events.append)
    assert keyring.public.find_signing_key().kid == key.kid
    assert [event.kind for event in events] == ["internal", "internal"]


def test_epochs_count_on_where_the_first_keys_are_gone(store, secret):
    put(store, secret, "public", 7, Key.generate("EdDSA"))
    assert states(node(store, secret)) == [(7, "signing"), (8, "published")]


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
    node(file_store, secret)
    tamper("DELETE FROM watchword_keys WHERE epoch = 2")
    for statement in statements:
        tamper(statement)
    with pytest.raises(InvalidSettings):
        node(file_store, secret)


def test_a_key_that_was_opened_is_not_opened_again(file_store, secret, tamper):
    keyring = node(file_store, secret)
    kid = keyring.public.find_signing_key().kid
    tamper("UPDATE watchword_keys SET sealed = ''")
    keyring.follow(keyring.version + 1)
    assert keyring.public.find_signing_key().kid == kid


def test_a_new_key_that_cannot_be_opened_is_not_used_and_the_others_are_followed(store, secret, caplog):
    keyring = node(store, secret)
    first, standby = keyring.public.keys
    alien = Key.generate("EdDSA")
    put(store, "another operator's secret, as long", "public", 3, alien)
    store.compromise_key(first.kid, successor=standby.kid)
    keyring.follow(store.list_keys().version)
    assert kids(keyring) == [standby.kid]
    assert keyring.public.find_signing_key().kid == standby.kid
    assert "a new signing key is not used by this process: WATCHWORD_SECRET does not open" in caplog.text
    with pytest.raises(InvalidSettings):
        node(store, secret)


def test_tokens_of_a_key_that_cannot_be_opened_may_be_good(store, secret):
    """Another process has a secret that this one lacks: who logged in there is not logged out here."""
    keyring, alien = node(store, secret), Key.generate("EdDSA")
    put(store, "another operator's secret, as long", "public", 3, alien)
    keyring.follow(store.list_keys().version)
    token = jws.sign(b"content", alien)
    with pytest.raises(KeysUnavailable):
        jws.verify(token, keyring.public)
    assert len(keyring.public.find(None, "EdDSA")) == 2
    keyring.compromise(alien.kid)
    keyring.follow(store.list_keys().version)
    with pytest.raises(UnknownKey):
        jws.verify(token, keyring.public)


def test_a_new_key_in_the_store_is_read_when_the_key_version_changes(store, secret):
    keyring = node(store, secret)
    ring_version, key = keyring.public.version, Key.generate("EdDSA")
    put(store, secret, "public", 3, key)
    keyring.follow(keyring.version)
    assert not keyring.public.find(key.kid, "EdDSA")
    keyring.follow(keyring.version + 1)
    assert [found.kid for found in keyring.public.find(key.kid, "EdDSA")] == [key.kid]
    assert keyring.public.version != ring_version
    assert keyring.public.find_signing_key().kid == key.kid
    assert keyring.version == store.list_keys().version


def test_keys_are_those_from_before_while_the_store_is_away(store, secret):
    keyring = node(store, secret)
    before = kids(keyring), keyring.version
    store._database.close()
    with pytest.raises(StoreUnavailable):
        keyring.follow(keyring.version + 1)
    assert (kids(keyring), keyring.version) == before


def test_a_key_is_found_by_id_and_algorithm_and_without_io(store, secret):
    keyring = node(store, secret)
    kid = keyring.internal.find_signing_key().kid
    store._database.close()  # the database in memory is gone
    assert keyring.internal.ready(kid, "HS256")
    assert [key.kid for key in keyring.internal.find(kid, "HS256")] == [kid]
    assert list(keyring.internal.find(kid, "EdDSA")) == []
    assert list(keyring.public.find(kid, "HS256")) == []


def test_a_database_dump_holds_no_private_key_material(store, secret):
    keyring = node(store, secret)
    private = [
        value
        for ring in (keyring.public, keyring.internal)
        for key in ring.keys
        for name, value in key.to_jwk(private=True).items()
        if name in {"d", "k"}
    ]
    assert len(private) == 4
    dump = repr(store.list_keys())
    assert not any(value in dump for value in (*private, secret))


# -- turns ---------------------------------------------------------------------------------------


def test_keys_take_turns_by_the_stores_time_and_the_next_is_made_at_once(store, secret):
    keyring = node(store, secret)
    first, second = kids(keyring)
    store.time_shift += PERIOD - 1
    assert keyring.public.find_signing_key().kid == first
    store.time_shift += 2
    assert keyring.public.find_signing_key().kid == second, "whatever this process has noticed"
    poll(keyring, store)
    assert states(keyring) == states(keyring, "internal") == [
        (1, "verifying"), (2, "signing"), (3, "published"),
    ]  # fmt: skip
    store.time_shift += VERIFY_FOR
    poll(keyring, store)
    assert states(keyring) == [(2, "signing"), (3, "published")]
    assert first not in kids(keyring)


def test_nothing_is_written_where_nothing_is_due(store, secret):
    keyring = node(store, secret)
    version = store.list_keys().version
    keyring.tend()
    assert store.list_keys().version == version


def test_of_several_nodes_that_tend_one_makes_the_key_and_all_have_it(store, secret):
    events = []
    nodes = [node(store, secret, notify=events.append) for _ in range(3)]
    events.clear()
    store.time_shift += PERIOD + 1
    for each in nodes:
        each.tend()  # none has heard of what the others made
    for each in nodes:
        each.follow(store.list_keys().version)
    assert [event.kind for event in events] == ["public", "internal"]
    assert len({tuple(kids(each)) for each in nodes}) == 1
    assert states(nodes[0]) == [(1, "verifying"), (2, "signing"), (3, "published")]


def test_a_start_neither_replaces_nor_deletes_keys(store, secret):
    """A command that is run beside the server may have other settings."""
    node(store, secret)
    store.time_shift += LEAD + 1
    version = store.list_keys().version
    node(store, secret, algorithm="ES256")
    assert store.list_keys().version == version
    store.time_shift += PERIOD + VERIFY_FOR
    assert states(node(store, secret)) == [(1, "gone"), (2, "signing"), (3, "published")]


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS256", "HS256", "ML-DSA-65"])
def test_another_algorithm_takes_its_turn_and_old_tokens_stay_good(store, secret, algorithm):
    old = node(store, secret)
    store.time_shift += LEAD + 1
    token = jws.sign(b"content", old.public.find_signing_key())
    keyring = node(store, secret, algorithm=algorithm)
    poll(keyring, store)
    assert states(keyring) == [(1, "signing"), (2, "replaced"), (3, "published")]
    assert [key.alg for key in keyring.public.keys] == ["EdDSA", "EdDSA", algorithm]
    store.time_shift += LEAD
    poll(keyring, store)
    assert states(keyring) == [(1, "signing"), (3, "published")]
    assert keyring.public.find_signing_key().alg == "EdDSA"
    store.time_shift += PERIOD - 2 * LEAD
    assert keyring.public.find_signing_key().alg == algorithm
    assert jws.verify(token, keyring.public).payload == b"content"
    published = keyring.public.keys.to_jwks()["keys"]
    assert [key["alg"] for key in published] == ["EdDSA"] + [algorithm] * (algorithm != "HS256")


def test_an_algorithm_that_is_not_to_be_had_here_is_a_setting_to_mend(store, secret):
    with pytest.raises(InvalidSettings, match="signing_algorithm: alg must be one of"):
        node(store, secret, algorithm="XS256")


# -- what an operator does -----------------------------------------------------------------------


def test_rotation_waits_until_every_cache_knows_the_key(store, secret):
    keyring = node(store, secret)
    first, second = kids(keyring)
    key = keyring.rotate("public")
    assert (key.kid, key.signs_from) == (second, key.created_at + LEAD)
    assert keyring.rotate("public") == key, "asking again changes nothing"
    poll(keyring, store)
    assert keyring.public.find_signing_key().kid == first
    store.time_shift += LEAD
    assert keyring.public.find_signing_key().kid == second
    poll(keyring, store)
    assert states(keyring) == [(1, "verifying"), (2, "signing"), (3, "published")]
    assert states(keyring, "internal") == [(1, "signing"), (2, "published")]


def test_a_key_that_was_published_for_long_enough_signs_at_once(store, secret):
    keyring = node(store, secret)
    store.time_shift += LEAD + 1
    key = keyring.rotate("public")
    assert key.signs_from <= store._database.now()
    poll(keyring, store)
    assert keyring.public.find_signing_key().kid == key.kid


def test_without_a_next_key_there_is_no_rotation(store, secret):
    keyring = node(store, secret)
    store.time_shift += PERIOD + 1
    with pytest.raises(RotationRefused, match="is being made"):
        keyring.rotate("public")


def test_a_compromised_key_neither_signs_nor_verifies_and_every_process_tells(store, secret):
    events = []
    here, there = (node(store, secret, notify=events.append) for _ in range(2))
    first, second = kids(here)
    token = jws.sign(b"content", here.public.find_signing_key())
    events.clear()
    assert here.compromise(first).kid == first
    for keyring in (here, there):
        keyring.follow(store.list_keys().version)
        assert keyring.public.find_signing_key().kid == second
        assert keyring.public.find(first, "EdDSA") == ()
        assert kids(keyring) == [second]
        with pytest.raises(UnknownKey):
            jws.verify(token, keyring.public)
    assert events == [
        KeyDeclaredCompromised(kid=first, kind="public"),
        *[KeyCompromised(kid=first, kind="public")] * 2,
    ]
    poll(here, store)
    assert states(here) == [(1, "compromised"), (2, "signing"), (3, "published")]
    assert len(events) == 4, "told once by each; the last is of the new key"


def test_a_compromised_standby_is_replaced_and_the_key_that_signs_goes_on(store, secret):
    keyring = node(store, secret)
    first, second = kids(keyring)
    keyring.compromise(second)
    poll(keyring, store)
    assert keyring.public.find_signing_key().kid == first
    assert states(keyring) == [(1, "signing"), (2, "compromised"), (3, "published")]


def test_a_compromised_key_that_only_verified_changes_nothing_else(store, secret):
    keyring = node(store, secret)
    first, second = kids(keyring)
    store.time_shift += PERIOD + 1
    poll(keyring, store)
    keyring.compromise(first)
    keyring.follow(store.list_keys().version)
    assert keyring.public.find_signing_key().kid == second
    assert states(keyring) == [(1, "compromised"), (2, "signing"), (3, "published")]


def test_a_key_that_is_unknown_or_compromised_already_cannot_be_given_up(store, secret):
    keyring = node(store, secret)
    with pytest.raises(RotationRefused, match="no key has this kid"):
        keyring.compromise("unknown")
    first = kids(keyring)[0]
    keyring.compromise(first)
    with pytest.raises(RotationRefused, match="already"):
        keyring.compromise(first)


def test_the_only_key_that_could_sign_is_not_given_up(store, secret):
    keyring = node(store, secret)
    first, second = kids(keyring)
    keyring.compromise(second)
    with pytest.raises(RotationRefused, match="no other key could sign"):
        keyring.compromise(first)
    poll(keyring, store)
    assert keyring.public.find_signing_key().kid == first


def test_a_key_made_elsewhere_takes_the_next_turn(store, secret):
    keyring, key = node(store, secret), Key.generate("EdDSA")
    planned = keyring.list_phases()[2][0].signs_from
    store.time_shift += 1
    added = keyring.add(key)
    assert (added.kid, added.epoch, added.signs_from) == (key.kid, 3, planned)
    poll(keyring, store)
    assert states(keyring) == [(1, "signing"), (2, "replaced"), (3, "published")]
    assert unseal(added, [secret]).to_jwk(private=True) == key.to_jwk(private=True)


EDDSA = Key.generate("EdDSA").to_jwk(private=True)
REFUSED = {
    "public": (Key.generate("EdDSA").public(), "give the private key"),
    "algorithm": (Key.generate("ES256"), "the key is for ES256, and signing_algorithm is EdDSA"),
    "for something else": (Key.from_jwk({**EDDSA, "use": "enc"}), "cannot sign"),
    "kid too long": (Key.from_jwk({**EDDSA, "kid": "k" * 257}), "printable"),
    "kid of nothing": (Key.from_jwk({**EDDSA, "kid": ""}), "printable"),
    "kid with an escape": (Key.from_jwk({**EDDSA, "kid": "\x1b[2J"}), "printable"),
}


@pytest.mark.parametrize(("key", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_key_that_will_not_do_is_not_taken(store, secret, key, reason):
    keyring = node(store, secret)
    version = store.list_keys().version
    with pytest.raises(RotationRefused, match=reason):
        keyring.add(key)
    assert store.list_keys().version == version


def test_a_kid_is_taken_once(store, secret):
    keyring = node(store, secret)
    with pytest.raises(RotationRefused, match="a key with this kid exists"):
        keyring.add(keyring.public.find_signing_key())
    named = Key.from_jwk({**EDDSA, "kid": keyring.internal.find_signing_key().kid})
    with pytest.raises(RotationRefused, match="a key with this kid exists"):
        keyring.add(named)


def test_resealed_keys_open_with_the_newest_secret_alone(store, secret):
    new = "the operator's next secret, as long"
    first = kids(node(store, secret))[0]
    both = node(store, new, secret)
    both.compromise(first)
    assert both.reseal() == 3, "a compromised key is not opened any more"
    assert kids(node(store, new))[0] == kids(both)[1]
    with pytest.raises(InvalidSettings, match="WATCHWORD_SECRET"):
        node(store, secret)


def test_keys_that_change_during_the_resealing_are_left_alone(secret):
    class Interrupted(SqlKeys):
        """Another process does something between a read of the keys and what follows."""

        interrupt = None

        def list_keys(self):
            answer = super().list_keys()
            interrupt, self.interrupt = self.interrupt, None
            if interrupt is not None:
                interrupt()
            return answer

    store = Interrupted(open_sql_stores("sqlite://").backends[0])
    keyring = node(store, secret)
    store.interrupt = keyring.reseal
    with pytest.raises(RotationRefused, match="another process changed"):
        keyring.reseal()
    store._database.close()
