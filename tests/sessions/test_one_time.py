from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from watchword import Auth, Claims, Client, Issuer, Key, Settings, Verifier
from watchword.errors import (
    ExpiredToken,
    InvalidGrant,
    InvalidSettings,
    InvalidToken,
    MissingClaim,
    StoreUnavailable,
    TokenSpent,
    Unissuable,
    UnknownKey,
    WrongAudience,
    WrongType,
)
from watchword.events import Event, TokenRedeemed, TokenReplayed
from watchword.settings import LARGEST_LEEWAY
from watchword.stores.sql.one_time import SqlOneTime

ISSUER = "https://issuer.example"
SETTINGS = Settings(issuer=ISSUER, audience="api", revocation_interval=29)
HOME = Client(ip_address="192.0.2.1\n")
AWAY = Client(ip_address="198.51.100.7")


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def make(events: list[Event]) -> Iterator[Callable[..., Auth]]:
    made = []

    def making(**changes: Any) -> Auth:
        made.append(Auth("sqlite://", **{"settings": SETTINGS, "listeners": [events.append]} | changes))
        return made[-1]

    yield making
    for auth in made:
        auth.close()


@pytest.fixture
def auth(make: Callable[..., Auth], events: list[Event]) -> Auth:
    made = make()
    events.clear()  # the keys that were made
    return made


def wait(auth: Auth, seconds: float) -> None:
    """Let the store's time go on; the next poll brings it."""
    auth.stores.sessions.time_shift += seconds
    auth._revocations.poll()


def spent_ids(auth: Auth) -> list[str]:
    with auth.stores.backends[0].begin_read() as connection:
        return list(connection.exec_driver_sql("SELECT key FROM watchword_spent").scalars())


# -- once ----------------------------------------------------------------------------------------


def test_a_token_works_once(auth: Auth) -> None:
    token = auth.one_time.issue("password-reset", "alice", 3_600, {"version": 3})
    claims = auth.one_time.redeem("password-reset", token)
    assert (claims["sub"], claims["version"]) == ("alice", 3)
    for _ in range(2):
        with pytest.raises(TokenSpent):
            auth.one_time.redeem("password-reset", token)


def test_each_token_works_once_whatever_became_of_the_others(auth: Auth) -> None:
    tokens = [auth.one_time.issue("invitation", "alice", 3_600) for _ in range(2)]
    for token in tokens:
        assert auth.one_time.redeem("invitation", token)["sub"] == "alice"


def test_a_token_works_for_its_purpose_only_and_is_not_spent_by_another(auth: Auth) -> None:
    token = auth.one_time.issue("email-verification", "alice", 3_600)
    with pytest.raises(WrongAudience):
        auth.one_time.redeem("password-reset", token)
    assert auth.one_time.redeem("email-verification", token)


def test_use_and_second_use_are_told_with_purpose_and_address_and_no_token(
    auth: Auth, events: list[Event]
) -> None:
    token = auth.one_time.issue("magic-link", "alice", 60)
    auth.one_time.redeem("magic-link", token, HOME)
    with pytest.raises(TokenSpent):
        auth.one_time.redeem("magic-link", token, AWAY)
    about = {"subject": "alice", "purpose": "magic-link"}
    assert events == [
        TokenRedeemed(**about, address="192.0.2.1"),
        TokenReplayed(**about, address=AWAY.ip_address, issuer=ISSUER),
    ]
    assert token not in repr(events)


def test_what_is_not_good_is_refused_unspent_and_tells_nothing(auth: Auth, events: list[Event]) -> None:
    other = Issuer(ISSUER, Key.generate("HS256"), audience="magic-link", typ="ot+jwt").issue("alice")
    for token in ("", "x", "a.b.c", other):
        with pytest.raises(InvalidToken):
            auth.one_time.redeem("magic-link", token)
    assert spent_ids(auth) == []
    assert events == []


def test_an_attempt_is_named_anew_for_each_redemption(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    """What repeats within the store is one attempt; who comes again is another."""
    attempts = []
    spend = auth.stores.one_time.spend

    def spending(key: str, attempt: str, *, keep_until: float) -> bool:
        attempts.append(attempt)
        spend(key, attempt, keep_until=keep_until)
        return spend(key, attempt, keep_until=keep_until)  # the answer to the first was lost

    monkeypatch.setattr(auth.stores.one_time, "spend", spending)
    token = auth.one_time.issue("magic-link", "alice", 60)
    assert auth.one_time.redeem("magic-link", token)
    with pytest.raises(TokenSpent):
        auth.one_time.redeem("magic-link", token)
    assert len(set(attempts)) == 2


# -- time ----------------------------------------------------------------------------------------


def test_times_are_the_stores_and_leeway_is_added_once(auth: Auth) -> None:
    auth.stores.sessions.time_shift = 86_400  # the node's clock is a day behind
    auth._revocations.poll()
    tokens = [auth.one_time.issue("magic-link", "alice", timedelta(minutes=1)) for _ in range(2)]
    wait(auth, 60 + SETTINGS.leeway - 2)
    claims = auth.one_time.redeem("magic-link", tokens[0])
    assert claims["exp"] - claims["iat"] == 60
    assert claims["iat"] == pytest.approx(auth.now() - 88, abs=5)
    wait(auth, 3)
    with pytest.raises(ExpiredToken):
        auth.one_time.redeem("magic-link", tokens[1])


def test_a_spent_id_outlives_its_token_by_the_largest_leeway_of_any_node_and_is_then_purged(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = auth.one_time.issue("magic-link", "alice", 60)
    auth.one_time.redeem("magic-link", token)
    patient = msgspec.structs.replace(SETTINGS, leeway=LARGEST_LEEWAY)
    monkeypatch.setattr(auth.one_time, "_settings", patient)  # as another node may have it
    wait(auth, 60 + LARGEST_LEEWAY - 2)
    with pytest.raises(TokenSpent):
        auth.one_time.redeem("magic-link", token)
    assert len(spent_ids(auth)) == 1
    wait(auth, 120)
    later = auth.one_time.issue("magic-link", "alice", 60)
    auth.one_time.redeem("magic-link", later)  # a write, beside which is purged
    assert len(spent_ids(auth)) == 1


def test_a_node_that_is_behind_the_store_gives_no_token_a_second_life(auth: Auth) -> None:
    """Its news are old and its clock stood still: it takes the token for good, and the store does not."""
    token = auth.one_time.issue("magic-link", "alice", 60)
    auth.one_time.redeem("magic-link", token)
    auth.stores.sessions.time_shift += 10_000
    auth.stores.one_time.spend("of somebody else", "attempt", keep_until=auth.stores.now() + 1)  # purges
    assert auth.now() < auth.stores.now() - 9_000
    with pytest.raises(TokenSpent):
        auth.one_time.redeem("magic-link", token)


def test_a_token_lives_as_long_as_its_key_is_kept_and_no_longer(auth: Auth) -> None:
    longest = SETTINGS.session_lifetime
    token = auth.one_time.issue("invitation", "alice", longest)
    wait(auth, longest - 1)
    auth.keyring.tend()
    assert auth.one_time.redeem("invitation", token)
    for lifetime in (longest + 1, timedelta(seconds=longest + 1)):
        with pytest.raises(InvalidSettings, match="session_lifetime"):
            auth.one_time.issue("invitation", "alice", lifetime)


def test_a_token_by_a_compromised_key_is_not_redeemed_and_none_is_signed_with_it(auth: Auth) -> None:
    token = auth.one_time.issue("magic-link", "alice", 60)
    auth.keyring.compromise(auth.keyring.internal.find_signing_key().kid)
    auth._revocations.poll()
    with pytest.raises(UnknownKey):
        auth.one_time.redeem("magic-link", token)
    assert auth.one_time.redeem("magic-link", auth.one_time.issue("magic-link", "alice", 60))


def test_without_news_of_the_keys_nothing_is_signed_or_vouched_for(auth: Auth) -> None:
    token = auth.one_time.issue("magic-link", "alice", 60)

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable

    auth.stores.sessions.poll = away
    auth._revocations._polls.remove()
    auth._revocations._spared_until = -math.inf
    with pytest.raises(StoreUnavailable):
        auth.one_time.issue("magic-link", "alice", 60)
    with pytest.raises(StoreUnavailable):
        auth.one_time.redeem("magic-link", token)
    assert spent_ids(auth) == []


# -- kinds of token ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", ISSUER, "api", None, 7, ["password-reset"]])
def test_a_purpose_is_a_name_and_none_of_ours(auth: Auth, name: Any) -> None:
    with pytest.raises(InvalidSettings, match="purpose"):
        auth.one_time.issue(name, "alice", 60)
    with pytest.raises(InvalidSettings, match="purpose"):
        auth.one_time.redeem(name, "token")


@pytest.mark.parametrize("lifetime", [0, -1, 1.5, "60", None, True, timedelta(milliseconds=5)])
def test_a_lifetime_is_whole_seconds_and_at_least_one(auth: Auth, lifetime: Any) -> None:
    with pytest.raises(InvalidSettings, match="lifetime"):
        auth.one_time.issue("magic-link", "alice", lifetime)


def test_what_json_cannot_hold_is_not_issued(auth: Auth) -> None:
    for value in (math.nan, b"x", object()):
        with pytest.raises(Unissuable, match="JSON"):
            auth.one_time.issue("magic-link", "alice", 60, {"x": value})


def test_registered_claims_are_not_the_callers_to_set(auth: Auth) -> None:
    for claims in ({"aud": "api"}, {"sub": "bob"}, {"jti": "1"}, {"exp": 5_000_000_000}):
        with pytest.raises(Unissuable):
            auth.one_time.issue("magic-link", "alice", 60, claims)


KINDS = ("access", "refresh", "once-only")


def test_every_kind_of_token_is_told_by_type_and_by_audience(auth: Auth) -> None:
    made = made_of_each_kind(auth)
    headers = {kind: typ_and_audience(token) for kind, token in made.items()}
    assert headers == {
        "access": ("at+jwt", "api"),
        "refresh": ("rt+jwt", ISSUER),
        "once-only": ("ot+jwt", "password-reset"),
    }


@pytest.mark.parametrize("used_as", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_token_stands_in_for_another(auth: Auth, kind: str, used_as: str) -> None:
    token = made_of_each_kind(auth)[kind]
    if kind == used_as:
        use(auth, used_as, token)
        return
    with pytest.raises(InvalidGrant if used_as == "refresh" else InvalidToken):
        use(auth, used_as, token)
    assert spent_ids(auth) == []


@pytest.mark.parametrize("used_as", KINDS)
@pytest.mark.parametrize("typ", ["at+jwt", "rt+jwt", "ot+jwt", "JWT"])
def test_neither_the_type_nor_the_audience_alone_makes_a_token_another_kind(
    make: Callable[..., Auth], typ: str, used_as: str
) -> None:
    """Even signed by the key that both are signed with: the other wall stands."""
    access_key = Key.generate("HS256")
    auth = make(keys=access_key)
    right = {
        "access": ("at+jwt", "api"),
        "refresh": ("rt+jwt", ISSUER),
        "once-only": ("ot+jwt", "invitation"),
    }
    signer = access_key if used_as == "access" else auth.keyring.internal
    session = auth.start("alice")
    claims = {
        "sid": session.session_id, "gen": 1, "client_id": "watchword", "auth_time": int(auth.now()),
        "preferred_username": "alice",
    }  # fmt: skip
    for audience in ("api", ISSUER, "invitation"):
        token = Issuer(ISSUER, signer, audience=audience, typ=typ, clock=auth.now).issue("alice", claims)
        if (typ, audience) == right[used_as]:
            use(auth, used_as, token, purpose="invitation")
            continue
        with pytest.raises((WrongType, WrongAudience, InvalidGrant)):
            use(auth, used_as, token, purpose="invitation")


def made_of_each_kind(auth: Auth) -> dict[str, str]:
    pair = auth.start("alice")
    once = auth.one_time.issue("password-reset", "alice", 60)
    return dict(zip(KINDS, (pair.access_token, pair.refresh_token, once), strict=True))


def use(auth: Auth, kind: str, token: str, *, purpose: str = "password-reset") -> None:
    if kind == "access":
        auth.authenticate(token)
    elif kind == "refresh":
        auth.refresh(token)
    else:
        auth.one_time.redeem(purpose, token)


def typ_and_audience(token: str) -> tuple[str, str]:
    import watchword  # noqa: PLC0415 -- unverified, which its name should say

    found = watchword.inspect_unverified(token)
    return found.header["typ"], found.claims["aud"]


# -- other people's tokens -----------------------------------------------------------------------

THEIR_KEY = Key.generate("ES256")


class Typed(Claims):
    jti: str
    exp: int


@dataclasses.dataclass(frozen=True)
class Plain:
    iss: str
    jti: str
    exp: int


@pytest.mark.parametrize("model", [dict, Typed, Plain, Claims])
def test_any_verified_token_passes_the_guard_once(auth: Auth, events: list[Event], model: type[Any]) -> None:
    verifier = Verifier(THEIR_KEY, issuer="https://idp.example", audience="api", claims=model)
    issuer = Issuer("https://idp.example", THEIR_KEY, audience="api")
    token, another = issuer.issue("bob"), issuer.issue("bob")
    auth.replay_guard.spend(verifier.verify(token))
    auth.replay_guard.spend(verifier.verify(another))
    with pytest.raises(TokenSpent):
        auth.replay_guard.spend(verifier.verify(token), client=AWAY)
    [event] = events
    assert event == TokenReplayed(
        subject=None if model is Plain else "bob", issuer="https://idp.example", address=AWAY.ip_address
    )


def test_an_id_counts_with_its_issuer(auth: Auth) -> None:
    """Nobody can spend another issuer's tokens, whatever its name and ids are made of."""
    until = auth.now() + 60
    named = [(None, "a"), ("", "a"), ("x", "a"), ("xa", ""), ('x","a', ""), ("x", "A"), ("x" * 10_000, "a")]
    for issuer, jti in named:
        auth.replay_guard.spend({"iss": issuer, "jti": jti, "exp": until})
    assert len(set(spent_ids(auth))) == len(named)
    assert {len(key) for key in spent_ids(auth)} == {43}


def test_a_token_that_passed_the_guard_cannot_be_redeemed_nor_the_other_way_round(auth: Auth) -> None:
    tokens = [auth.one_time.issue("magic-link", "alice", 60) for _ in range(2)]
    verifier = Verifier(
        auth.keyring.internal, issuer=ISSUER, audience="magic-link", typ="ot+jwt", clock=auth.now
    )
    auth.replay_guard.spend(verifier.verify(tokens[0]))
    with pytest.raises(TokenSpent):
        auth.one_time.redeem("magic-link", tokens[0])
    auth.one_time.redeem("magic-link", tokens[1])
    with pytest.raises(TokenSpent):
        auth.replay_guard.spend(verifier.verify(tokens[1]))


def test_the_guard_remembers_a_token_until_it_expired_and_the_largest_leeway_passed(auth: Auth) -> None:
    claims = {"iss": "i", "jti": "1", "exp": auth.stores.now() + 100}
    auth.replay_guard.spend(claims)
    wait(auth, 100 + LARGEST_LEEWAY - 2)
    with pytest.raises(TokenSpent):
        auth.replay_guard.spend(claims)
    wait(auth, 120)
    auth.replay_guard.spend({"iss": "i", "jti": "2", "exp": auth.stores.now() + 100})
    assert len(spent_ids(auth)) == 1
    with pytest.raises(TokenSpent):
        auth.replay_guard.spend(claims)


def test_a_token_that_any_leeway_lets_through_passes_the_guard_too(auth: Auth) -> None:
    auth.replay_guard.spend({"jti": "1", "exp": auth.stores.now() - LARGEST_LEEWAY + 2})
    with pytest.raises(TokenSpent):
        auth.replay_guard.spend({"jti": "2", "exp": auth.stores.now() - LARGEST_LEEWAY - 2})


def test_a_token_without_exp_passes_if_it_is_said_how_old_it_may_be(auth: Auth) -> None:
    proof = {"jti": "1", "iat": auth.stores.now()}
    auth.replay_guard.spend(proof, max_age=60)
    wait(auth, 60 + LARGEST_LEEWAY - 2)
    with pytest.raises(TokenSpent):
        auth.replay_guard.spend(proof, max_age=60)


@pytest.mark.parametrize(
    ("claims", "max_age", "lacking"),
    [
        ({"exp": 5_000_000_000}, None, "jti"),
        ({"jti": None, "exp": 5_000_000_000}, None, "jti"),
        ({"jti": "1"}, None, "exp"),
        ({"jti": "1", "iat": 1_000}, None, "exp"),
        ({"jti": "1"}, 60, "exp"),
        (msgspec.defstruct("Other", [("jti", str, "1")])(), None, "exp"),
    ],
)
def test_what_has_no_id_or_no_end_does_not_pass(
    auth: Auth, claims: Any, max_age: float | None, lacking: str
) -> None:
    with pytest.raises(MissingClaim) as caught:
        auth.replay_guard.spend(claims, max_age=max_age)
    assert caught.value.claim == lacking
    assert spent_ids(auth) == []


def test_a_store_that_is_away_lets_nothing_pass(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    token = auth.one_time.issue("magic-link", "alice", 60)

    def away(*_: object, **__: object) -> bool:
        raise StoreUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(SqlOneTime, "spend", away)
        with pytest.raises(StoreUnavailable):
            auth.one_time.redeem("magic-link", token)
        with pytest.raises(StoreUnavailable):
            auth.replay_guard.spend({"jti": "1", "exp": 5_000_000_000})
    assert auth.one_time.redeem("magic-link", token)
