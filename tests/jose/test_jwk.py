from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import BadSignature, InvalidKey, WeakKey
from watchword.jose import Key, KeySet, KeySource, SkippedKey
from watchword.jose.key_set import key_source

SECRET = b"\x07" * 32
OCT = {
    "kty": "oct",
    "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
}


def test_a_key_survives_the_way_through_a_private_jwk(any_key: Key) -> None:
    again = Key.from_jwk(json.dumps(any_key.to_jwk(private=True)))
    assert (again.alg, again.kid, again.thumbprint) == (any_key.alg, any_key.kid, any_key.thumbprint)
    any_key.verify(b"data", again.sign(b"data"))


def test_a_jwk_is_public_unless_asked_otherwise(any_key: Key) -> None:
    if isinstance(any_key.material, bytes):
        with pytest.raises(InvalidKey):
            any_key.to_jwk()
        return
    jwk = any_key.to_jwk()
    assert not jwk.keys() & {"d", "p", "q", "dp", "dq", "qi", "k"}
    assert not Key.from_jwk(jwk).is_private
    with pytest.raises(InvalidKey):
        Key.from_jwk(jwk).to_jwk(private=True)


def test_a_key_survives_the_way_through_pem(any_key: Key) -> None:
    if isinstance(any_key.material, bytes):
        with pytest.raises(InvalidKey):
            any_key.to_pem(private=True)
        return
    private = Key.from_pem(any_key.to_pem(private=True), any_key.alg)
    public = Key.from_pem(any_key.to_pem().encode(), any_key.alg)
    public.verify(b"data", private.sign(b"data"))
    assert private.kid == public.kid == any_key.kid
    with pytest.raises(InvalidKey):
        public.to_pem(private=True)


@pytest.mark.parametrize(
    ("generated", "alg"), [("ES256", "ES256"), ("ES384", "ES384"), ("EdDSA", "EdDSA"), ("Ed448", "EdDSA")]
)
def test_the_algorithm_may_be_left_out_where_only_one_fits(generated: str, alg: str) -> None:
    assert Key.from_pem(Key.generate(generated).to_pem()).alg == alg


def test_an_rsa_key_needs_its_algorithm_named(rsa: Key) -> None:
    with pytest.raises(InvalidKey, match="alg is needed"):
        Key.from_pem(rsa.to_pem())
    assert Key.from_pem(rsa.to_pem(), "PS384").alg == "PS384"


def test_an_encrypted_pem_opens_with_its_password_only() -> None:
    pem = (
        Key.generate("EdDSA")
        .material.private_bytes(  # type: ignore[union-attr]  # a private key has it
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a pass phrase")
        )
        .decode()
    )
    assert Key.from_pem(pem, password="a pass phrase").is_private
    for password in (None, "another", b""):
        with pytest.raises(InvalidKey):
            Key.from_pem(pem, password=password)


@pytest.mark.parametrize(
    ("alg", "names"),
    [
        ("EdDSA", {"EdDSA", "Ed25519"}),
        ("Ed25519", {"EdDSA", "Ed25519"}),
        ("Ed448", {"EdDSA", "Ed448"}),
        ("ES256", {"ES256"}),
        ("HS256", {"HS256"}),
    ],
)
def test_a_key_answers_to_the_names_of_its_algorithm_only(alg: str, names: set[str]) -> None:
    key = Key.generate(alg)
    every = {"EdDSA", "Ed25519", "Ed448", "ES256", "HS256", "RS256", "none", "", "hs256", "es256", "eddsa"}
    assert {name for name in every if key.answers_to(name)} == names
    assert KeySet([key]).find(None, "Ed448") == ((key,) if "Ed448" in names else ())


@pytest.mark.parametrize("alg", ["none", "None", "", "hs256", "RS1", "RSA1_5", "A256GCM"])
def test_unknown_algorithms_have_no_keys(alg: str) -> None:
    with pytest.raises(InvalidKey):
        Key.generate(alg)
    with pytest.raises(InvalidKey):
        Key.from_secret(b"s" * 64, alg)


@pytest.mark.parametrize(("alg", "least"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_is_at_least_as_long_as_the_hash(alg: str, least: int) -> None:
    assert Key.from_secret("s" * least, alg).alg == alg
    assert len(Key.generate(alg).material) == least  # type: ignore[arg-type]  # bytes
    for length in (least - 1, 0):
        with pytest.raises(WeakKey):
            Key.from_secret(b"s" * length, alg)


def test_a_weak_secret_is_a_jwks_own_affair_too() -> None:
    with pytest.raises(WeakKey):
        Key.from_jwk({"kty": "oct", "k": "AAAA"}, "HS256")


def test_a_secret_of_text_counts_in_utf_8() -> None:
    assert Key.from_secret("é" * 16, "HS256").material == "é".encode() * 16
    with pytest.raises(InvalidKey):
        Key.from_secret("\ud800" * 40, "HS256")


def test_a_secret_has_a_random_kid_and_a_public_key_its_thumbprint() -> None:
    assert Key.from_secret(SECRET, "HS256").kid != Key.from_secret(SECRET, "HS256").kid
    key = Key.generate("ES256")
    assert key.kid == key.thumbprint == key.public().kid
    assert Key.from_secret(SECRET, "HS256", kid="mine").kid == "mine"
    assert Key.from_pem(key.to_pem(), kid="theirs").kid == "theirs"


def test_a_key_never_shows_itself() -> None:
    key = Key.from_secret("a secret nobody may ever see, nobody", "HS256", kid="k")
    assert repr(key) == "<Key HS256 kid='k' private>"
    assert repr(Key.generate("EdDSA").public()).endswith(" public>")
    assert "nobody" not in f"{key} {KeySet([key])!r}"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(InvalidKey):
            leak(key)


def test_a_key_never_changes() -> None:
    key = Key.generate("HS256")
    with pytest.raises(AttributeError):
        key.kid = "another"
    with pytest.raises(AttributeError):
        del key.material
    with pytest.raises(AttributeError):
        key.extra = 1  # type: ignore[attr-defined]  # that is the point


@pytest.mark.parametrize(
    ("members", "allowed"),
    [
        ({}, {"sign", "verify"}),
        ({"use": "sig"}, {"sign", "verify"}),
        ({"use": "enc"}, set()),
        ({"use": "something else"}, set()),
        ({"key_ops": ["sign"]}, {"sign"}),
        ({"key_ops": ["verify"]}, {"verify"}),
        ({"key_ops": ["verify", "deriveKey"]}, {"verify"}),
        ({"key_ops": []}, set()),
        ({"key_ops": ["encrypt", "decrypt"]}, set()),
        ({"use": "sig", "key_ops": ["sign"]}, {"sign"}),
    ],
)
def test_use_and_key_ops_are_enforced_at_each_operation(members: dict[str, Any], allowed: set[str]) -> None:
    key = Key.from_jwk({**OCT, "alg": "HS256", **members})
    good = Key.from_jwk({**OCT, "alg": "HS256"}).sign(b"data")
    for operation, run in {
        "sign": lambda: key.sign(b"data"),
        "verify": lambda: key.verify(b"data", good),
    }.items():
        if operation in allowed:
            run()
        else:
            with pytest.raises(InvalidKey):
                run()


def test_the_public_half_of_a_signing_key_verifies() -> None:
    jwk = {**Key.generate("ES256").to_jwk(private=True), "key_ops": ["sign"], "use": "sig"}
    key = Key.from_jwk(jwk)
    assert key.to_jwk(private=True)["key_ops"] == ["sign"]
    assert key.to_jwk()["key_ops"] == ["verify"]
    key.public().verify(b"data", key.sign(b"data"))
    with pytest.raises(InvalidKey):
        key.verify(b"data", b"")


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"kid": 7}, id="kid-a-number"),
        pytest.param({"kid": None}, id="kid-null"),
        pytest.param({"use": ["sig"]}, id="use-a-list"),
        pytest.param({"alg": None}, id="alg-null"),
        pytest.param({"alg": "ES256"}, id="alg-of-another-type"),
        pytest.param({"alg": "none"}, id="alg-none"),
        pytest.param({"key_ops": "sign"}, id="key_ops-text"),
        pytest.param({"key_ops": ["sign", 1]}, id="key_ops-numbers"),
        pytest.param({"key_ops": ["sign", "sign"]}, id="key_ops-twice"),
        pytest.param({"key_ops": [["sign"]]}, id="key_ops-nested"),
    ],
)
def test_members_of_the_wrong_form_are_rejected_at_construction(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk({**OCT, "alg": "HS256", **members})


def test_the_algorithm_asked_for_and_the_one_stated_must_be_the_same() -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk({**OCT, "alg": "HS256"}, "HS512")
    assert Key.from_jwk({**Key.generate("EdDSA").to_jwk(), "alg": "EdDSA"}, "Ed25519").alg == "Ed25519"


@pytest.mark.parametrize(
    "jwk",
    [7, None, [], "", "[]", "{", b"\xff", '{"kty":"oct","kty":"oct"}', "\ud800", '{"a":' + "[" * 9999],
    ids=repr,
)
def test_what_is_no_jwk_at_all_is_rejected(jwk: Any) -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk(jwk)


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


def test_a_key_alone_serves_any_kid_of_its_algorithm() -> None:
    key = Key.generate("HS256")
    source: KeySource = key_source(key)
    assert list(source.find("whatever", "HS256")) == list(source.find(None, "HS256")) == [key]
    assert list(source.find(None, "HS512")) == []
    assert source.ready("whatever", "HS256")
    assert source.version != key_source(Key.generate("HS256")).version


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
    assert keys.skipped[0] == SkippedKey(0, "future", "the JWK's kty is missing or unknown")
    assert KeySet([]).skipped == ()


@pytest.mark.parametrize("jwks", [{}, {"keys": {}}, {"keys": "x"}, "[]", b"{}", {"keys": None}], ids=repr)
def test_what_is_no_set_at_all_is_rejected(jwks: Any) -> None:
    with pytest.raises(InvalidKey):
        KeySet.from_jwks(jwks)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
)
NAMES = st.sampled_from(["kty", "crv", "k", "x", "y", "d", "n", "e", "p", "kid", "use", "alg", "key_ops"])


@given(
    st.dictionaries(
        NAMES, st.sampled_from(["oct", "RSA", "EC", "OKP", "P-256", "Ed25519", "AQAB", "AA"]) | JSON
    )
)
def test_any_jwk_is_a_key_or_an_error_of_ours(jwk: dict[str, Any]) -> None:
    try:
        key = Key.from_jwk(jwk)
    except InvalidKey:
        return
    assert key.alg


def test_rfc_7638_section_3_1(vectors: Callable[[str], Any]) -> None:
    example = vectors("rfc7638/section_3_1.json")
    key = Key.from_jwk(example["jwk"])
    assert key.thumbprint == example["thumbprint_sha256"]
    assert key.kid == example["jwk"]["kid"]


def test_rfc_8037_appendix_a_1_to_a_3(vectors: Callable[[str], Any]) -> None:
    examples = vectors("rfc8037/appendix_a.json")
    private, public = (Key.from_jwk(examples[name]["jwk"]) for name in ("A.1", "A.2"))
    assert private.thumbprint == public.thumbprint == examples["A.3"]["thumbprint_sha256"]
    public.verify(b"data", private.sign(b"data"))
    with pytest.raises(BadSignature):
        public.verify(b"other data", private.sign(b"data"))
