from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypedDict

import pytest

from watchword import Issuer, Key, MultiIssuer, Verifier
from watchword.errors import (
    InvalidClaims,
    InvalidSettings,
    MalformedClaim,
    MissingClaim,
    UnknownKey,
    WrongSubject,
    WrongType,
)
from watchword.jwt import profiles
from watchword.jwt.expectations import EncryptedExpectations, IssuerExpectations

Forge = Callable[..., str]
NOW = 1_700_000_000


def clock() -> float:
    return NOW


def refusal(verifier: Verifier[Any], token: str) -> InvalidClaims:
    with pytest.raises(InvalidClaims) as caught:
        verifier.verify(token)
    return caught.value


@pytest.mark.parametrize(
    ("passed_on", "given_by_name"),
    [(IssuerExpectations, {"issuer", "audience"}), (EncryptedExpectations, {"decrypt_with"})],
)
def test_the_other_constructors_take_every_argument_of_a_verifier(
    passed_on: Any, given_by_name: set[str]
) -> None:
    arguments = inspect.signature(Verifier).parameters.keys() - {"keys", "claims"}
    assert passed_on.__required_keys__ | passed_on.__optional_keys__ == arguments - given_by_name


# -- several types ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "accepted"),
    [
        (["at+jwt", "JWT"], {"at+jwt", "JWT", "application/at+jwt"}),
        (("JWT", None), {"JWT", None}),
        ({"at+jwt"}, {"at+jwt", "application/at+jwt"}),
        ([None], {None}),
        (None, {"JWT", None}),
    ],
)
def test_a_token_is_of_one_of_the_types_that_are_expected(
    expected: Any, accepted: set[Any], key: Key, forge: Forge
) -> None:
    verifier = Verifier(key, typ=expected, clock=clock)
    for typ in ("at+jwt", "application/at+jwt", "JWT", None, "logout+jwt", ""):
        header = {"alg": "HS256"} | ({} if typ is None else {"typ": typ})
        token = forge({"exp": NOW + 60}, header)
        if typ in accepted:
            assert verifier.verify(token)
        else:
            assert isinstance(refusal(verifier, token), WrongType)


# -- a subject that is a number ----------------------------------------------------------------------


class Partner(TypedDict):
    sub: int


@pytest.mark.parametrize(
    "expected", [{"issuer": "i", "audience": "a", "require": ["jti", "iat"]}, {}], ids=str
)
def test_a_subject_is_of_the_type_that_is_said_and_of_no_other(
    expected: dict[str, Any], key: Key, forge: Forge
) -> None:
    claims = {"iss": "i", "exp": NOW + 60, "iat": NOW, "jti": "1"} | ({"aud": "a"} if expected else {})
    by_number = Verifier(key, **expected, sub_type=int, clock=clock)
    by_name = Verifier(key, **expected, clock=clock)

    for sub in (7, 0, -1, 10**30):
        token = forge(claims | {"sub": sub})
        assert by_number.verify(token)["sub"] == by_number.verify(token)["sub"] == sub
        assert isinstance(refusal(by_name, token), MalformedClaim)
    for sub in ("7", 7.0, True, None, [7]):
        error = refusal(by_number, forge(claims | {"sub": sub}))
        assert (error.claim, str(error).count("sub")) == ("sub", 1 if sub is None else 2)
    assert by_name.verify(forge(claims | {"sub": "7"}))["sub"] == "7"


def test_a_subject_that_is_a_number_must_be_there_and_may_be_a_certain_one(key: Key, forge: Forge) -> None:
    assert isinstance(
        refusal(Verifier(key, sub_type=int, clock=clock), forge({"exp": NOW + 60})), MissingClaim
    )
    seventh = Verifier(key, sub_type=int, subject=7, claims=Partner, clock=clock)
    assert seventh.verify(forge({"exp": NOW + 60, "sub": 7}))["sub"] == 7
    assert isinstance(refusal(seventh, forge({"exp": NOW + 60, "sub": 8})), WrongSubject)


def test_the_message_about_a_subject_names_the_claim_and_what_to_say(key: Key, forge: Forge) -> None:
    said = str(refusal(Verifier(key, clock=clock), forge({"exp": NOW + 60, "sub": 7})))
    assert "sub " in said
    assert "sub_type=int" in said


def test_a_key_that_does_not_fit_is_told_to_differ_in_kid_or_alg(forge: Forge) -> None:
    with pytest.raises(UnknownKey, match="has the kid and the alg of the token"):
        Verifier(Key.generate("ES256"), clock=clock).verify(forge({"exp": NOW + 60}))


# -- what the messages say -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "issued", "said"),
    [
        ({}, {"audience": "x"}, "no audience is expected. The argument audience= names it"),
        ({"audience": "api"}, {"audience": "x"}, "another audience than api"),
        ({"audience": ["b", "a"]}, {"audience": ["x", "y"]}, "another audience than a or b"),
        ({"audience": list("abcd")}, {"audience": "x"}, "another audience than the expected names"),
        ({"audience": 'odd"name'}, {"audience": "x"}, "another audience than the expected names"),
        ({"audience": "api"}, {}, "lacks the required claim aud"),
        ({"issuer": "https://other.example"}, {}, "another issuer than https://other.example"),
        ({}, {"typ": "at+jwt"}, "another typ than JWT. The argument typ= names"),
        ({"typ": "at+jwt"}, {}, "another typ than at+jwt"),
        ({"typ": ["at+jwt", None]}, {}, "another typ than at+jwt or none"),
        ({"require": ["scope"]}, {}, "lacks the required claim scope"),
    ],
    ids=str,
)
def test_a_refusal_says_what_was_expected(
    expected: dict[str, Any], issued: dict[str, Any], said: str, key: Key
) -> None:
    token = Issuer("https://issuer.example", key, **issued).issue("user-1")
    assert said in str(refusal(Verifier(key, **expected), token))
    error = refusal(Verifier(key, **expected), token)
    assert all(value not in str(error) for value in ("https://issuer.example", "user-1"))


def test_the_claim_that_has_the_wrong_type_is_named(key: Key, forge: Forge) -> None:
    error = refusal(Verifier(key, clock=clock), forge({"exp": "soon", "jti": 5}))
    assert [str(failure) for failure in error.failures] == [
        "the claim exp has the wrong type",
        "the claim jti has the wrong type",
    ]


def test_a_verifier_shows_what_it_expects_and_nothing_of_its_keys(key: Key) -> None:
    verifier = Verifier(key, issuer="https://issuer.example", audience=["b", "a"], typ="at+jwt")
    assert repr(verifier) == (
        "Verifier(keys=Key, issuer=['https://issuer.example'], audience=['a', 'b'], typ='at+jwt')"
    )
    assert repr(Verifier(key)) == "Verifier(keys=Key, issuer=None, audience=[], typ=None)"


def test_a_verifier_says_whose_tokens_it_accepts_and_for_which_audiences(key: Key) -> None:
    one, other = Verifier(key, issuer="one", audience=["a", "b"]), Verifier(key, issuer="other")
    assert (one.issuers, one.audiences, other.audiences) == ({"one"}, {"a", "b"}, frozenset())
    assert MultiIssuer([one, other]).audiences == {"a", "b"}


# -- durations -------------------------------------------------------------------------------------------


def test_a_duration_is_seconds_or_a_timedelta(key: Key, forge: Forge) -> None:
    claims = {
        "iss": "i",
        "sub": "i",
        "aud": "a",
        "jti": "1",
        "iat": NOW - 60,
        "exp": NOW + 60,
        "auth_time": NOW - 60,
    }
    token = forge(claims)
    makes: dict[str, Callable[[Any], Verifier[Any]]] = {
        "max_age": lambda age: Verifier(key, audience="a", max_age=age, leeway=0, clock=clock),
        "leeway": lambda leeway: Verifier(key, audience="a", leeway=leeway, max_age=0, clock=clock),
        "login": lambda age: profiles.id_token_verifier(
            key, issuer="i", client_id="a", nonce=None, max_age=age, leeway=0, clock=clock
        ),
        "tolerance": lambda leeway: profiles.id_token_verifier(
            key, issuer="i", client_id="a", nonce=None, max_age=0, leeway=leeway, clock=clock
        ),
        "max_lifetime": lambda age: profiles.client_assertion_verifier(
            key, client_id="i", audience="a", max_lifetime=age, leeway=0, clock=clock
        ),
    }
    for make in makes.values():
        for enough in (60, 60.0, timedelta(minutes=1)):
            assert make(enough).verify(token)
        for few in (59, timedelta(seconds=59)):
            assert refusal(make(few), token)
        for wrong in (-1, timedelta(seconds=-1), "60", math.nan):
            with pytest.raises(InvalidSettings, match="seconds"):
                make(wrong)
