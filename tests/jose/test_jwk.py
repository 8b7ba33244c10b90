from __future__ import annotations

import copy
import dataclasses
import inspect
import io
import json
import pickle
import pprint
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import attrs
import msgspec
import pytest
import rich.console
import rich.pretty
from cryptography.hazmat.primitives.asymmetric import dsa
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import InvalidKey, UnknownKey
from watchword.jose import Key, KeySet, base64url, jwe, jws
from watchword.jose.jwk import MAX_JWK

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


def test_a_secret_of_text_counts_in_utf_8() -> None:
    assert Key.from_secret("é" * 16, "HS256").material == "é".encode() * 16
    with pytest.raises(InvalidKey):
        Key.from_secret("\ud800" * 40, "HS256")


def test_the_kid_of_a_secret_is_the_same_in_every_process() -> None:
    """So two workers with the same secret know each other's tokens by their kid."""
    assert Key.from_secret(SECRET, "HS256").kid == "2QSM8IT8RTU"
    assert Key.from_secret(SECRET, "HS256").kid != Key.from_secret(SECRET[:-1] + b"x", "HS256").kid
    secret = Key.generate("HS256")
    (again,) = KeySet.from_jwks({"keys": [{**secret.to_jwk(private=True), "kid": None}]})
    assert jws.verify(jws.sign(b"data", secret), KeySet([again])).payload == b"data"


@pytest.mark.parametrize("alg", ["PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"])
def test_the_kid_of_a_password_does_not_help_to_guess_it(alg: str) -> None:
    assert Key.from_secret(SECRET, alg).kid != Key.from_secret(SECRET, alg).kid


def test_the_kid_of_a_secret_is_neither_its_thumbprint_nor_a_signature_of_its_own() -> None:
    key = Key.from_secret(SECRET, "HS256")
    assert key.kid not in key.thumbprint
    assert len(base64url.decode(key.kid)) == 8


def test_a_public_key_has_its_thumbprint_for_a_kid_and_any_key_the_one_that_is_given() -> None:
    key = Key.generate("ES256")
    assert key.kid == key.thumbprint == key.public().kid
    assert Key.from_secret(SECRET, "HS256", kid="mine").kid == "mine"
    assert Key.from_pem(key.to_pem(), kid="theirs").kid == "theirs"
    assert Key.from_der(key.to_der(), kid="theirs").kid == "theirs"


SHOWING = {
    "repr": repr,
    "str": str,
    "format": "{}".format,
    "pprint": pprint.pformat,
    "rich": rich.pretty.pretty_repr,
    "rich-inspect": lambda key: shown(rich.inspect, key),
    "dir": lambda key: str([getattr(key, name, None) for name in dir(key)]),
    "inspect": lambda key: str(inspect.getmembers(key)),
    "nested": lambda key: repr({"key": [key]}),
    "verified": lambda key: repr(jws.Verified(b"payload", {}, key, {})),
}


def shown(show: Callable[..., None], key: Key) -> str:
    console = rich.console.Console(file=io.StringIO(), width=200)
    show(key, console=console, all=True)
    return console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO has it


@pytest.mark.parametrize("show", SHOWING.values(), ids=SHOWING)
def test_a_key_never_shows_itself(show: Callable[[Key], str]) -> None:
    secret = b"a secret nobody may ever see, nobody"
    text = show(Key.from_secret(secret, "HS256", kid="k"))
    assert "nobody" not in text
    assert base64url.encode(secret) not in text
    assert secret.hex() not in text


TAKING = {
    "pickle": pickle.dumps,
    "state": lambda key: key.__getstate__(),
    "vars": vars,
    "json": json.dumps,
    "msgspec": msgspec.json.encode,
    "msgspec-builtins": msgspec.to_builtins,
    "dataclass": dataclasses.asdict,
    "attrs": attrs.asdict,
    "dict": dict,
}


@pytest.mark.parametrize("take", TAKING.values(), ids=TAKING)
def test_a_key_is_not_taken_apart(take: Callable[[Key], object]) -> None:
    with pytest.raises((InvalidKey, TypeError, attrs.exceptions.NotAnAttrsClassError)):
        take(Key.generate("HS256"))


@pytest.mark.parametrize("key", [Key.generate("HS256"), Key.generate("ES256")])
def test_a_private_key_or_secret_is_not_pickled_and_the_error_says_what_to_do(key: Key) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(InvalidKey, match=r"pickle public\(\), or write it with"):
            pickle.dumps(key, protocol)


def test_a_copy_of_a_key_is_the_key() -> None:
    @dataclasses.dataclass
    class Holder:
        key: Key

    for key in (Key.generate("HS256"), Key.generate("ES256"), Key.generate("ES256").public()):
        assert copy.copy(key) is copy.deepcopy(key) is key
        assert dataclasses.asdict(Holder(key))["key"] is key
        assert copy.deepcopy({"keys": [KeySet([key])]})["keys"][0].find(key.kid, key.alg) == (key,)


def test_a_public_key_survives_pickling_with_all_that_is_said_of_it(any_key: Key) -> None:
    if isinstance(any_key.material, bytes):
        return
    said = {"kid": "mine", "use": "sig", "key_ops": ["sign", "verify"], "x5t": "A" * 27}
    for key in (any_key.public(), Key.from_jwk(any_key.to_jwk() | said)):
        again = pickle.loads(pickle.dumps(key))
        assert (again.algorithm, again.use, again.key_ops) == (key.algorithm, key.use, key.key_ops)
        assert again.to_jwk() == key.to_jwk()
        again.verify(b"data", any_key.sign(b"data"))


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA", "ECDH-ES", "ML-DSA-65"])
def test_a_key_object_of_cryptography_becomes_a_key(alg: str) -> None:
    private = Key.generate(alg)
    for key in (private, private.public()):
        again = Key.from_cryptography(key.material, alg, kid="mine")  # type: ignore[arg-type]  # no secret
        assert (again.kid, again.is_private, again.thumbprint) == ("mine", key.is_private, key.thumbprint)


@pytest.mark.parametrize(
    "given", [b"x" * 32, "text", None, 5, object(), dsa.generate_private_key(1024)], ids=type
)
def test_what_is_no_key_object_is_named(given: Any) -> None:
    with pytest.raises(InvalidKey, match=rf"not {type(given).__name__}\. For a certificate"):
        Key.from_cryptography(given, "RS256")


def test_what_a_key_shows_is_its_algorithm_and_its_kid() -> None:
    assert repr(Key.from_secret(SECRET, "HS256", kid="k")) == "<Key HS256 kid='k' private>"
    assert repr(Key.generate("EdDSA").public()).endswith(" public>")


def test_keys_are_equal_only_to_themselves() -> None:
    first, second = (Key.from_secret(SECRET, "HS256", kid="k") for _ in range(2))
    assert first != second
    assert len({first, second, first}) == 2


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
        ({"key_ops": ["other"]}, set()),
        ({"key_ops": ["encrypt", "decrypt"]}, set()),
        ({"use": "sig", "key_ops": ["sign"]}, {"sign"}),
    ],
)
def test_use_and_key_ops_are_enforced_at_each_operation(members: dict[str, Any], allowed: set[str]) -> None:
    key, good = (Key.from_jwk({**OCT, "alg": "HS256", **more}) for more in (members, {}))
    operations = {
        "sign": (lambda: key.sign(b"data"), lambda: jws.sign(b"data", key)),
        "verify": (lambda: key.verify(b"data", good.sign(b"data")), lambda: jws.verify(TOKEN, key)),
    }
    for operation, runs in operations.items():
        assert key.allows(operation) == (operation in allowed)  # type: ignore[arg-type]  # one of four words
        for run in runs:
            if operation in allowed:
                run()
            else:
                with pytest.raises((InvalidKey, UnknownKey)):
                    run()


TOKEN = jws.sign(b"data", Key.from_jwk({**OCT, "alg": "HS256"}))


def test_a_key_without_any_operation_has_a_public_half_without_any() -> None:
    key = Key.from_jwk({**Key.generate("ES256").to_jwk(private=True), "key_ops": ["other"]})
    assert key.public().to_jwk()["key_ops"] == ["other"]
    assert not key.public().allows("verify")


def test_the_public_half_of_a_key_for_both_halves_names_each_operation_once() -> None:
    jwk = {**Key.generate("ES256").to_jwk(private=True), "key_ops": ["sign", "verify"]}
    assert Key.from_jwk(jwk).to_jwk()["key_ops"] == ["verify"]
    jwk = {**Key.generate("RSA-OAEP").to_jwk(private=True), "key_ops": ["unwrapKey", "another"]}
    assert Key.from_jwk(jwk).to_jwk()["key_ops"] == ["wrapKey", "another"]


def test_the_public_half_has_the_kid_and_the_use_of_the_whole() -> None:
    jwk = {**Key.generate("ES256").to_jwk(private=True), "kid": "mine", "use": "sig"}
    public = Key.from_jwk(jwk).public()
    assert (public.kid, public.use) == ("mine", "sig")
    assert public.to_jwk() == {name: value for name, value in jwk.items() if name != "d"}


def test_the_public_half_of_a_signing_key_verifies() -> None:
    jwk = {**Key.generate("ES256").to_jwk(private=True), "key_ops": ["sign"], "use": "sig"}
    key = Key.from_jwk(jwk)
    assert key.to_jwk(private=True)["key_ops"] == ["sign"]
    assert key.to_jwk()["key_ops"] == ["verify"]
    key.public().verify(b"data", key.sign(b"data"))
    with pytest.raises(InvalidKey):
        key.verify(b"data", b"")


def test_the_algorithm_asked_for_and_the_one_stated_must_be_the_same() -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk({**OCT, "alg": "HS256"}, "HS512")
    assert Key.from_jwk({**Key.generate("EdDSA").to_jwk(), "alg": "EdDSA"}, "Ed25519").alg == "Ed25519"


def test_a_jwk_for_encrypting_does_not_become_one_that_signs_for_want_of_an_algorithm() -> None:
    jwk = {**Key.generate("ECDH-ES").to_jwk(private=True), "use": "enc"}
    del jwk["alg"]
    assert Key.from_jwk(jwk, "ECDH-ES").allows("decrypt")
    with pytest.raises(InvalidKey, match="alg is needed"):
        Key.from_jwk(jwk)


@pytest.mark.parametrize(
    "jwk",
    [7, None, [], "", "[]", "{", b"\xff", '{"kty":"oct","kty":"oct"}', "\ud800", '{"a":' + "[" * 9999],
    ids=repr,
)
def test_what_is_no_jwk_at_all_is_rejected(jwk: Any) -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk(jwk)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("aA0-_=+/\n\0é\ud800", max_size=5),
    lambda inner: st.lists(inner, max_size=3),
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


def test_an_algorithm_of_several_curves_takes_the_one_that_is_named() -> None:
    assert Key.generate("ECDH-ES").to_jwk()["crv"] == "P-256"
    for crv in ("P-256", "P-384", "P-521", "X25519", "X448"):
        assert Key.generate("ECDH-ES+A128KW", crv=crv).to_jwk()["crv"] == crv
    assert Key.generate("EdDSA", crv="Ed448").answers_to("Ed448")
    for alg, crv in (("ECDH-ES", "Ed25519"), ("ES256", "P-384"), ("HS256", "P-256"), ("EdDSA", "")):
        with pytest.raises(InvalidKey):
            Key.generate(alg, crv=crv)


def test_a_secret_whose_alg_is_a_content_encryption_is_one_for_dir() -> None:
    """As in RFC 7520 §5.6."""
    secret = base64url.encode(bytes(32))
    key = Key.from_jwk({"kty": "oct", "alg": "A256GCM", "k": secret})
    assert jwe.decrypt(jwe.encrypt(b"data", key, enc="A256GCM"), key).plaintext == b"data"
    for alg in ("A128GCM", "A256CBC-HS512"):
        with pytest.raises(InvalidKey, match=rf"alg {alg} needs a secret of \d\d bytes, this secret has 32"):
            Key.from_jwk({"kty": "oct", "alg": alg, "k": secret})
    with pytest.raises(InvalidKey, match="the JWK's alg is 'A256GCM', not 'HS256' as requested"):
        Key.from_jwk({"kty": "oct", "alg": "A256GCM", "k": secret}, "HS256")
    with pytest.raises(InvalidKey, match=r"This is a JWK set: read it with KeySet\.from_jwks"):
        Key.from_jwk({"keys": []})
    with pytest.raises(InvalidKey, match="alg 'A256GCM' does not work with a key of type P-256"):
        Key.from_jwk(Key.generate("ES256").to_jwk() | {"alg": "A256GCM"})


def test_a_thumbprint_has_a_uri() -> None:
    key = Key.generate("EdDSA")
    assert key.thumbprint_uri == f"urn:ietf:params:oauth:jwk-thumbprint:sha-256:{key.thumbprint}"


def test_a_kid_that_could_not_stand_in_a_header_is_rejected() -> None:
    for make in (
        lambda: Key.from_secret(SECRET, "HS256", kid="\ud800"),
        lambda: Key.from_jwk({**OCT, "alg": "HS256", "kid": "\ud800"}),
        lambda: Key.from_pem(Key.generate("EdDSA").to_pem(), kid="\ud800"),
    ):
        with pytest.raises(InvalidKey):
            make()


@pytest.mark.parametrize("value", [32, None, ["s" * 32], 1.5, ...], ids=repr)
def test_what_is_neither_text_nor_bytes_is_no_secret_no_key_and_no_kid(value: Any) -> None:
    given = type(value).__name__
    with pytest.raises(InvalidKey, match=f"secret must be str or bytes, not {given}$"):
        Key.from_secret(value, "HS256")
    with pytest.raises(InvalidKey, match=f"pem must be str or bytes, not {given}$"):
        Key.from_pem(value)
    with pytest.raises(InvalidKey, match=f"der must be str or bytes, not {given}$"):
        Key.from_der(value)
    for kid in (b"bytes", value or 7):
        with pytest.raises(InvalidKey):
            Key.from_secret(SECRET, "HS256", kid=kid)


@pytest.mark.parametrize(
    "make",
    [
        lambda secret: Key.from_secret("HS256", secret),
        Key.generate,
        lambda secret: Key.generate("ECDH-ES", crv=secret),
        lambda secret: KeySet.from_jwks({"keys": []}, alg=secret),
    ],
    ids=["secret", "generate", "crv", "set"],
)
def test_a_secret_in_place_of_an_algorithm_is_not_shown(make: Callable[[str], object]) -> None:
    with pytest.raises(InvalidKey, match=r"str\b") as caught:
        make("correct horse battery staple!")
    assert "horse" not in str(caught.value)


def test_a_path_in_place_of_a_key_is_told_to_be_read() -> None:
    with pytest.raises(InvalidKey, match=r"not PurePosixPath\. Read the file"):
        Key.from_pem(PurePosixPath("key.pem"))  # type: ignore[arg-type]  # on purpose


def test_an_algorithm_takes_no_material_of_another_kind() -> None:
    for alg in ("RS256", "ES384", "HS256", "ECDH-ES+A128KW"):
        with pytest.raises(InvalidKey):
            Key(Key.generate(alg).algorithm, Key.generate("EdDSA").material)
    assert Key.from_secret(bytearray(SECRET), "HS256").material == SECRET


TEXT = st.text('aA0"\\\n\0é€😀', max_size=8)


@given(
    st.sampled_from(
        [Key.generate(alg).to_jwk(private=True) for alg in ("ES256", "EdDSA", "ECDH-ES", "HS256")]
    ),
    st.fixed_dictionaries(
        {},
        optional={"kid": TEXT, "use": TEXT, "key_ops": st.lists(TEXT, unique=True, min_size=1, max_size=4)},
    ),
)
def test_what_a_jwk_says_of_its_key_is_said_again(jwk: dict[str, Any], said: dict[str, Any]) -> None:
    assert Key.from_jwk(json.dumps(jwk | said)).to_jwk(private=True) == jwk | said


def test_the_json_of_a_key_is_bounded() -> None:
    text = json.dumps({**OCT, "alg": "HS256"})
    assert Key.from_jwk(text.ljust(MAX_JWK)).alg == "HS256"
    for long in (text.ljust(MAX_JWK + 1), text.encode().ljust(MAX_JWK + 1)):
        with pytest.raises(InvalidKey, match="longer"):
            Key.from_jwk(long)


def test_a_key_for_encryption_alone_does_not_sign_and_the_other_way_round() -> None:
    signing, encrypting = Key.generate("ES256"), Key.generate("ECDH-ES")
    with pytest.raises(InvalidKey):
        encrypting.sign(b"data")
    with pytest.raises(InvalidKey):
        encrypting.verify(b"data", b"")
    assert not signing.allows("encrypt")
    assert not signing.allows("decrypt")
    assert encrypting.public().allows("encrypt")
    assert not encrypting.public().allows("decrypt")
