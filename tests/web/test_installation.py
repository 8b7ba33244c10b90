"""What an extension has in an application, without a framework."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from watchword import Auth, Identity, Key, Settings, Verifier
from watchword.errors import (
    InsufficientScope,
    InvalidKey,
    InvalidSettings,
    InvalidToken,
    MissingToken,
    NotFound,
    StaleAuthentication,
    WatchwordError,
)
from watchword.web.http import Headers, Request
from watchword.web.installation import Installation, check_arguments

VERIFIER = Verifier(Key.generate("HS256"))


def bearing(token):
    return Request(headers=Headers([("Authorization", f"Bearer {token}")]))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "app.db"


@pytest.fixture
def installation(file):
    made = Installation(None, {}, Settings(database_url=f"sqlite:///{file}", audience="api"))
    yield made
    made.close()


def test_the_store_is_opened_by_the_first_token_and_by_no_request_without(installation, file):
    with pytest.raises(MissingToken):
        installation.guard.check(Request())
    assert not file.exists()
    with pytest.raises(InvalidToken):
        installation.guard.check(bearing("a.b.c"))
    assert file.exists()
    assert installation.core is installation.desk is installation.open()


def test_after_it_was_closed_the_next_token_opens_the_store_anew(installation):
    before = installation.core
    token = before.start("7").access_token
    installation.close()
    installation.close()
    assert installation.guard.check(bearing(token)).subject == "7"
    assert installation.core is not before


def test_the_first_token_may_come_to_an_event_loop(installation):
    token = installation.core.start("7").access_token
    installation.close()
    assert asyncio.run(installation.guard.check_async(bearing(token))).subject == "7"


def test_what_is_done_before_opening_may_refuse_to_open(file):
    def refuse(settings):
        raise InvalidSettings(f"not there: {settings.audience}")

    settings = Settings(database_url=f"sqlite:///{file}", audience="api")
    installation = Installation(None, {"issuer": "https://x.example"}, settings, before_opening=refuse)
    with pytest.raises(InvalidSettings, match="not there: api"):
        installation.open()
    assert not file.exists()
    assert installation.settings.issuer == "https://x.example"


@pytest.mark.parametrize(("trusted", "address"), [((), "10.0.0.1"), (("10.0.0.0/8",), "203.0.113.9")])
def test_the_auth_knows_the_client_of_the_running_request(trusted, address):
    running = [
        Request(
            peer="10.0.0.1", headers=Headers([("X-Forwarded-For", "203.0.113.9"), ("User-Agent", "curl/8")])
        )
    ]
    installation = Installation(
        None,
        {},
        Settings(database_url="sqlite://", trusted_proxies=trusted),
        find_request=lambda: running[0] if running else None,
    )
    installation.core.start("7")
    running.clear()
    installation.core.start("8")
    sessions = [installation.core.sessions(subject)[0] for subject in "78"]
    installation.close()
    assert [(each.ip_address, each.user_agent) for each in sessions] == [(address, "curl/8"), (None, None)]


def test_a_proxy_that_is_not_trusted_is_warned_of_once(installation, caplog):
    request = Request(
        method="POST",
        body=b'{"username": "nobody", "password": "wrong"}',
        peer="10.0.0.1",
        headers=Headers([("X-Forwarded-For", "203.0.113.9"), ("Content-Type", "application/json")]),
    )
    installation.find_client(request)
    for route in installation.endpoints.routes:
        with suppress(WatchwordError):
            route.handler(request)
    assert [record.name for record in caplog.records].count("watchword.web") == 1


def test_an_extension_that_is_closed_while_it_opens_returns_the_auth_all_the_same(installation, monkeypatch):
    use = installation._use

    def use_and_close(auth):
        use(auth)
        if auth is not None:
            installation.close()

    monkeypatch.setattr(installation, "_use", use_and_close)
    assert isinstance(installation.open(), Auth)


def test_the_first_tokens_on_an_event_loop_open_the_store_in_a_single_thread(installation):
    token = installation.core.start("7").access_token
    installation.close()
    opening, opened_by = installation.guard, []

    async def serve():
        asyncio.get_running_loop().set_default_executor(CountingExecutor(opened_by))
        return await asyncio.gather(*(opening.check_async(bearing(token)) for _ in range(50)))

    assert {identity.subject for identity in asyncio.run(serve())} == {"7"}
    assert len(opened_by) <= 2  # one opens, and another polls if the new Auth has not polled yet


class CountingExecutor(ThreadPoolExecutor):
    def __init__(self, calls):
        super().__init__(2)
        self._calls = calls

    def submit(self, function, /, *arguments, **options):
        self._calls.append(function)
        return super().submit(function, *arguments, **options)


@pytest.mark.parametrize("is_given", [False, True])
def test_the_listener_of_a_command_hears_that_command_only(desk, installation, is_given):
    installation = Installation(desk, {}, desk.settings) if is_given else installation
    heard = []
    for _ in range(2):
        with installation.open_for_command(heard.append) as auth:
            auth.start("7")
    installation.open().start("7")
    assert [event.name for event in heard if event.subject == "7"] == ["login"] * 2


def test_an_auth_that_was_given_stays_open(desk):
    installation = Installation(desk, {}, desk.settings, switches={"login": False})
    installation.close()
    assert installation.guard.check(bearing(desk.start("7").access_token)).subject == "7"
    assert "login" not in [route.name for route in installation.endpoints.routes]


def test_a_verifier_brings_a_guard_and_nothing_else():
    installation = Installation(VERIFIER, {}, Settings())
    assert (installation.endpoints, installation.has_accounts) == (None, False)
    with pytest.raises(TypeError, match="was given a Verifier"):
        installation.open()
    with pytest.raises(TypeError, match="was given a Verifier"):
        installation.find_client(Request())
    with pytest.raises(InvalidSettings, match="which has no endpoints"):
        Installation(VERIFIER, {}, Settings(), switches={})


@pytest.mark.parametrize(
    ("make_auth", "settings", "options", "expected", "told"),
    [
        (lambda: None, None, {"chek_password": 1}, TypeError, "Did you mean check_password"),
        (lambda: VERIFIER, None, {"audience": "api"}, TypeError, "audience would .* the Verifier itself"),
        (lambda: Auth("sqlite://"), Settings(), {}, TypeError, "settings would .* the Auth itself"),
        (lambda: "secret", None, {}, InvalidSettings, "auth must be"),
        (lambda: None, {"prefix": "/staff"}, {}, InvalidSettings, "settings must be"),
        (
            lambda: None,
            None,
            {"check_password": "secret"},
            InvalidSettings,
            "check_password must be a function",
        ),
        (lambda: None, None, {"listeners": print}, InvalidSettings, "listeners must be a list of functions"),
        (lambda: None, None, {"listeners": [5]}, InvalidSettings, "not list with 5 in it"),
        (lambda: None, None, {"keys": "secret"}, InvalidSettings, "keys must be a Key, not str"),
        (lambda: None, None, {"keys": Key.generate("dir")}, InvalidKey, "key must be able to sign"),
    ],
)
def test_an_argument_that_would_be_ignored_or_is_of_another_type_is_an_error(
    make_auth, settings, options, expected, told
):
    auth = make_auth()
    with pytest.raises(expected, match=told) as caught:
        check_arguments(auth, settings, options)
    assert "secret" not in str(caught.value)
    if isinstance(auth, Auth):
        auth.close()


def test_users_are_loaded_by_the_function_of_the_application():
    installation = Installation(
        VERIFIER, {}, Settings(), load_user=lambda identity: f"user {identity.subject}"
    )
    assert installation.users.load(Identity.from_claims({"sub": "7"})) == "user 7"
    with pytest.raises(InvalidSettings, match="load_user must be a function"):
        Installation(VERIFIER, {}, Settings(), load_user="app.find_user")


@pytest.mark.parametrize(
    ("error", "status", "challenge"),
    [
        (MissingToken(), 401, "Bearer"),
        (InvalidToken("no"), 401, 'Bearer error="invalid_token", error_description="no"'),
        (NotFound(), 404, None),
        (InvalidSettings("a mistake"), 500, None),
    ],
)
def test_an_error_becomes_the_response_that_every_adapter_sends(installation, error, status, challenge):
    response = installation.to_error_response(error)
    assert (response.status, dict(response.headers).get("WWW-Authenticate")) == (status, challenge)
    assert b"mistake" not in response.body


def test_a_challenge_leads_to_the_metadata_of_the_resource_where_they_are_served():
    url = "https://api.example/.well-known/oauth-protected-resource/mcp"
    settings = Settings(database_url="sqlite://", resource="https://api.example/mcp")
    served, verifying = Installation(None, {}, settings), Installation(VERIFIER, {}, settings)
    for error in (MissingToken(), InvalidToken(), InsufficientScope(scopes=("a",)), StaleAuthentication()):
        challenge = dict(served.to_error_response(error).headers)["WWW-Authenticate"]
        assert challenge.endswith(f'resource_metadata="{url}"')
        assert url not in dict(verifying.to_error_response(error).headers)["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("/auth", "watchword"),
        ("/staff/auth", "watchword_staff_auth"),
        ("/v1.2", "watchword_v1-2"),
        ("", "watchword_root"),
    ],
)
def test_the_endpoints_have_a_name_that_every_framework_accepts(prefix, name):
    assert Installation(VERIFIER, {}, Settings(prefix=prefix)).name == name
