from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import attrs
import msgspec
import pydantic
import pytest

from watchword.errors import InvalidKey, InvalidSettings, Unissuable
from watchword.jose import Key, jws
from watchword.jwt import Claims, Issuer, inspect_unverified

NOW = 1_700_000_000
ISSUER = "https://issuer.example"


class Scoped(Claims, frozen=True):
    scope: str = ""
    name: str | None = msgspec.field(default=None, name="full_name")


@pytest.fixture
def issuer(key: Key, clock: Callable[[], float]) -> Issuer:
    return Issuer(ISSUER, key, audience="api", clock=clock)


def claims_of(token: str) -> dict[str, Any]:
    return inspect_unverified(token).claims


def test_a_token_has_the_registered_claims_and_those_given(issuer: Issuer, key: Key) -> None:
    token = issuer.issue("user-1", {"scope": "read", "n": 1})
    assert jws.verify(token, key).header == {"alg": "HS256", "typ": "JWT", "kid": "k1"}
    claims = claims_of(token)
    assert len(claims.pop("jti")) == 22
    assert claims == {
        "iss": ISSUER, "sub": "user-1", "aud": "api", "iat": NOW, "exp": NOW + 900, "scope": "read", "n": 1,
    }  # fmt: skip


def test_every_token_has_another_id(issuer: Issuer) -> None:
    assert len({claims_of(issuer.issue("user-1"))["jti"] for _ in range(100)}) == 100


@pytest.mark.parametrize("now", [NOW, NOW + 0.999])
def test_times_are_cut_to_whole_seconds(issuer: Issuer, clock: Any, now: float) -> None:
    clock.now = now
    claims = claims_of(issuer.issue("user-1", lifetime=60))
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + 60)
    assert type(claims["iat"]) is type(claims["exp"]) is int


def test_a_given_time_stands_in_place_of_the_clock(issuer: Issuer) -> None:
    claims = claims_of(issuer.issue("user-1", issued_at=1234.9))
    assert (claims["iat"], claims["exp"]) == (1234, 1234 + 900)
    assert claims_of(issuer.issue("user-1", issued_at=0))["iat"] == 0


@pytest.mark.parametrize("issued_at", ["now", math.nan, math.inf], ids=repr)
def test_a_time_that_is_none_is_rejected(issuer: Issuer, issued_at: Any) -> None:
    with pytest.raises(InvalidSettings, match=r"^issued_at must be seconds since the epoch, not "):
        issuer.issue("user-1", issued_at=issued_at)
    with pytest.raises(InvalidSettings, match=r"^the clock's time must be seconds since the epoch, not "):
        Issuer(ISSUER, Key.generate("HS256"), clock=lambda: issued_at).issue("user-1")


@pytest.mark.parametrize("lifetime", [60, timedelta(minutes=1), timedelta(seconds=60, microseconds=999_999)])
def test_a_lifetime_is_seconds_or_a_timedelta(key: Key, issuer: Issuer, lifetime: Any) -> None:
    assert claims_of(issuer.issue("user-1", issued_at=0, lifetime=lifetime))["exp"] == 60
    assert claims_of(Issuer(ISSUER, key, lifetime=lifetime).issue("user-1", issued_at=0))["exp"] == 60


@pytest.mark.parametrize(
    "lifetime", [0, -1, 1.5, True, "900", timedelta(0), timedelta(milliseconds=999)], ids=repr
)
def test_a_lifetime_that_is_none_is_rejected(key: Key, issuer: Issuer, lifetime: Any) -> None:
    with pytest.raises(InvalidSettings):
        Issuer(ISSUER, key, lifetime=lifetime)
    with pytest.raises(InvalidSettings):
        issuer.issue("user-1", lifetime=lifetime)


def test_an_audience_is_a_name_or_several_or_nobody(key: Key, issuer: Issuer) -> None:
    assert claims_of(issuer.issue("user-1", audience=("a", "b")))["aud"] == ["a", "b"]
    assert claims_of(Issuer(ISSUER, key, audience=["a"]).issue("user-1"))["aud"] == ["a"]
    assert "aud" not in claims_of(Issuer(ISSUER, key).issue("user-1"))
    for audience in ("", (), [1], [""]):
        with pytest.raises(InvalidSettings):
            issuer.issue("user-1", audience=audience)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"])
def test_a_registered_claim_is_never_overridden(issuer: Issuer, name: str) -> None:
    for claims in ({name: None}, {name: "x"}):
        with pytest.raises(Unissuable):
            issuer.issue("user-1", claims)
    with pytest.raises(Unissuable):
        issuer.issue("user-1", msgspec.convert({name: 1 if name in {"exp", "nbf", "iat"} else "x"}, Scoped))


@pytest.mark.parametrize("subject", [7, None, b"user-1"])
def test_a_subject_that_is_no_string_is_rejected(issuer: Issuer, subject: Any) -> None:
    with pytest.raises(Unissuable):
        issuer.issue(subject)


def test_a_struct_serves_as_claims(issuer: Issuer) -> None:
    claims = claims_of(issuer.issue("user-1", Scoped(scope="read")))
    assert (claims["scope"], claims["full_name"], claims["sub"]) == ("read", None, "user-1")
    assert "nbf" not in claims


def test_the_callers_claims_and_header_stay_as_they_were(issuer: Issuer) -> None:
    claims, header = {"scope": "read"}, {"cty": "x"}
    issuer.issue("user-1", claims, header=header)
    assert (claims, header) == ({"scope": "read"}, {"cty": "x"})


def test_the_header_takes_additions_and_no_overrides(issuer: Issuer, key: Key) -> None:
    token = issuer.issue("user-1", header={"cty": "x"})
    assert jws.verify(token, key).header == {"alg": "HS256", "typ": "JWT", "kid": "k1", "cty": "x"}
    for name in ("alg", "kid", "typ"):
        with pytest.raises(Unissuable):
            issuer.issue("user-1", header={name: "x"})


def circle() -> dict[str, Any]:
    claims: dict[str, Any] = {}
    claims["x"] = claims
    return claims


class Holder(msgspec.Struct):
    value: Any


class Row(msgspec.Struct, array_like=True):
    scope: str = ""


@dataclass
class DataclassClaims:
    scope: Any = "read"
    exp: int | None = None


@attrs.define
class AttrsClaims:
    scope: Any = "read"
    exp: int | None = None


class PydanticClaims(pydantic.BaseModel):
    scope: Any = "read"
    full_name: str = pydantic.Field("Zoë", serialization_alias="name")
    exp: int | None = None


@pytest.mark.parametrize("claims", [DataclassClaims(), AttrsClaims(), PydanticClaims()], ids=repr)
def test_an_object_of_any_class_that_a_verifier_takes_serves_as_claims(issuer: Issuer, claims: Any) -> None:
    said = claims_of(issuer.issue("user-1", claims))
    assert (said["scope"], said["sub"], said["exp"]) == ("read", "user-1", NOW + 900)
    assert said.get("name") == ("Zoë" if isinstance(claims, PydanticClaims) else None)
    claims.exp = 1
    with pytest.raises(Unissuable, match="claims must not contain iss, sub, aud, exp, nbf, iat or jti"):
        issuer.issue("user-1", claims)
    claims.exp, claims.scope = None, math.nan
    with pytest.raises(Unissuable, match="scope cannot be written as JSON"):
        issuer.issue("user-1", claims)


@pytest.mark.parametrize("claims", [Row(), [("iss", "somebody else")], "scope", 5], ids=repr)
def test_claims_that_are_no_object_are_rejected(issuer: Issuer, claims: Any) -> None:
    with pytest.raises(Unissuable):
        issuer.issue("user-1", claims)


@pytest.mark.parametrize(
    "argument",
    [
        {"issuer": None},
        {"issuer": 5},
        {"issuer": ""},
        {"audience": 5},
        {"audience": [["a"]]},
        {"audience": iter("a")},
        {"typ": None},
        {"clock": 5},
        {"lifetime": 0.5},
    ],
    ids=lambda settings: repr(settings)[:24],
)
def test_settings_that_make_no_sense_are_rejected(argument: dict[str, Any], key: Key) -> None:
    with pytest.raises(InvalidSettings, match=f"^{next(iter(argument))} must "):
        Issuer(**{"issuer": ISSUER, "key": key, **argument})


@pytest.mark.parametrize(
    "claims",
    [{"x": object()}, {"x": "\ud800"}, {"x": {1, object()}}, circle(), Holder(object()), Holder(circle())],
    ids=lambda claims: type(claims).__name__,
)
def test_claims_that_are_not_json_are_rejected(issuer: Issuer, claims: Any) -> None:
    with pytest.raises(Unissuable):
        issuer.issue("user-1", claims)


def test_a_public_key_issues_nothing() -> None:
    for key in (Key.generate("EdDSA").public(), Key.generate("dir")):
        with pytest.raises(InvalidKey, match=r"key must be able to sign, and <Key .* is not"):
            Issuer(ISSUER, key)


class Remote:
    """A signing key that is somewhere else."""

    def __init__(self) -> None:
        self._key = Key.generate("ES256")
        self.public = self._key.public()
        self.alg, self.kid = "ES256", "in the hsm"

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)


def test_a_key_that_stays_elsewhere_signs() -> None:
    remote = Remote()
    verified = jws.verify(Issuer(ISSUER, remote).issue("user-1"), remote.public)
    assert verified.header["kid"] == "in the hsm"


class Answering:
    """A Signer whose service answers with something else than a signature."""

    def __init__(self, alg: Any, answer: Any) -> None:
        self.alg, self.kid, self._answer = alg, "elsewhere", answer

    def sign(self, data: bytes) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


DER = bytes.fromhex("3006020101020101")


@pytest.mark.parametrize(
    ("alg", "answer"),
    [
        *(("ES256", answer) for answer in (b"", DER, bytes(63), bytes(65), "x" * 64, None, bytearray(64))),
        ("ES384", bytes(64)),
        ("HS256", b""),
        ("RS256", None),
        ("none", b"x"),
        ("NONE", b""),
    ],
    ids=repr,
)
def test_what_a_signer_answers_must_look_like_a_signature(alg: str, answer: Any) -> None:
    with pytest.raises(InvalidKey):
        Issuer(ISSUER, Answering(alg, answer)).issue("user-1")


@pytest.mark.parametrize("error", [ConnectionError("the HSM is away"), KeyError("x"), ValueError()], ids=repr)
def test_what_a_signer_raises_is_its_own_and_goes_through(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        Issuer(ISSUER, Answering("ES256", error)).issue("user-1")
    assert caught.value is error


def test_a_signer_without_a_name_of_an_algorithm_signs_nothing() -> None:
    for alg in (None, 5):
        with pytest.raises(InvalidSettings):
            Issuer(ISSUER, Answering(alg, bytes(64)))


class Rotating:
    def __init__(self) -> None:
        self.current = Key.generate("EdDSA")

    def find_signing_key(self) -> Key:
        return self.current


def test_a_source_of_signing_keys_is_asked_each_time() -> None:
    source = Rotating()
    issuer = Issuer(ISSUER, source)
    first = issuer.issue("user-1")
    assert jws.verify(first, source.current).header["kid"] == source.current.kid
    source.current = Key.generate("ES256")
    second = jws.verify(issuer.issue("user-1"), source.current)
    assert (second.header["alg"], second.header["kid"]) == ("ES256", source.current.kid)


def test_the_old_name_of_a_sources_method_works_and_warns() -> None:
    class Old:
        current = Key.generate("EdDSA")

        def signing_key(self) -> Key:
            return self.current

    source = Old()
    with pytest.warns(DeprecationWarning, match=r"use SigningSource\.find_signing_key$") as seen:
        issuer = Issuer(ISSUER, source)
    assert seen[0].filename == __file__
    source.current = Key.generate("ES256")
    assert jws.verify(issuer.issue("user-1"), source.current).header["alg"] == "ES256"


def test_an_issuer_shows_what_it_issues_and_nothing_of_its_key(key: Key) -> None:
    issuer = Issuer(ISSUER, key, audience=["a", "b"], typ="at+jwt")
    assert repr(issuer) == f"Issuer('{ISSUER}', audience=['a', 'b'], typ='at+jwt')"


def test_typ_names_the_kind_of_token(key: Key) -> None:
    assert jws.verify(Issuer(ISSUER, key, typ="at+jwt").issue("user-1"), key).header["typ"] == "at+jwt"
