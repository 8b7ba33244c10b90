"""The identity in an access token: of another issuer, or of ours."""

from __future__ import annotations

import pytest

from watchword import Auth, Identity, Key, Settings, Verifier
from watchword.errors import MalformedClaim
from watchword.jose import jws


@pytest.mark.parametrize(
    ("claims", "scope_claim", "expected"),
    [
        ({"scope": "a b"}, "scope", ("a", "b")),
        ({"scope": ""}, "scope", ()),
        ({}, "scope", ()),
        ({"scp": ["a", "b"]}, "scp", ("a", "b")),
        ({"scp": "a b"}, "scp", ("a", "b")),
        ({"permissions": ["read:x"], "scope": "a"}, "permissions", ("read:x",)),
        ({"scope": "a"}, "scp", ()),
    ],
)
def test_scopes_are_read_from_the_claim_that_has_them(claims, scope_claim, expected):
    assert Identity.from_claims({"sub": "7", **claims}, scope_claim=scope_claim).scopes == expected


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("sub", None),
        ("sub", 7.0),
        ("sub", True),
        ("sid", 7),
        ("sid", ["x"]),
        ("auth_time", "now"),
        ("auth_time", True),
        pytest.param("auth_time", 10**400, id="auth_time-huge"),
        ("scope", 7),
        ("scope", None),
        ("scope", [7]),
        ("scope", {"read": True}),
    ],
)
def test_a_claim_of_the_wrong_type_is_refused(claim, value):
    with pytest.raises(MalformedClaim) as caught:
        Identity.from_claims({"sub": "7", claim: value})
    assert caught.value.claim == claim


@pytest.mark.parametrize(
    ("amr", "read"),
    [(["pwd", "otp"], ("pwd", "otp")), ([], ()), ("pwd", ()), (["pwd", 5], ()), (None, ()), ({"pwd": 1}, ())],
)
def test_only_a_list_of_names_says_how_the_subject_of_another_issuer_logged_in(amr, read):
    assert Identity.from_claims({"sub": "7", "amr": amr}).amr == read
    assert Identity.from_claims({"sub": "7"}).amr == ()


def test_an_identity_needs_no_more_than_a_subject():
    identity = Identity.from_claims({"sub": "7", "preferred_username": 5})
    assert (identity.username, identity.session_id, identity.authenticated_at) == ("7", None, None)


def test_the_subject_is_text_where_an_issuer_has_numbers():
    key = Key.generate("HS256")
    token = jws.sign(b'{"sub": 7, "exp": 9999999999}', key)
    identity = Identity.from_claims(Verifier(key, sub_type=int).verify(token))
    assert (identity.subject, identity.username, identity.claims["sub"]) == ("7", "7", 7)


@pytest.mark.parametrize("issuer", ["https://one.example", "https://other.example", None])
def test_an_identity_says_whose_subject_it_is(issuer):
    claims = {"sub": "7"} if issuer is None else {"sub": "7", "iss": issuer}
    assert Identity.from_claims(claims).issuer == issuer


@pytest.mark.parametrize("claims", [{}, {"cnf": {"jkt": "x"}}, {"cnf": {"x5t#S256": "x"}}, {"cnf": None}])
def test_an_identity_says_whether_its_token_needs_a_proof_of_possession(claims):
    assert Identity.from_claims({"sub": "7", **claims}).is_bound is ("cnf" in claims)
    auth = Auth("sqlite://", subject_claims=lambda _: claims, settings=Settings(issuer="https://one.example"))
    identity = auth.authenticate(auth.start("7").access_token)
    auth.close()
    assert (identity.issuer, identity.is_bound) == ("https://one.example", "cnf" in claims)


def test_an_identity_is_a_user_for_frameworks():
    identity = Identity.from_claims({"sub": "7", "preferred_username": "alice"})
    assert (identity.is_authenticated, identity.display_name, identity.identity) == (True, "alice", "7")
