from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from watchword.errors import (
    BadSignature,
    InvalidKey,
    MalformedToken,
    Unissuable,
    UnknownKey,
    WatchwordError,
)
from watchword.jose import Key, KeySet, base64url, jwe, jws

KEY = Key.from_secret(b"\x07" * 32, "HS256", kid="k1")


def forged(header: dict[str, Any], payload: bytes, key: Key) -> str:
    """Make a token with any header, signed correctly."""
    signed = base64url.encode(msgspec.json.encode(header)) + "." + base64url.encode(payload)
    return signed + "." + base64url.encode(key.sign(signed.encode()))


@pytest.mark.parametrize("payload", [b"", b"payload", bytes(range(256))])
def test_what_is_signed_verifies(payload: bytes, any_key: Key) -> None:
    token = jws.sign(payload, any_key, {"cty": "x"})
    public = any_key if any_key.alg.startswith("HS") else any_key.public()
    verified = jws.verify(token, KeySet([Key.generate("HS256"), public]))
    assert verified.payload == payload
    assert verified.header == {"alg": any_key.alg, "kid": any_key.kid, "cty": "x"}
    assert (verified.key, verified.unprotected) == (public, {})


@pytest.mark.parametrize("segment", [0, 1, 2])
def test_a_change_in_any_segment_is_rejected(segment: int) -> None:
    parts = jws.sign(b'{"a":"payload"}', KEY).split(".")
    octets = bytearray(base64url.decode(parts[segment]))
    octets[-3] ^= 1
    parts[segment] = base64url.encode(bytes(octets))
    with pytest.raises((BadSignature, MalformedToken, UnknownKey)):
        jws.verify(".".join(parts), KEY)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda token: token + "=", id="padding"),
        pytest.param(lambda token: token + "\n", id="newline"),
        pytest.param(lambda token: "\ufeff" + token, id="byte-order-mark"),
        pytest.param(lambda token: token[:-5] + "\t" + token[-4:], id="tab"),
        pytest.param(lambda token: token + "\x00", id="nul"),
        pytest.param(lambda token: token[:-5] + "+" + token[-4:], id="plus"),
        pytest.param(lambda token: token[:-5] + "/" + token[-4:], id="slash"),
        pytest.param(lambda token: token.replace(".", "\uff0e"), id="full-width-stop"),
        pytest.param(lambda token: token.replace(".", "..", 1), id="segment-too-many"),
        pytest.param(lambda token: " " + token, id="space"),
        pytest.param(lambda token: token + ".", id="one-segment-more"),
        pytest.param(lambda token: token.rpartition(".")[0], id="no-signature-segment"),
        pytest.param(lambda token: token[:-1] + chr(ord(token[-1]) + 1), id="bits-left-over"),
        pytest.param(lambda token: "." + token.partition(".")[2], id="no-header"),
        pytest.param(lambda token: token.encode(), id="bytes"),
        pytest.param(lambda token: None, id="nothing"),
        pytest.param(lambda token: msgspec.json.encode({"payload": token}).decode(), id="token-in-json"),
        pytest.param(lambda token: json.dumps(jws.sign_json(b"payload", [KEY])), id="json-serialization"),
        pytest.param(lambda token: jws.sign_json(b"payload", [KEY]), id="json-serialization-decoded"),
        # CVE-2022-39227: a good token in JSON serialization that has two full stops where they are wanted
        pytest.param(
            lambda token: json.dumps({token.replace(".", " . "): "", **jws.sign_json(b"x", [KEY])}),
            id="json-around-a-compact-token",
        ),
        pytest.param(lambda token: jwe.encrypt(b"{}", Key.generate("dir")), id="jwe"),
    ],
)
def test_other_spellings_are_malformed(change: Callable[[str], Any]) -> None:
    with pytest.raises(MalformedToken):
        jws.verify(change(jws.sign(b"payload", KEY)), KEY)


@pytest.mark.parametrize("payload", ["QQ==", "Q", "QR", "Q Q", "QQ\n", "Q+Q_", "\t"])
def test_a_payload_of_another_spelling_is_malformed_though_rightly_signed(payload: str) -> None:
    signed = base64url.encode(b'{"alg":"HS256"}') + "." + payload
    with pytest.raises(MalformedToken):
        jws.verify(signed + "." + base64url.encode(KEY.sign(signed.encode())), KEY)


def test_an_empty_signature_is_bad() -> None:
    with pytest.raises(BadSignature):
        jws.verify(jws.sign(b"payload", KEY).rpartition(".")[0] + ".", KEY)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "hs256", "HS512", "", "dir", "RS256"])
def test_the_token_never_chooses_the_algorithm(alg: str) -> None:
    with pytest.raises(UnknownKey):
        jws.verify(forged({"alg": alg}, b"payload", KEY), KEY)
    with pytest.raises(UnknownKey):
        jws.verify(forged({"alg": alg}, b"payload", KEY).rpartition(".")[0] + ".", KeySet([KEY]))


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA", "ML-DSA-44"])
def test_a_public_key_verifies_no_mac_made_with_its_text(alg: str) -> None:
    public = Key.generate(alg).public()
    spellings = [json.dumps(public.to_jwk()).encode(), public.to_pem().encode(), public.to_der()]
    for text in [*spellings, spellings[1].strip(), b""]:
        for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": public.kid}):
            signed = base64url.encode(msgspec.json.encode(header)) + "." + base64url.encode(b"payload")
            mac = hmac.digest(text, signed.encode(), "sha256")
            for keys in (public, KeySet([public])):
                with pytest.raises(UnknownKey):
                    jws.verify(signed + "." + base64url.encode(mac), keys)


def test_no_mac_key_verifies_a_signature_of_another_kind() -> None:
    token = jws.sign(b"payload", Key.generate("ES256"))
    with pytest.raises(UnknownKey):
        jws.verify(token, KEY)


def test_an_empty_set_of_keys_verifies_nothing() -> None:
    with pytest.raises(UnknownKey):
        jws.verify(jws.sign(b"payload", KEY), KeySet([]))


ATTACKER = Key.generate("EdDSA")


@pytest.mark.parametrize(
    "member",
    [
        {"jwk": ATTACKER.to_jwk()},
        {"jku": "http://127.0.0.1:9/jwks.json"},
        {"x5u": "http://127.0.0.1:9/certificate.pem"},
        {"x5c": ["MIIB"]},
        {"x5t": "AAAA"},
        {"x5t#S256": "AAAA"},
        {"jwk": ATTACKER.to_jwk(), "kid": ATTACKER.kid, "jku": "http://127.0.0.1:9/", "x5c": ["MIIB"]},
    ],
    ids="+".join,
)
def test_keys_in_the_header_are_neither_trusted_nor_fetched(member: dict[str, Any]) -> None:
    own = Key.generate("EdDSA").public()
    with pytest.raises(BadSignature):
        jws.verify(forged({"alg": "EdDSA", **member}, b"payload", ATTACKER), own)
    with pytest.raises((BadSignature, UnknownKey)):
        jws.verify(forged({"alg": "EdDSA", **member}, b"payload", ATTACKER), KeySet([own]))


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "k2",
        "K1",
        "k1 ",
        "k1\x00",
        "../../../dev/null",
        "' OR 1=1 --",
        "k1' UNION SELECT 'x",
        "$(id)",
        "%s",
    ],
)
def test_a_kid_is_a_key_to_look_up_and_nothing_else(kid: str) -> None:
    with pytest.raises(UnknownKey):
        jws.verify(forged({"alg": "HS256", "kid": kid}, b"payload", KEY), KeySet([KEY]))
    named = Key.from_secret(b"\x08" * 32, "HS256", kid=kid)
    assert jws.verify(jws.sign(b"payload", named), KeySet([KEY, named])).key is named


@pytest.mark.parametrize("alg", ["ES256", "ES256K", "ES384", "ES512"])
def test_an_ecdsa_signature_has_one_form_and_numbers_in_range(alg: str) -> None:
    key = Key.generate(alg)
    head, good = jws.sign(b"payload", key).rsplit(".", 1)
    signature = base64url.decode(good)
    half = len(signature) // 2
    r, s = signature[:half], signature[half:]
    zero, order = bytes(half), key.material.curve.group_order  # type: ignore[union-attr]  # an EC key
    past = (order + int.from_bytes(s)) % 256**half
    der = encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
    wrong = {
        "der": der,
        "zeros": bytes(len(signature)),
        "r is zero": zero + s,
        "s is zero": r + zero,
        "r is the order": order.to_bytes(half) + s,
        "s is the order": r + order.to_bytes(half),
        "the order added to s": r + past.to_bytes(half),
        "out of range": b"\xff" * len(signature),
        "swapped": s + r,
        "padded": b"\0" + r + b"\0" + s,
        "one byte more": signature + b"\0",
        "one byte less": signature[:-1],
        "r only": r,
        "twice": signature * 2,
        "nothing": b"",
    }

    def verifies(octets: bytes) -> bool:
        try:
            jws.verify(f"{head}.{base64url.encode(octets)}", key)
        except BadSignature:
            return False
        return True

    assert verifies(signature)
    assert [name for name, octets in wrong.items() if verifies(octets)] == []


def test_either_name_of_an_edwards_key_is_accepted() -> None:
    key = Key.generate("EdDSA")
    for alg in ("EdDSA", "Ed25519"):
        assert jws.verify(forged({"alg": alg}, b"payload", key), key.public()).header["alg"] == alg
    with pytest.raises(UnknownKey):
        jws.verify(forged({"alg": "Ed448"}, b"payload", key), key)


def test_a_key_alone_ignores_the_kid_and_a_set_does_not() -> None:
    token = jws.sign(b"payload", Key.from_secret(KEY.material, "HS256", kid="another"))  # type: ignore[arg-type]  # bytes
    assert jws.verify(token, KEY).payload == b"payload"
    with pytest.raises(UnknownKey):
        jws.verify(token, KeySet([KEY]))


def test_a_token_without_kid_is_tried_with_the_keys_of_its_algorithm() -> None:
    token = forged({"alg": "HS256"}, b"payload", KEY)
    others = [Key.generate("HS256") for _ in range(3)]
    assert jws.verify(token, KeySet([*others, KEY])).key is KEY
    with pytest.raises(BadSignature):
        jws.verify(token, KeySet(others))


@pytest.mark.parametrize("limit", [{"key_ops": ["sign"]}, {"use": "enc"}, {"key_ops": ["other"]}], ids=str)
def test_keys_not_meant_for_verifying_are_not_tried(limit: dict[str, Any]) -> None:
    key = Key.from_jwk({**KEY.to_jwk(private=True), **limit})
    for keys in (key, KeySet([key])):
        with pytest.raises(UnknownKey):
            jws.verify(jws.sign(b"payload", KEY), keys)


@pytest.mark.parametrize("limit", [{"key_ops": ["verify"]}, {"use": "enc"}, {"key_ops": ["other"]}], ids=str)
def test_keys_not_meant_for_signing_do_not_sign(limit: dict[str, Any]) -> None:
    key = Key.from_jwk({**KEY.to_jwk(private=True), **limit})
    with pytest.raises(InvalidKey):
        jws.sign(b"payload", key)
    with pytest.raises(InvalidKey):
        jws.sign_json(b"payload", [KEY, key])


def test_only_understood_extensions_are_accepted() -> None:
    token = jws.sign(b"payload", KEY, {"crit": ["own"], "own": 1})
    with pytest.raises(MalformedToken):
        jws.verify(token, KEY)
    assert jws.verify(token, KEY, critical=["own"]).header["own"] == 1


@pytest.mark.parametrize("header", [{"alg": "none"}, {"kid": "x"}])
def test_a_header_overrides_neither_algorithm_nor_kid(header: dict[str, str]) -> None:
    with pytest.raises(Unissuable):
        jws.sign(b"payload", KEY, header)


def test_a_key_for_encryption_does_not_sign() -> None:
    with pytest.raises(InvalidKey):
        jws.sign(b"payload", Key.generate("dir"))


TEXTS = [
    jws.sign(b'{"sub":"user"}', KEY),
    jws.sign(b'{"sub":"user"}', EC := Key.generate("ES256")),
    jws.sign(b'{"sub":"user"}', KEY, {"b64": False, "crit": ["b64"]}),
]
KEYS = KeySet([KEY, EC])
CHARACTERS = st.sampled_from("AQgwZz09-_.+/= \n{}\x00é😀") | st.characters()


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Draw a valid token after random changes."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        change = draw(st.sampled_from(["replace", "insert", "delete", "swap", "repeat", "mix"]))
        if change == "replace":
            text = text[:place] + draw(CHARACTERS) + text[place + 1 :]
        elif change == "insert":
            text = text[:place] + draw(CHARACTERS) + text[place:]
        elif change == "delete":
            text = text[:place] + text[place + draw(st.integers(1, 4)) :]
        elif change == "repeat":
            text = text[:place] + text[place:][:4] + text[place:]
        elif change == "swap":
            text = ".".join(draw(st.permutations(text.split("."))))
        else:
            others = draw(st.sampled_from(TEXTS)).split(".")
            text = ".".join(
                draw(st.sampled_from(pair)) for pair in zip(text.split("."), others, strict=False)
            )
    return text


@given(mutated())
@settings(max_examples=1_000)
def test_no_change_of_a_tokens_text_verifies(text: str) -> None:
    try:
        jws.verify(text, KEYS)
    except (MalformedToken, UnknownKey, BadSignature):
        return
    assert text in TEXTS


SEGMENT = st.binary(max_size=30).map(base64url.encode) | st.text(max_size=10)
HEADER = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64"]),
    st.none() | st.text(max_size=5) | st.just("HS256") | st.integers(),
).map(lambda header: base64url.encode(msgspec.json.encode(header)))


@given(st.text() | st.builds("{}.{}.{}".format, HEADER | SEGMENT, SEGMENT, SEGMENT))
def test_garbage_is_an_invalid_token_and_nothing_else(token: str) -> None:
    with pytest.raises(WatchwordError) as caught:
        jws.verify(token, KEY)
    assert caught.value.code in {"malformed_token", "unknown_key", "bad_signature"}
    assert caught.value.__cause__ is None
