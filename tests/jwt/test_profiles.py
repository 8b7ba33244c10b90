"""Ready-made policies: what each kind of token must have, and that none passes as another."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any

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
from watchword.jose import Key, base64url, jwe
from watchword.jwt import Verifier, profiles

NOW = 1_700_000_000
ISSUER = "https://issuer.example"
CLIENT = "client-1"
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"

ACCESS = {
    "iss": ISSUER, "sub": "user-1", "aud": "api", "exp": NOW + 600, "iat": NOW, "jti": "a",
    "client_id": CLIENT, "scope": "read write",
}  # fmt: skip
ID = {
    "iss": ISSUER, "sub": "user-1", "aud": CLIENT, "exp": NOW + 600, "iat": NOW, "nonce": "n",
    "auth_time": NOW - 60,
}  # fmt: skip
LOGOUT_CLAIMS = {
    "iss": ISSUER, "sub": "user-1", "aud": CLIENT, "exp": NOW + 120, "iat": NOW, "jti": "l", "sid": "s",
    "events": {LOGOUT: {}},
}  # fmt: skip
PROOF = {"jti": "p", "htm": "POST", "htu": "https://api.example/orders", "iat": NOW}
ASSERTION = {"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": "c"}

PROOF_KEY = Key.generate("ES256")
PROOF_HEADER = {"alg": "ES256", "typ": "dpop+jwt", "jwk": PROOF_KEY.public().to_jwk()}
REQUEST: dict[str, Any] = {"method": "POST", "url": "https://api.example/orders", "clock": lambda: NOW}

Forge = Callable[..., str]


def clock() -> float:
    return NOW


def access(key: Key, **changes: Any) -> Verifier[Any]:
    return profiles.access_token_verifier(
        key, **{"issuer": ISSUER, "audience": "api", "clock": clock} | changes
    )


def identity(key: Key, **changes: Any) -> Verifier[Any]:
    given = {"issuer": ISSUER, "client_id": CLIENT, "nonce": "n", "clock": clock}
    return profiles.id_token_verifier(key, **given | changes)


def logout(key: Key, **changes: Any) -> Verifier[Any]:
    return profiles.logout_token_verifier(
        key, **{"issuer": ISSUER, "client_id": CLIENT, "clock": clock} | changes
    )


def assertion(key: Key, **changes: Any) -> Verifier[Any]:
    return profiles.client_assertion_verifier(
        key, **{"client_id": CLIENT, "audience": ISSUER, "clock": clock} | changes
    )


def header(typ: str | None, alg: str = "HS256") -> dict[str, Any]:
    return {"alg": alg} | ({} if typ is None else {"typ": typ})


def proof(forge: Forge, claims: dict[str, Any] = PROOF, by: Key = PROOF_KEY, **changes: Any) -> str:
    return forge(claims, PROOF_HEADER | {"alg": by.alg, "jwk": by.public().to_jwk()} | changes, by=by)


def verify_proof(token: str, **request: Any) -> profiles.Proof:
    return profiles.dpop_proof_verifier(**request).verify(token)


def half(digest: bytes) -> str:
    return base64url.encode(digest[: len(digest) // 2])


def failures_of(verify: Callable[..., Any], *given: Any, **named: Any) -> list[tuple[type, str | None]]:
    with pytest.raises(InvalidClaims) as caught:
        verify(*given, **named)
    return [(type(failure), failure.claim) for failure in caught.value.failures]


# -- none passes as another ----------------------------------------------------------------------------


AUDIENCES = ["api", CLIENT, ISSUER]

GOOD: dict[str, tuple[dict[str, Any], str | None]] = {
    "access": (ACCESS, "at+jwt"),
    "id": (ID, "JWT"),
    "id without typ": (ID, None),
    "logout": (LOGOUT_CLAIMS, "logout+jwt"),
    "logout without typ": (LOGOUT_CLAIMS, None),
    "proof": (PROOF, "dpop+jwt"),
    "assertion": (ASSERTION, None),
    "refresh": (ACCESS | {"sid": "s", "gen": 1}, "rt+jwt"),
    "once-only": (ACCESS, "ot+jwt"),
}
CHECKS: dict[str, Callable[[Key], Callable[[str], Any]]] = {
    "access": lambda key: access(key, audience=AUDIENCES).verify,
    "id": lambda key: identity(key).verify,
    "logout": lambda key: logout(key).verify,
    "logout without typ": lambda key: logout(key, typ=None).verify,
    "proof": lambda key: profiles.dpop_proof_verifier(**REQUEST).verify,
    "assertion": lambda key: assertion(key).verify,
    "refresh": lambda key: Verifier(key, issuer=ISSUER, audience=AUDIENCES, typ="rt+jwt", clock=clock).verify,
    "once-only": lambda key: (
        Verifier(key, issuer=ISSUER, audience=AUDIENCES, typ="ot+jwt", clock=clock).verify
    ),
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", GOOD)
def test_tokens_of_one_kind_never_pass_as_another(kind: str, check: str, key: Key, forge: Forge) -> None:
    # as like each other as they can be: one key, one issuer, every verifier answers to all the audiences
    claims, typ = GOOD[kind]
    token = proof(forge) if kind == "proof" else forge(claims, header(typ))
    same = kind == check or (kind.startswith("id") and check == "id")
    if same:
        CHECKS[check](key)(token)
        return
    with pytest.raises(InvalidToken):
        CHECKS[check](key)(token)


@pytest.mark.parametrize("nonce", ["n", None])
def test_a_logout_token_is_no_id_token_whatever_nonce_is_expected(
    nonce: str | None, key: Key, forge: Forge
) -> None:
    for claims in (LOGOUT_CLAIMS, LOGOUT_CLAIMS | {"nonce": "n"}):
        told = failures_of(identity(key, nonce=nonce).verify, forge(claims, header(None)))
        assert (InvalidClaims, "events") in told


# -- access tokens -------------------------------------------------------------------------------------


def test_an_access_token_is_what_rfc_9068_says(key: Key, forge: Forge) -> None:
    claims = access(key).verify(forge(ACCESS | {"cnf": {"jkt": "x"}, "amr": ["pwd"]}, header("at+jwt")))
    assert (claims.sub, claims.client_id, claims.scope, claims.amr) == (
        "user-1",
        CLIENT,
        "read write",
        ("pwd",),
    )
    assert claims.cnf == profiles.Confirmation(jkt="x")
    assert access(key).verify(forge(ACCESS, header("application/AT+JWT"))).cnf is None


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"])
def test_an_access_token_must_have_all_required_claims_whatever_the_model(
    claim: str, key: Key, forge: Forge
) -> None:
    claims = {name: ACCESS[name] for name in ACCESS if name != claim}
    for model in (profiles.AccessTokenClaims, dict):
        verifier = access(key, claims=model)
        for lacking in (claims, claims | {claim: None}):
            told = failures_of(verifier.verify, forge(lacking, header("at+jwt")))
            assert (MissingClaim, claim) in told


class Tenant(profiles.AccessTokenClaims):
    tenant: str


def test_access_tokens_may_say_more(key: Key, forge: Forge) -> None:
    verifier = access(key, claims=Tenant)
    assert verifier.verify(forge(ACCESS | {"tenant": "t"}, header("at+jwt"))).tenant == "t"
    with pytest.raises(MalformedClaim):
        verifier.verify(forge(ACCESS, header("at+jwt")))


def test_immutable_access_claims_are_shared(key: Key, forge: Forge) -> None:
    verifier, token = access(key), forge(ACCESS, header("at+jwt"))
    assert verifier.verify(token) is verifier.verify(token)


@pytest.mark.parametrize(
    ("change", "typ", "error"),
    [
        ({}, "JWT", WrongType),
        ({}, None, WrongType),
        ({"iss": ISSUER + "/"}, "at+jwt", WrongIssuer),
        ({"aud": ["other"]}, "at+jwt", WrongAudience),
        ({"exp": NOW - 30}, "at+jwt", ExpiredToken),
        ({"client_id": 5}, "at+jwt", MalformedClaim),
        ({"scope": ["read"]}, "at+jwt", MalformedClaim),
    ],
)
def test_access_tokens_that_are_not_for_us_are_rejected(
    change: dict[str, Any], typ: str | None, error: type[Exception], key: Key, forge: Forge
) -> None:
    with pytest.raises(error):
        access(key).verify(forge(ACCESS | change, header(typ)))


@pytest.mark.parametrize("make", [access, identity, logout])
def test_what_is_to_be_encrypted_must_be(make: Callable[..., Any], key: Key, forge: Forge) -> None:
    secret = Key.generate("dir")
    claims, typ = {access: (ACCESS, "at+jwt"), identity: (ID, None), logout: (LOGOUT_CLAIMS, "logout+jwt")}[
        make
    ]
    token = forge(claims, header(typ))
    verifier = make(key, decrypt_with=secret)
    assert verifier.verify(jwe.encrypt(token.encode(), secret, header={"cty": "JWT"}))
    with pytest.raises(MalformedToken):
        verifier.verify(token)


# -- ID tokens -----------------------------------------------------------------------------------------


def test_an_id_token_is_what_openid_connect_says(key: Key, forge: Forge) -> None:
    claims = identity(key).verify(forge(ID))
    assert (claims.sub, claims.nonce, claims.auth_time) == ("user-1", "n", NOW - 60)


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat", "nonce"])
def test_an_id_token_must_have_all_required_claims(claim: str, key: Key, forge: Forge) -> None:
    claims = {name: ID[name] for name in ID if name != claim}
    assert (MissingClaim, claim) in failures_of(identity(key, claims=dict).verify, forge(claims))


@pytest.mark.parametrize(
    ("expected", "nonce", "failure"),
    [
        ("n", "n", None),
        ("n", "m", InvalidClaims),
        ("n", "", InvalidClaims),
        ("n", "N", InvalidClaims),
        ("é\ud800", "é", InvalidClaims),
        ("é", "é", None),
        ("n", 5, MalformedClaim),
        ("n", ["n"], MalformedClaim),
        ("n", None, MissingClaim),
        ("", "", None),
        (None, "n", InvalidClaims),
        (None, None, InvalidClaims),
    ],
)
def test_the_nonce_is_that_of_the_request(
    expected: str | None, nonce: object, failure: type | None, key: Key, forge: Forge
) -> None:
    verify, token = identity(key, nonce=expected, claims=dict).verify, forge(ID | {"nonce": nonce})
    if failure is None:
        assert verify(token)["nonce"] == nonce
    else:
        assert failures_of(verify, token) == [(failure, "nonce")]


def test_without_a_nonce_in_the_request_there_is_none_in_the_token(key: Key, forge: Forge) -> None:
    claims = {name: ID[name] for name in ID if name != "nonce"}
    assert identity(key, nonce=None).verify(forge(claims)).nonce is None


@pytest.mark.parametrize(
    ("change", "failures"),
    [
        ({"aud": [CLIENT]}, []),
        ({"aud": [CLIENT, CLIENT]}, []),
        ({"aud": CLIENT, "azp": CLIENT}, []),
        ({"aud": [CLIENT, "friend"], "azp": CLIENT}, []),
        ({"aud": [CLIENT, "friend"]}, [(MissingClaim, "azp")]),
        ({"aud": [CLIENT, "stranger"], "azp": CLIENT}, [(WrongAudience, "aud")]),
        ({"aud": [CLIENT, "friend", "stranger"], "azp": CLIENT}, [(WrongAudience, "aud")]),
        ({"aud": ["friend"]}, [(WrongAudience, "aud")]),
        ({"aud": "stranger"}, [(WrongAudience, "aud")]),
        ({"aud": []}, [(WrongAudience, "aud")]),
        ({"aud": [CLIENT, 5]}, [(MalformedClaim, "aud"), (MalformedClaim, None)]),
        ({"aud": {"a": 1}}, [(MalformedClaim, "aud"), (MalformedClaim, None)]),
        ({"azp": "other"}, [(InvalidClaims, "azp")]),
        ({"azp": None}, [(MissingClaim, "azp")]),
        ({"azp": [CLIENT]}, [(MalformedClaim, "azp"), (MalformedClaim, None)]),
    ],
    ids=str,
)
def test_an_id_token_is_for_us_and_for_nobody_whom_we_do_not_trust(
    change: dict[str, Any], failures: list[Any], key: Key, forge: Forge
) -> None:
    verify, token = identity(key, trusted_audiences=["friend"]).verify, forge(ID | change)
    if failures:
        assert failures_of(verify, token) == failures
    else:
        assert verify(token).sub == "user-1"


@pytest.mark.parametrize(
    ("auth_time", "max_age", "failure"),
    [
        (NOW - 60, 60, None),
        (NOW - 90, 60, None),
        (NOW - 90.5, 60, TokenTooOld),
        (NOW - 9_000, None, None),
        (NOW + 30, 60, None),
        (NOW + 31, None, NotYetValid),
        (None, 60, MissingClaim),
        (str(NOW), None, MalformedClaim),
        (True, None, MalformedClaim),
    ],
)
def test_the_login_is_as_recent_as_was_asked_for(
    auth_time: object, max_age: float | None, failure: type | None, key: Key, forge: Forge
) -> None:
    verify = identity(key, max_age=max_age, claims=dict).verify
    if failure is None:
        assert verify(forge(ID | {"auth_time": auth_time}))
    else:
        assert failures_of(verify, forge(ID | {"auth_time": auth_time})) == [(failure, "auth_time")]


@pytest.mark.parametrize(
    ("alg", "hashing"),
    [
        ("HS256", hashlib.sha256),
        ("HS384", hashlib.sha384),
        ("HS512", hashlib.sha512),
        ("ES256", hashlib.sha256),
        ("ES384", hashlib.sha384),
        ("ES512", hashlib.sha512),
        ("EdDSA", hashlib.sha512),
        ("Ed25519", hashlib.sha512),
    ],
)
@pytest.mark.parametrize(("claim", "argument"), [("at_hash", "access_token"), ("c_hash", "code")])
def test_the_token_vouches_for_what_came_along(
    alg: str, hashing: Any, claim: str, argument: str, forge: Forge
) -> None:
    key = Key.generate(alg)
    claims = ID | {claim: half(hashing(b"what came along").digest())}
    token = forge(claims, header(None, alg), by=key)
    assert identity(key, **{argument: "what came along"}).verify(token)
    assert identity(key).verify(token)
    for other in ("what came alonG", "", "\ud800"):
        told = failures_of(identity(key, **{argument: other}).verify, token)
        assert told == [(InvalidClaims, claim)]
    without = forge(ID, header(None, alg), by=key)
    told = failures_of(identity(key, **{argument: "what came along"}).verify, without)
    assert told == [(MissingClaim, claim)]


def test_ed448_vouches_with_the_hash_inside_of_it(forge: Forge) -> None:
    key = Key.generate("Ed448")
    claims = ID | {"at_hash": half(hashlib.shake_256(b"t").digest(114))}
    assert identity(key, access_token="t").verify(forge(claims, header(None, "Ed448"), by=key))


def test_the_example_of_openid_connect_for_at_hash_holds(key: Key, forge: Forge) -> None:
    # OpenID Connect Core 1.0 A.3
    claims = ID | {"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}
    assert identity(key, access_token="jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y").verify(forge(claims))


def test_where_no_hash_is_defined_nothing_vouches_for_anything(forge: Forge) -> None:
    key = Key.generate("ML-DSA-44")
    token = forge(ID | {"at_hash": half(hashlib.sha256(b"t").digest())}, header(None, key.alg), by=key)
    assert identity(key).verify(token)
    assert failures_of(identity(key, access_token="t").verify, token) == [(InvalidClaims, "at_hash")]


def test_all_that_is_wrong_with_an_id_token_is_told_at_once(key: Key, forge: Forge) -> None:
    token = forge(ID | {"exp": 0, "nonce": "m", "azp": "b", "auth_time": 0}, header("at+jwt"))
    assert failures_of(identity(key, max_age=60, code="c").verify, token) == [
        (WrongType, "typ"),
        (ExpiredToken, "exp"),
        (InvalidClaims, "azp"),
        (InvalidClaims, "nonce"),
        (TokenTooOld, "auth_time"),
        (MissingClaim, "c_hash"),
    ]


# -- logout tokens -------------------------------------------------------------------------------------


@pytest.mark.parametrize("absent", [None, "sub", "sid"])
def test_a_logout_token_names_a_subject_or_a_session_or_both(
    absent: str | None, key: Key, forge: Forge
) -> None:
    claims = {name: value for name, value in LOGOUT_CLAIMS.items() if name != absent}
    said = logout(key).verify(forge(claims, header("logout+jwt")))
    assert (said.sub, said.sid) == (claims.get("sub"), claims.get("sid"))


@pytest.mark.parametrize(
    ("change", "failures"),
    [
        ({"sub": None, "sid": None}, [(MalformedClaim, "sub"), (MissingClaim, "sub")]),
        ({"sid": 5}, [(MalformedClaim, None)]),
        ({"jti": None}, [(MissingClaim, "jti"), (MalformedClaim, "jti")]),
        ({"events": None}, [(MissingClaim, "events")]),
        ({"events": {}}, [(InvalidClaims, "events")]),
        ({"events": {"other": {}}}, [(InvalidClaims, "events")]),
        ({"events": {LOGOUT: None}}, [(MalformedClaim, "events")]),
        ({"events": {LOGOUT: []}}, [(MalformedClaim, "events")]),
        ({"events": [LOGOUT]}, [(MalformedClaim, "events")]),
        ({"events": LOGOUT}, [(MalformedClaim, "events")]),
        ({"nonce": "n"}, [(InvalidClaims, "nonce")]),
        ({"nonce": None}, [(InvalidClaims, "nonce")]),
        ({"exp": NOW - 30}, [(ExpiredToken, "exp")]),
        ({"iat": NOW + 31}, [(NotYetValid, "iat")]),
        ({"aud": "other"}, [(WrongAudience, "aud")]),
        ({"iss": "other"}, [(WrongIssuer, "iss")]),
    ],
    ids=str,
)
def test_logout_tokens_that_are_not_good_are_rejected(
    change: dict[str, Any], failures: list[Any], key: Key, forge: Forge
) -> None:
    told = failures_of(logout(key).verify, forge(LOGOUT_CLAIMS | change, header("logout+jwt")))
    assert told[: len(failures)] == failures
    assert set(told[len(failures) :]) <= {(MalformedClaim, None)}


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat", "jti", "events"])
def test_a_logout_token_must_have_all_required_claims(claim: str, key: Key, forge: Forge) -> None:
    claims = {name: value for name, value in LOGOUT_CLAIMS.items() if name != claim}
    assert (MissingClaim, claim) in failures_of(logout(key).verify, forge(claims, header("logout+jwt")))


def test_a_provider_may_leave_the_typ_out_if_we_say_so(key: Key, forge: Forge) -> None:
    for typ in (None, "JWT"):
        assert logout(key, typ=None).verify(forge(LOGOUT_CLAIMS, header(typ))).sid == "s"
        with pytest.raises(WrongType):
            logout(key).verify(forge(LOGOUT_CLAIMS, header(typ)))
    with pytest.raises(WrongType):
        logout(key, typ=None).verify(forge(LOGOUT_CLAIMS, header("at+jwt")))


# -- client assertions ---------------------------------------------------------------------------------


def test_a_client_assertion_is_what_rfc_7523_says(key: Key, forge: Forge) -> None:
    for typ in ("client-authentication+jwt", "JWT", None):
        assert assertion(key).verify(forge(ASSERTION, header(typ))).jti == "c"


@pytest.mark.parametrize(
    ("change", "error", "claim"),
    [
        ({"iss": "client-2"}, WrongIssuer, "iss"),
        ({"sub": "client-2"}, WrongSubject, "sub"),
        ({"aud": CLIENT}, WrongAudience, "aud"),
        ({"aud": ISSUER + "/token"}, WrongAudience, "aud"),
        ({"aud": [ISSUER, "https://evil.example/token"]}, MalformedClaim, "aud"),
        ({"aud": [ISSUER]}, MalformedClaim, "aud"),
        ({"jti": None}, MissingClaim, "jti"),
        ({"exp": None}, MissingClaim, "exp"),
        ({"exp": NOW - 30}, ExpiredToken, "exp"),
        ({"exp": NOW + 330.5}, InvalidClaims, "exp"),
        ({"exp": 2**53 - 1}, InvalidClaims, "exp"),
        ({"nbf": NOW + 31}, NotYetValid, "nbf"),
    ],
    ids=str,
)
def test_client_assertions_that_are_not_good_are_rejected(
    change: dict[str, Any], error: type, claim: str, key: Key, forge: Forge
) -> None:
    assert failures_of(assertion(key).verify, forge(ASSERTION | change))[0] == (error, claim)


def test_how_far_ahead_an_assertion_may_expire_is_bounded(key: Key, forge: Forge) -> None:
    assert assertion(key).verify(forge(ASSERTION | {"exp": NOW + 330}))
    short = assertion(key, max_lifetime=30, leeway=0)
    assert short.verify(forge(ASSERTION | {"exp": NOW + 30}))
    with pytest.raises(InvalidClaims):
        short.verify(forge(ASSERTION | {"exp": NOW + 31}))


# -- DPoP proofs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "Ed25519"])
def test_a_proof_shows_who_holds_which_key(alg: str, forge: Forge) -> None:
    key = Key.generate(alg)
    shown = verify_proof(proof(forge, by=key), **REQUEST)
    assert (shown.jkt, shown.claims.jti) == (key.thumbprint, "p")


def test_the_example_of_rfc_9449_holds() -> None:
    # RFC 9449 §4.1, figure 2; its key's thumbprint stands in §6.1, figure 7
    token = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs"
        "cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2"
        "In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2Vu"
        "IiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZ"
        "T3Lg"
    )
    shown = verify_proof(
        token, method="POST", url="https://server.example.com/token", clock=lambda: 1562262616
    )
    assert shown.jkt == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


@pytest.mark.parametrize("claim", [*PROOF])
def test_a_proof_must_have_all_required_claims(claim: str, forge: Forge) -> None:
    claims = {name: value for name, value in PROOF.items() if name != claim}
    assert (MissingClaim, claim) in failures_of(verify_proof, proof(forge, claims), **REQUEST)


@pytest.mark.parametrize(
    ("change", "error", "claim"),
    [
        ({"htm": "GET"}, InvalidClaims, "htm"),
        ({"htm": "post"}, InvalidClaims, "htm"),
        ({"htm": 5}, MalformedClaim, "htm"),
        ({"htu": "https://api.example/other"}, InvalidClaims, "htu"),
        ({"htu": ["https://api.example/orders"]}, MalformedClaim, None),
        ({"jti": 5}, MalformedClaim, "jti"),
        ({"iat": NOW - 91}, TokenTooOld, "iat"),
        ({"iat": NOW + 31}, NotYetValid, "iat"),
        ({"exp": NOW - 31}, ExpiredToken, "exp"),
    ],
    ids=str,
)
def test_proofs_for_another_request_are_rejected(
    change: dict[str, Any], error: type, claim: str | None, forge: Forge
) -> None:
    told = failures_of(verify_proof, proof(forge, PROOF | change), **REQUEST)
    assert told[0] == (error, claim)


@pytest.mark.parametrize(
    ("htu", "url"),
    [
        ("https://api.example/orders", "https://api.example/orders?page=2#top"),
        ("https://api.example/orders?page=1", "https://api.example/orders"),
        ("https://api.example/orders#x", "https://api.example/orders"),
        ("HTTPS://API.Example/orders", "https://api.example/orders"),
        ("https://api.example:443/orders", "https://api.example/orders"),
        ("https://api.example:/orders", "https://api.example/orders"),
        ("http://api.example", "http://api.example:80/"),
        ("https://[2001:DB8::1]/", "https://[2001:db8::1]:443"),
    ],
)
def test_urls_are_compared_after_what_does_not_count_is_taken_away(htu: str, url: str, forge: Forge) -> None:
    request = REQUEST | {"url": url}
    assert verify_proof(proof(forge, PROOF | {"htu": htu}), **request)


@pytest.mark.parametrize(
    ("htu", "url"),
    [
        ("http://api.example/orders", "https://api.example/orders"),
        ("https://api.example:8443/orders", "https://api.example/orders"),
        ("https://api.example:0/orders", "https://api.example/orders"),
        ("https://api.example/Orders", "https://api.example/orders"),
        ("https://api.example/orders/", "https://api.example/orders"),
        ("https://api.example.evil.example/orders", "https://api.example/orders"),
        ("https://api.example@evil.example/orders", "https://evil.example/orders"),
        ("//api.example/orders", "https://api.example/orders"),
        ("/orders", "/orders"),
        ("", ""),
        ("ftp://api.example/", "ftp://api.example/"),
        ("https:///orders", "https:///orders"),
        ("https://api.example:x/", "https://api.example:x/"),
        ("https://api.example:99999/", "https://api.example:99999/"),
        ("https://[::1/", "https://[::1/"),
        ("https://api.exa\nmple/orders", "https://api.example/orders"),
        (" https://api.example/orders", "https://api.example/orders"),
        ("https://api.example/orders", "https://api.example/orders\t"),
        ("https://api.example/\u00e9", "https://api.example/\u00e9"),
    ],
)
def test_a_proof_for_another_url_or_none_is_rejected(htu: str, url: str, forge: Forge) -> None:
    request = REQUEST | {"url": url}
    assert failures_of(verify_proof, proof(forge, PROOF | {"htu": htu}), **request) == [
        (InvalidClaims, "htu")
    ]


def test_a_proof_names_the_access_token_that_came_along(forge: Forge) -> None:
    # RFC 9449 §7.1, figure 13
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    good = proof(forge, PROOF | {"ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"})
    assert verify_proof(good, **REQUEST, access_token=token)
    assert failures_of(verify_proof, good, **REQUEST, access_token="other") == [(InvalidClaims, "ath")]
    assert failures_of(verify_proof, proof(forge), **REQUEST, access_token=token) == [(MissingClaim, "ath")]


@pytest.mark.parametrize(
    ("given", "expected", "failure"),
    [
        ("n1", "n1", None),
        ("n1", ["n2", "n1"], None),
        ("n1", None, None),
        ("n1", "n2", InvalidClaims),
        ("n1", [], InvalidClaims),
        ("n1", ["n2", "n3"], InvalidClaims),
        (5, "n1", MalformedClaim),
        (None, "n1", MissingClaim),
    ],
)
def test_a_proof_has_the_nonce_that_the_server_gave(
    given: object, expected: Any, failure: type | None, forge: Forge
) -> None:
    token = proof(forge, PROOF | {"nonce": given})
    if failure is None:
        assert verify_proof(token, **REQUEST, nonce=expected)
    else:
        assert failures_of(verify_proof, token, **REQUEST, nonce=expected)[0] == (failure, "nonce")


RSA = Key.generate("RS256")
OTHER = Key.generate("ES256").public()
EC = PROOF_KEY.public().to_jwk()


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param(None, id="null"),
        pytest.param("text", id="text"),
        pytest.param([], id="list"),
        pytest.param({}, id="empty"),
        pytest.param({"kty": "EC"}, id="no-coordinates"),
        pytest.param(PROOF_KEY.to_jwk(private=True), id="private"),
        pytest.param(EC | {"p": "AQAB"}, id="private-member-of-another-type"),
        pytest.param(EC | {"d": None}, id="private-member-null"),
        pytest.param(EC | {"x": EC["y"]}, id="not-on-the-curve"),
        pytest.param(EC | {"crv": "P-384"}, id="other-curve"),
        pytest.param(EC | {"alg": "ES384"}, id="other-algorithm"),
        pytest.param(EC | {"kty": "oct", "k": base64url.encode(b"k" * 32)}, id="secret"),
        pytest.param(RSA.public().to_jwk(), id="rsa"),
        pytest.param({"k" * 5: {"a": [1]}}, id="unknown"),
    ],
)
def test_a_proof_without_a_usable_public_key_is_malformed(jwk: Any, forge: Forge) -> None:
    token = forge(PROOF, PROOF_HEADER | {"jwk": jwk}, by=PROOF_KEY)
    with pytest.raises(MalformedToken):
        verify_proof(token, **REQUEST)


def test_a_proof_without_a_key_is_malformed_whatever_keys_there_are_elsewhere(forge: Forge) -> None:
    for named in (
        {},
        {"kid": PROOF_KEY.kid},
        {"jku": "https://keys.example"},
        {"x5u": "https://keys.example"},
    ):
        with pytest.raises(MalformedToken):
            verify_proof(forge(PROOF, header("dpop+jwt", "ES256") | named, by=PROOF_KEY), **REQUEST)


def test_a_key_that_is_not_for_signatures_verifies_no_proof(forge: Forge) -> None:
    for said in ({"use": "enc"}, {"key_ops": ["sign"]}):
        with pytest.raises(UnknownKey):
            verify_proof(proof(forge, jwk=EC | said), **REQUEST)


def test_only_the_key_in_the_header_verifies(forge: Forge) -> None:
    with pytest.raises(BadSignature):
        verify_proof(proof(forge, jwk=OTHER.to_jwk()), **REQUEST)
    assert verify_proof(proof(forge, kid="of somebody else"), **REQUEST).jkt == PROOF_KEY.thumbprint


@pytest.mark.parametrize("alg", ["none", "HS256", "ES384", "RS256", "es256", ""])
def test_a_proof_by_an_algorithm_that_is_not_acceptable_is_malformed(alg: str, forge: Forge) -> None:
    with pytest.raises(MalformedToken):
        verify_proof(proof(forge, alg=alg), **REQUEST)


def test_the_acceptable_algorithms_are_the_servers_to_choose(forge: Forge) -> None:
    token = proof(forge, by=RSA)
    assert verify_proof(token, **REQUEST, algorithms=["RS256"]).jkt == RSA.thumbprint
    for algorithms in ((), ["ES256"], ["PS256"]):
        with pytest.raises(MalformedToken):
            verify_proof(token, **REQUEST, algorithms=algorithms)


def test_a_secret_is_never_a_proofs_key_even_where_its_algorithm_is_named(key: Key, forge: Forge) -> None:
    token = forge(PROOF, PROOF_HEADER | {"alg": "HS256", "jwk": key.to_jwk(private=True)})
    with pytest.raises(MalformedToken):
        verify_proof(token, **REQUEST, algorithms=["HS256"])


@pytest.mark.parametrize(
    "token", ["", "a.b.c", "e30.e30.", "é", None, 5, b"a.b.c", "..", "e30.e30.e30.e30.e30"]
)
def test_what_is_no_proof_is_malformed(token: Any) -> None:
    with pytest.raises(MalformedToken):
        verify_proof(token, **REQUEST)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NAMES = (
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "jti",
    "nonce",
    "azp",
    "auth_time",
    "at_hash",
    "events",
    "sid",
    "htm",
    "htu",
)


@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_whatever_the_claims_are_only_invalid_claims_come_out(
    key: Key, forge: Forge, claims: dict[str, Any]
) -> None:
    given = {"max_age": 5, "access_token": "t", "code": "c"}
    for make, typ in ((access, "at+jwt"), (identity, None), (logout, "logout+jwt"), (assertion, None)):
        verifier = make(key, **(given if make is identity else {}))
        with pytest.raises(InvalidClaims):
            verifier.verify(forge(claims, header(typ)))
    with pytest.raises(InvalidClaims):
        verify_proof(proof(forge, claims), **REQUEST, access_token="t", nonce="n")


MEMBERS = st.sampled_from(
    ["kty", "crv", "x", "y", "n", "e", "d", "alg", "use", "key_ops", "kid", "x5c", "x5t", ""]
)
VALUES = JSON | st.sampled_from(
    ["EC", "OKP", "RSA", "oct", "P-256", "Ed25519", "ES256", "sig", EC["x"], EC["y"]]
)


@given(
    st.dictionaries(MEMBERS, VALUES)
    | st.builds(lambda changes: EC | changes, st.dictionaries(MEMBERS, VALUES))
)
def test_whatever_the_key_in_a_proof_is_only_an_invalid_token_comes_out(
    forge: Forge, jwk: dict[str, Any]
) -> None:
    token = forge(PROOF, PROOF_HEADER | {"jwk": jwk}, by=PROOF_KEY)
    try:
        shown = verify_proof(token, **REQUEST)
    except InvalidToken:
        return
    assert shown.jkt == PROOF_KEY.thumbprint


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        *((make, {"leeway": -1}) for make in (access, identity, logout, assertion)),
        *((make, {"issuer": issuer}) for make in (access, identity, logout) for issuer in (None, "", 5)),
        *((make, {"client_id": id_}) for make in (identity, logout, assertion) for id_ in (None, "", 5)),
        *((make, {"audience": aud}) for make in (access, assertion) for aud in (None, "", [], [None])),
        *((identity, {"max_age": seconds}) for seconds in (-1, math.nan, math.inf, True, "5")),
        *((assertion, {"max_lifetime": seconds}) for seconds in (-1, math.nan, math.inf, True, None)),
        (identity, {"trusted_audiences": "friend"}),
        (identity, {"trusted_audiences": [None]}),
        *((identity, {name: 5}) for name in ("nonce", "access_token", "code")),
        (access, {"claims": list}),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value),
)
def test_an_argument_that_would_turn_a_rule_off_is_rejected(
    make: Callable[..., Any], argument: dict[str, Any], key: Key
) -> None:
    with pytest.raises(InvalidSettings, match=f"^{next(iter(argument))} must "):
        make(key, **argument)


@pytest.mark.parametrize(
    "argument",
    [
        {"algorithms": "ES256"},
        {"algorithms": [None]},
        {"nonce": 5},
        {"nonce": ["a", None]},
        {"url": None},
        {"method": b"GET"},
        {"access_token": 5},
        {"max_age": math.nan},
        {"max_age": -1},
        {"leeway": -1},
    ],
    ids=str,
)
def test_an_argument_that_would_turn_a_rule_for_proofs_off_is_rejected(
    argument: dict[str, Any], forge: Forge
) -> None:
    with pytest.raises(InvalidSettings, match=f"^{next(iter(argument))} must "):
        verify_proof(proof(forge), **REQUEST | argument)


# -- old names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["access_token", "client_assertion", "id_token", "logout_token"])
def test_a_profile_by_its_old_name_is_the_same_function_and_warns(name: str) -> None:
    with pytest.warns(
        DeprecationWarning, match=rf"\.profiles\.{name} is deprecated: use .*\.profiles\.{name}_verifier$"
    ) as seen:
        old = getattr(profiles, name)
    assert old is getattr(profiles, f"{name}_verifier")
    assert seen[0].filename == __file__
    assert name not in profiles.__all__


def test_a_proof_is_still_verified_by_the_old_function_which_warns(forge: Forge) -> None:
    with pytest.warns(
        DeprecationWarning, match=r"use profiles\.dpop_proof_verifier\(\.\.\.\)\.verify"
    ) as seen:
        assert profiles.dpop_proof(proof=proof(forge), **REQUEST).jkt == PROOF_KEY.thumbprint
    assert seen[0].filename == __file__


def test_a_profile_that_never_was_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'refresh_token'"):
        _ = profiles.refresh_token
