"""The guard without a framework: each case is asked of ``check``, and of ``check_async`` on an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from watchword import Issuer, Key, MultiIssuer, Verifier
from watchword.errors import (
    ExpiredToken,
    InsufficientScope,
    InvalidSettings,
    InvalidToken,
    KeysUnavailable,
    MalformedCredentials,
    MissingToken,
    SessionEnded,
    StaleAuthentication,
    StoreUnavailable,
    UnknownKey,
    WrongType,
)
from watchword.web.guard import Guard, Requirements
from watchword.web.http import Headers, Request

ISSUER = "https://legacy.example"
KEY, OTHER_KEY = Key.generate("HS256"), Key.generate("HS256")
VERIFIER = Verifier(KEY, issuer=ISSUER, audience="api")


def check_in_loop(guard: Guard, *arguments: Any) -> Any:
    return asyncio.run(guard.check_async(*arguments))


@pytest.fixture(params=[Guard.check, check_in_loop], ids=["check", "check_async"])
def check(request):
    return request.param


def asking(*authorizations: str, method: str = "GET") -> Request:
    return Request(method=method, headers=Headers(("Authorization", value) for value in authorizations))


def bearing(token: str) -> Request:
    return asking(f"Bearer {token}")


def issue(key: Key = KEY, *, issued_at: float | None = None, **claims: Any) -> str:
    return Issuer(ISSUER, key, audience="api").issue("7", claims, lifetime=60, issued_at=issued_at)


class Away:
    """Keys that cannot be fetched."""

    version = 1

    def find(self, kid: str | None, alg: str) -> Any:
        raise KeysUnavailable

    def ready(self, kid: str | None, alg: str) -> bool:
        return False


# -- the credentials -----------------------------------------------------------------------------

CREDENTIALS = {
    "no header": ([], MissingToken, None),
    "an empty header": ([""], MissingToken, None),
    "another scheme": (["Basic YTpi"], MissingToken, None),
    "no token": (["Bearer"], MalformedCredentials, MalformedCredentials),
    "two tokens": (["Bearer a.b.c", "Bearer a.b.c"], MalformedCredentials, MalformedCredentials),
    "two schemes": (["Basic YTpi", "Bearer a.b.c"], MalformedCredentials, MalformedCredentials),
    "two in one line": (["Bearer a.b.c, Bearer a.b.c"], MalformedCredentials, MalformedCredentials),
    "a bad token": (["Bearer a.b.c"], InvalidToken, InvalidToken),
}


@pytest.mark.parametrize("kind", ["Auth", "Verifier", "MultiIssuer"])
@pytest.mark.parametrize(("headers", "required", "optional"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_a_bad_token_is_refused_and_none_passes_only_where_it_is_optional(
    desk, check, kind, headers, required, optional
):
    guard = Guard({"Auth": desk, "Verifier": VERIFIER, "MultiIssuer": MultiIssuer([VERIFIER])}[kind])
    with pytest.raises(required):
        check(guard, asking(*headers))
    if optional is None:
        assert check(guard, asking(*headers), Requirements(optional=True)) is None
    else:
        with pytest.raises(optional):
            check(guard, asking(*headers), Requirements(optional=True))


@pytest.mark.parametrize("headers", [[], ["Bearer a.b.c"], ["Bearer", "Bearer"]])
def test_options_passes_whatever_comes_with_it(desk, check, headers):
    strict = Requirements(scopes=["admin"], fresh=1)
    assert check(Guard(desk), asking(*headers, method="OPTIONS"), strict) is None


def test_a_good_token_is_an_identity(desk, check):
    identity = check(Guard(desk), bearing(desk.start("7", ["read"]).access_token))
    assert (identity.subject, identity.scopes, identity.issuer) == ("7", ("read",), "https://issuer.example")


@pytest.mark.parametrize("kind", [lambda verifier: verifier, lambda verifier: MultiIssuer([verifier])])
def test_another_issuers_claims_become_an_identity(check, kind):
    guard = Guard(kind(VERIFIER), scope_claim="permissions")
    identity = check(guard, bearing(issue(permissions=["read"], sid="s", auth_time=5)))
    assert (identity.subject, identity.scopes, identity.session_id) == ("7", ("read",), "s")
    assert (identity.authenticated_at, identity.issuer) == (5, ISSUER)


def test_a_refresh_token_is_told_where_it_belongs(desk, check):
    with pytest.raises(WrongType, match="Send the access token here"):
        check(Guard(desk), bearing(desk.start("7").refresh_token))


def test_a_token_that_is_bound_to_a_key_is_no_bearer_token(check):
    with pytest.raises(InvalidToken, match="bound to a key"):
        check(Guard(VERIFIER), bearing(issue(cnf={"jkt": "x"})))


def test_a_store_that_is_away_says_nothing_of_the_token(desk, check):
    token = desk.start("7").access_token
    desk.stores.close()  # the database was in memory
    desk._revocations._polls.remove()
    desk._revocations._spared_until = -math.inf
    with pytest.raises(StoreUnavailable):
        check(Guard(desk), bearing(token))


# -- requirements --------------------------------------------------------------------------------

REQUIREMENTS = [
    ({}, True),
    ({"scopes": []}, True),
    ({"scopes": "read write"}, True),
    ({"scopes": ["read", "admin"]}, False),
    ({"any_scopes": ["admin", "write"]}, True),
    ({"any_scopes": "admin root"}, False),
    ({"scopes": "read", "any_scopes": "write admin"}, True),
    ({"scopes": "admin", "any_scopes": "write"}, False),
]


@pytest.mark.parametrize(("options", "passes"), REQUIREMENTS)
def test_all_scopes_and_one_of_any_scopes_are_needed(check, options, passes):
    guard, request = Guard(VERIFIER), bearing(issue(scope="read write"))
    if passes:
        assert check(guard, request, Requirements(**options)).subject == "7"
    else:
        with pytest.raises(InsufficientScope) as caught:
            check(guard, request, Requirements(**options))
        assert caught.value.scopes
        assert set(caught.value.scopes) - {"read", "write"}


@pytest.mark.parametrize(
    ("seconds_ago", "fresh", "passes"),
    [
        (299, 300, True),
        (301, 300, False),
        (299.0, timedelta(minutes=5), True),
        (None, 300, False),
        (0, 0, True),
    ],
)
def test_a_fresh_login_is_one_of_the_last_seconds(check, seconds_ago, fresh, passes):
    now = 1_000_000.0
    verifier = Verifier(KEY, issuer=ISSUER, audience="api", allow_no_exp=True, clock=lambda: now)
    claims = {} if seconds_ago is None else {"auth_time": now - seconds_ago}
    token = Issuer(ISSUER, KEY, audience="api", clock=lambda: now).issue("7", claims, lifetime=60)
    if passes:
        assert check(Guard(verifier), bearing(token), Requirements(fresh=fresh)).subject == "7"
    else:
        with pytest.raises(StaleAuthentication) as caught:
            check(Guard(verifier), bearing(token), Requirements(fresh=fresh))
        assert caught.value.max_age == 300


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"optional": "no"}, "optional must be True or False, not str"),
        ({"optional": None}, "optional must be True or False, not None"),
        ({"scopes": 5}, "scopes must be names such as .*, not 5"),
        ({"scopes": ["read write"]}, "scopes must be names .*, not 'read write'"),
        ({"any_scopes": []}, "any_scopes must name at least one scope"),
        ({"any_scopes": ""}, "any_scopes must name at least one scope"),
        ({"any_scopes": [1]}, "any_scopes must be names .*, not 1"),
        ({"fresh": "5 minutes"}, "fresh must be seconds or a timedelta, not str"),
        ({"fresh": -1}, "fresh must be zero or more seconds"),
    ],
)
def test_a_mistake_in_requirements_is_told_when_they_are_made(options, told):
    with pytest.raises(InvalidSettings, match=told):
        Requirements(**options)


# -- several kinds of tokens ---------------------------------------------------------------------


def test_another_kind_of_token_is_accepted_beside_ours(desk, check):
    guard = Guard(
        desk, also=[VERIFIER, MultiIssuer([Verifier(OTHER_KEY, issuer="https://x", audience=None)])]
    )
    assert check(guard, bearing(desk.start("1").access_token)).issuer == "https://issuer.example"
    assert check(guard, bearing(issue())).issuer == ISSUER
    foreign = Issuer("https://x", OTHER_KEY).issue("3", {"scope": "read"})
    assert check(guard, bearing(foreign), Requirements(scopes="read")).subject == "3"


def test_the_requirements_count_for_every_kind(desk, check):
    guard = Guard(desk, also=[VERIFIER])
    with pytest.raises(InsufficientScope):
        check(guard, bearing(issue()), Requirements(scopes="read"))
    with pytest.raises(InvalidToken, match="bound to a key"):
        check(guard, bearing(issue(cnf={"jkt": "x"})))


def test_a_session_that_has_ended_gets_in_by_no_other_verifier(desk, check):
    tokens = desk.start("7")
    lenient = Verifier(
        desk.find_published_keys(), issuer="https://issuer.example", audience="api", typ=["at+jwt", None]
    )
    guard = Guard(desk, also=[lenient])
    assert check(guard, bearing(tokens.access_token)).subject == "7"
    desk.end(tokens.session_id)
    assert lenient.verify(tokens.access_token)["sub"] == "7"  # it alone would let the token in
    with pytest.raises(SessionEnded):
        check(guard, bearing(tokens.access_token))


@pytest.mark.parametrize("has_ended", [False, True])
def test_an_expired_token_of_ours_gets_in_by_no_verifier_that_allows_more_time(desk, check, has_ended):
    tokens = desk.start("7")
    lenient = Verifier(
        desk.find_published_keys(),
        issuer="https://issuer.example",
        audience="api",
        typ="at+jwt",
        leeway=86_400,
    )
    if has_ended:
        desk.end(tokens.session_id)
    desk.wait(desk.settings.access_lifetime + 31)
    assert lenient.verify(tokens.access_token)["sub"] == "7"
    with pytest.raises(ExpiredToken):
        check(Guard(desk, also=[lenient]), bearing(tokens.access_token))


def test_an_expired_token_of_another_kind_may_have_a_key_that_ours_have_too(check):
    ours = Verifier(KEY, issuer="https://new.example", audience="api")
    lenient = Verifier(KEY, issuer=ISSUER, audience="api", leeway=300)
    late = Issuer(ISSUER, KEY, audience="api", clock=lambda: time.time() - 160).issue("7", lifetime=60)
    assert check(Guard(ours, also=[lenient]), bearing(late)).subject == "7"


def test_while_the_store_is_away_no_other_verifier_is_asked(desk, check):
    desk.stores.close()
    desk._revocations._polls.remove()
    desk._revocations._spared_until = -math.inf
    with pytest.raises(StoreUnavailable):
        check(Guard(desk, also=[VERIFIER]), bearing(issue()))


AWAY = Verifier(Away(), issuer=ISSUER, audience="api")
EXPIRED = issue(issued_at=1_000_000)

REFUSALS = {
    "a key that is known nowhere": (issue(OTHER_KEY), [VERIFIER], UnknownKey),
    "an expired token of another kind": (EXPIRED, [VERIFIER], ExpiredToken),
    "keys that are away": (issue(), [AWAY], KeysUnavailable),
    "an expired token and keys that are away": (EXPIRED, [VERIFIER, AWAY], ExpiredToken),
    "keys that are away and an expired token": (EXPIRED, [AWAY, VERIFIER], ExpiredToken),
    "another audience and keys that are away": (
        issue(),
        [Verifier(KEY, issuer=ISSUER, audience="x"), AWAY],
        KeysUnavailable,
    ),
}


@pytest.mark.parametrize(("token", "also", "expected"), REFUSALS.values(), ids=REFUSALS)
def test_a_token_that_no_verifier_accepts_is_refused_with_the_error_that_tells_most(
    desk, check, token, also, expected
):
    with pytest.raises(expected):
        check(Guard(desk, also=also), bearing(token))


def test_keys_that_are_away_do_not_keep_the_next_verifier_from_accepting(desk, check):
    assert check(Guard(desk, also=[AWAY, VERIFIER]), bearing(issue())).subject == "7"


class Model(msgspec.Struct):
    sub: str


@pytest.mark.parametrize(
    ("auth", "also", "told"),
    [
        ("secret", (), "auth must be an Auth, a Verifier or a MultiIssuer, not str"),
        (None, (), "auth must be an Auth, a Verifier or a MultiIssuer, not None"),
        (Verifier, (), "not the class Verifier"),
        (VERIFIER, VERIFIER, "also must be a list of Verifiers, not a Verifier"),
        (VERIFIER, "secret", "also must be a list of Verifiers, not str"),
        (VERIFIER, [VERIFIER, KEY], "also must be a list of Verifiers, not list with Key in it"),
        (VERIFIER, 5, "also must be a list of Verifiers, not 5"),
    ],
)
def test_a_mistake_in_a_guard_is_told_when_it_is_made(auth, also, told):
    with pytest.raises(InvalidSettings, match=told):
        Guard(auth, also=also)


def test_a_verifier_that_returns_a_type_of_its_own_is_the_applications_mistake(check):
    typed = Verifier(KEY, issuer=ISSUER, audience="api", claims=Model)
    with pytest.raises(InvalidSettings, match="as a dict, not as Model"):
        check(Guard(typed), bearing(issue()))


# -- an Auth that opens late ---------------------------------------------------------------------


def test_a_function_opens_the_auth_at_the_first_token_and_not_before(desk, check):
    opened_by = []

    def open_auth():
        opened_by.append(threading.current_thread())
        return desk

    guard = Guard(open_auth)
    assert check(guard, Request(), Requirements(optional=True)) is None
    with pytest.raises(MissingToken):
        check(guard, Request())
    assert opened_by == []
    token = desk.start("7").access_token
    assert check(guard, bearing(token), Requirements(fresh=60)).subject == "7"
    assert opened_by
    if check is check_in_loop:
        assert opened_by[0] is not threading.current_thread(), "opening blocks, so a thread does it"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"scopes": "read", "fresh": 60}, None),
        ({"scopes": "write"}, InsufficientScope),
        ({"any_scopes": ["write", "admin"]}, InsufficientScope),
        ({"fresh": 0.001}, StaleAuthentication),
    ],
)
def test_an_identity_that_was_found_earlier_is_checked_as_in_a_request(options, expected):
    guard = Guard(VERIFIER)
    identity = guard.check(bearing(issue(scope="read", auth_time=guard.now() - 1)))
    with pytest.raises(expected) if expected else contextlib.nullcontext():
        guard.check_identity(identity, Requirements(**options))


def test_a_request_without_an_identity_passes_only_where_it_is_optional():
    guard = Guard(VERIFIER)
    guard.check_identity(None, Requirements(optional=True, scopes="read"))
    with pytest.raises(MissingToken):
        guard.check_identity(None, Requirements())


@pytest.mark.parametrize(
    "identify", [Guard.identify, lambda *given: asyncio.run(Guard.identify_async(*given))]
)
def test_where_no_request_is_refused_only_a_good_token_is_an_identity(desk, identify):
    guard = Guard(desk)
    token = desk.start("7").access_token
    assert identify(guard, bearing(token)).subject == "7"
    for request in (
        Request(),
        bearing("a.b.c"),
        asking("Bearer"),
        asking(f"Bearer {token}", method="OPTIONS"),
    ):
        assert identify(guard, request) is None
    desk.end(desk.authenticate(token).session_id)
    assert identify(guard, bearing(token)) is None
    assert identify(Guard(Verifier(Away(), issuer=ISSUER, audience="api")), bearing(issue())) is None
    with pytest.raises(InvalidSettings):
        identify(Guard(Verifier(KEY, issuer=ISSUER, audience="api", claims=Model)), bearing(issue()))
