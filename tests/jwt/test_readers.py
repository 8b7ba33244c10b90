"""Claims come in the type asked for: what a model of each kind does, and what it cannot do."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest

from watchword.errors import (
    ExpiredToken,
    InvalidSettings,
    MalformedClaim,
    MalformedToken,
    MissingClaim,
    WrongAudience,
    WrongIssuer,
)
from watchword.jose import Key
from watchword.jwt import Claims, Verifier
from watchword.jwt.readers import Reader

NOW = 1_700_000_000
ISSUER = "https://issuer.example"
CLAIMS: dict[str, Any] = {"iss": ISSUER, "sub": "user-1", "aud": "api", "exp": NOW + 900, "roles": ["a", "b"]}

PRIVATE = "x" * 8


class StructModel(Claims):
    sub: str
    roles: tuple[str, ...]


@dataclasses.dataclass
class DataclassModel:
    sub: str
    roles: tuple[str, ...]


@attrs.define
class AttrsModel:
    sub: str
    roles: tuple[str, ...]


@attrs.frozen
class FrozenAttrsModel:
    sub: str
    roles: tuple[str, ...]


class DictModel(TypedDict):
    sub: str
    roles: tuple[str, ...]


class PydanticModel(pydantic.BaseModel):
    sub: str
    roles: tuple[str, ...]


class FrozenPydanticModel(pydantic.BaseModel, frozen=True):
    sub: str
    roles: tuple[str, ...]


@pydantic.dataclasses.dataclass
class PydanticDataclass:
    sub: str
    roles: tuple[str, ...]


MODELS = (
    *(StructModel, DataclassModel, AttrsModel, FrozenAttrsModel, DictModel),
    *(PydanticModel, FrozenPydanticModel, PydanticDataclass),
)
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


@pytest.fixture
def verifier_for(key: Key, clock: Callable[[], float]) -> Callable[..., Verifier[Any]]:
    return lambda model: Verifier(key, issuer=ISSUER, audience="api", claims=model, clock=clock)


@each_model
def test_claims_come_in_the_model_asked_for(
    model: Any, verifier_for: Callable[..., Verifier[Any]], forge: Callable[..., str]
) -> None:
    verifier, token = verifier_for(model), forge(CLAIMS)
    for _ in range(2):
        claims = verifier.verify(token)
        if model is DictModel:
            assert claims == {"sub": "user-1", "roles": ("a", "b")}
        else:
            assert type(claims) is model
            assert (claims.sub, claims.roles) == ("user-1", ("a", "b"))


@each_model
@pytest.mark.parametrize(
    "change", [{"sub": None}, {"roles": "a"}, {"roles": ["a", 5]}, {"roles": None}], ids=str
)
def test_claims_that_do_not_fit_the_model_are_malformed_and_not_repeated_in_the_error(
    model: Any, change: dict[str, Any], verifier_for: Callable[..., Verifier[Any]], forge: Callable[..., str]
) -> None:
    verifier = verifier_for(model)
    for claims in (CLAIMS | change, {name: CLAIMS[name] for name in CLAIMS if name not in change}):
        with pytest.raises(MalformedClaim) as caught:
            verifier.verify(forge(claims | {"note": PRIVATE}))
        assert caught.value.__cause__ is caught.value.__context__ is None
        assert PRIVATE not in "".join(traceback.format_exception(caught.value))


@each_model
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"exp": NOW - 31}, ExpiredToken),
        ({"exp": None}, MissingClaim),
        ({"iss": "https://other.example"}, WrongIssuer),
        ({"aud": "other"}, WrongAudience),
        ({"jti": 5}, MalformedClaim),
    ],
    ids=str,
)
def test_no_model_turns_the_checks_of_registered_claims_off(
    model: Any,
    change: dict[str, Any],
    error: type[Exception],
    verifier_for: Callable[..., Verifier[Any]],
    forge: Callable[..., str],
) -> None:
    with pytest.raises(error):
        verifier_for(model).verify(forge(CLAIMS | change))


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(msgspec.defstruct("Renamed", [("exp", int)], rename={"exp": "end"}), id="struct"),
        pytest.param(
            pydantic.create_model("Aliased", exp=(int, pydantic.Field(alias="end"))), id="pydantic alias"
        ),
    ],
)
def test_a_model_that_gives_a_claim_another_name_leaves_the_rules_as_they_are(
    model: Any, verifier_for: Callable[..., Verifier[Any]], forge: Callable[..., str]
) -> None:
    with pytest.raises(ExpiredToken):
        verifier_for(model).verify(forge(CLAIMS | {"exp": NOW - 31, "end": NOW + 900}))
    assert verifier_for(model).verify(forge(CLAIMS | {"end": 7})).exp == 7


@each_model
@pytest.mark.parametrize("payload", [b'{"sub":"a","sub":"b"}', b'{"exp":NaN}', b"[]", b'{"sub":"\xff"}', b""])
def test_our_own_parser_sees_the_payload_before_any_model_does(
    model: Any, payload: bytes, verifier_for: Callable[..., Verifier[Any]], forge: Callable[..., str]
) -> None:
    with pytest.raises(MalformedToken):
        verifier_for(model).verify(forge(payload))


@pytest.mark.parametrize("model", [DataclassModel, AttrsModel, PydanticModel, PydanticDataclass])
def test_a_model_that_can_change_is_made_anew_for_each_caller(
    model: Any, verifier_for: Callable[..., Verifier[Any]], forge: Callable[..., str]
) -> None:
    verifier, token = verifier_for(model), forge(CLAIMS)
    for _ in range(3):
        claims = verifier.verify(token)
        assert claims.sub == "user-1"
        claims.sub = "admin"


class Inner(pydantic.BaseModel):
    names: list[str]


class Outer(pydantic.BaseModel, frozen=True):
    inner: Inner


def test_what_is_frozen_on_the_outside_only_is_made_anew_as_well(
    verifier_for: Callable[..., Verifier[Any]], forge: Callable[..., str]
) -> None:
    verifier, token = verifier_for(Outer), forge(CLAIMS | {"inner": {"names": []}})
    verifier.verify(token).inner.names.append("admin")
    assert verifier.verify(token).inner.names == []


@pydantic.dataclasses.dataclass
class Limited:
    amount: Annotated[int, pydantic.Field(gt=0)]


class Checked(pydantic.BaseModel):
    amount: int

    @pydantic.field_validator("amount")
    @classmethod
    def is_even(cls, amount: int) -> int:
        if amount % 2:
            raise ValueError(f"{amount} is odd")
        return amount


@attrs.define
class Validated:
    amount: int = attrs.field(validator=attrs.validators.gt(0))


@dataclasses.dataclass
class PostInit:
    amount: int

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError(f"{self.amount} is too little")


class Constrained(Claims):
    amount: Annotated[int, msgspec.Meta(gt=0)]


@pytest.mark.parametrize(
    "model", [Limited, Checked, Validated, PostInit, Constrained], ids=lambda model: model.__name__
)
def test_the_constraints_of_a_model_hold(
    model: Any, verifier_for: Callable[..., Verifier[Any]], forge: Callable[..., str]
) -> None:
    verifier = verifier_for(model)
    assert verifier.verify(forge(CLAIMS | {"amount": 2})).amount == 2
    for amount in (-1, "2", 2.5):
        with pytest.raises(MalformedClaim) as caught:
            verifier.verify(forge(CLAIMS | {"amount": amount}))
        assert caught.value.__context__ is None


class Loose(pydantic.BaseModel):
    amount: Annotated[int, pydantic.BeforeValidator(int)]


def test_what_reads_like_a_number_is_none_unless_the_model_itself_makes_one_of_it(
    verifier_for: Callable[..., Verifier[Any]], forge: Callable[..., str]
) -> None:
    token = forge(CLAIMS | {"amount": "2"})
    assert verifier_for(Loose).verify(token).amount == 2
    with pytest.raises(MalformedClaim):
        verifier_for(Checked).verify(token)


@attrs.define
class Converted:
    amount: int = attrs.field(converter=int, alias="sum", default=0)


def test_of_an_attrs_class_neither_converters_nor_aliases_count(
    verifier_for: Callable[..., Verifier[Any]], forge: Callable[..., str]
) -> None:
    verifier = verifier_for(Converted)
    assert verifier.verify(forge(CLAIMS | {"amount": 2, "sum": 3})).amount == 2
    with pytest.raises(MalformedClaim):
        verifier.verify(forge(CLAIMS | {"amount": "2"}))


class Holder(msgspec.Struct):
    value: Callable[[], None]


@pytest.mark.parametrize(
    "model", [list, int, object, 5, [], {}, None, "dict", Holder | int, dict[int, Any] | list[int]]
)
def test_what_is_no_model_of_claims_is_rejected_when_the_verifier_is_made(
    model: Any, verifier_for: Callable[..., Verifier[Any]]
) -> None:
    with pytest.raises(InvalidSettings):
        verifier_for(model)


def test_a_reader_of_ones_own_makes_the_claims_and_says_whether_callers_share_them(
    verifier_for: Callable[..., Verifier[Any]], forge: Callable[..., str]
) -> None:
    def roles(payload: bytes) -> list[str]:
        found = msgspec.json.decode(payload)["roles"]
        if "b" not in found:
            raise ValueError(PRIVATE)
        return list(found)

    for shared in (True, False):
        verifier = verifier_for(Reader(roles, shared))
        first, second = (verifier.verify(forge(CLAIMS)) for _ in "12")
        assert first == second == ["a", "b"]
        assert (first is second) == shared
        with pytest.raises(MalformedClaim) as caught:
            verifier.verify(forge(CLAIMS | {"roles": ["a"]}))
        assert caught.value.__cause__ is caught.value.__context__ is None


def test_neither_attrs_nor_pydantic_is_imported_by_us() -> None:
    script = "import sys, watchword.jwt.profiles; print({'attr', 'attrs', 'pydantic'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
