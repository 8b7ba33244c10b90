from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import InvalidKey
from watchword.jose import Key, KeySet, SkippedKey
from watchword.jose.key_set import MAX_JWKS, MAX_KEYS, list_reasons


def test_a_set_finds_a_given_kid_exactly_and_otherwise_by_algorithm() -> None:
    first, second, other = Key.generate("HS256"), Key.generate("HS256"), Key.generate("ES256")
    keys = KeySet([first, second, other])
    assert keys.find(first.kid, "HS256") == (first,)
    assert keys.find(None, "HS256") == (first, second)
    assert keys.find(other.kid, "HS256") == ()
    assert keys.find("unknown", "HS256") == ()
    assert keys.find("", "HS256") == ()
    assert keys.ready(None, "HS256")
    assert list(keys) == [first, second, other]
    assert len(keys) == 3


def test_every_set_has_a_version_of_its_own() -> None:
    keys = KeySet([])
    assert keys.version == keys.version != KeySet([]).version


def test_a_published_set_has_public_keys_only() -> None:
    private, secret = Key.generate("EdDSA"), Key.generate("HS256")
    jwks = KeySet([private, secret]).to_jwks()
    assert jwks == {"keys": [private.public().to_jwk()]}
    (read,) = KeySet.from_jwks(json.dumps(jwks))
    read.verify(b"data", private.sign(b"data"))


def test_a_set_keeps_what_it_can_read_and_tells_of_the_rest() -> None:
    good = Key.generate("ES256").to_jwk()
    keys = KeySet.from_jwks(
        {
            "keys": [
                {"kty": "NEW", "kid": "future"},
                good,
                "no key",
                {"kty": "oct", "k": "AA", "alg": "HS256", "kid": 1},
            ]
        }
    )
    assert [key.kid for key in keys] == [good["kid"]]
    assert [(skipped.index, skipped.kid) for skipped in keys.skipped] == [(0, "future"), (2, None), (3, None)]
    assert keys.skipped[0] == SkippedKey(
        0, "future", "the JWK's kty must be one of oct, RSA, EC, OKP, AKP, not 'NEW'"
    )
    assert KeySet([]).skipped == ()


@pytest.mark.parametrize("jwks", [{}, {"keys": {}}, {"keys": "x"}, "[]", b"{}", {"keys": None}], ids=repr)
def test_what_is_no_set_at_all_is_rejected(jwks: Any) -> None:
    with pytest.raises(InvalidKey):
        KeySet.from_jwks(jwks)


@pytest.mark.parametrize("entry", [None, 7, "text", [], '{"kty":"oct"}', {}, {"kty": {}}, {1: 2}], ids=repr)
def test_an_entry_that_is_no_key_is_skipped_whatever_it_is(entry: Any) -> None:
    good = Key.generate("ES256").to_jwk()
    keys = KeySet.from_jwks({"keys": [entry, good]})
    assert [key.kid for key in keys] == [good["kid"]]
    assert [skipped.index for skipped in keys.skipped] == [0]


def test_a_key_in_the_text_of_a_key_is_no_entry() -> None:
    text = json.dumps(Key.generate("ES256").to_jwk())
    assert len(KeySet.from_jwks({"keys": [text]})) == 0


def test_a_secret_among_public_keys_is_skipped() -> None:
    public, secret = Key.generate("ES256").to_jwk(), Key.generate("HS256").to_jwk(private=True)
    keys = KeySet.from_jwks({"keys": [secret, public]})
    assert [key.kid for key in keys] == [public["kid"]]
    assert keys.skipped == (SkippedKey(0, secret["kid"], "a secret must not be among public keys"),)
    assert len(KeySet.from_jwks({"keys": [secret]})) == 1


def test_different_keys_of_one_kid_and_algorithm_are_skipped() -> None:
    first, second, third = (Key.generate("ES256").to_jwk() for _ in range(3))
    keys = KeySet.from_jwks({"keys": [first | {"kid": "k"}, third, second | {"kid": "k"}]})
    assert [key.kid for key in keys] == [third["kid"]]
    reason = "another key of the set has the same kid and alg"
    assert keys.skipped == (SkippedKey(0, "k", reason), SkippedKey(2, "k", reason))


def test_a_key_that_cannot_be_read_makes_its_namesake_as_doubtful() -> None:
    key, other = Key.generate("ES256").to_jwk(), Key.generate("EdDSA").to_jwk()
    broken = key | {"x": "AAAA"}
    assert [read.kid for read in KeySet.from_jwks({"keys": [broken, key, other]})] == [other["kid"]]
    assert len(KeySet.from_jwks({"keys": [broken | {"alg": "ES384"}, key, broken | {"alg": ["ES256"]}]})) == 1


def test_the_names_of_eddsa_are_one_algorithm_there_too() -> None:
    first, second = (Key.generate(alg).to_jwk() | {"kid": "k"} for alg in ("EdDSA", "Ed25519"))
    assert len(KeySet.from_jwks({"keys": [first, second]})) == 0


def test_a_key_may_stand_twice_and_one_kid_may_serve_two_algorithms() -> None:
    key, other = Key.generate("ES256").to_jwk(), Key.generate("EdDSA").to_jwk()
    keys = KeySet.from_jwks({"keys": [key, key, other | {"kid": key["kid"]}]})
    assert len(keys) == 3
    assert keys.skipped == ()


def test_the_size_of_a_set_is_bounded() -> None:
    key = Key.generate("ES256").to_jwk()
    assert len(KeySet.from_jwks({"keys": [key] * MAX_KEYS})) == MAX_KEYS
    with pytest.raises(InvalidKey, match="1000 keys"):
        KeySet.from_jwks({"keys": [{}] * (MAX_KEYS + 1)})
    text = json.dumps({"keys": [key]})
    assert len(KeySet.from_jwks(text.ljust(MAX_JWKS))) == 1
    with pytest.raises(InvalidKey, match="longer"):
        KeySet.from_jwks(text.ljust(MAX_JWKS + 1))


def test_finding_looks_at_no_key_that_is_not_found() -> None:
    """A lookup costs the same in a set of 1 and of 1,000 keys, with and without a kid."""
    keys = KeySet([Key.generate("HS256") for _ in range(1_000)])
    last = list(keys)[-1]
    assert keys.find(last.kid, "HS256") == (last,)
    assert keys.find(None, "HS256") is keys.find(None, "HS256")
    assert len(keys.find(None, "HS256")) == 1_000
    assert keys.find(None, "ES256") == ()


def test_a_pickled_set_has_the_same_keys_and_a_version_of_its_own() -> None:
    keys = KeySet.from_jwks({"keys": [EC.to_jwk(), {"kty": "NEW"}]})
    again = pickle.loads(pickle.dumps(keys))
    assert (again.to_jwks(), again.skipped) == (keys.to_jwks(), keys.skipped)
    assert again.version != keys.version


def unnamed(key: Key, **said: Any) -> dict[str, Any]:
    """Its JWK without ``alg``."""
    private = isinstance(key.material, bytes)
    return {name: value for name, value in key.to_jwk(private=private).items() if name != "alg"} | said


RSA, EC = Key.generate("RS256"), Key.generate("ES256")


@pytest.mark.parametrize(
    ("alg", "expected"),
    [
        (None, "RS256 ES256 EdDSA"),
        ("PS384", "PS384 ES256 EdDSA"),
        ("Ed25519", "ES256 Ed25519"),
    ],
)
def test_keys_without_alg_are_of_the_one_that_is_given_where_it_fits(alg: str | None, expected: str) -> None:
    entries = [unnamed(key) for key in (RSA, Key.generate("ES256"), Key.generate("EdDSA"))]
    keys = KeySet.from_jwks({"keys": entries}, alg=alg)
    assert " ".join(key.alg for key in keys) == expected
    assert len(keys) + len(keys.skipped) == 3


def test_a_key_that_names_its_algorithm_keeps_it_whatever_is_given() -> None:
    jwks = {"keys": [RSA.to_jwk(), Key.generate("HS512").to_jwk(private=True)]}
    assert [key.alg for key in KeySet.from_jwks(jwks, alg="PS256")] == ["RS256"]


def test_the_algorithm_of_secrets_can_be_given() -> None:
    secret = Key.generate("HS512")
    (key,) = KeySet.from_jwks({"keys": [unnamed(secret)]}, alg="HS384")
    assert (key.alg, key.kid) == ("HS384", secret.kid)


def test_a_key_for_encryption_is_not_made_one_that_signs() -> None:
    entries = [unnamed(RSA, use="enc"), Key.generate("ES256").to_jwk()]
    for alg in (None, "PS256"):
        assert [key.alg for key in KeySet.from_jwks({"keys": entries}, alg=alg)] == ["ES256"]
    encrypting, _ = KeySet.from_jwks({"keys": entries}, alg="RSA-OAEP-256")
    assert encrypting.alg == "RSA-OAEP-256"


@pytest.mark.parametrize("alg", ["RS265", "", "none", 5, ["RS256"]])
def test_an_algorithm_that_is_not_one_is_refused_at_once(alg: Any) -> None:
    with pytest.raises(
        InvalidKey, match=r"alg must be the name of an algorithm, not ('RS265'|an empty str|'none'|5|list)"
    ):
        KeySet.from_jwks({"keys": [RSA.to_jwk()]}, alg=alg)


def test_a_set_that_lacks_nothing_but_alg_is_refused_with_what_to_do() -> None:
    entries = [unnamed(Key.generate("HS256"), kid="first"), unnamed(Key.generate("ECDH-ES", crv="X25519"))]
    with pytest.raises(InvalidKey, match=r"alg is needed: .* KeySet\.from_jwks\(\.\.\., alg=\).*kid 'first'"):
        KeySet.from_jwks({"keys": entries[:1]})
    with pytest.raises(InvalidKey, match="alg is needed"):
        KeySet.from_jwks({"keys": entries[1:]})
    broken = KeySet.from_jwks({"keys": [*entries, {"kty": "EC"}]})
    assert (len(broken), len(broken.skipped)) == (0, 3)
    assert len(KeySet.from_jwks({"keys": []})) == 0


def test_a_broken_key_without_alg_makes_its_namesake_as_doubtful() -> None:
    for entries in (
        [unnamed(RSA), unnamed(RSA, n="AAAA")],
        [RSA.to_jwk(), unnamed(RSA, n="AAAA")],
    ):
        assert len(KeySet.from_jwks({"keys": entries})) == 0


def test_reasons_are_told_in_one_line_of_bounded_length() -> None:
    hostile = Key.generate("ES256").to_jwk() | {"kid": "\x1b[31m\n" * 10_000, "crv": "x" * 10_000}
    skipped = KeySet.from_jwks({"keys": [{"kty": "NEW"}, *[hostile] * 9]}).skipped
    said = list_reasons(skipped)
    assert said.isprintable()
    assert said.startswith("key 0: the JWK's kty must be one of oct, RSA, EC, OKP, AKP, not 'NEW'; kid '")
    assert said.endswith("; and 5 more")
    assert len(said) < 1_500


def test_a_set_shows_no_secrets() -> None:
    assert "nobody" not in repr(KeySet([Key.from_secret("a secret nobody may ever see, nobody", "HS256")]))


TEXT = st.text("aA0-_=+/\n\0é\ud800", max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)


@given(st.lists(JSON, max_size=5))
def test_any_array_is_a_set_that_tells_what_it_skipped(entries: list[Any]) -> None:
    keys = KeySet.from_jwks({"keys": entries})
    assert len(keys) + len(keys.skipped) == len(entries)
