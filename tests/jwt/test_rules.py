"""A rule of the application's own, beside those of the Verifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from watchword.errors import InvalidClaims, InvalidToken, MalformedClaim, WrongAudience, WrongType
from watchword.jose import Key
from watchword.jwt import Claims, Verifier

NOW = 1_700_000_000
CLAIMS: dict[str, Any] = {
    "iss": "i", "sub": "user-1", "aud": "api", "exp": NOW + 900, "iat": NOW, "jti": "id", "tenant": "t",
}  # fmt: skip


class Rule:
    """Accepts the tenant ``t`` only, and knows what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, Any, float]] = []

    def __call__(
        self, claims: Mapping[str, Any], header: Mapping[str, Any], now: float
    ) -> Iterator[InvalidClaims]:
        self.asked.append((claims, header, now))
        if claims.get("tenant") != "t":
            yield InvalidClaims("of another tenant", claim="tenant")


@pytest.fixture
def rule() -> Rule:
    return Rule()


@pytest.fixture
def verifier(key: Key, rule: Rule, clock: Callable[[], float]) -> Verifier[dict[str, Any]]:
    return Verifier(key, issuer="i", audience="api", rule=rule, clock=clock)


def test_a_rule_is_asked_about_claims_header_and_time_also_of_the_usual_token(
    verifier: Verifier[dict[str, Any]], rule: Rule, forge: Callable[..., str]
) -> None:
    header = {"alg": "HS256", "typ": "JWT", "own": 1}
    for n in range(2):  # the second time, the header is known
        assert verifier.verify(forge(CLAIMS | {"n": n}, header))
        assert rule.asked[n] == (CLAIMS | {"n": n}, header, NOW)


def test_what_a_rule_does_not_accept_is_rejected_and_told_after_the_rest(
    verifier: Verifier[dict[str, Any]], forge: Callable[..., str]
) -> None:
    with pytest.raises(InvalidClaims) as caught:
        verifier.verify(forge(CLAIMS | {"tenant": "u"}))
    assert (str(caught.value), caught.value.claim) == ("of another tenant", "tenant")
    with pytest.raises(WrongType) as caught:
        verifier.verify(forge({**CLAIMS, "tenant": "u", "aud": "b"}, {"alg": "HS256", "typ": "x"}))
    assert [failure.claim for failure in caught.value.failures] == ["typ", "aud", "tenant"]


def test_a_rule_is_asked_before_the_model_of_the_claims(
    key: Key, rule: Rule, clock: Callable[[], float], forge: Callable[..., str]
) -> None:
    class Tenant(Claims):
        tenant: str

    verifier = Verifier(key, issuer="i", audience="api", claims=Tenant, rule=rule, clock=clock)
    with pytest.raises(InvalidClaims) as caught:
        verifier.verify(forge(CLAIMS | {"tenant": 5}))
    assert [type(failure) for failure in caught.value.failures] == [InvalidClaims, MalformedClaim]


def test_a_token_that_is_remembered_is_not_asked_about_again(
    verifier: Verifier[dict[str, Any]], rule: Rule, forge: Callable[..., str]
) -> None:
    token = forge(CLAIMS)
    for _ in range(3):
        verifier.verify(token)
    assert len(rule.asked) == 1
    for _ in range(2):
        with pytest.raises(InvalidClaims):
            verifier.verify(forge(CLAIMS | {"tenant": "u"}))
    assert len(rule.asked) == 3


def test_a_rule_is_not_asked_about_what_is_not_signed(
    verifier: Verifier[dict[str, Any]], rule: Rule, forge: Callable[..., str]
) -> None:
    for token in (forge(CLAIMS, by=Key.generate("HS256")), forge(b"[]"), "x"):
        with pytest.raises(InvalidToken):
            verifier.verify(token)
    assert rule.asked == []


def test_a_rule_turns_no_other_rule_off(
    verifier: Verifier[dict[str, Any]], forge: Callable[..., str]
) -> None:
    with pytest.raises(WrongAudience):
        verifier.verify(forge(CLAIMS | {"aud": "b"}))
