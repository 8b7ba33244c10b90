"""The verifiers of other projects in docs/elsewhere.md accept our access tokens, and nothing else."""

from __future__ import annotations

import pytest

from watchword import Key

VERIFIERS = [
    "jose.mjs",
    "jsonwebtoken.mjs",
    "oauth4webapi.mjs",
    "authlib_validator.py",
    "joserfc_registry.py",
    "pyjwt.py",
    "simplejwt_view.py",
]

BAD_TOKENS = {
    "for another audience": lambda login: login.issue_for("https://other.example"),
    "of another issuer": lambda login: login.sign("https://other.example"),
    "expired": lambda login: login.sign(age=100_000),
    "signed by an unknown key": lambda login: login.sign(key=Key.generate("ES256")),
    "with another payload": lambda login: swap_payload(login.start(), login.start()),
    "a refresh token": lambda login: login.start()["refresh_token"],
    "garbage": lambda login: "a.b.c",
}


def swap_payload(one: dict[str, str], other: dict[str, str]) -> str:
    header, _, signature = one["access_token"].split(".")
    return ".".join([header, other["access_token"].split(".")[1], signature])


@pytest.fixture(scope="module")
def bad_tokens(login) -> dict[str, str]:
    return {kind: make(login) for kind, make in BAD_TOKENS.items()}


@pytest.fixture(params=VERIFIERS)
def verifier(request, run_recipe):
    return run_recipe(request.param)


def test_an_access_token_is_accepted(login, verifier) -> None:
    token = login.start()["access_token"]
    assert verifier.call("verify", token)["sub"] == login.auth.authenticate(token).subject


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_a_bad_token_is_refused(verifier, bad_tokens, kind) -> None:
    assert verifier.refuse("verify", bad_tokens[kind])


def test_a_pure_verifier_learns_nothing_of_a_logout(login, verifier) -> None:
    token = login.start()["access_token"]
    assert login.server.request("POST", "/auth/logout", token=token).status == 204
    assert login.server.request("GET", "/auth/me", token=token).status == 401
    assert verifier.call("verify", token), "until it expires"


@pytest.mark.parametrize("name", [name for name in VERIFIERS if name != "simplejwt_view.py"])
def test_a_token_of_another_type_is_refused(login, run_recipe, name) -> None:
    assert run_recipe(name).refuse("verify", login.sign(typ="JWT"))
