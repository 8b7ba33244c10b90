from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import BadSignature, InvalidKey, MalformedToken, Unissuable, UnknownKey, WatchwordError
from watchword.jose import Key, KeySet, base64url, jwe, jws

KEY = Key.from_secret(b"\x07" * 32, "HS256", kid="k1")


def forged(header: dict[str, Any], payload: bytes, key: Key) -> str:
    """A token whose header says what it wants, rightly signed."""
    signed = base64url.encode(msgspec.json.encode(header)) + "." + base64url.encode(payload)
    return signed + "." + base64url.encode(key.sign(signed.encode()))


@pytest.mark.parametrize("payload", [b"", b"payload", bytes(range(256))])
def test_what_is_signed_verifies(payload: bytes, any_key: Key) -> None:
    token = jws.sign(payload, any_key, {"cty": "x"})
    public = any_key if any_key.alg.startswith("HS") else any_key.public()
    verified = jws.verify(token, KeySet([Key.generate("HS256"), public]))
    assert verified.payload == payload
    assert verified.header == {"alg": any_key.alg, "kid": any_key.kid, "cty": "x"}
    assert verified.key is public


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
        pytest.param(lambda token: " " + token, id="space"),
        pytest.param(lambda token: token + ".", id="one-segment-more"),
        pytest.param(lambda token: token.rpartition(".")[0], id="no-signature-segment"),
        pytest.param(lambda token: token[:-1] + chr(ord(token[-1]) + 1), id="bits-left-over"),
        pytest.param(lambda token: "." + token.partition(".")[2], id="no-header"),
        pytest.param(lambda token: token.encode(), id="bytes"),
        pytest.param(lambda token: None, id="nothing"),
        pytest.param(lambda token: msgspec.json.encode({"payload": token}).decode(), id="json-serialization"),
        pytest.param(lambda token: jwe.encrypt(b"{}", Key.generate("dir")), id="jwe"),
    ],
)
def test_other_spellings_are_malformed(change: Callable[[str], Any]) -> None:
    with pytest.raises(MalformedToken):
        jws.verify(change(jws.sign(b"payload", KEY)), KEY)


def test_an_empty_signature_is_bad() -> None:
    with pytest.raises(BadSignature):
        jws.verify(jws.sign(b"payload", KEY).rpartition(".")[0] + ".", KEY)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "hs256", "HS512", "", "dir", "RS256"])
def test_the_token_never_chooses_the_algorithm(alg: str) -> None:
    with pytest.raises(UnknownKey):
        jws.verify(forged({"alg": alg}, b"payload", KEY), KEY)
    with pytest.raises(UnknownKey):
        jws.verify(forged({"alg": alg}, b"payload", KEY).rpartition(".")[0] + ".", KeySet([KEY]))


def test_a_public_key_verifies_no_mac_made_with_its_text(rsa: Key) -> None:
    public = rsa.public()
    secret = Key.from_secret(b"\x07" * 64, "HS256")
    for kid in (public.kid, None):
        header = {"alg": "HS256"} | ({"kid": kid} if kid else {})
        with pytest.raises(UnknownKey):
            jws.verify(forged(header, b"payload", secret), public)


def test_embedded_keys_are_not_trusted() -> None:
    attacker = Key.generate("EdDSA")
    own = Key.generate("EdDSA")
    for member in ({"jwk": attacker.to_jwk()}, {"jku": "https://attacker.example"}, {"x5c": ["AA"]}):
        with pytest.raises(BadSignature):
            jws.verify(forged({"alg": "EdDSA", **member}, b"payload", attacker), own.public())


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


def test_keys_not_meant_for_verifying_are_not_tried() -> None:
    signs_only = Key.from_jwk({**KEY.to_jwk(private=True), "key_ops": ["sign"]})
    with pytest.raises(UnknownKey):
        jws.verify(jws.sign(b"payload", signs_only), signs_only)


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


@pytest.mark.parametrize("section", ["A.1", "A.2", "A.3"])
def test_rfc_7515_appendix(section: str, vectors: Callable[[str], Any]) -> None:
    (example,) = (case for case in vectors("rfc7515/appendix_a.json") if case["section"] == section)
    alg = {"A.1": "HS256", "A.2": "RS256", "A.3": "ES256"}[section]
    key = Key.from_jwk(example["key"], alg)
    verified = jws.verify(example["compact"], key)
    assert verified.payload == b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
    with pytest.raises(BadSignature):
        jws.verify(example["compact"], Key.generate(alg))


def test_rfc_8037_appendix_a_4_and_a_5(vectors: Callable[[str], Any]) -> None:
    examples = vectors("rfc8037/appendix_a.json")
    example, key = examples["A.4/A.5"], Key.from_jwk(examples["A.1"]["jwk"])
    payload = example["payload"].encode()
    assert forged(example["protected"], payload, key) == example["compact"]
    assert jws.verify(example["compact"], key.public()).payload == payload
