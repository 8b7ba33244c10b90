from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import (
    BadSignature,
    ExpiredToken,
    InvalidClaims,
    InvalidSettings,
    InvalidToken,
    MalformedClaim,
    MalformedToken,
    MissingClaim,
    NotYetValid,
    TokenTooOld,
    UnknownKey,
    WrongAudience,
    WrongIssuer,
    WrongSubject,
    WrongType,
)
from watchword.jose import Key, KeySet, base64url, compact_serialization, jwe
from watchword.jwt import Claims, Issuer, Verifier

NOW = 1_700_000_000
ISSUER = "https://issuer.example"
CLAIMS = {
    "iss": ISSUER,
    "sub": "user-1",
    "aud": "api",
    "iat": NOW,
    "exp": NOW + 900,
    "jti": "id",
    "scope": "a b",
}
POLICY: dict[str, Any] = {"issuer": ISSUER, "audience": "api"}


class Scoped(Claims, frozen=True):
    scope: str


class Listed(Claims, frozen=True):
    roles: list[str] = []  # noqa: RUF012 - msgspec copies it


@dataclasses.dataclass(frozen=True)
class Subject:
    sub: str


class SubjectDict(TypedDict):
    sub: str


@pytest.fixture
def verifier(key: Key, clock: Callable[[], float]) -> Verifier[dict[str, Any]]:
    return Verifier(key, **POLICY, clock=clock)


class Source:
    """Keys that change, and that count how often they are asked for."""

    def __init__(self, *keys: Key) -> None:
        self.keys, self.version, self.asked = KeySet(keys), 1, 0
        self.then: Callable[[], None] = lambda: None

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        self.asked += 1
        found = self.keys.find(kid, alg)
        self.then()
        return found

    def ready(self, kid: str | None, alg: str) -> bool:
        return True


# -- the policy --------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["HS512", "ES256", "EdDSA", "Ed448"])
def test_what_an_issuer_issues_its_verifier_accepts(alg: str) -> None:
    key = Key.generate(alg)
    issuer = Issuer(ISSUER, key, audience="api")
    verifier = Verifier(KeySet([key if alg == "HS512" else key.public()]), **POLICY)
    claims = verifier.verify(
        issuer.issue("user-1", {"scope": "read", "tenant": {"id": 5, "tags": ["a", "é"]}})
    )
    assert claims["sub"] == "user-1"
    assert claims["tenant"] == {"id": 5, "tags": ["a", "é"]}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param({"exp": NOW - 30}, ExpiredToken, id="expired"),
        pytest.param({"exp": None}, MissingClaim, id="exp-null"),
        pytest.param({"exp": str(NOW + 900)}, MalformedClaim, id="exp-text"),
        pytest.param({"exp": True}, MalformedClaim, id="exp-boolean"),
        pytest.param({"exp": 10**300}, MalformedClaim, id="exp-huge"),
        pytest.param({"nbf": NOW + 31}, NotYetValid, id="nbf-to-come"),
        pytest.param({"nbf": None}, MalformedClaim, id="nbf-null"),
        pytest.param({"iat": NOW + 31}, NotYetValid, id="issued-tomorrow"),
        pytest.param({"iss": "https://issuer.example.attacker.example"}, WrongIssuer, id="longer-issuer"),
        pytest.param({"iss": [ISSUER]}, MalformedClaim, id="issuer-list"),
        pytest.param({"aud": "other"}, WrongAudience, id="other-audience"),
        pytest.param({"aud": []}, WrongAudience, id="nobody"),
        pytest.param({"sub": 1}, MalformedClaim, id="subject-number"),
        pytest.param({"jti": 1}, MalformedClaim, id="id-number"),
    ],
)
def test_claims_that_are_not_acceptable_are_rejected(
    change: dict[str, Any],
    error: type[InvalidClaims],
    verifier: Verifier[dict[str, Any]],
    forge: Callable[..., str],
) -> None:
    assert verifier.verify(forge(CLAIMS)) == CLAIMS
    with pytest.raises(error) as caught:
        verifier.verify(forge(CLAIMS | change))
    assert type(caught.value) is error
    assert caught.value.claim in change


@pytest.mark.parametrize("claim", ["exp", "iss", "aud"])
def test_expected_claims_that_are_missing_are_rejected(
    claim: str, verifier: Verifier[dict[str, Any]], forge: Callable[..., str]
) -> None:
    with pytest.raises(MissingClaim) as caught:
        verifier.verify(forge({name: value for name, value in CLAIMS.items() if name != claim}))
    assert caught.value.claim == claim


def test_subject_and_required_claims_and_tokens_without_end(
    key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    strict = Verifier(key, subject="user-1", require=["tenant"], allow_no_exp=True, clock=clock)
    assert strict.verify(forge({"sub": "user-1", "tenant": 5}))["tenant"] == 5
    with pytest.raises(MissingClaim):
        strict.verify(forge({"sub": "user-1", "tenant": None}))
    with pytest.raises(WrongSubject):
        strict.verify(forge({"sub": "user-2", "tenant": 5}))


def test_every_failure_is_reported_and_the_first_decides(
    verifier: Verifier[dict[str, Any]], forge: Callable[..., str]
) -> None:
    with pytest.raises(WrongType) as caught:
        verifier.verify(forge(CLAIMS | {"exp": 0, "aud": "other"}, {"alg": "HS256", "typ": "rt+jwt"}))
    assert [failure.claim for failure in caught.value.failures] == ["typ", "exp", "aud"]
    assert caught.value.failures[0] is caught.value


def test_an_expired_token_is_rejected_after_the_leeway(
    verifier: Verifier[dict[str, Any]], clock: Any, forge: Callable[..., str]
) -> None:
    token = forge(CLAIMS)
    clock.now = NOW + 900 + 29.999
    assert verifier.verify(token) == CLAIMS
    clock.now = NOW + 900 + 30
    for _ in range(2):
        with pytest.raises(ExpiredToken):
            verifier.verify(token)


@pytest.mark.parametrize(
    ("expected", "typ", "accepted"),
    [
        (None, None, True),
        (None, "JWT", True),
        (None, "jwt", True),
        (None, "application/jwt", True),
        (None, "at+jwt", False),
        (None, "", False),
        ("at+jwt", "at+jwt", True),
        ("at+jwt", "AT+JWT", True),
        ("at+jwt", "application/at+jwt", True),
        ("application/at+jwt", "at+jwt", True),
        ("at+jwt", "text/at+jwt", False),
        ("at+jwt", "JWT", False),
        ("at+jwt", None, False),
        ("JWT", None, False),
        ("JWT", "JWT", True),
        ("token+jwt", "to\u212aen+jwt", False),
        ("to\u212aen+jwt", "token+jwt", False),
    ],
)
def test_the_typ_must_be_the_one_expected(
    expected: str | None, typ: str | None, accepted: bool, key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    verifier = Verifier(key, **POLICY, typ=expected, clock=clock)
    token = forge(CLAIMS, {"alg": "HS256"} | ({} if typ is None else {"typ": typ}))
    if accepted:
        assert verifier.verify(token) == CLAIMS
        return
    for _ in range(2):
        with pytest.raises(WrongType):
            verifier.verify(token)


def test_only_understood_extensions_are_accepted(key: Key, clock: Any, forge: Callable[..., str]) -> None:
    token = forge(CLAIMS, {"alg": "HS256", "crit": ["own"], "own": 1})
    with pytest.raises(MalformedToken):
        Verifier(key, **POLICY, clock=clock).verify(token)
    assert Verifier(key, **POLICY, critical=["own"], clock=clock).verify(token) == CLAIMS


@pytest.mark.parametrize(
    "argument",
    [
        {"claims": list},
        {"claims": int},
        {"claims": object},
        {"claims": 5},
        {"claims": dict[int, list[set[Any]]] | list[int]},
        {"critical": ["alg"]},
        {"critical": "own"},
        {"critical": 5},
        {"critical": [["own"]]},
        {"leeway": -1},
        {"audience": []},
        {"audience": 5},
        {"audience": [5]},
        {"issuer": [["a"]]},
        {"subject": 5},
        {"subject": "user-1", "sub_type": int},
        {"sub_type": float},
        {"sub_type": None},
        {"typ": 5},
        {"typ": ""},
        {"typ": []},
        {"typ": ["at+jwt", 5]},
        {"clock": 5},
        {"rule": "rule"},
        {"max_age": -1},
        {"require": "scope"},
        {"require": 5},
        {"require": [5]},
        {"max_token_size": "16384"},
        {"max_token_size": -1},
        {"cache_size": -1},
        {"cache_size": True},
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_rejected(argument: dict[str, Any], key: Key) -> None:
    with pytest.raises(InvalidSettings) as caught:
        Verifier(key, **argument)
    assert str(caught.value).startswith(f"{next(iter(argument))} must ")


# -- the bytes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'{"exp":2000000000,"exp":1}', id="duplicate"),
        pytest.param(b'{"exp" :1,"a":1,"exp":2000000000}', id="duplicate-after-white-space"),
        pytest.param(b'{"exp":2000000000,"a":{"b":1,"b":2}}', id="duplicate-inside"),
        pytest.param(b'{"exp":NaN}', id="nan"),
        pytest.param(b'{"exp":1e400}', id="too-large"),
        pytest.param(b'{"exp":2000000000,"a":"\xff"}', id="no-utf-8"),
        pytest.param(b'{"exp":2000000000,"a":"\\ud800 "}', id="lone-surrogate"),
        pytest.param(b'{"exp":2000000000,"a":' + b"[" * 50 + b"]" * 50 + b"}", id="deep"),
        pytest.param(b'{"exp":2000000000,"a":' + b"[" * 5000 + b"]" * 5000 + b"}", id="very-deep"),
        pytest.param('{"exp":2000000000}'.encode("utf-16"), id="utf-16"),
    ],
)
@pytest.mark.parametrize("type_", [dict, Claims, Subject])
def test_payloads_that_are_no_strict_json_objects_are_malformed(
    payload: bytes, type_: Any, key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    with pytest.raises(MalformedToken):
        Verifier(key, claims=type_, clock=clock).verify(forge(payload))


def test_large_integers_keep_their_value(
    verifier: Verifier[dict[str, Any]], forge: Callable[..., str]
) -> None:
    assert verifier.verify(forge(CLAIMS | {"n": 2**63 + 1}))["n"] == 2**63 + 1


@pytest.mark.parametrize(
    "token",
    [None, 5, b"a.b.c", [], "", "a", "..", "a.b", "é.e30.e30", "\ud800", "a.b.c.d", ...],
    ids=repr,
)
def test_what_is_no_token_at_all_is_malformed(token: Any, verifier: Verifier[dict[str, Any]]) -> None:
    with pytest.raises(MalformedToken):
        verifier.verify(token)


@pytest.mark.parametrize("number", [2, 3])
def test_each_of_the_keys_that_may_fit_is_tried(
    number: int, key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    others = [Key.generate("HS256") for _ in range(number - 1)]
    verifier = Verifier(KeySet([*others, key]), **POLICY, clock=clock)
    for signer in (key, *others):
        assert verifier.verify(forge(CLAIMS, {"alg": "HS256"}, by=signer)) == CLAIMS
    with pytest.raises(BadSignature):
        verifier.verify(forge(CLAIMS, {"alg": "HS256"}, by=Key.generate("HS256")))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda token: token + ".", id="one-segment-more"),
        pytest.param(lambda token: token.replace(".", "..", 1), id="empty-one-between"),
        pytest.param(lambda token: token.rpartition(".")[0], id="no-signature"),
        pytest.param(lambda token: token.partition(".")[0], id="header-only"),
        pytest.param(lambda token: token + "é", id="not-ascii"),
        pytest.param(lambda token: token + "=", id="padding"),
    ],
)
def test_other_spellings_are_malformed_also_when_the_header_is_known(
    change: Callable[[str], str], verifier: Verifier[dict[str, Any]], forge: Callable[..., str]
) -> None:
    token = forge(CLAIMS)
    verifier.verify(token)
    with pytest.raises(MalformedToken):
        verifier.verify(change(token))


def test_an_encrypted_token_is_no_signed_one(verifier: Verifier[dict[str, Any]]) -> None:
    with pytest.raises(MalformedToken):
        verifier.verify(jwe.encrypt(msgspec.json.encode(CLAIMS), Key.generate("dir")))


def test_a_token_is_bounded_before_anything_is_done_with_it(
    key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    token = forge(CLAIMS)
    assert Verifier(key, **POLICY, max_token_size=len(token), clock=clock).verify(token) == CLAIMS
    source = Source(key)
    small = Verifier(source, **POLICY, max_token_size=len(token) - 1, clock=clock)
    with pytest.raises(MalformedToken):
        small.verify(token)
    assert source.asked == 0


def test_a_token_has_16_384_characters_at_most_where_nothing_else_is_said(
    verifier: Verifier[dict[str, Any]], forge: Callable[..., str]
) -> None:
    payload = msgspec.json.encode(CLAIMS)
    longest, longer = forge(payload.ljust(12_227)), forge(payload.ljust(12_228))
    assert (len(longest), len(longer)) == (16_384, 16_385)
    assert verifier.verify(longest) == CLAIMS
    with pytest.raises(MalformedToken):
        verifier.verify(longer)


def test_no_setting_lifts_the_bound_of_all_tokens(key: Key, clock: Any, forge: Callable[..., str]) -> None:
    generous = Verifier(key, **POLICY, max_token_size=2 * compact_serialization.MAX_TOKEN, clock=clock)
    rest = compact_serialization.MAX_TOKEN * 3 // 4
    assert generous.verify(forge(CLAIMS | {"x": "x" * (rest - 400)}))
    with pytest.raises(MalformedToken):
        generous.verify(forge(CLAIMS | {"x": "x" * rest}))


def test_a_bad_signature_is_told_before_anything_in_the_payload(
    verifier: Verifier[dict[str, Any]], forge: Callable[..., str]
) -> None:
    with pytest.raises(BadSignature):
        verifier.verify(forge(b"no json", by=Key.generate("HS256")))


def test_a_changed_token_is_rejected_also_when_the_good_one_is_remembered(
    verifier: Verifier[dict[str, Any]], forge: Callable[..., str]
) -> None:
    token = forge(CLAIMS)
    verifier.verify(token)
    header, payload, signature = token.split(".")
    other = base64url.encode(msgspec.json.encode(CLAIMS | {"sub": "admin"}))
    for bad in (
        f"{header}.{other}.{signature}",
        f"{header}.{payload}.{signature[:-2]}AA",
        f"{header}.{payload}.",
    ):
        with pytest.raises(InvalidToken):
            verifier.verify(bad)


PARTS = st.binary(max_size=20).map(base64url.encode) | st.text(max_size=8)
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "typ", "kid"]), st.sampled_from(["HS256", "JWT", "none"])
).map(lambda header: base64url.encode(msgspec.json.encode(header)))
SHARED = Verifier(Key.generate("HS256"))


@given(st.text() | st.builds("{}.{}.{}".format, HEADERS | PARTS, PARTS, PARTS))
def test_garbage_is_an_invalid_token_and_nothing_else(token: str) -> None:
    with pytest.raises(InvalidToken):
        SHARED.verify(token)


@given(st.binary(max_size=60) | st.text(st.sampled_from('{}[]":,\\a1 eEx.-'), max_size=40).map(str.encode))
def test_whatever_is_signed_makes_claims_or_an_invalid_token(payload: bytes) -> None:
    key = Key.from_secret(b"\x07" * 32, "HS256")
    signed = base64url.encode(b'{"alg":"HS256"}') + "." + base64url.encode(payload)
    token = signed + "." + base64url.encode(key.sign(signed.encode()))
    try:
        claims = Verifier(key, allow_no_exp=True).verify(token)
    except InvalidToken:
        return
    assert isinstance(claims, dict)


# -- typed claims --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Scoped, msgspec.convert(CLAIMS, Scoped)),
        (Subject, Subject("user-1")),
        (SubjectDict, {"sub": "user-1"}),
        (dict[str, Any], CLAIMS),
    ],
)
def test_claims_come_in_the_type_asked_for(
    type_: Any, value: object, key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    verifier = Verifier(key, **POLICY, claims=type_, clock=clock)
    for _ in range(2):
        assert verifier.verify(forge(CLAIMS)) == value


@pytest.mark.parametrize("scope", [None, 5, ["a"]])
def test_claims_that_do_not_fit_the_type_are_malformed(
    scope: object, key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    verifier = Verifier(key, **POLICY, claims=Scoped, clock=clock)
    with pytest.raises(MalformedClaim) as caught:
        verifier.verify(forge(CLAIMS | {"scope": scope}))
    assert caught.value.failures == (caught.value,)


@pytest.mark.parametrize("type_", [dict, Listed])
def test_a_caller_who_changes_claims_changes_nobody_elses(
    type_: Any, key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    verifier = Verifier(key, **POLICY, claims=type_, clock=clock)
    token = forge(CLAIMS | {"roles": ["user"]})
    for _ in range(3):
        claims = verifier.verify(token)
        roles = claims["roles"] if type_ is dict else claims.roles
        assert roles == ["user"]
        roles.append("admin")


def test_immutable_claims_are_shared(key: Key, clock: Any, forge: Callable[..., str]) -> None:
    verifier = Verifier(key, **POLICY, claims=Scoped, clock=clock)
    token = forge(CLAIMS)
    assert verifier.verify(token) is verifier.verify(token)


# -- the caches ----------------------------------------------------------------------------------------


def test_no_header_of_a_good_token_is_read_twice(key: Key, clock: Any, forge: Callable[..., str]) -> None:
    source = Source(key)
    verifier = Verifier(source, **POLICY, cache_size=0, clock=clock)
    header = {"alg": "HS256", "kid": "k1"}
    for n in range(3):
        verifier.verify(forge(CLAIMS | {"n": n}, header))
    assert source.asked == 1


@pytest.mark.parametrize(
    ("claims", "signer"), [(CLAIMS, Key.generate("HS256")), (CLAIMS | {"exp": 0}, None), (b"no json", None)]
)
def test_only_good_tokens_are_remembered(
    claims: Any, signer: Key | None, key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    source = Source(key)
    verifier = Verifier(source, **POLICY, clock=clock)
    token = forge(claims, {"alg": "HS256"}, by=signer or key)
    for _ in range(3):
        with pytest.raises(InvalidToken):
            verifier.verify(token)
    assert source.asked == 3
    assert not verifier._caches.tokens
    assert not verifier._caches.headers


def test_a_remembered_token_needs_no_key(key: Key, clock: Any, forge: Callable[..., str]) -> None:
    source = Source(key)
    verifier = Verifier(source, **POLICY, clock=clock)
    token = forge(CLAIMS)
    verifier.verify(token)
    source.keys = KeySet([])  # a source that does not say that it changed, to show that nobody asks it
    assert verifier.verify("".join(list(token))) == CLAIMS


def alone(verifier: Verifier[Any], token: str) -> Any:
    return verifier.verify(token)


def in_a_batch(verifier: Verifier[Any], token: str) -> Any:
    """As :func:`alone`: an error is raised."""
    (result,) = verifier.verify_many([token])
    if isinstance(result, InvalidToken):
        raise result
    return result


@pytest.mark.parametrize("verified", [alone, in_a_batch])
def test_a_key_that_is_gone_verifies_nothing_any_more(
    verified: Callable[[Verifier[Any], str], Any], key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    source = Source(key)
    verifier = Verifier(source, **POLICY, clock=clock)
    token = forge(CLAIMS)
    verifier.verify(token)
    source.keys, source.version = KeySet([]), 2
    with pytest.raises(UnknownKey):
        verified(verifier, token)
    with pytest.raises(UnknownKey):
        verified(verifier, forge(CLAIMS | {"n": 1}))


@pytest.mark.parametrize("verified", [alone, in_a_batch])
def test_under_changed_keys_tokens_are_remembered_as_before(
    verified: Callable[[Verifier[Any], str], Any], key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    source = Source(key)
    verifier = Verifier(source, **POLICY, clock=clock)
    token = forge(CLAIMS)
    verifier.verify(token)
    source.version = 2
    for _ in range(2):
        assert verified(verifier, token) == CLAIMS
    assert verifier.verify(token) == CLAIMS
    assert source.asked == 2


def test_a_result_under_keys_that_changed_meanwhile_is_not_remembered(
    key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    source = Source(key)
    verifier = Verifier(source, **POLICY, clock=clock)
    token = forge(CLAIMS)

    def retire() -> None:
        source.keys, source.version = KeySet([]), source.version + 1

    source.then = retire  # the key is found, and gone before the token has been checked
    assert verifier.verify(token) == CLAIMS
    with pytest.raises(UnknownKey):
        verifier.verify(token)


def test_an_expired_token_leaves_the_cache_when_it_is_met(
    verifier: Verifier[dict[str, Any]], clock: Any, forge: Callable[..., str]
) -> None:
    token = forge(CLAIMS)
    verifier.verify(token)
    assert token in verifier._caches.tokens
    clock.now = NOW + 1000
    with pytest.raises(ExpiredToken):
        verifier.verify(token)
    assert token not in verifier._caches.tokens


def test_a_remembered_token_grows_too_old(key: Key, clock: Any, forge: Callable[..., str]) -> None:
    verifier = Verifier(key, **POLICY, max_age=60, leeway=0, clock=clock)
    token = forge(CLAIMS)
    for now in (NOW, NOW + 59, NOW + 60):
        clock.now = now
        assert verifier.verify(token) == CLAIMS
    clock.now = NOW + 60.5
    with pytest.raises(TokenTooOld):
        verifier.verify(token)


def test_a_clock_set_back_makes_a_remembered_token_too_early(
    verifier: Verifier[dict[str, Any]], clock: Any, forge: Callable[..., str]
) -> None:
    token = forge(CLAIMS)
    verifier.verify(token)
    clock.now = NOW - 31
    with pytest.raises(NotYetValid):
        verifier.verify(token)


def test_the_caches_are_bounded(key: Key, clock: Any, forge: Callable[..., str]) -> None:
    verifier = Verifier(key, **POLICY, cache_size=3, clock=clock)
    tokens = [forge(CLAIMS | {"n": n}, {"alg": "HS256", "n": n}) for n in range(70)]
    for token in tokens:
        verifier.verify(token)
    assert list(verifier._caches.tokens) == tokens[-3:]
    assert 0 < len(verifier._caches.headers) <= 64


def test_8_192_tokens_are_remembered_where_nothing_else_is_said(
    verifier: Verifier[dict[str, Any]], forge: Callable[..., str]
) -> None:
    tokens = [forge(CLAIMS | {"n": n}) for n in range(8_193)]
    for token in tokens:
        verifier.verify(token)
    assert list(verifier._caches.tokens) == tokens[1:]


def test_large_tokens_and_headers_are_not_remembered(
    verifier: Verifier[dict[str, Any]], forge: Callable[..., str]
) -> None:
    assert verifier.verify(forge(CLAIMS | {"x": "x" * 1024}))
    assert verifier.verify(forge(CLAIMS, {"alg": "HS256", "x": "x" * 1024}))
    assert not verifier._caches.tokens
    assert len(verifier._caches.headers) == 1


@pytest.mark.parametrize("claims", [dict, Scoped])
def test_large_tokens_make_the_cache_hold_fewer(
    claims: type, key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    verifier = Verifier(key, **POLICY, claims=claims, cache_size=16, clock=clock)
    tokens = [forge(CLAIMS | {"n": n, "scopes": ["a"] * 120}) for n in range(32)]
    for token in tokens:
        verifier.verify(token)
    held = list(verifier._caches.tokens)
    assert held == tokens[-len(held) :]
    assert 0 < len(held) < 16
    assert 0 < verifier._caches.weight <= 16 * 1_800
    clock.now += 10_000
    for token in held:
        with pytest.raises(ExpiredToken):
            verifier.verify(token)
    assert verifier._caches.weight == 0


def test_no_cache_that_somebody_else_is_filling_is_waited_for(
    key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    verifier = Verifier(key, **POLICY, clock=clock)
    token, other = forge(CLAIMS), forge(CLAIMS | {"sub": "user-2"})
    verifier.verify(token)
    with verifier._caches._filling:  # as a thread did that is not there any more, after a fork
        assert verifier.verify(other)["sub"] == "user-2"
        clock.now += 10_000
        with pytest.raises(ExpiredToken):
            verifier.verify(token)
    assert list(verifier._caches.tokens) == [token]


def test_without_a_cache_nothing_is_remembered(key: Key, clock: Any, forge: Callable[..., str]) -> None:
    verifier = Verifier(key, **POLICY, cache_size=0, clock=clock)
    assert verifier.verify(forge(CLAIMS)) == verifier.verify(forge(CLAIMS)) == CLAIMS
    assert not verifier._caches.tokens


def test_many_threads_share_a_small_cache(key: Key, clock: Any, forge: Callable[..., str]) -> None:
    source = Source(key)
    verifier = Verifier(source, **POLICY, cache_size=4, clock=clock)
    tokens = [(n, forge(CLAIMS | {"n": n}, {"alg": "HS256", "n": n % 70})) for n in range(100)]
    wrong: list[object] = []

    def work() -> None:
        try:
            for turn in range(5):
                source.version += turn % 2
                wrong.extend(n for n, token in tokens if verifier.verify(token)["n"] != n)
        except Exception as error:  # noqa: BLE001 - whatever a thread raises must reach the assertion
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(verifier._caches.tokens) <= 4
