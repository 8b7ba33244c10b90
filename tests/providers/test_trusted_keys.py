from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword import Key
from watchword.errors import KeysUnavailable
from watchword.providers.trusted_keys import PUBLIC_KEY_ALGORITHMS, NoUsableKey, read_trusted_keys

RSA = Key.generate("RS256")
EC = Key.generate("ES256")
ED = Key.generate("EdDSA")


def read(*entries, algorithms=None):
    return read_trusted_keys(json.dumps({"keys": list(entries)}).encode(), algorithms)


def nameless(key, **members):
    """Its JWK without ``alg``."""
    return {name: value for name, value in key.to_jwk().items() if name != "alg"} | members


def test_the_keys_of_a_set_are_read():
    keys = read(RSA.to_jwk(), EC.to_jwk(), ED.to_jwk())
    assert [key.kid for key in keys] == [RSA.kid, EC.kid, ED.kid]
    assert keys.skipped == ()
    assert keys.find(ED.kid, "EdDSA") == keys.find(ED.kid, "Ed25519") != ()


@pytest.mark.parametrize(
    "members",
    [
        *(key.to_jwk(private=True) for key in (RSA, EC, ED, Key.generate("HS256"))),
        {"kty": "oct", "kid": "x"},
        {"kty": "RSA", "p": "AQAB"},
        {"kty": "AKP", "alg": "ML-DSA-44", "priv": "x"},
    ],
    ids=lambda members: " ".join(sorted(members)),
)
def test_secrets_and_private_keys_are_not_trusted(members):
    other = Key.generate("EdDSA").to_jwk()
    keys = read(other, members)
    assert [key.kid for key in keys] == [other["kid"]]
    (skipped,) = keys.skipped
    assert (skipped.index, skipped.kid) == (1, members.get("kid"))
    assert "must not be published" in skipped.reason
    with pytest.raises(KeysUnavailable):
        read(members)


def test_a_public_key_beside_its_published_private_half_is_not_trusted():
    with pytest.raises(KeysUnavailable):
        read(EC.to_jwk(), EC.to_jwk(private=True))
    with pytest.raises(KeysUnavailable):
        read(nameless(RSA), nameless(RSA, d="AQAB"))


@pytest.mark.parametrize(
    "odd",
    [
        *({"kty": "XYZ", "kid": "new"}, {"kty": "EC", "crv": "P-1024"}, {}, None, 5, "key", ["kty"]),
        *(EC.to_jwk() | {"kid": 5}, EC.to_jwk() | {"x": "AA"}, RSA.to_jwk() | {"alg": "HS256"}),
    ],
)
def test_a_key_that_cannot_be_used_is_skipped_and_reported(odd):
    keys = read(odd, ED.to_jwk())
    assert [key.kid for key in keys] == [ED.kid]
    assert [skipped.index for skipped in keys.skipped] == [0]


def test_keys_for_encryption_are_no_trouble_and_no_use():
    other = nameless(Key.generate("RS256"), use="enc")
    keys = read({**nameless(RSA), "alg": "RSA-OAEP", "use": "enc"}, other, ED.to_jwk())
    assert [key.kid for key in keys] == [ED.kid]
    assert [skipped.index for skipped in keys.skipped] == [0, 1]
    assert "not for verifying: alg RSA-OAEP, use 'enc'" in keys.skipped[0].reason


@pytest.mark.parametrize(
    ("algorithms", "expected"),
    [
        (None, "RS256"),
        (["RS256"], "RS256"),
        (["PS256", "RS256"], "RS256"),
        (["EdDSA", "PS384"], "PS384"),
        (["RS512", "ES256"], "RS512"),
    ],
)
def test_an_rsa_key_without_alg_is_of_the_usual_one_or_of_one_that_is_named(algorithms, expected):
    (key,) = read(nameless(RSA), algorithms=algorithms)
    assert key.alg == expected


def test_a_key_that_names_its_algorithm_keeps_it():
    (key,) = read(RSA.to_jwk() | {"alg": "PS256"})
    assert key.alg == "PS256"


def test_a_key_without_alg_of_a_curve_is_of_the_curves_algorithm():
    assert [key.alg for key in read(nameless(EC), nameless(ED))] == ["ES256", "EdDSA"]


@pytest.mark.parametrize(
    ("algorithms", "expected"),
    [(["RS256"], [RSA]), (["ES256", "HS256"], [EC]), (["Ed25519"], [ED]), (["EdDSA", "RS256"], [RSA, ED])],
)
def test_algorithms_only_narrow(algorithms, expected):
    keys = read(RSA.to_jwk(), EC.to_jwk(), ED.to_jwk(), algorithms=algorithms)
    assert [key.kid for key in keys] == [key.kid for key in expected]
    assert all("is not accepted here" in skipped.reason for skipped in keys.skipped)
    assert len(keys) + len(keys.skipped) == 3


@pytest.mark.parametrize("algorithms", [["HS256"], ["ES384"], ["none"], []])
def test_nothing_that_is_left_is_a_failure(algorithms):
    with pytest.raises(KeysUnavailable, match="no key that can be used"):
        read(RSA.to_jwk(), algorithms=algorithms)


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"{",
            b'{"keys": [',
            b"[]",
            b"null",
            b"{}",
            b'{"keys": null}',
            b'{"keys": {}}',
            b'{"keys": "x"}',
        ),
        *(b'{"keys": [], "keys": []}', b'\xff{"keys": []}', b'{"keys": []}'.decode().encode("utf-16")),
        *(b'{"keys": [NaN]}', b'{"keys": ' + b"[" * 100_000, b"<html>"),
    ],
    ids=lambda body: repr(body)[:30],
)
def test_what_is_no_set_is_a_failure(body):
    with pytest.raises(KeysUnavailable, match="not a JWK set"):
        read_trusted_keys(body, None)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (RSA.to_jwk() | {"e": "AQ"}, "public exponent of at least 65537, this key has 1"),
        (EC.to_jwk(private=True), "a secret or private key, which must not be published"),
        (RSA.to_jwk() | {"alg": "RSA-OAEP"}, "not for verifying: alg RSA-OAEP"),
        (ED.to_jwk() | {"use": "enc"}, "use 'enc'"),
        (ED.to_jwk() | {"key_ops": ["sign"]}, "key_ops 'sign'"),
        (EC.to_jwk(), "its alg ES256 is not accepted here, only 'EdDSA, RS256'"),
        ("text", "a JWK must be an object"),
    ],
)
def test_a_set_without_a_usable_key_says_why_for_each_of_them(entry, reason):
    with pytest.raises(NoUsableKey) as caught:
        read(entry, entry, algorithms=["RS256", "EdDSA"])
    assert [skipped.index for skipped in caught.value.skipped] == [0, 1]
    assert all(reason in skipped.reason for skipped in caught.value.skipped)
    assert caught.value.__notes__[0].count(reason) == 2
    assert reason not in str(caught.value)  # which a client may get to see


@pytest.mark.parametrize("member", ["oth", "d", "p", "q", "dp", "dq", "qi", "k", "priv"])
def test_a_private_member_that_is_null_or_empty_is_no_secret(member):
    for empty in (None, [], ())[: 3 if member == "oth" else 1]:
        assert len(read(RSA.to_jwk() | {member: empty})) == 1


def test_an_empty_set_is_a_mishap():
    with pytest.raises(KeysUnavailable, match="no key that can be used"):
        read()


def test_a_hundred_keys_are_read_and_one_more_is_refused():
    entries = [{**EC.to_jwk(), "kid": str(number)} for number in range(101)]
    assert len(read(*entries[:100])) == 100
    with pytest.raises(KeysUnavailable, match="101 keys, and at most 100 are accepted"):
        read(*entries)


def test_the_algorithms_are_those_of_public_keys():
    assert {"RS256", "PS512", "ES256", "EdDSA", "Ed25519", "ML-DSA-65"} <= PUBLIC_KEY_ALGORITHMS
    assert PUBLIC_KEY_ALGORITHMS.isdisjoint({"HS256", "none", "RSA-OAEP", "dir", "A256KW"})


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["RSA", "EC", "oct", "AQAB"]),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(
            st.sampled_from(["kty", "kid", "alg", "use", "key_ops", "n", "e", "x", "crv", "d"]), inside
        )
    ),
    max_leaves=12,
)


@given(st.lists(ODD, max_size=5))
def test_whatever_stands_beside_it_a_good_key_is_found(entries):
    assert ED.kid in [key.kid for key in read(ED.to_jwk(), *entries)]


@given(ODD | st.dictionaries(st.just("keys"), ODD))
def test_whatever_is_published_there_are_keys_or_they_are_unavailable(value):
    with pytest.raises(KeysUnavailable):
        read_trusted_keys(json.dumps(value).encode(), None)
