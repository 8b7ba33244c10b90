"""The endpoints for OAuth clients, asked without a framework. ``tests/interop`` has real clients."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import (
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    SessionEnded,
    StoreUnavailable,
    UnsupportedGrantType,
    WatchwordError,
)
from watchword.web.endpoints import Endpoints
from watchword.web.endpoints.bodies import decode_form
from watchword.web.http import Headers, Request
from watchword.web.responses import to_error_response

FORM = "application/x-www-form-urlencoded"
CLIENT = "client_id=watchword"
REFRESH = f"grant_type=refresh_token&{CLIENT}&refresh_token="


def posting(form, content_type=FORM, **headers):
    fields = [("Content-Type", content_type), *((n.replace("_", "-"), v) for n, v in headers.items())]
    return Request(
        method="POST", body=form if isinstance(form, bytes) else form.encode(), headers=Headers(fields)
    )


@pytest.fixture
def handlers(desk):
    return {route.name: route.handler for route in Endpoints(lambda: desk, desk.settings).routes}


@pytest.fixture
def token(handlers):
    return handlers["token"]


@pytest.fixture
def revoke(handlers):
    return handlers["revoke"]


# -- the token endpoint ----------------------------------------------------------------------------


def test_a_refresh_token_is_exchanged_for_the_next_pair(desk, token):
    first = desk.start("7", ["read", "write"])
    answer = token(posting(REFRESH + first.refresh_token))
    body = msgspec.json.decode(answer.body)
    assert answer.status == 200
    assert dict(answer.headers) == {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "Pragma": "no-cache",
    }
    assert body["refresh_token"] != first.refresh_token
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 600, "read write")
    assert desk.authenticate(body["access_token"]).session_id == first.session_id


def test_a_refresh_token_of_a_public_client_rotates_and_its_reuse_ends_the_session(desk, token):
    first = desk.start("7")
    second = msgspec.json.decode(token(posting(REFRESH + first.refresh_token)).body)
    desk.wait(desk.settings.refresh_window + 1)
    with pytest.raises(InvalidGrant):
        token(posting(REFRESH + first.refresh_token))
    with pytest.raises(SessionEnded):
        desk.authenticate(second["access_token"])


def test_a_pair_without_scopes_has_no_scope_in_it(desk, token):
    answer = token(posting(REFRESH + desk.start("7").refresh_token))
    assert "scope" not in msgspec.json.decode(answer.body)


def test_an_access_token_may_get_fewer_scopes_and_the_next_all_of_them_again(desk, token):
    tokens = desk.start("7", ["read", "write"])
    narrow = msgspec.json.decode(token(posting(f"{REFRESH}{tokens.refresh_token}&scope=write")).body)
    assert narrow["scope"] == "write"
    assert desk.authenticate(narrow["access_token"]).scopes == ("write",)
    again = msgspec.json.decode(token(posting(f"{REFRESH}{narrow['refresh_token']}")).body)
    assert again["scope"] == "read write"


@pytest.mark.parametrize("scope", ["", "+", "write+read", "read++write"])
def test_a_scope_that_asks_for_all_or_for_nothing_gets_all(desk, token, scope):
    tokens = desk.start("7", ["read", "write"])
    answer = token(posting(f"{REFRESH}{tokens.refresh_token}&scope={scope}"))
    assert msgspec.json.decode(answer.body)["scope"] == "read write"


@pytest.mark.parametrize("scope", ["admin", "read+admin", "READ", "%22read%22", "%C3%A4"])
def test_more_scopes_than_granted_are_refused_and_the_refresh_token_still_works(desk, token, scope):
    tokens = desk.start("7", ["read"])
    with pytest.raises(InvalidScope):
        token(posting(f"{REFRESH}{tokens.refresh_token}&scope={scope}"))
    (session,) = desk.sessions("7")
    assert session.generation == 1
    assert token(posting(REFRESH + tokens.refresh_token)).status == 200


@pytest.mark.parametrize("grant", ["password", "authorization_code", "client_credentials", "Refresh_Token"])
def test_no_other_grant_exists(desk, token, grant):
    form = f"grant_type={grant}&{CLIENT}&username=alice&password=correct+horse+battery&code=x"
    with pytest.raises(UnsupportedGrantType):
        token(posting(form))
    assert desk.sessions("7") == []


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("", "client_id is missing"),
        ("grant_type=refresh_token&refresh_token=x&client_id=", "client_id is missing"),
        (f"{CLIENT}&refresh_token=x", "grant_type is missing"),
        (f"{CLIENT}&grant_type=refresh_token", "refresh_token is missing"),
        (f"{REFRESH}x&refresh_token=y", "only once"),
        (f"{REFRESH}x&grant_type=refresh_token", "only once"),
        (f"{REFRESH}x&other=1&other=1", "only once"),
        (f"{REFRESH}x&other", "must be a form"),
        (f"{REFRESH}x&", "must be a form"),
        (f"{REFRESH}x&other=%", "must be a form"),
        (f"{REFRESH}x&other=%zz", "must be a form"),
        (f"{REFRESH}x&other=%ff", "must be a form"),
        (f"{REFRESH}x&other=ä", "must be a form"),
        (f"{REFRESH}x&other=a b", "must be a form"),
        (f"{REFRESH}x" + "".join(f"&a{n}=1" for n in range(30)), "at most 32 parameters"),
    ],
)
def test_a_form_that_is_incomplete_or_ambiguous_is_an_invalid_request(token, form, told):
    with pytest.raises(InvalidRequest, match=told):
        token(posting(form))


@pytest.mark.parametrize(
    "content_type", ["application/json", "", "multipart/form-data", f"{FORM}; charset=latin-1"]
)
def test_a_body_that_is_not_declared_as_a_form_is_an_invalid_request(token, revoke, content_type):
    for endpoint in (token, revoke):
        with pytest.raises(InvalidRequest, match="as application/x-www-form-urlencoded"):
            endpoint(posting(f"{REFRESH}x&token=x", content_type))


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=UTF-8", f'{FORM.upper()};charset="utf-8"'])
def test_a_form_may_name_its_charset(content_type):
    assert decode_form(posting("a=%C3%A4+b&c=&d=1", content_type)) == {"a": "ä b", "d": "1"}


@given(st.binary(max_size=200))
def test_any_body_is_a_form_or_an_invalid_request(body):
    try:
        parameters = decode_form(posting(body))
    except InvalidRequest:
        return
    assert all(parameters.values())


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.dictionaries(TEXT, TEXT, max_size=32))
def test_a_form_that_a_client_encodes_is_decoded_to_the_same(parameters):
    assert decode_form(posting(urlencode(parameters))) == parameters


@pytest.mark.parametrize("refresh_token", ["x", "a.b.c", "%00", "access"])
def test_a_refresh_token_that_is_not_valid_is_an_invalid_grant(desk, token, refresh_token):
    given = desk.start("7").access_token if refresh_token == "access" else refresh_token
    with pytest.raises(InvalidGrant):
        token(posting(REFRESH + given))


# -- the client ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "headers", "challenge"),
    [
        ("client_id=other", {}, None),
        ("client_id=Watchword", {}, None),
        (f"{CLIENT}&client_secret=x", {}, None),
        (f"{CLIENT}&client_assertion=x", {}, None),
        (CLIENT, {"Authorization": "Basic d2F0Y2h3b3JkOg=="}, 'Basic realm="token"'),
        ("", {"Authorization": "basic d2F0Y2h3b3JkOng="}, 'Basic realm="token"'),
    ],
)
def test_another_client_and_a_client_with_a_secret_are_refused(desk, handlers, form, headers, challenge):
    tokens = desk.start("7")
    for name, rest in [
        ("token", f"grant_type=refresh_token&refresh_token={tokens.refresh_token}"),
        ("revoke", f"token={tokens.refresh_token}"),
    ]:
        with pytest.raises(InvalidClient) as caught:
            handlers[name](posting("&".join(filter(None, [form, rest])), **headers))
        answer = to_error_response(caught.value, "https://api.example/.well-known/oauth-protected-resource")
        assert answer.status == 401
        assert msgspec.json.decode(answer.body)["error"] == "invalid_client"
        assert dict(answer.headers).get("WWW-Authenticate") == challenge
    assert [session.generation for session in desk.sessions("7")] == [1]


def test_an_empty_secret_is_no_secret_and_a_bearer_header_names_no_client(desk, token):
    form = f"{REFRESH}{desk.start('7').refresh_token}&client_secret="
    assert token(posting(form, Authorization="Bearer x")).status == 200


def test_basic_credentials_are_the_gateways_where_tokens_are_in_a_header_of_another_name(desk):
    own = type(desk)(token_header="X-Watchword-Token")
    token = {route.name: route.handler for route in Endpoints(lambda: own, own.settings).routes}["token"]
    gateway = {"Authorization": "Basic Z2F0ZXdheTpzZWNyZXQ="}
    assert token(posting(REFRESH + own.start("7").refresh_token, **gateway)).status == 200
    own.close()


def test_the_client_is_a_setting(desk):
    own = type(desk)(client_id="app")
    token = {route.name: route.handler for route in Endpoints(lambda: own, own.settings).routes}["token"]
    form = f"grant_type=refresh_token&refresh_token={own.start('7').refresh_token}&client_id="
    with pytest.raises(InvalidClient):
        token(posting(f"{form}watchword"))
    assert token(posting(f"{form}app")).status == 200
    own.close()


# -- the revocation endpoint -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize(
    "rest", ["", f"&{CLIENT}", "&token_type_hint=refresh_token", "&token_type_hint=other"]
)
def test_the_revocation_of_either_token_ends_the_session(desk, revoke, kind, rest):
    tokens = desk.start("7")
    answer = revoke(posting(f"token={getattr(tokens, kind)}{rest}"))
    assert (answer.status, answer.body, dict(answer.headers)) == (200, b"", {"Cache-Control": "no-store"})
    with pytest.raises(SessionEnded):
        desk.authenticate(tokens.access_token)
    with pytest.raises(InvalidGrant):
        desk.refresh(tokens.refresh_token)
    assert revoke(posting(f"token={getattr(tokens, kind)}{rest}")).status == 200  # again


@pytest.mark.parametrize("given", ["x", "a.b.c", "%00", "eyJhbGciOiJub25lIn0.e30."])
def test_an_unknown_token_is_answered_as_a_revoked_token(revoke, given):
    answer = revoke(posting(f"token={given}"))
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("form", "told"),
    [("", "token is missing"), ("token=", "token is missing"), ("token=x&token=y", "only once")],
)
def test_a_revocation_needs_one_token(revoke, form, told):
    with pytest.raises(InvalidRequest, match=told):
        revoke(posting(form))


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_revocation_fails_while_the_store_is_away(desk, revoke, kind):
    tokens = desk.start("7")
    desk.stores.close()  # the database was in memory
    with pytest.raises(StoreUnavailable):
        revoke(posting(f"token={getattr(tokens, kind)}"))


def test_no_handler_fails_with_a_foreign_error(handlers):
    for name in ("token", "revoke"):
        for body in (b"\x00", b"%", b"=", b"&", b"a=b" * 9, b"\xff\xfe"):
            with pytest.raises(WatchwordError):
                handlers[name](posting(body))
