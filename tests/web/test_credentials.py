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
    MalformedCredentials,
    MissingToken,
    SessionEnded,
    StaleAuthentication,
    StoreUnavailable,
    Throttled,
    WrongType,
)
from watchword.web.credentials import find_bearer_token, refuse_refresh_token, to_challenge, to_public_code
from watchword.web.http import Headers, Request

# RFC 6750 §3: what may stand between the quotes
QUOTED = r'"[\x20-\x21\x23-\x5B\x5D-\x7E]+"'


def sending(*authorizations):
    return Request(headers=Headers(("Authorization", value) for value in authorizations))


ERRORS = [kind for name in errors.__all__ if issubclass(kind := getattr(errors, name), InvalidToken)]


@pytest.mark.parametrize(
    "authorization", ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", "Bearer   a.b.c ", "\tBearer a.b.c"]
)
def test_the_token_is_found_whatever_the_scheme_s_letter_case(authorization):
    assert find_bearer_token(sending(authorization)) == "a.b.c"


@pytest.mark.parametrize("value", ["a.b.c", " a.b.c ", "Bearer a.b.c", "bearer  a.b.c"])
def test_another_header_holds_the_token_with_or_without_its_scheme(value):
    headers = Headers([("Authorization", "Bearer d.e.f"), ("x-watchword-token", value)])
    assert find_bearer_token(Request(headers=headers), "X-Watchword-Token") == "a.b.c"


def test_authorization_is_not_read_where_another_header_holds_the_token():
    assert find_bearer_token(sending("Bearer a.b.c"), "X-Watchword-Token") is None


@pytest.mark.parametrize("value", ["", " ", "Bearer", "Bearer ", "a.b.c,d.e.f"])
def test_another_header_without_a_single_token_is_a_bad_request(value):
    with pytest.raises(MalformedCredentials, match="X-Watchword-Token"):
        find_bearer_token(Request(headers=Headers([("X-Watchword-Token", value)])), "X-Watchword-Token")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        " ",
        "a.b.c",
        "Basic YTpi",
        "Bearera.b.c",
        "Token a.b.c",
        'Digest username="a, Bearer b", nc=1',
        'OAuth oauth_consumer_key="0", oauth_signature="wOJ%3D"',
        "AWS4-HMAC-SHA256 Credential=a/us/s3, SignedHeaders=host;range, Signature=fe",
    ],
)
def test_a_request_without_a_bearer_token_has_none(authorization):
    assert find_bearer_token(Request() if authorization is None else sending(authorization)) is None


@pytest.mark.parametrize(
    "authorization",
    [
        ["Bearer"],
        ["Bearer "],
        ["Bearer a.b.c,Bearer d.e.f"],
        ["Bearer a.b.c, Basic YTpi"],
        ["Basic YTpi,Bearer a.b.c"],
        ["Basic YTpi=", "Bearer a.b.c"],
        ['Digest nc="1"', "Bearer a.b.c"],
        ["Bearer a=1, b=2"],
        [","],
        ["Bearer a.b.c", "Bearer a.b.c"],
        ["Basic YTpi", "Bearer a.b.c"],
        ["", ""],
    ],
)
def test_an_empty_or_a_second_credential_is_a_bad_request(authorization):
    with pytest.raises(MalformedCredentials):
        find_bearer_token(sending(*authorization))


def test_only_a_token_of_the_type_of_ours_is_taken_for_a_refresh_token():
    key = Key.generate("HS256")
    refresh, other = (Issuer("x", key, typ=typ).issue("7") for typ in ("rt+jwt", "JWT"))
    for token in (other, "x.y.z", ""):
        refuse_refresh_token(token)
    with pytest.raises(WrongType, match="Send the access token here"):
        refuse_refresh_token(refresh)


def test_a_request_without_credentials_gets_a_bare_challenge():
    assert to_challenge(MissingToken()) == "Bearer"


@pytest.mark.parametrize("kind", [InvalidToken, BadSignature, ExpiredToken, SessionEnded])
def test_a_bad_token_gets_one_code_whatever_is_wrong_with_it(kind):
    assert to_public_code(kind()) == "invalid_token"
    assert to_challenge(kind()).startswith('Bearer error="invalid_token", error_description="')


@pytest.mark.parametrize("kind", [*ERRORS, MalformedCredentials], ids=lambda kind: kind.__name__)
def test_every_challenge_is_of_the_form_of_rfc_6750(kind):
    parameter = rf"[a-z_]+={QUOTED}"
    assert re.fullmatch(rf"Bearer( {parameter}(, {parameter})*)?", to_challenge(kind()))


def test_a_message_of_an_application_cannot_break_out_of_the_header():
    error = InvalidToken('a "tenant", \\ \r\nSet-Cookie: a=b \u017b')
    assert to_challenge(error) == (
        'Bearer error="invalid_token", error_description="a ?tenant?, ? ??Set-Cookie: a=b ?"'
    )


def test_a_header_without_a_token_is_told_in_a_challenge_too():
    error = MalformedCredentials("more than one Authorization header")
    assert to_public_code(error) == "invalid_request"
    assert to_challenge(error) == (
        'Bearer error="invalid_request", error_description="more than one Authorization header"'
    )


def test_missing_scope_says_which_are_needed():
    error = InsufficientScope(scopes=("read", "write"))
    assert to_challenge(error) == 'Bearer error="insufficient_scope", scope="read write"'
    assert to_public_code(error) == "insufficient_scope"


def test_a_login_that_is_too_old_says_so():
    assert to_public_code(StaleAuthentication()) == "insufficient_user_authentication"
    assert to_challenge(StaleAuthentication(max_age=300)) == (
        'Bearer error="insufficient_user_authentication", '
        'error_description="a more recent login is needed", max_age="300"'
    )


@pytest.mark.parametrize("kind", [InvalidCredentials, InvalidGrant, InvalidRequest, Throttled])
def test_other_errors_are_no_challenge(kind):
    assert to_challenge(kind()) is None
    assert to_public_code(kind()) == kind.code


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MissingToken(), "Bearer {}"),
        (InvalidToken("no"), 'Bearer error="invalid_token", error_description="no", {}'),
        (InsufficientScope(scopes=("a",)), 'Bearer error="insufficient_scope", scope="a", {}'),
    ],
)
def test_every_challenge_names_the_metadata_of_the_resource(error, expected):
    url = "https://api.example/.well-known/oauth-protected-resource"
    assert to_challenge(error, url) == expected.format(f'resource_metadata="{url}"')
    assert to_challenge(StoreUnavailable(), url) is None
