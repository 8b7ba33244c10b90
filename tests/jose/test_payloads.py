from __future__ import annotations

from typing import Any

import msgspec
import pytest

from watchword.errors import BadSignature, MalformedToken, Unissuable
from watchword.jose import Key, base64url, jws

KEY = Key.from_secret(b"\x07" * 32, "HS256", kid="k1")
UNENCODED = {"b64": False, "crit": ["b64"]}


def test_a_detached_payload_is_given_when_verifying() -> None:
    token = jws.sign(b"payload", KEY, detached=True)
    assert token.split(".")[1] == ""
    assert jws.verify(token, KEY, payload=b"payload").payload == b"payload"
    for other in (b"", b"Payload", base64url.encode_bytes(b"payload")):
        with pytest.raises(BadSignature):
            jws.verify(token, KEY, payload=other)
    with pytest.raises(BadSignature):
        jws.verify(token, KEY)


@pytest.mark.parametrize("header", [None, UNENCODED], ids=["encoded", "unencoded"])
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_a_payload_may_be_like_bytes_and_is_verified_as_bytes(kind: Any, header: Any) -> None:
    assert jws.verify(jws.sign(kind(b"payload"), KEY, header), KEY).payload == b"payload"
    token = jws.sign_json(kind(b"payload"), [jws.Signing(KEY, header)])
    assert jws.verify_json(token, KEY)[0].payload == b"payload"
    detached = jws.sign(b"payload", KEY, header, detached=True)
    verified = jws.verify(detached, KEY, payload=kind(b"payload"))
    assert (type(verified.payload), verified.payload) == (bytes, b"payload")


def test_a_token_brings_no_payload_beside_the_one_given() -> None:
    with pytest.raises(MalformedToken, match="another payload is given"):
        jws.verify(jws.sign(b"payload", KEY), KEY, payload=b"payload")
    assert jws.verify(jws.sign(b"", KEY), KEY, payload=b"").payload == b""


@pytest.mark.parametrize("payload", [b"", b"$02", b' ~!/+=\\"{}', b"payload"])
def test_an_unencoded_payload_stands_in_the_token_as_it_is(payload: bytes) -> None:
    token = jws.sign(payload, KEY, UNENCODED)
    assert token.split(".")[1] == payload.decode()
    verified = jws.verify(token, KEY)
    assert (verified.payload, verified.header["b64"]) == (payload, False)


@pytest.mark.parametrize("payload", [b"$.02", b"\n", b"\x7f", "é".encode(), b"\xff", b"a\x00"])
def test_other_unencoded_payloads_must_be_detached(payload: bytes) -> None:
    with pytest.raises(Unissuable):
        jws.sign(payload, KEY, UNENCODED)
    token = jws.sign(payload, KEY, UNENCODED, detached=True)
    assert jws.verify(token, KEY, payload=payload).payload == payload


@pytest.mark.parametrize("payload", ["a\nb", "\x7f", "\t", "é"])
def test_an_unencoded_payload_in_a_token_is_printable_ascii(payload: str) -> None:
    head, _, signature = jws.sign(payload.encode(), KEY, UNENCODED, detached=True).split(".")
    with pytest.raises(MalformedToken):
        jws.verify(f"{head}.{payload}.{signature}", KEY)


def test_a_payload_is_not_taken_for_the_encoded_form_of_another() -> None:
    plain, encoded = b"payload", base64url.encode_bytes(b"payload")
    head, _, signature = jws.sign(encoded, KEY, UNENCODED).split(".")
    assert jws.verify(f"{head}.{encoded.decode()}.{signature}", KEY).payload == encoded
    with pytest.raises(BadSignature):
        jws.verify(jws.sign(plain, KEY, detached=True), KEY, payload=encoded)


def forged(header: dict[str, Any]) -> str:
    """Make a token with any header and an encoded payload, signed correctly."""
    signed = base64url.encode(msgspec.json.encode(header)) + "." + base64url.encode(b"payload")
    return signed + "." + base64url.encode(KEY.sign(signed.encode()))


@pytest.mark.parametrize(
    "header",
    [
        {"b64": False},
        {"b64": True},
        {"b64": False, "crit": []},
        {"b64": 0, "crit": ["b64"]},
        {"b64": None, "crit": ["b64"]},
        {"b64": "false", "crit": ["b64"]},
        {"b64": False, "crit": ["b64", "b64"]},
        {"crit": ["b64"]},
    ],
    ids=str,
)
def test_b64_is_a_boolean_and_critical(header: dict[str, Any]) -> None:
    with pytest.raises(Unissuable):
        jws.sign(b"payload", KEY, header)
    with pytest.raises(MalformedToken):
        jws.verify(forged({"alg": "HS256", **header}), KEY)


def test_b64_true_is_what_is_usual() -> None:
    header = {"b64": True, "crit": ["b64"]}
    token = jws.sign(b"payload", KEY, header)
    assert token.split(".")[1] == base64url.encode(b"payload")
    assert jws.verify(token, KEY).payload == b"payload"
