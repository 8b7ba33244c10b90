from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from watchword.errors import (
    ExpiredToken,
    InvalidClaims,
    InvalidSettings,
    MalformedClaim,
    MissingClaim,
    NotYetValid,
    TokenTooOld,
    WrongAudience,
    WrongIssuer,
    WrongSubject,
    WrongType,
)
from watchword.jose import Key
from watchword.jwt import Claims, Verifier
from watchword.jwt.claims import (
    ClaimsPolicy,
    fail_quick_check,
    find_failures,
    find_validity_period,
    make_quick_check,
)

NOW = 1000.0


def found(
    claims: dict[str, Any], now: float = NOW, **policy: Any
) -> list[tuple[type[InvalidClaims], str | None]]:
    return [(type(failure), failure.claim) for failure in find_failures(claims, ClaimsPolicy(**policy), now)]


# -- the same rules once more: slow, and obvious ---------------------------------------------------


Wrong = set[tuple[type[InvalidClaims], str]]


def reference(claims: dict[str, Any], now: float, policy: dict[str, Any]) -> Wrong:
    """Rule for rule what DESIGN.md says, without a thought for speed."""
    return (
        missing(claims, policy)
        | mistimed(claims, now, policy)
        | misnamed(claims, policy)
        | misled(claims, policy)
    )


def missing(claims: dict[str, Any], policy: dict[str, Any]) -> Wrong:
    needed = set(policy["require"])
    needed |= set() if policy["allow_no_exp"] else {"exp"}
    needed |= set() if policy["issuer"] is None else {"iss"}
    needed |= set() if policy["audience"] is None else {"aud"}
    needed |= set() if policy["subject"] is None else {"sub"}
    needed |= set() if policy["max_age"] is None else {"iat"}
    return {(MissingClaim, name) for name in needed if name not in claims or claims[name] is None}


def mistimed(claims: dict[str, Any], now: float, policy: dict[str, Any]) -> Wrong:
    given = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    good = {
        name: value
        for name, value in given.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
    }
    wrong: Wrong = {(MalformedClaim, name) for name in given if name not in good}
    if "exp" in good and not now < good["exp"] + policy["leeway"]:
        wrong.add((ExpiredToken, "exp"))
    if "nbf" in good and not now >= good["nbf"] - policy["leeway"]:
        wrong.add((NotYetValid, "nbf"))
    if "iat" in good and not now >= good["iat"] - policy["leeway"]:
        wrong.add((NotYetValid, "iat"))
    if "iat" in good and policy["max_age"] is not None:
        age = now - good["iat"]
        if age > policy["max_age"] + policy["leeway"]:
            wrong.add((TokenTooOld, "iat"))
    return wrong


def misnamed(claims: dict[str, Any], policy: dict[str, Any]) -> Wrong:
    given = {name: claims[name] for name in ("iss", "sub", "jti") if name in claims}
    wrong: Wrong = {(MalformedClaim, name) for name, value in given.items() if not isinstance(value, str)}
    issuers = [policy["issuer"]] if isinstance(policy["issuer"], str) else policy["issuer"]
    if isinstance(given.get("iss"), str) and issuers is not None and given["iss"] not in issuers:
        wrong.add((WrongIssuer, "iss"))
    if isinstance(given.get("sub"), str) and policy["subject"] not in (None, given["sub"]):
        wrong.add((WrongSubject, "sub"))
    return wrong


def misled(claims: dict[str, Any], policy: dict[str, Any]) -> Wrong:
    if "aud" not in claims:
        return set()
    named = [claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"]
    if not isinstance(named, list) or any(not isinstance(name, str) for name in named):
        return {(MalformedClaim, "aud")}
    ours = policy["audience"] or []
    ours = [ours] if isinstance(ours, str) else ours
    return set() if [name for name in named if name in ours] else {(WrongAudience, "aud")}


NAMES = st.sampled_from(["a", "A", "ab", "https://a", ""])
EXPECTED = st.none() | st.sampled_from(["a", "ab"]) | st.lists(st.sampled_from(["a", "ab"]), min_size=1)
ODD = st.none() | st.booleans() | st.just({}) | st.just([1]) | st.lists(NAMES, max_size=3)
TIMES = (
    st.integers(980, 1020)
    | st.integers(980 * 64, 1020 * 64).map(lambda sixty_fourths: sixty_fourths / 64)
    | st.sampled_from([2**53, -(2**53), 10**400, math.nan, math.inf, -5, 0, "1000", 2**53 - 1])
)
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("exp", "nbf", "iat"), TIMES | ODD),
        **dict.fromkeys(("iss", "sub", "aud", "jti"), NAMES | ODD | st.integers()),
        "extra": st.none() | st.integers(),
    },
)
POLICIES = st.fixed_dictionaries(
    {
        "issuer": EXPECTED,
        "audience": EXPECTED,
        "subject": st.none() | st.just("a"),
        "require": st.lists(st.sampled_from(["extra", "jti", "exp"]), max_size=2),
        "allow_no_exp": st.booleans(),
        "leeway": st.sampled_from([0, 5, 0.5]),
        "max_age": st.sampled_from([None, 0, 10]),
    }
)


@given(CLAIMS, POLICIES)
def test_the_rules_agree_with_the_slow_and_obvious_ones(
    claims: dict[str, Any], policy: dict[str, Any]
) -> None:
    assert set(found(claims, **policy)) == reference(claims, NOW, policy)


class Model(Claims):
    extra: int


def misfits(claims: dict[str, Any]) -> bool:
    """Whether claims do not have the form of a :class:`Model`."""
    aud = claims.get("aud")
    return (
        type(claims.get("extra")) is not int
        or any(not isinstance(claims.get(name), str | None) for name in ("iss", "sub", "jti"))
        or any(type(claims.get(name)) not in (int, float, type(None)) for name in ("exp", "nbf", "iat"))
        or not (isinstance(aud, str | None) or (isinstance(aud, list) and all(type(n) is str for n in aud)))
    )


@given(CLAIMS, POLICIES, st.sampled_from([None, "JWT", "at+jwt"]), st.sampled_from([dict, Model]))
def test_all_that_is_wrong_with_a_token_is_told_at_once_and_the_first_decides(
    key: Key,
    forge: Callable[..., str],
    claims: dict[str, Any],
    policy: dict[str, Any],
    typ: str | None,
    type_: Any,
) -> None:
    assume(all(abs(value) < 2**64 for value in claims.values() if isinstance(value, int | float)))
    wrong: set[tuple[type[InvalidClaims], str | None]] = {*reference(claims, NOW, policy)}
    wrong |= {(WrongType, "typ")} if typ == "at+jwt" else set()
    wrong |= {(MalformedClaim, None)} if wrong and type_ is Model and misfits(claims) else set()
    verifier = Verifier(key, **policy, claims=type_, clock=lambda: NOW)
    token = forge(json.dumps(claims).encode(), {"alg": "HS256"} | ({} if typ is None else {"typ": typ}))
    if not wrong and (type_ is dict or not misfits(claims)):
        verifier.verify(token)
        return
    with pytest.raises(InvalidClaims) as caught:
        verifier.verify(token)
    told = [(type(failure), failure.claim) for failure in caught.value.failures]
    assert sorted(told, key=repr) == sorted(wrong or {(MalformedClaim, None)}, key=repr)
    assert caught.value is caught.value.failures[0]


@given(CLAIMS, POLICIES, st.floats(900, 1100))
def test_inside_the_validity_period_nothing_changes(
    claims: dict[str, Any], policy: dict[str, Any], later: float
) -> None:
    if found(claims, **policy):
        return
    start, end = find_validity_period(claims, ClaimsPolicy(**policy))
    assert start <= NOW <= end
    if start <= later < end:
        assert not found(claims, later, **policy)


ABSENT = object()
USUAL_POLICY: dict[str, Any] = {
    "issuer": "a",
    "audience": "a",
    "subject": None,
    "require": (),
    "allow_no_exp": False,
    "leeway": 30,
    "max_age": None,
}
USUAL = {"iss": "a", "sub": "s", "aud": "a", "exp": 1010, "iat": 990, "jti": "j"}
# none to three claims of the usual token changed, so that the quick check is met where it is about to say yes
NEARLY_USUAL = st.builds(
    lambda changes: {
        name: value for name, value in {**USUAL, **dict(changes)}.items() if value is not ABSENT
    },
    st.lists(
        st.tuples(st.sampled_from([*USUAL, "nbf", "extra"]), TIMES | ODD | NAMES | st.just(ABSENT)),
        max_size=3,
    ),
)
# as those of POLICIES, and usual more often
NEARLY_USUAL_POLICIES = st.builds(
    lambda changes: {**USUAL_POLICY, **changes},
    st.just({})
    | st.builds(lambda policy, name: {name: policy[name]}, POLICIES, st.sampled_from([*USUAL_POLICY])),
)


@settings(max_examples=500)
@given(
    CLAIMS | NEARLY_USUAL,
    POLICIES | NEARLY_USUAL_POLICIES,
    st.sampled_from([0, 1, 20, 989, 1000, 1009.5, 2**60]),
)
def test_what_the_quick_check_accepts_has_no_failures(
    claims: dict[str, Any], policy: dict[str, Any], now: float
) -> None:
    if make_quick_check(ClaimsPolicy(**policy))(claims, now):
        assert found(claims, now, **policy) == []


@pytest.mark.parametrize(
    ("claims", "policy", "now"),
    [
        ({"iss": "b"}, {}, NOW),
        ({"aud": "b"}, {}, NOW),
        ({"sub": 1}, {}, NOW),
        ({"jti": None}, {}, NOW),
        ({"sub": 1, "jti": 1}, {}, NOW),
        ({"iat": True}, {}, NOW),
        ({"iat": 2, "exp": True}, {}, 2),
        ({"iat": 2, "exp": True}, {}, 0.5),
        ({"iat": "990"}, {}, NOW),
        ({"exp": None}, {}, NOW),
        ({"exp": 2**53}, {}, NOW),
        ({"exp": 960}, {}, NOW),
        ({"iat": 1031}, {}, NOW),
        ({"nbf": 1031}, {}, NOW),
        ({"nbf": None}, {}, NOW),
        ({}, {"subject": "b"}, NOW),
        ({"iat": 2}, {"max_age": 60}, NOW),
        ({}, {"require": ["extra"]}, NOW),
        ({"extra": None}, {"require": ["extra"]}, NOW),
        ({"extra": 1}, {"require": ["extra", "nbf"]}, NOW),
        ({}, {"audience": None}, NOW),
    ],
    ids=str,
)
def test_the_quick_check_accepts_nothing_that_has_failures(
    claims: dict[str, Any], policy: dict[str, Any], now: float
) -> None:
    claims, policy = {**USUAL, **claims}, {**USUAL_POLICY, **policy}
    assert found(claims, now, **policy)
    assert not make_quick_check(ClaimsPolicy(**policy))(claims, now)


def test_the_quick_check_accepts_the_usual_token() -> None:
    is_acceptable = make_quick_check(ClaimsPolicy(issuer="a", audience=["a"], require=["sub"], leeway=30))
    for now in (990, 1009.5):
        assert is_acceptable({**USUAL, "extra": [None]}, now)


def test_the_quick_check_sees_that_further_claims_are_there() -> None:
    is_acceptable = make_quick_check(ClaimsPolicy(issuer="a", audience="a", require=["extra", "more"]))
    assert is_acceptable({**USUAL, "extra": 0, "more": ""}, NOW)
    assert not is_acceptable({**USUAL, "extra": 0}, NOW)
    assert not is_acceptable({**USUAL, "extra": 0, "more": "", "aud": "b"}, NOW)


def test_there_is_no_quick_check_where_more_is_asked_for() -> None:
    usual = {"issuer": "a", "audience": "a"}
    for policy in ({"issuer": ["a", "b"]}, {"subject": "s"}, {"max_age": 60}, {"issuer": None}):
        assert make_quick_check(ClaimsPolicy(**{**usual, **policy})) is fail_quick_check


# -- what the rules say, by example ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "value", "first_good", "last_good"),
    [
        ("exp", 1000, -math.inf, math.nextafter(1030, 0)),
        ("exp", 1000.5, -math.inf, math.nextafter(1030.5, 0)),
        ("exp", -10, -math.inf, math.nextafter(20, 0)),
        ("nbf", 1000, 970, math.inf),
        ("iat", 1000, 970, math.inf),
        ("iat", -10.5, -40.5, math.inf),
    ],
)
def test_the_boundaries_of_time_are_exact(
    claim: str, value: float, first_good: float, last_good: float
) -> None:
    late = {"exp": ExpiredToken, "nbf": NotYetValid, "iat": NotYetValid}[claim]
    policy = {"allow_no_exp": True, "leeway": 30}
    for now in (first_good, last_good):
        assert found({claim: value}, now, **policy) == []
    for now in (math.nextafter(first_good, -math.inf), math.nextafter(last_good, math.inf)):
        if math.isfinite(now):
            assert found({claim: value}, now, **policy) == [(late, claim)]


def test_an_age_of_just_max_age_is_not_too_old() -> None:
    policy = {"allow_no_exp": True, "max_age": 60, "leeway": 5}
    assert found({"iat": 935}, **policy) == []
    assert found({"iat": 934.999}, **policy) == [(TokenTooOld, "iat")]
    assert found({}, **policy) == [(MissingClaim, "iat")]


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value", [True, "1000", [1000], {}, math.nan, math.inf, 2**53, -(2**53), 10**400], ids=repr
)
def test_what_is_no_time_is_malformed(claim: str, value: object) -> None:
    assert found({"exp": 2000, claim: value}) == [(MalformedClaim, claim)]


@pytest.mark.parametrize(
    ("iss", "failure"),
    [
        ("https://a", None),
        ("https://b", None),
        ("https://", WrongIssuer),
        ("https://a/", WrongIssuer),
        ("HTTPS://A", WrongIssuer),
        ("", WrongIssuer),
        (["https://a"], MalformedClaim),
        (1, MalformedClaim),
    ],
)
def test_the_issuer_is_matched_as_a_whole(iss: object, failure: type[InvalidClaims] | None) -> None:
    expected = [(failure, "iss")] if failure else []
    assert found({"exp": 2000, "iss": iss}, issuer=("https://a", "https://b")) == expected


@pytest.mark.parametrize(
    ("aud", "failure"),
    [
        ("api", None),
        (["other", "api"], None),
        ("ap", WrongAudience),
        ("API", WrongAudience),
        ([], WrongAudience),
        (["other"], WrongAudience),
        (["api", 1], MalformedClaim),
        ({"api": 1}, MalformedClaim),
        (1, MalformedClaim),
    ],
)
def test_the_audience_is_matched_by_member(aud: object, failure: type[InvalidClaims] | None) -> None:
    assert found({"exp": 2000, "aud": aud}, audience="api") == ([(failure, "aud")] if failure else [])


@pytest.mark.parametrize("aud", ["api", ["api"], [], ""])
def test_a_token_for_somebody_is_not_for_us_when_no_audience_is_expected(aud: object) -> None:
    assert found({"exp": 2000, "aud": aud}) == [(WrongAudience, "aud")]


@pytest.mark.parametrize(("argument", "claim"), [("issuer", "iss"), ("audience", "aud"), ("subject", "sub")])
def test_what_is_expected_must_be_there(argument: str, claim: str) -> None:
    assert found({"exp": 2000}, **{argument: "x"}) == [(MissingClaim, claim)]


def test_the_subject_is_matched_as_a_whole() -> None:
    assert found({"exp": 2000, "sub": "user-1"}, subject="user-1") == []
    assert found({"exp": 2000, "sub": "user-10"}, subject="user-1") == [(WrongSubject, "sub")]
    assert found({"exp": 2000, "sub": 7}) == [(MalformedClaim, "sub")]


@pytest.mark.parametrize("claim", ["sub", "jti"])
@pytest.mark.parametrize("value", [None, 7, True, ["user-1"], {}], ids=repr)
def test_subject_and_token_id_are_text(claim: str, value: object) -> None:
    assert found({"exp": 2000, claim: "", "iss": ""}) == []
    assert found({"exp": 2000, claim: value}) == [(MalformedClaim, claim)]


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
def test_a_time_that_is_null_is_neither_absent_nor_good(claim: str) -> None:
    assert (MalformedClaim, claim) in found({"exp": 2000, claim: None})
    assert (MalformedClaim, claim) in found({"exp": 2000, claim: None}, allow_no_exp=True)


def test_required_claims_are_there_and_not_null() -> None:
    assert found({"exp": 2000, "a": None, "c": False}, require=["a", "b", "c"]) == [
        (MissingClaim, "a"),
        (MissingClaim, "b"),
    ]


def test_exp_is_required_unless_told_otherwise() -> None:
    assert found({}) == [(MissingClaim, "exp")]
    assert found({}, allow_no_exp=True) == []
    assert found({}, allow_no_exp=True, require=["exp"]) == [(MissingClaim, "exp")]


def test_every_failure_is_found() -> None:
    claims = {"exp": 0, "nbf": 5000, "iat": "x", "iss": 1, "aud": "x", "sub": "x", "jti": 1}
    assert len(found(claims, issuer="i", audience="a", subject="s", require=["scope"])) == 8


@pytest.mark.parametrize(
    "argument",
    [
        {"leeway": -1},
        {"leeway": math.nan},
        {"leeway": "30"},
        {"leeway": True},
        {"max_age": -1},
        {"max_age": math.inf},
        {"require": "exp"},
        {"issuer": ""},
        {"issuer": []},
        {"issuer": [None]},
        {"audience": ()},
        {"audience": [""]},
        {"allow_no_exp": "no"},
        {"allow_no_exp": None},
    ],
    ids=str,
)
def test_a_policy_that_would_not_mean_what_it_says_is_rejected(argument: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings):
        ClaimsPolicy(**argument)


# -- typed claims ----------------------------------------------------------------------------------


class Parent(Claims):
    scope: str = ""


class Child(Parent):
    tenant: str


def test_what_is_made_of_claims_is_frozen_and_made_by_keywords_without_saying_so() -> None:
    claims = Child(sub="user-1", scope="read", tenant="t")
    assert (claims.sub, claims.scope, claims.tenant, claims.exp) == ("user-1", "read", "t", None)
    with pytest.raises(AttributeError):
        claims.scope = "admin"  # type: ignore[misc]  # that is the point
    with pytest.raises(TypeError):
        Parent("read")  # type: ignore[misc]  # by keyword only
    assert hash(claims) == hash(Child(sub="user-1", scope="read", tenant="t"))


def test_claims_may_be_thawed_on_purpose() -> None:
    class Open(Claims, frozen=False):  # type: ignore[misc]  # mypy would not have it
        scope: str = ""

    claims = Open()
    claims.scope = "read"
    assert claims.scope == "read"
