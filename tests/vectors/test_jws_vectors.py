from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from watchword.errors import BadSignature, InvalidKey, MalformedToken, UnknownKey, WatchwordError
from watchword.jose import Key, KeySet, base64url, jws

Load = Callable[[str], Any]

# SOURCES.md: byte-identical to a valid one, a "?" in a segment, ES521, a PS256 key for a PS384 token
EITHER_WAY = {367, 370, 372, 373, 347, 351, 346, 350}


def wycheproof(load: Load) -> Iterator[Any]:
    for group in load("wycheproof/json_web_signature_test.json")["testGroups"]:
        for case in group["tests"]:
            name = f"wycheproof-{case['tcId']}-{case['comment']}"
            yield pytest.param(group.get("public", group["private"]), case, id=name)


def verifies(jwk: dict[str, Any], token: str) -> bool:
    try:
        jws.verify(token, Key.from_jwk(jwk))
    except WatchwordError:
        return False
    return True


@pytest.mark.vectors("jwk, case", wycheproof)
def test_wycheproof_agrees(jwk: dict[str, Any], case: dict[str, Any]) -> None:
    verified = verifies(jwk, case["jws"])
    assert verified == (case["result"] == "valid") or case["tcId"] in EITHER_WAY


APPENDIX = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
ALGORITHMS = {"A.1": "HS256", "A.2": "RS256", "A.3": "ES256", "A.4": "ES512", "A.7": "ES256"}


def rfc_7515(load: Load) -> Iterator[Any]:
    for example in load("rfc7515/appendix_a.json"):
        yield pytest.param(example, id=f"rfc7515-{example['section']}")


@pytest.mark.vectors("example", rfc_7515)
def test_an_example_of_rfc_7515_verifies_unless_it_is_unsecured(example: dict[str, Any]) -> None:
    match example["section"]:
        case "A.1" | "A.2" | "A.3" | "A.4" as section:
            key = Key.from_jwk(example["key"], ALGORITHMS[section])
            assert jws.verify(example["compact"], key).payload == (
                b"Payload" if section == "A.4" else APPENDIX
            )
            with pytest.raises(BadSignature):
                jws.verify(example["compact"], Key.generate(ALGORITHMS[section]))
        case "A.5":
            with pytest.raises(UnknownKey):
                jws.verify(example["compact"], KeySet([Key.generate("HS256"), Key.generate("ES256")]))
        case "A.6":
            rsa, ec = example["keys"]["keys"]
            keys = [
                Key.from_jwk({**rsa, "kid": "2010-12-29"}, "RS256"),
                Key.from_jwk({**ec, "kid": "e9bc097a-ce51-4036-9562-d2ade882db0d"}),
            ]
            for known in (keys, keys[:1], keys[1:]):
                found = jws.verify_json(example["json_general"], KeySet(known))
                assert [(verified.key, verified.payload) for verified in found] == [
                    (key, APPENDIX) for key in known
                ]
        case section:
            key = Key.from_jwk(example["key"], ALGORITHMS[section])
            (verified,) = jws.verify_json(json.dumps(example["json_flattened"]), key)
            assert (verified.payload, verified.header) == (APPENDIX, {"alg": "ES256"})


COOKBOOK = (
    "jws/4_1.rsa_v15_signature",
    "jws/4_2.rsa-pss_signature",
    "jws/4_3.ecdsa_signature",
    "jws/4_4.hmac-sha2_integrity_protection",
    "jws/4_5.signature_with_detached_content",
    "jws/4_6.protecting_specific_header_fields",
    "jws/4_7.protecting_content_only",
    "curve25519/jws",
    "rfc7797/hmac-sha2_b64_false",
)


def cookbook(load: Load) -> Iterator[Any]:
    for name in COOKBOOK:
        yield pytest.param(load(f"rfc7520-cookbook/{name}.json"), id=name)


@pytest.mark.vectors("example", cookbook)
def test_each_serialization_of_a_cookbook_example_verifies(example: dict[str, Any]) -> None:
    output, payload = example["output"], example["input"]["payload"].encode()
    key = Key.from_jwk(example["input"]["key"], example["input"]["alg"])
    found = []
    if "compact" in output:
        given = payload if ".." in output["compact"] else None
        found.append(jws.verify(output["compact"], key, payload=given))
    for token in (output[name] for name in ("json", "json_flat") if name in output):
        found += jws.verify_json(token, KeySet([key]) if "kid" in example["input"]["key"] else key,
                                 payload=None if "payload" in token else payload)  # fmt: skip
    assert len(found) == len(output)
    assert {verified.payload for verified in found} == {payload}
    signing = example["signing"]
    assert all(verified.unprotected == signing.get("unprotected", {}) for verified in found)
    assert all(verified.header == signing.get("protected", {}) for verified in found)


def test_cookbook_4_8_verifies_with_any_of_its_keys(load: Load) -> None:
    example = load("rfc7520-cookbook/jws/4_8.multiple_signatures.json")
    payload = example["input"]["payload"].encode()
    keys = [
        Key.from_jwk(jwk, alg)
        for jwk, alg in zip(example["input"]["key"], example["input"]["alg"], strict=True)
    ]
    found = jws.verify_json(example["output"]["json"], KeySet(keys))
    assert [verified.key for verified in found] == keys
    assert [verified.header for verified in found] == [
        part.get("protected", {}) for part in example["signing"]
    ]
    for key in keys:
        (verified,) = jws.verify_json(example["output"]["json"], key)
        assert (verified.key, verified.payload) == (key, payload)


def test_rfc_7797_4_2_as_printed_in_the_cookbook_lacks_crit_and_is_rejected(load: Load) -> None:
    example = load("rfc7520-cookbook/rfc7797/4.2.hmac-sha2_b64_false.json")
    key = Key.from_jwk(example["input"]["key"])
    for token in (example["output"]["json"], example["output"]["json_flat"]):
        with pytest.raises(MalformedToken):
            jws.verify_json(token, key)


def test_rfc_7797_4_2_verifies(load: Load) -> None:
    example = load("rfc7520-cookbook/rfc7797/4.2.hmac-sha2_b64_false.json")
    token = {
        "protected": base64url.encode(b'{"alg":"HS256","b64":false,"crit":["b64"]}'),
        "payload": "$.02",
        "signature": "A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY",
    }
    (verified,) = jws.verify_json(token, Key.from_jwk(example["input"]["key"]))
    assert verified.payload == b"$.02"


def test_rfc_8037_appendix_a_4_and_a_5(load: Load) -> None:
    examples = load("rfc8037/appendix_a.json")
    example, key = examples["A.4/A.5"], Key.from_jwk(examples["A.1"]["jwk"])
    payload = example["payload"].encode()
    assert jws.verify(example["compact"], Key.from_jwk(examples["A.2"]["jwk"])).payload == payload
    signed, signature = example["compact"].rsplit(".", 1)
    assert base64url.encode(key.sign(signed.encode())) == signature


def rfc_9964(load: Load) -> Iterator[Any]:
    for size in (44, 65, 87):
        yield pytest.param(load(f"rfc9964-mldsa/ML_DSA_{size}.jose.json"), id=f"ML-DSA-{size}")


@pytest.mark.vectors("example", rfc_9964)
def test_an_example_of_ml_dsa_verifies(example: dict[str, Any]) -> None:
    key = Key.from_jwk(example["jwk"])
    verified = jws.verify(example["jws"], KeySet([key.public()]))
    assert verified.header["alg"] == example["jwk"]["alg"]
    head, _, signature = example["jws"].rpartition(".")
    assert head.encode().hex() == example["raw_to_be_signed"]
    changed = bytearray(base64url.decode(signature))
    changed[100] ^= 1
    for octets in (bytes(changed), bytes(len(changed)), bytes(changed[:-1]), bytes([*changed, 0])):
        with pytest.raises(BadSignature):
            jws.verify(f"{head}.{base64url.encode(octets)}", key)


def rfc_7519(load: Load) -> Iterator[Any]:
    for example in load("rfc7519/examples.json"):
        yield pytest.param(example, id=f"rfc7519-{example['section']}")


@pytest.mark.vectors("example", rfc_7519)
def test_of_the_examples_of_rfc_7519_only_the_signed_one_verifies(example: dict[str, Any]) -> None:
    match example["section"]:
        case "3.1":
            payload = jws.verify(example["compact"], Key.from_jwk(example["key"], "HS256")).payload
            assert json.loads(payload) == example["claims"]
        case "6.1":
            with pytest.raises(UnknownKey):
                jws.verify(example["compact"], Key.generate("HS256"))
        case _:
            with pytest.raises(MalformedToken):  # encrypted
                jws.verify(example["compact"], Key.generate("RS256"))


def test_the_signature_inside_cookbook_6_verifies(load: Load) -> None:
    example = load("rfc7520-cookbook/6.nesting_signatures_and_encryption.json")["sign"]
    key = Key.from_jwk(example["input"]["key"], example["input"]["alg"])
    verified = jws.verify(example["output"]["compact"], key)
    assert verified.payload == example["input"]["payload"].encode()


def test_keys_for_encryption_verify_nothing(load: Load) -> None:
    key = load("rfc7515/appendix_a.json")[1]["key"]
    for limit in ({"use": "enc"}, {"key_ops": ["encrypt"]}):
        with pytest.raises((InvalidKey, UnknownKey)):
            jws.verify(load("rfc7515/appendix_a.json")[1]["compact"], Key.from_jwk({**key, **limit}, "RS256"))
