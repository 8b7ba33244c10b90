"""What a login fixes for its session goes into the refresh token, and comes out of it unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword import Issuer, Key
from watchword.errors import MalformedClaim
from watchword.sessions.refresh_tokens import SessionBounds, refresh_verifier, write_refresh_claims
from watchword.stores.contract import Session

ISSUER = "https://issuer.example"
KEY = Key.generate("HS256")
SESSION = Session(
    id="s1",
    subject="alice",
    username="Alice",
    scopes=(),
    generation=3,
    created_at=0.0,
    authenticated_at=0.0,
    refreshed_at=None,
    access_until=0.0,
    expires_at=0.0,
)

names = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=9)
bounds = st.builds(
    SessionBounds,
    account=st.booleans(),
    scope=st.none() | st.lists(names).map(" ".join),
    preferred_username=st.none() | names,
    amr=st.lists(names, max_size=3).map(tuple),
    claims=st.dictionaries(names, st.none() | st.integers(0, 9) | names | st.lists(names), max_size=3),
    lifetime=st.none() | st.integers(1, 2**31),
)


def issue(claims: dict[str, Any]) -> str:
    return Issuer(ISSUER, KEY, audience=ISSUER, typ="rt+jwt").issue("alice", claims, lifetime=60)


@given(bounds)
def test_a_refresh_token_brings_the_bounds_of_its_session_back(fixed: SessionBounds) -> None:
    token = issue(write_refresh_claims(SESSION, fixed, audience="api", client_id="web"))
    claims = refresh_verifier(KEY, issuer=ISSUER).verify(token)
    assert claims.to_bounds() == fixed
    assert (claims.sid, claims.gen, claims.audience, claims.client_id) == ("s1", 3, "api", "web")


def test_bounds_that_were_not_given_take_no_place_in_the_token() -> None:
    written = write_refresh_claims(SESSION, SessionBounds(), audience="api", client_id="web")
    assert set(written) == {"sid", "gen", "audience", "client_id"}


@pytest.mark.parametrize(
    "malformed",
    [
        {"gen": 0},
        {"gen": 2**53},
        {"sid": 5},
        {"amr": "pwd"},
        {"claims": []},
        {"lifetime": "x"},
        {"account": 1},
    ],
    ids=repr,
)
def test_a_refresh_token_with_a_malformed_claim_is_refused(malformed: dict[str, Any]) -> None:
    with pytest.raises(MalformedClaim):
        refresh_verifier(KEY, issuer=ISSUER).verify(issue({"sid": "s1", "gen": 1, **malformed}))
