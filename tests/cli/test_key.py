"""``watchword key``, as an operator meets it at the terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)

from watchword import Auth, Key, KeySet, Settings
from watchword.errors import InvalidGrant, UnknownKey
from watchword.stores.sql.database import SqlDatabase

NEW, OLD = "n" * 32, "o" * 32


@pytest.fixture
def keys(watchword, alice) -> Callable[..., dict[str, str]]:
    """The ids of one kind's keys, by state; of several the last."""

    def listed(kind: str = "public") -> dict[str, str]:
        rows = [line.split() for line in watchword("key", "list").stdout.splitlines()[1:]]
        return {row[3]: row[1] for row in rows if row[0] == kind}

    return listed


@pytest.fixture
def pass_by(monkeypatch) -> Callable[[float], None]:
    """Let the store's time go on, for every process that opens it."""
    passed = 0.0

    def pass_by(seconds: float) -> None:
        nonlocal passed
        passed += seconds
        monkeypatch.setattr(SqlDatabase, "time_shift", passed)

    return pass_by


def test_the_list_says_what_each_key_does_since_when_and_what_comes_next(watchword, alice, keys) -> None:
    listed = watchword("key", "list").stdout.splitlines()
    assert listed[0].split() == ["kind", "kid", "alg", "state", "made", "next"]
    assert len(listed) == 5
    shown = "".join(listed)
    assert re.search(
        r"public +[\w-]{43} +ES256 +signing +\d seconds ago +"
        r"signs until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(in 29 days\)",
        shown,
    )
    assert re.search(
        r"internal +[\w-]{11} +HS256 +published +\d seconds ago +signs from .* \(in 29 days\)", shown
    )
    assert keys().keys() == keys("internal").keys() == {"signing", "published"}


@pytest.mark.parametrize(
    ("seconds", "made"),
    [(60, r"[6-9]\d seconds"), (125, "2 minutes"), (7_300, "2 hours"), (172_900, "2 days")],
)
def test_ages_are_in_the_unit_of_which_there_are_two(watchword, alice, pass_by, seconds, made) -> None:
    pass_by(seconds)
    assert re.search(f"{made} ago", watchword("key", "list").stdout)


def test_the_newest_key_signs_without_an_end_until_a_server_makes_the_next(watchword, alice, pass_by) -> None:
    pass_by(31 * 86_400)
    listed = watchword("key", "list").stdout
    assert re.search(r"public .* gone .*deleted by a server's next poll", listed), "commands delete nothing"
    assert len(re.findall("signing .*signs until", listed)) == 2, "but they make what is missing"


def test_a_rotation_waits_for_the_caches(watchword, keys, pass_by) -> None:
    standby = keys()["published"]
    said = watchword("key", "rotate").stdout
    assert re.search(rf"^public {standby}: signs from \d{{4}}-.* UTC$", said, re.MULTILINE)
    assert re.search(rf"^internal {keys('internal')['published']}: signs from", said, re.MULTILINE)
    assert watchword("key", "rotate").stdout == said, "asking again changes nothing"
    assert "(in 2 hours)" in watchword("key", "list").stdout
    pass_by(10_801)
    assert keys()["signing"] == standby


def test_a_rotation_of_keys_that_are_known_everywhere_is_one_at_once(watchword, keys, pass_by) -> None:
    pass_by(10_900)
    standby = keys()["published"]
    assert f"public {standby}: signs now\n" in watchword("key", "rotate").stdout
    assert keys()["signing"] == standby


def test_a_compromised_public_key_logs_nobody_out(watchword, keys, tokens, pass_by) -> None:
    pass_by(10_900)
    bad, standby = keys()["signing"], keys()["published"]
    done = watchword("key", "rotate", "--compromised", bad)
    assert f"public {bad}: every server stops using it within 1 s" in done.stdout
    assert "no user has to log in again" in done.stdout
    assert "accept its signatures until they fetch the JWKS again, for 600 s at most" in done.stdout
    assert f"public {standby}: signs now" in done.stdout
    assert "It is new" not in done.stderr
    assert keys()["compromised"] == bad
    assert keys()["signing"] == standby
    auth = Auth()
    with pytest.raises(UnknownKey):
        auth.authenticate(tokens.access_token)
    assert auth.authenticate(auth.refresh(tokens.refresh_token).access_token).subject == tokens.subject
    auth.close()


def test_a_standby_that_takes_over_before_caches_can_know_it_is_told_of(watchword, keys) -> None:
    done = watchword("key", "rotate", "--compromised", keys()["signing"])
    assert re.search(r"It is new, so other services may not know it before \d{4}-.* UTC", done.stderr)


def test_a_compromised_internal_key_logs_out_whom_it_logged_in(watchword, keys, tokens) -> None:
    bad = keys("internal")["signing"]
    done = watchword("key", "rotate", "--compromised", bad)
    assert re.search(
        r"have to log in again if their last login or refresh was while it signed, from .* UTC on",
        done.stdout,
    )
    assert "Other services" not in done.stdout
    assert "It is new" not in done.stderr
    auth = Auth()
    with pytest.raises(InvalidGrant):
        auth.refresh(tokens.refresh_token)
    assert auth.authenticate(tokens.access_token).subject == tokens.subject
    auth.close()


def test_a_compromised_standby_logs_nobody_out_and_another_takes_its_place(watchword, keys) -> None:
    signing, bad = keys()["signing"], keys()["published"]
    done = watchword("key", "rotate", "--compromised", bad)
    assert "It has signed nothing, so no session ends" in done.stdout
    assert "Other services" in done.stdout, "it is in the JWKS that they keep"
    assert "signs now" not in done.stdout
    assert keys()["signing"] == signing
    assert keys()["published"] != bad


def test_a_key_that_is_not_there_cannot_be_compromised(watchword, alice) -> None:
    done = watchword("key", "rotate", "--compromised", "unknown")
    assert done.exit_code == 1
    assert done.stderr == "Error: there is no key 'unknown'. `watchword key list` lists all\n"


def test_the_export_is_the_jwks_without_anything_private(watchword, alice, keys) -> None:
    exported = json.loads(watchword("key", "export", "--public").stdout)
    assert [key["kid"] for key in exported["keys"]] == [keys()["signing"], keys()["published"]]
    assert not any({"d", "k"} & key.keys() for key in exported["keys"])
    assert len(KeySet.from_jwks(exported)) == 2


def test_the_export_in_pem_has_each_public_key_below_its_kid(watchword, alice, keys) -> None:
    exported = watchword("key", "export", "--pem").stdout
    parts = re.findall(r"# kid: (\S+) alg: (\w+)\n(-----BEGIN PUBLIC KEY-----\n[^-]+-----END .*\n)", exported)
    assert "".join(f"# kid: {kid} alg: {alg}\n{pem}" for kid, alg, pem in parts) == exported
    assert [kid for kid, _, _ in parts] == [keys()["signing"], keys()["published"]]
    assert all(Key.from_pem(pem, alg).thumbprint == kid for kid, alg, pem in parts)


def test_an_exported_key_in_pem_verifies_an_access_token(watchword, tokens) -> None:
    exported = watchword("key", "export", "--pem").stdout
    key = load_pem_public_key(exported.encode())  # the first of the file, whatever stands above it
    assert (
        jwt.decode(tokens.access_token, key, ["ES256"], audience=Settings().audience)["sub"] == tokens.subject
    )


def test_private_keys_are_not_exported(watchword, alice) -> None:
    assert watchword("key", "export").exit_code == 2
    assert "PRIVATE" not in watchword("key", "export", "--pem", "--public").stdout


FORMS = {
    "PEM": lambda key: key.to_pem(private=True),
    "JWK": lambda key: "\n " + json.dumps(key.to_jwk(private=True)),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_key_of_ones_own_takes_the_next_turn(watchword, keys, directory, form) -> None:
    mine, before = Key.generate("ES256"), keys()
    done = watchword("key", "import", stdin=form(mine))
    assert re.search(rf"^public {mine.kid}: signs from ", done.stdout)
    (directory / "other").write_text(form(Key.generate("ES256")))
    assert watchword("key", "import", "other").exit_code == 0
    assert keys()["signing"] == before["signing"]


def test_an_imported_key_is_of_the_algorithm_that_the_settings_want(watchword, alice, monkeypatch) -> None:
    pem = Key.generate("RS256").to_pem(private=True)
    refused = watchword("key", "import", stdin=pem)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: alg 'ES256' does not work with a key of type RSA")
    assert "must be a private key for ES256 (WATCHWORD_SIGNING_ALGORITHM)" in refused.stderr
    monkeypatch.setenv("WATCHWORD_SIGNING_ALGORITHM", "PS256")
    assert watchword("key", "import", stdin=pem).exit_code == 0
    assert " PS256 " in watchword("key", "list").stdout


WEAK = rsa.generate_private_key(65_537, 1_024)
NO_KEYS = {
    "nothing": b"",
    "text": b"a key",
    "bytes": b"\xff\xfe" * 40,
    "half a JWK": b'{"kty": "OKP"',
    "public": Key.generate("ES256").to_pem().encode(),
    "of another algorithm": Key.generate("EdDSA").to_pem(private=True).encode(),
    "too long": b"{" + b" " * 65_536,
}


@pytest.mark.parametrize("content", NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_no_private_key_of_the_algorithm_is_refused_in_a_sentence(watchword, keys, content) -> None:
    before = keys()
    done = watchword("key", "import", stdin=content)
    assert done.exit_code == 1
    assert re.fullmatch(r"Error: .*\n", done.stderr)
    assert keys() == before


def test_a_weak_key_is_refused(watchword, alice, monkeypatch) -> None:
    monkeypatch.setenv("WATCHWORD_SIGNING_ALGORITHM", "RS256")
    pem = WEAK.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    done = watchword("key", "import", stdin=pem)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: an RSA key needs at least 2048 bits, this key has 1024. ")


def test_a_secret_is_changed_without_anybody_noticing(watchword, directory, monkeypatch) -> None:
    monkeypatch.setenv("WATCHWORD_SECRET", OLD)
    watchword("account", "add", "alice", "--password-stdin", stdin="correct horse battery")
    monkeypatch.setenv("WATCHWORD_SECRET", f"{NEW},{OLD}")
    assert watchword("key", "reseal").stdout == "Sealed 4 keys with the newest secret\n"
    monkeypatch.setenv("WATCHWORD_SECRET", NEW)
    assert watchword("key", "list").exit_code == 0
    monkeypatch.setenv("WATCHWORD_SECRET", OLD)
    refused = watchword("key", "list")
    assert refused.exit_code == 1
    assert "WATCHWORD_SECRET does not open the signing keys" in refused.stderr
    assert OLD not in refused.output


@pytest.mark.parametrize(
    "command",
    [["list"], ["rotate"], ["export", "--public"], ["import"], ["reseal"]],
    ids=lambda words: words[0],
)
def test_no_command_makes_a_database(watchword, directory, command) -> None:
    done = watchword("key", *command, stdin=Key.generate("ES256").to_pem(private=True))
    assert done.exit_code == 1
    assert "there is no database" in done.stderr
    assert list(directory.iterdir()) == []


def test_no_output_holds_a_private_key(watchword, alice, tokens) -> None:
    mine = Key.generate("ES256")
    stdin = json.dumps(mine.to_jwk(private=True))
    outputs = [
        watchword("key", *command, stdin=stdin).output
        for command in (["import"], ["list"], ["rotate"], ["export", "--public"], ["reseal"])
    ]
    assert mine.to_jwk(private=True)["d"] not in "".join(outputs)
