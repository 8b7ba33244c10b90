"""What the stores' contract promises, as tests that take any ``store`` with a ``time_shift``."""

from __future__ import annotations

import math
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from watchword.stores.contract import KeyKind, NewSession, SealedKey, Session, SessionTimes, TimedSession

TIMES = SessionTimes(access=600, idle=10_000, absolute=20_000, window=30)
THREADS = 8

Store = Any  # a contract.Store with a ``time_shift``
T = TypeVar("T")


def new_session(subject: str = "alice", **changes: Any) -> NewSession:
    fields = {
        "id": secrets.token_urlsafe(16),
        "subject": subject,
        "username": "Alice",
        "scopes": ("read", "write"),
        "user_agent": "curl/8",
        "ip_address": "192.0.2.1",
    }
    return NewSession(**fields | changes)


def start(store: Store, subject: str = "alice", times: SessionTimes = TIMES) -> Session:
    timed, _ = store.start_session(new_session(subject), times, max_live=100)
    return timed.session


def swap(store: Store, session_id: str, generation: int, times: SessionTimes = TIMES) -> TimedSession | None:
    return store.swap_session(session_id, generation, times, user_agent="firefox", ip_address="192.0.2.2")


def at_once(action: Callable[[], T]) -> Sequence[T]:
    with ThreadPoolExecutor(THREADS) as pool:
        return [future.result() for future in [pool.submit(action) for _ in range(THREADS)]]


# -- starting ------------------------------------------------------------------------------------


def test_a_started_session_has_generation_one_and_times_in_whole_seconds(store: Store) -> None:
    new = new_session()
    timed, ended = store.start_session(new, TIMES, max_live=100)
    session, now = timed.session, timed.now

    assert not ended
    assert session == Session(
        id=new.id,
        subject="alice",
        username="Alice",
        scopes=("read", "write"),
        generation=1,
        created_at=now,
        authenticated_at=now,
        refreshed_at=None,
        access_until=math.floor(now) + TIMES.access,
        expires_at=math.floor(now + TIMES.idle),
        user_agent="curl/8",
        ip_address="192.0.2.1",
    )
    assert store.find_session(new.id).session == session


def test_an_access_token_never_outlives_its_session(store: Store) -> None:
    session = start(store, times=SessionTimes(access=600, idle=300, absolute=200, window=30))
    assert session.expires_at == math.floor(session.created_at + 200)
    assert session.access_until == session.expires_at


def test_a_session_without_scopes_keeps_none(store: Store) -> None:
    timed, _ = store.start_session(new_session(scopes=()), TIMES, max_live=100)
    assert timed.session.scopes == ()


def test_starting_twice_under_one_id_returns_the_row_that_is_there(store: Store) -> None:
    new = new_session()
    first, _ = store.start_session(new, TIMES, max_live=1)
    store.time_shift += 5
    again, ended = store.start_session(new, TIMES, max_live=1)
    assert (again.session, list(ended)) == (first.session, [])
    assert again.now >= first.now + 5


def test_one_session_too_many_ends_the_subjects_oldest(store: Store) -> None:
    other = start(store, "bob")
    sessions = []
    for _ in range(3):
        store.time_shift += 1
        sessions.append(start(store))
    store.time_shift += 1
    newest, ended = store.start_session(new_session(), TIMES, max_live=2)

    assert {session.id for session in ended} == {sessions[0].id, sessions[1].id}
    assert {session.end_reason for session in ended} == {"too_many_sessions"}
    assert [session.id for session in store.live_sessions("alice")] == [newest.session.id, sessions[2].id]
    assert [session.id for session in store.live_sessions("bob")] == [other.id]
    assert {end.session_id for end in store.poll(None, None, grace=0).ends} == {s.id for s in sessions[:2]}


def test_the_only_session_allowed_is_the_new_one(store: Store) -> None:
    start(store)
    timed, _ = store.start_session(new_session(), TIMES, max_live=1)
    assert [session.id for session in store.live_sessions("alice")] == [timed.session.id]


# -- swapping ------------------------------------------------------------------------------------


def test_a_swap_moves_generation_times_and_client(store: Store) -> None:
    session = start(store)
    store.time_shift += 1_000
    timed = swap(store, session.id, 1)

    assert timed.session.generation == 2
    assert timed.session.refreshed_at == timed.now
    assert timed.session.access_until == math.floor(timed.now) + TIMES.access
    assert timed.session.expires_at == math.floor(timed.now + TIMES.idle)
    assert (timed.session.user_agent, timed.session.ip_address) == ("firefox", "192.0.2.2")
    assert (timed.session.created_at, timed.session.authenticated_at) == (session.created_at,) * 2
    assert store.find_session(session.id).session == timed.session


def test_no_swap_passes_the_sessions_absolute_end(store: Store) -> None:
    session = start(store)
    for generation in (1, 2):
        store.time_shift += 9_900
        timed = swap(store, session.id, generation)
    assert timed.session.expires_at == math.floor(session.created_at + TIMES.absolute)
    assert timed.session.access_until == timed.session.expires_at
    store.time_shift += 300
    assert swap(store, session.id, 3) is None


@pytest.mark.parametrize(
    ("generation", "seconds_after_swap", "swaps"),
    [(2, 29, False), (2, 31, True), (1, 31, False), (1, 29, False), (7, 29, False), (7, 31, True)],
)
def test_a_swap_needs_the_current_generation_and_a_window_that_has_passed(
    store: Store, generation: int, seconds_after_swap: float, swaps: bool
) -> None:
    session = start(store)
    swap(store, session.id, 1)
    store.time_shift += seconds_after_swap
    before = store.find_session(session.id).session
    timed = swap(store, session.id, generation)
    assert (timed is not None) == swaps
    after = store.find_session(session.id).session
    assert after.generation == generation + 1 if swaps else after == before


def test_an_ended_an_expired_and_an_unknown_session_do_not_swap(store: Store) -> None:
    ended, expired = start(store), start(store)
    store.end_session(ended.id, "logout")
    assert swap(store, ended.id, 1) is None
    store.time_shift += TIMES.idle
    assert swap(store, expired.id, 1) is None
    assert swap(store, "unknown", 1) is None


def test_of_many_callers_with_one_generation_exactly_one_swaps(store: Store) -> None:
    session = start(store)
    assert sum(timed is not None for timed in at_once(lambda: swap(store, session.id, 1))) == 1
    assert store.find_session(session.id).session.generation == 2


# -- finding and listing -------------------------------------------------------------------------


def test_an_unknown_session_is_not_found(store: Store) -> None:
    assert store.find_session("unknown") is None


def test_live_sessions_are_the_subjects_own_newest_first_without_ended_and_expired(store: Store) -> None:
    start(store, times=SessionTimes(access=1, idle=1, absolute=1, window=1))
    ended = start(store)
    store.end_session(ended.id, "logout")
    start(store, "bob")
    older = start(store)
    store.time_shift += 5
    newer = start(store)
    assert [session.id for session in store.live_sessions("alice")] == [newer.id, older.id]


# -- ending --------------------------------------------------------------------------------------


def test_an_end_is_told_once_and_its_first_reason_stays(store: Store) -> None:
    session = start(store)
    ended = store.end_session(session.id, "logout")
    assert (ended.end_reason, ended.ended_at) == ("logout", pytest.approx(store.now(), abs=5))
    assert store.end_session(session.id, "refresh_reused") is None
    assert store.find_session(session.id).session == ended


def test_ending_an_unknown_session_ends_nothing(store: Store) -> None:
    assert store.end_session("unknown", "logout") is None


def test_ending_all_spares_the_one_kept_and_other_subjects(store: Store) -> None:
    kept, first, second = start(store), start(store), start(store)
    other = start(store, "bob")
    store.end_session(first.id, "logout")
    assert [s.id for s in store.end_sessions("alice", "password_changed", keep=kept.id)] == [second.id]
    assert [session.id for session in store.live_sessions("alice")] == [kept.id]
    assert [s.id for s in store.end_sessions("alice", "logout_all")] == [kept.id]
    assert [session.id for session in store.live_sessions("bob")] == [other.id]


def test_an_expired_session_can_be_ended_for_the_leeway_of_its_last_token(store: Store) -> None:
    one, other = (start(store, times=SessionTimes(access=10, idle=10, absolute=10, window=1)) for _ in "12")
    store.time_shift += 20
    assert store.end_session(one.id, "logout").id == one.id
    assert [session.id for session in store.end_sessions("alice", "logout_all")] == [other.id]


def test_of_many_callers_exactly_one_ends_a_session(store: Store) -> None:
    session = start(store)
    ended = at_once(lambda: store.end_session(session.id, "logout"))
    assert sum(row is not None for row in ended) == 1


# -- the feed ------------------------------------------------------------------------------------


def test_a_poll_tells_each_end_once_in_the_order_of_commits(store: Store) -> None:
    first, second = start(store), start(store)
    feed = store.poll(None, None, grace=30)
    assert feed.ends == ()
    store.end_session(first.id, "logout")
    feed = store.poll(feed.identity, feed.position, grace=30)
    assert [(end.session_id, end.access_until) for end in feed.ends] == [(first.id, first.access_until)]
    store.end_sessions("alice", "logout_all")
    feed = store.poll(feed.identity, feed.position, grace=30)
    assert [end.session_id for end in feed.ends] == [second.id]
    assert store.poll(feed.identity, feed.position, grace=30).ends == ()
    assert feed.now == pytest.approx(store.now(), abs=5)


@pytest.mark.parametrize("stranger", ["nothing known", "another identity", "a position not reached"])
def test_a_poll_from_nowhere_tells_every_end_still_in_force(store: Store, stranger: str) -> None:
    over, in_force = start(store, times=SessionTimes(access=10, idle=10, absolute=10, window=1)), start(store)
    for session in (over, in_force):
        store.end_session(session.id, "logout")
    known = store.poll(None, None, grace=30)
    assert {end.session_id for end in known.ends} == {over.id, in_force.id}

    store.time_shift += 45
    identity, position = {
        "nothing known": (None, None),
        "another identity": ("another", known.position),
        "a position not reached": (known.identity, known.position + 1),
    }[stranger]
    assert {end.session_id for end in store.poll(identity, position, grace=30).ends} == {in_force.id}


def test_ends_of_racing_writers_all_reach_one_who_polls_meanwhile(store: Store) -> None:
    sessions = [start(store) for _ in range(24)]
    heard: Counter[str] = Counter()
    feed = store.poll(None, None, grace=30)
    with ThreadPoolExecutor(THREADS) as pool:
        writers = [pool.submit(store.end_session, session.id, "logout") for session in sessions]
        while not all(writer.done() for writer in writers):
            feed = store.poll(feed.identity, feed.position, grace=30)
            heard.update(end.session_id for end in feed.ends)
    heard.update(end.session_id for end in store.poll(feed.identity, feed.position, grace=30).ends)
    assert heard == Counter(session.id for session in sessions)


# -- keys ----------------------------------------------------------------------------------------


def insert_key(store: Store, epoch: int, kid: str, kind: KeyKind = "public", **times: float) -> bool:
    given = {"not_before": 0.0, "lead": 0.0} | times
    return store.insert_key(kind, epoch, kid, "EdDSA", f"sealed {kid}", **given)


def key_of(store: Store, kid: str) -> SealedKey:
    return next(key for key in store.keys().keys if key.kid == kid)


def test_the_first_insert_of_an_epoch_wins_and_a_repeat_of_it_is_told_so(store: Store) -> None:
    assert insert_key(store, 1, "kid-1")
    assert insert_key(store, 1, "kid-1")
    assert not insert_key(store, 1, "kid-2")
    store.time_shift += 1
    assert insert_key(store, 1, "kid-3", "internal")
    stored = store.keys()
    assert [(key.kind, key.epoch, key.kid, key.alg, key.sealed) for key in stored.keys] == [
        ("public", 1, "kid-1", "EdDSA", "sealed kid-1"),
        ("internal", 1, "kid-3", "EdDSA", "sealed kid-3"),
    ]
    assert stored.keys[0].created_at < stored.keys[1].created_at <= stored.now
    assert stored.version == store.poll(None, None, grace=0).key_version


def test_an_epoch_before_the_newest_is_past_and_a_kid_is_taken_once(store: Store) -> None:
    assert insert_key(store, 3, "kid-3")
    assert not insert_key(store, 2, "kid-2")
    assert not insert_key(store, 4, "kid-3")
    assert not insert_key(store, 1, "kid-3", "internal")
    assert [key.kid for key in store.keys().keys] == ["kid-3"]


def test_a_key_signs_from_the_time_asked_for_but_not_before_it_was_there_for_the_lead(store: Store) -> None:
    later = store.now() + 1_000
    insert_key(store, 1, "first")
    insert_key(store, 2, "soon", not_before=later, lead=10)
    insert_key(store, 3, "late", not_before=later, lead=5_000)
    first, soon, late = store.keys().keys
    assert first.signs_from == first.created_at
    assert soon.signs_from == later
    assert late.signs_from == late.created_at + 5_000


def test_a_key_is_advanced_to_the_end_of_its_lead_and_never_put_off(store: Store) -> None:
    insert_key(store, 1, "kid", lead=5_000)
    inserted, version = key_of(store, "kid"), store.keys().version
    for lead in (5_000, 9_000):
        assert store.advance_key("kid", lead=lead) == inserted
    assert store.keys().version == version
    advanced = store.advance_key("kid", lead=100)
    assert advanced == key_of(store, "kid")
    assert advanced is not None
    assert advanced.signs_from == inserted.created_at + 100
    assert store.keys().version != version
    store.time_shift += 4_000
    assert store.advance_key("kid", lead=100) == advanced


def test_a_key_whose_lead_is_over_signs_from_the_stores_time_on(store: Store) -> None:
    insert_key(store, 1, "kid", lead=5_000)
    store.time_shift += 1_000
    before = store.now()
    advanced = store.advance_key("kid", lead=100)
    assert advanced is not None
    assert before <= advanced.signs_from <= store.now()


def test_what_is_unknown_or_compromised_is_not_advanced(store: Store) -> None:
    insert_key(store, 1, "first")
    insert_key(store, 2, "next", lead=5_000)
    assert store.compromise_key("next", successor=None)
    assert store.advance_key("next", lead=0) is None
    assert store.advance_key("unknown", lead=0) is None


def test_a_compromised_key_hands_over_to_its_successor_at_that_moment(store: Store) -> None:
    insert_key(store, 1, "bad")
    insert_key(store, 2, "next", lead=5_000)
    version = store.keys().version
    store.time_shift += 10
    assert store.compromise_key("bad", successor="next")
    bad, following = store.keys().keys
    assert bad.compromised_at == following.signs_from > bad.created_at + 9
    assert store.keys().version != version
    store.time_shift += 10
    assert store.compromise_key("bad", successor="next")
    assert (key_of(store, "bad"), key_of(store, "next")) == (bad, following), "a repeat changes nothing"


def test_the_last_key_that_could_sign_is_not_given_up(store: Store) -> None:
    insert_key(store, 1, "first")
    insert_key(store, 2, "next", lead=5_000)
    insert_key(store, 1, "other", "internal")
    version = store.keys().version
    for kid, successor in [
        ("first", None),  # the next one does not sign yet
        ("first", "other"),
        ("first", "unknown"),
        ("first", "first"),
        ("other", None),
        ("unknown", None),
    ]:
        assert not store.compromise_key(kid, successor=successor)
    assert store.keys().version == version
    assert store.compromise_key("next", successor=None)
    assert not store.compromise_key("first", successor="next")
    assert [key.compromised_at is None for key in store.keys().keys] == [True, False, True]


def test_of_two_keys_that_are_given_up_for_each_other_one_stays(store: Store) -> None:
    insert_key(store, 1, "first")
    insert_key(store, 2, "second")
    kids = iter(["first", "second"] * (THREADS // 2))
    done = at_once(lambda: store.compromise_key(next(kids), successor=None))
    assert any(done)
    assert sorted(key.compromised_at is None for key in store.keys().keys) == [False, True]


def test_deleted_keys_are_gone_and_deleting_them_again_changes_nothing(store: Store) -> None:
    for epoch in (1, 2, 3):
        insert_key(store, epoch, f"kid-{epoch}")
    store.delete_keys(["kid-1", "kid-2"])
    stored = store.keys()
    assert [key.kid for key in stored.keys] == ["kid-3"]
    store.delete_keys(["kid-1", "unknown"])
    store.delete_keys([])
    assert store.keys().version == stored.version


def test_new_seals_take_the_place_of_all_or_of_none(store: Store) -> None:
    for epoch in (1, 2):
        insert_key(store, epoch, f"kid-{epoch}")
    version = store.keys().version
    assert not store.reseal_keys({"sealed kid-1": "new 1", "sealed of nobody": "new 2"})
    assert [key.sealed for key in store.keys().keys] == ["sealed kid-1", "sealed kid-2"]
    assert store.keys().version == version
    assert store.reseal_keys({"sealed kid-1": "new 1", "sealed kid-2": "new 2"})
    assert [key.sealed for key in store.keys().keys] == ["new 1", "new 2"]
    assert store.keys().version != version


def test_the_key_version_changes_with_the_keys_and_not_without(store: Store) -> None:
    def version_after(kid: str, epoch: int) -> int:
        insert_key(store, epoch, kid)
        return store.keys().version

    first = version_after("kid-1", 1)
    assert version_after("kid-1", 1) == first
    assert version_after("kid-2", 1) == first
    assert version_after("kid-2", 2) != first


def test_of_many_nodes_exactly_one_makes_the_next_key(store: Store) -> None:
    won = at_once(lambda: insert_key(store, 1, secrets.token_hex(4)))
    assert sorted(won) == [False] * (THREADS - 1) + [True]


# -- accounts ------------------------------------------------------------------------------------


def insert_account(store: Store, subject: str = "s1", name_key: str = "alice", **changes: Any) -> Any:
    fields = {"username": "Alice", "password_hash": "$argon2id$1", "scopes": ("read", "write")}
    return store.insert_account(subject=subject, name_key=name_key, **fields | changes)


def test_an_account_is_found_by_name_and_by_subject(store: Store) -> None:
    account = insert_account(store)
    assert (account.subject, account.username, account.name_key) == ("s1", "Alice", "alice")
    assert (account.scopes, account.disabled, account.credentials_version) == (("read", "write"), False, 1)
    assert account.created_at == pytest.approx(store.now(), abs=5)
    assert store.find_account(name_key="alice") == account == store.find_account(subject="s1")
    assert store.find_account(name_key="bob") is None
    assert store.find_account(subject="s2") is None


def test_a_password_hash_does_not_show(store: Store) -> None:
    assert "argon2" not in repr(insert_account(store))


def test_a_name_is_unique_and_a_repeat_with_one_subject_returns_the_row(store: Store) -> None:
    account = insert_account(store)
    assert insert_account(store, password_hash="$argon2id$2") == account
    assert insert_account(store, subject="s2") is None
    assert store.accounts() == [account]


def test_accounts_are_listed_by_name(store: Store) -> None:
    insert_account(store, "s1", "bob")
    insert_account(store, "s2", "alice")
    assert [account.name_key for account in store.accounts()] == ["alice", "bob"]


def test_what_must_end_sessions_raises_the_credentials_version_and_a_rehash_does_not(store: Store) -> None:
    insert_account(store)
    assert store.set_password("s1", "$argon2id$2")
    assert store.set_disabled("s1", disabled=True)
    assert store.replace_hash("s1", "$argon2id$2", "$argon2id$3")
    account = store.find_account(subject="s1")
    assert (account.password_hash, account.disabled, account.credentials_version) == ("$argon2id$3", True, 3)
    assert store.set_disabled("s1", disabled=False)
    assert not store.find_account(subject="s1").disabled


def test_a_rehash_never_undoes_a_password_change(store: Store) -> None:
    insert_account(store)
    store.set_password("s1", "$argon2id$new")
    assert not store.replace_hash("s1", "$argon2id$1", "$argon2id$better")
    assert store.find_account(subject="s1").password_hash == "$argon2id$new"


def test_changes_to_no_account_change_nothing(store: Store) -> None:
    assert not store.set_password("s1", "hash")
    assert not store.set_disabled("s1", disabled=True)
    assert not store.replace_hash("s1", "old", "new")
    assert not store.delete_account("s1")


def test_deleting_an_account_frees_its_name_and_leaves_the_ends_of_its_sessions(store: Store) -> None:
    insert_account(store)
    session = start(store, "s1")
    store.end_sessions("s1", "account_deleted")
    assert store.delete_account("s1")
    assert store.find_account(subject="s1") is None
    assert insert_account(store, "s2").subject == "s2"
    assert [end.session_id for end in store.poll(None, None, grace=30).ends] == [session.id]


# -- throttles -----------------------------------------------------------------------------------


def charge(store: Store, key: str = "key", **changes: Any) -> float:
    return store.charge(key, **{"free": 3, "max_delay": 10.0, "forget_after": 1_000.0} | changes)


def test_delays_begin_after_the_free_attempts_and_double_up_to_the_longest(store: Store) -> None:
    for _ in range(2):
        charge(store)
    waits = []
    for _ in range(7):
        assert charge(store) == 0.0
        waits.append(charge(store))
        store.time_shift += waits[-1]
    assert [round(wait) for wait in waits] == [1, 2, 4, 8, 10, 10, 10]


def test_attempts_during_a_delay_charge_nothing_and_lengthen_nothing(store: Store) -> None:
    for _ in range(3):
        assert charge(store) == 0.0
    assert all(0 < charge(store) <= 1.0 for _ in range(20))
    store.time_shift += 1.0
    assert charge(store) == 0.0
    assert 1.0 < charge(store) <= 2.0


def test_a_good_login_clears_the_count_and_another_key_has_its_own(store: Store) -> None:
    for _ in range(3):
        charge(store)
    assert charge(store, "other") == 0.0
    store.clear_charges("key")
    assert [charge(store) for _ in range(3)] == [0.0] * 3
    assert charge(store) > 0


def test_a_count_that_nobody_touched_is_forgotten(store: Store) -> None:
    for _ in range(3):
        charge(store)
    store.time_shift += 1_001
    assert [charge(store) for _ in range(3)] == [0.0] * 3


def test_a_count_of_thousands_does_not_overflow(store: Store) -> None:
    for _ in range(80):
        assert charge(store, free=0) == 0.0
        store.time_shift += 10
    assert charge(store, free=0, max_delay=math.inf) == 0.0
    assert charge(store) <= 2.0**80


def test_of_many_attempts_at_once_only_the_free_ones_go_on(store: Store) -> None:
    waits = at_once(lambda: charge(store))
    assert sorted(waits)[:4] == [0.0, 0.0, 0.0, pytest.approx(1.0, abs=1.0)]
    assert sum(wait == 0.0 for wait in waits) == 3


def test_a_key_is_remembered_for_its_lifetime_and_renewed(store: Store) -> None:
    assert not store.remembers("key")
    store.remember("key", lifetime=100)
    store.time_shift += 60
    assert store.remembers("key")
    store.remember("key", lifetime=100)
    store.time_shift += 60
    assert store.remembers("key")
    store.time_shift += 41
    assert not store.remembers("key")
    assert not store.remembers("other")


# -- the whole store -----------------------------------------------------------------------------


def test_the_stores_time_moves_with_its_shift(store: Store) -> None:
    before = store.now()
    store.time_shift += 3_600
    assert store.now() == pytest.approx(before + 3_600, abs=5)
