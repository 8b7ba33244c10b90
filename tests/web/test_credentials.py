import re

import pytest

from watchword import Issuer, Key, errors
from watchword.errors import (
    BadSignature,
    ExpiredToken,
    InsufficientScope,
    InvalidCredentials,
    InvalidGrant,
    InvalidRequest,
    InvalidToken,
    MissingToken,
    SessionEnded,
    StaleAuthentication,
    Throttled,
    UnknownKey,
    WrongType,
)
from watchword.web.credentials import bearer_token, challenge, explain, public_code

# RFC 6750 §3: what may stand between the quotes
QUOTED = r'"[\x20-\x21\x23-\x5B\x5D-\x7E]+"'
ERRORS = [kind for name in errors.__all__ if issubclass(kind := getattr(errors, name), InvalidToken)]


@pytest.mark.parametrize(
    "authorization", ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", "Bearer   a.b.c ", "\tBearer a.b.c"]
)
def test_the_token_is_found_whatever_the_scheme_s_letter_case(authorization):
    assert bearer_token(authorization) == "a.b.c"


@pytest.mark.parametrize(
    "authorization", [None, "", " ", "a.b.c", "Basic YTpi", "Bearera.b.c", "Token a.b.c"]
)
def test_without_a_bearer_token_it_is_missing(authorization):
    with pytest.raises(MissingToken):
        bearer_token(authorization)


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer a.b.c,Bearer d.e.f",
        "Bearer a.b.c, Basic YTpi",
        "Basic YTpi,Bearer a.b.c",
        ",",
    ],
)
def test_an_empty_or_a_second_credential_is_a_bad_request(authorization):
    with pytest.raises(InvalidRequest):
        bearer_token(authorization)


def test_only_a_refresh_token_that_no_key_fits_is_told_where_it_belongs():
    key = Key.generate("HS256")
    refresh, other = (Issuer("x", key, typ=typ).issue("7") for typ in ("rt+jwt", "JWT"))
    assert "refresh token" in str(explain(UnknownKey(), refresh))
    assert "refresh token" in str(explain(WrongType(), refresh))
    for error, token in ((UnknownKey(), other), (UnknownKey(), "x.y.z"), (ExpiredToken(), refresh)):
        assert explain(error, token) is error


def test_a_request_without_credentials_gets_a_bare_challenge():
    assert challenge(MissingToken()) == "Bearer"


@pytest.mark.parametrize("kind", [InvalidToken, BadSignature, ExpiredToken, SessionEnded])
def test_a_bad_token_gets_one_code_whatever_is_wrong_with_it(kind):
    assert public_code(kind()) == "invalid_token"
    assert challenge(kind()).startswith('Bearer error="invalid_token", error_description="')


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_challenge_is_of_the_form_of_rfc_6750(kind):
    parameter = rf"[a-z_]+={QUOTED}"
    assert re.fullmatch(rf"Bearer( {parameter}(, {parameter})*)?", challenge(kind()))


def test_a_message_of_an_application_cannot_break_out_of_the_header():
    error = InvalidToken('a "tenant", \\ \r\nSet-Cookie: a=b \u017b')
    assert challenge(error) == (
        'Bearer error="invalid_token", error_description="a ?tenant?, ? ??Set-Cookie: a=b ?"'
    )


def test_missing_scope_says_which_are_needed():
    error = InsufficientScope(scopes=("read", "write"))
    assert challenge(error) == 'Bearer error="insufficient_scope", scope="read write"'
    assert public_code(error) == "insufficient_scope"


def test_a_login_that_is_too_old_says_so():
    assert public_code(StaleAuthentication()) == "insufficient_user_authentication"
    assert challenge(StaleAuthentication(max_age=300)) == (
        'Bearer error="insufficient_user_authentication", '
        'error_description="a more recent login is needed", max_age="300"'
    )


@pytest.mark.parametrize("kind", [InvalidCredentials, InvalidGrant, InvalidRequest, Throttled])
def test_other_errors_are_no_challenge(kind):
    assert challenge(kind()) is None
    assert public_code(kind()) == kind.code
