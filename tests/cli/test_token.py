"""``watchword token``: what a person has in hand is seldom quite a token."""

from __future__ import annotations

import json
import random
import re

import pytest

from watchword import Auth, Issuer, Key, KeySet

KEY = Key.generate("EdDSA")
DAY = 86_400  # some of the tokens are made when the run begins
ISSUER = Issuer("https://other.example", KEY, audience="api", lifetime=DAY)
EXPECTED = ("--issuer", "https://other.example", "--audience", "api")


@pytest.fixture
def jwks(directory) -> str:
    """A file with the public keys of another server."""
    (directory / "jwks.json").write_text(json.dumps(KeySet([KEY]).to_jwks()))
    return "jwks.json"


# -- inspect ---------------------------------------------------------------------------------------


def test_inspecting_needs_no_database_and_says_that_nothing_was_verified(watchword, directory) -> None:
    shown = watchword("token", "inspect", stdin=ISSUER.issue("user-1"))

    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["claims"]["sub"] == "user-1"
    assert json.loads(shown.stdout)["header"]["alg"] == "EdDSA"
    assert shown.stderr.startswith("NOT VERIFIED: an attacker may have written this\n")
    assert "\nexp is 20" in shown.stderr
    assert list(directory.iterdir()) == []


def test_an_unverified_token_cannot_write_to_the_terminal(watchword) -> None:
    sly = ISSUER.issue("user-1", {"name": "\x1b[2J\x9b2J\u202e\x07"})

    assert watchword("token", "inspect", stdin=sly).output.isascii()
    assert not {"\x1b", "\x07"}.intersection(watchword("token", "inspect", stdin=sly).output)


def test_times_that_no_calendar_has_are_shown_as_they_are(watchword) -> None:
    shown = watchword("token", "inspect", stdin=ISSUER.issue("user-1", {"auth_time": 10**30}))

    assert json.loads(shown.stdout)["claims"]["auth_time"] == 10**30
    assert "auth_time is" not in shown.stderr


@pytest.mark.parametrize("command", ["inspect", "verify"])
@pytest.mark.parametrize("around", ["{}", "{}\n", "  {}\r\n", "\n\n{}\n\n"])
def test_white_space_around_a_token_does_not_matter(watchword, tokens, command, around) -> None:
    assert watchword("token", command, stdin=around.format(tokens.access_token)).exit_code == 0


@pytest.mark.parametrize("command", ["inspect", "verify"])
@pytest.mark.parametrize(
    "around",
    ["Bearer {}", "authorization: bearer {}\n", '"{}"', "'{}'", '"Bearer {}"', "`{}`", '"{}",', "{}\n{}"],
)
def test_what_people_copy_along_with_a_token_is_left_out_and_told(watchword, tokens, command, around) -> None:
    token = tokens.access_token
    parts = (token[:40], token[40:]) if around.count("{}") > 1 else (token,)
    done = watchword("token", command, stdin=around.format(*parts))
    assert done.exit_code == 0
    assert done.stderr.startswith(
        "Removed text that is not part of a token: Bearer, quotation marks or line breaks\n"
    )


def test_of_an_encrypted_token_the_header_is_shown(watchword) -> None:
    secret = Key.generate("dir")
    shown = watchword("token", "inspect", stdin=Issuer("i", KEY, encrypt_to=secret).issue("user-1"))
    assert (shown.exit_code, [*json.loads(shown.stdout)]) == (0, ["header"])
    assert "ENCRYPTED" in shown.stderr


def test_one_of_several_types_is_accepted(watchword, jwks) -> None:
    token = ISSUER.issue("user-1")
    several = ("--typ", "at+jwt", "--typ", "JWT")
    assert watchword("token", "verify", "--jwks", jwks, *EXPECTED, *several, stdin=token).exit_code == 0
    assert watchword("token", "verify", "--jwks", jwks, *EXPECTED, *several[:2], stdin=token).exit_code == 1


@pytest.mark.parametrize("command", ["inspect", "verify"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "there is no token to read"),
        (b" \n\t\n", "there is no token to read"),
        (b"not a token", None),
        (b"a.b", None),
        (b"a.b.c.d.e", None),
        (b"{}.{}.", None),
        (b'{"access_token": "a.b.c"}', None),
        (b"\x00" * 1000, None),
        (b"\xff\xfe\x00.\xd8", None),
        (random.Random(1).randbytes(100_000), None),
        (b"." * 100_000, None),
        (b"a" * 3_000_000, None),
        (b"eyJhbGciOiJub25lIn0.e30.", None),
        ("eyJhbGciOiJub25lIn0.\u00e930.".encode(), None),
    ],
    ids=lambda content: str(content)[:24] if content else None,
)
def test_what_is_no_token_is_refused_without_an_echo(
    watchword, alice, directory, command, content, sentence
) -> None:
    (directory / "found").write_bytes(content)

    refused = watchword("token", command, "found")

    if content == b"eyJhbGciOiJub25lIn0.e30." and command == "inspect":
        assert refused.exit_code == 0  # it is a token, and inspecting believes nothing
        return
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"Error: {sentence or ''}")
    assert refused.stderr.count("\n") == 1
    assert len(refused.stderr) < 100


# -- verify ----------------------------------------------------------------------------------------


def test_a_token_of_this_database_is_good(watchword, tokens) -> None:
    verified = watchword("token", "verify", stdin=tokens.access_token)

    assert verified.exit_code == 0
    assert json.loads(verified.stdout)["preferred_username"] == "alice"
    assert verified.stderr.startswith("The token is valid\n")


def test_a_token_of_a_session_that_ended_is_not(watchword, tokens) -> None:
    auth = Auth()
    auth.end(tokens.session_id)
    auth.close()

    assert watchword("token", "verify", stdin=tokens.access_token).stderr == (
        "Error: session_ended: the session has ended\n"
    )


def test_a_refresh_token_is_no_access_token(watchword, tokens) -> None:
    refused = watchword("token", "verify", stdin=tokens.refresh_token)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: unknown_key: ")


def test_the_environment_says_which_issuer_and_audience_are_expected(watchword, tokens, monkeypatch) -> None:
    monkeypatch.setenv("WATCHWORD_ISSUER", "https://api.example")

    assert watchword("token", "verify", stdin=tokens.access_token).stderr.startswith("Error: wrong_issuer: ")


def test_verifying_without_keys_and_without_a_database_says_what_is_missing(watchword, directory) -> None:
    refused = watchword("token", "verify", stdin=ISSUER.issue("user-1"))

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: there is no database watchword.db here")
    assert list(directory.iterdir()) == []


def test_a_token_of_another_server_is_good_under_its_keys(watchword, directory, jwks) -> None:
    verified = watchword("token", "verify", "--jwks", jwks, *EXPECTED, stdin=ISSUER.issue("user-1"))

    assert verified.exit_code == 0
    assert json.loads(verified.stdout)["sub"] == "user-1"
    assert [path.name for path in directory.iterdir()] == ["jwks.json"]


@pytest.mark.parametrize(
    ("token", "options", "code"),
    [
        (ISSUER.issue("user-1", lifetime=60, issued_at=1), EXPECTED, "expired_token"),
        (ISSUER.issue("user-1"), ("--issuer", "https://other.example"), "wrong_audience"),
        (ISSUER.issue("user-1"), ("--issuer", "https://other.example/", "--audience", "api"), "wrong_issuer"),
        (ISSUER.issue("user-1"), (*EXPECTED, "--typ", "at+jwt"), "wrong_type"),
        (ISSUER.issue("user-1")[:-8] + "AAAAAAAA", EXPECTED, "bad_signature"),
        (
            Issuer("https://other.example", Key.generate("EdDSA"), audience="api", lifetime=DAY).issue(
                "user-1"
            ),
            EXPECTED,
            "unknown_key",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "_" in value and len(value) < 20 else "",
)
def test_a_token_that_is_not_good_is_refused_with_its_code(watchword, jwks, token, options, code) -> None:
    refused = watchword("token", "verify", "--jwks", jwks, *options, stdin=token)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"Error: {code}: ")


def test_our_token_is_of_no_key_of_another_server(watchword, tokens, jwks) -> None:
    refused = watchword("token", "verify", "--jwks", jwks, stdin=tokens.access_token)

    assert refused.stderr.startswith("Error: unknown_key: ")


def test_keys_without_alg_are_of_the_usual_one_or_of_the_one_that_is_given(watchword, directory) -> None:
    key = Key.from_pem(Key.generate("RS256").to_pem(private=True), "PS256")
    token = Issuer("https://other.example", key, audience="api").issue("user-1")
    jwk = {name: value for name, value in key.to_jwk().items() if name != "alg"}
    (directory / "keys").write_text(json.dumps({"keys": [jwk]}))

    verify = ("token", "verify", "--jwks", "keys", *EXPECTED)
    assert watchword(*verify, "--alg", "PS256", stdin=token).exit_code == 0
    assert watchword(*verify, stdin=token).stderr.startswith("Error: unknown_key: ")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"kty": "oct", "kid": "x", "k": "A" * 86}, "alg is needed: .*--alg on the command line.*kid 'x'"),
        (
            {"kty": "EC", "crv": "P-1", "kid": "\x1b"},
            r"has no key that can be used\. kid '\\x1b': .*P-1",
        ),
    ],
    ids=["alg", "crv"],
)
def test_a_set_without_a_usable_key_is_refused_with_the_reason_of_each(
    watchword, directory, entry, reason
) -> None:
    (directory / "keys").write_text(json.dumps({"keys": [entry]}))

    refused = watchword("token", "verify", "--jwks", "keys", *EXPECTED, stdin=ISSUER.issue("user-1"))

    assert refused.exit_code == 1
    assert re.search(reason, refused.stderr.replace("\n", " "))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"keys": 1}', b"\xff\xfe", b"a.b.c", b" " * 2_000_000, b"[" * 100_000]
)
def test_what_is_no_key_set_is_refused(watchword, directory, content) -> None:
    (directory / "keys").write_bytes(content)

    refused = watchword("token", "verify", "--jwks", "keys", *EXPECTED, stdin=ISSUER.issue("user-1"))

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: ")


@pytest.mark.parametrize("option", ["--issuer", "--audience", "--typ", "--alg"])
def test_what_a_token_of_ours_has_to_say_is_no_option(watchword, tokens, option) -> None:
    refused = watchword("token", "verify", option, "watchword", stdin=tokens.access_token)

    assert refused.exit_code == 2
    assert "go with --jwks" in refused.stderr


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_a_token_is_no_argument(watchword, tokens, command) -> None:
    """A person tries; the answer may repeat what stood on the command line, but does nothing with it."""
    refused = watchword("token", command, tokens.access_token)

    assert (refused.exit_code, refused.stdout) == (2, "")


# -- verify --batch --------------------------------------------------------------------------------


def test_a_batch_of_this_databases_tokens_is_asked_about_its_sessions_too(
    watchword, tokens, directory
) -> None:
    auth = Auth()
    other = auth.login("alice", "correct horse battery")
    auth.end(other.session_id)
    auth.close()
    batch = [tokens.access_token, other.access_token, tokens.refresh_token, tokens.access_token]
    (directory / "tokens").write_text("\n".join(batch))

    verified = watchword("token", "verify", "--batch", "tokens")

    assert verified.exit_code == 1
    assert verified.stdout.split()[2:] == [
        *("good", "2", "session_ended", "1", "unknown_key", "1", "total", "4")
    ]
    assert verified.stderr.startswith("line 2: session_ended\nline 3: unknown_key\n4 tokens in ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--batch", "jwks.json", "jwks.json"], "with --batch there is no other FILE"),
        (["--batch", "jwks.json", "-"], "with --batch there is no other FILE"),
        (["--batch", "nowhere"], "No such file"),
        (["--batch", "."], "Is a directory"),
        (["--batch"], "requires an argument"),
    ],
)
def test_a_batch_is_one_file(watchword, jwks, arguments, sentence) -> None:
    refused = watchword("token", "verify", *arguments)

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert sentence in refused.stderr


@pytest.mark.parametrize("option", ["--issuer", "--audience", "--typ", "--alg"])
def test_what_a_batch_of_ours_has_to_say_is_no_option(watchword, jwks, option) -> None:
    assert watchword("token", "verify", "--batch", jwks, option, "x").exit_code == 2
