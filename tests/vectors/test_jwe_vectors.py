from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from watchword.errors import InvalidKey, MalformedToken, UnknownKey, WatchwordError
from watchword.jose import Key, KeySet, jwe, jws
from watchword.jose.algorithms.key_agreement import ECDH

Load = Callable[[str], Any]

# SOURCES.md: dir with a JWK whose alg is A128GCM, and compressed content, may be refused
EITHER_WAY = {132, 135}

COOKBOOK = {
    "5.2": "5_2.key_encryption_using_rsa-oaep_with_aes-gcm",
    "5.3": "5_3.key_wrap_using_pbes2-aes-keywrap_with-aes-cbc-hmac-sha2",
    "5.4": "5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm",
    "5.5": "5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2",
    "5.6": "5_6.direct_encryption_using_aes-gcm",
    "5.7": "5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2",
    "5.8": "5_8.key_wrap_using_aes-keywrap_with_aes-gcm",
    "5.9": "5_9.compressed_content",
    "5.10": "5_10.including_additional_authentication_data",
    "5.11": "5_11.protecting_specific_header_fields",
    "5.12": "5_12.protecting_content_only",
}


def wycheproof(load: Load) -> Iterator[Any]:
    for group in load("wycheproof/json_web_encryption_test.json")["testGroups"]:
        for case in group["tests"]:
            name = f"wycheproof-{case['tcId']}-{case['comment']}"
            yield pytest.param(group["private"], case, id=name)


def outcome(jwk: dict[str, Any], token: str) -> str | None:
    """The plaintext in hexadecimal, or nothing where the key or the token is refused."""
    try:
        return jwe.decrypt(token, Key.from_jwk(jwk), max_decompressed=10_000).plaintext.hex()
    except WatchwordError:
        return None


@pytest.mark.vectors("jwk, case", wycheproof)
def test_wycheproof_agrees(jwk: dict[str, Any], case: dict[str, Any]) -> None:
    found = outcome(jwk, case["jwe"])
    if case["tcId"] in EITHER_WAY:
        assert found in (None, case["pt"])
    elif case["result"] == "invalid" or jwk["alg"] == "RSA1_5":
        assert found is None
    else:
        assert found == case["pt"]


def wycheproof_crypto(load: Load) -> Iterator[Any]:
    """Cases whose plaintext does not stand in the file."""
    for group in load("wycheproof/json_web_crypto_test.json")["testGroups"]:
        for case in group["tests"]:
            if "jwe" in case:
                name = f"wycheproof-crypto-{case['tcId']}-{case['comment']}"
                yield pytest.param(group["private"], case["jwe"], case["result"] == "valid", id=name)


@pytest.mark.vectors("jwk, token, good", wycheproof_crypto)
def test_the_verdict_on_key_and_token_is_that_of_wycheproof(
    jwk: dict[str, Any], token: str, good: bool
) -> None:
    assert (outcome(jwk, token) is not None) == good


def rfc_7516(load: Load) -> Iterator[Any]:
    for example in load("rfc7516/appendix_a.json"):
        yield pytest.param(example, id=f"rfc7516-{example['section']}")


@pytest.mark.vectors("example", rfc_7516)
def test_an_example_of_rfc_7516_decrypts_unless_it_is_rsa1_5(example: dict[str, Any]) -> None:
    plaintext = example["plaintext"].encode()
    match example["section"]:
        case "A.1" | "A.3":
            key = Key.from_jwk(example["key"], example["alg"])
            assert jwe.decrypt(example["compact"], key, enc=example["enc"]).plaintext == plaintext
        case "A.2":
            assert_rsa1_5_is_refused(example["key"], example["compact"])
        case "A.4":
            token = example["json_general"]
            secret = next(jwk for jwk in example["keys"]["keys"] if jwk["kty"] == "oct")
            assert jwe.decrypt_json(token, Key.from_jwk(secret, "A128KW")).plaintext == plaintext
        case "A.5":
            key = Key.from_jwk(example["key"], "A128KW")
            assert jwe.decrypt_json(example["json_flattened"], key).plaintext == plaintext


def cookbook(load: Load) -> Iterator[Any]:
    for section, name in COOKBOOK.items():
        example = load(f"rfc7520-cookbook/jwe/{name}.json")
        for form in example["output"]:
            yield pytest.param(example, form, id=f"rfc7520-{section}-{form}")
    example = load("rfc7520-cookbook/curve25519/ecdh-es.json")
    for form in example["output"]:
        yield pytest.param(example, form, id=f"cookbook-curve25519-{form}")


def key_of(given: dict[str, Any]) -> Key:
    if "pwd" in given:
        return Key.from_secret(given["pwd"], given["alg"])
    members = given["key"]
    if given["alg"] == "dir":  # the JWK's alg is what RFC 7516 calls enc: A128GCM
        members = {name: value for name, value in members.items() if name != "alg"}
    return Key.from_jwk(members, given["alg"])


@pytest.mark.vectors("example, form", cookbook)
def test_an_example_of_the_cookbook_decrypts(example: dict[str, Any], form: str) -> None:
    given, token = example["input"], example["output"][form]
    key = key_of(given)
    decrypt = jwe.decrypt if form == "compact" else jwe.decrypt_json
    opened = decrypt(token, key, max_decompressed=10_000 if "zip" in given else None)
    assert opened.plaintext == given["plaintext"].encode()
    assert opened.aad == given.get("aad", "").encode()
    assert opened.header == example["encrypting_content"].get("protected", {})
    assert opened.unprotected == example["encrypting_content"].get("unprotected", {})
    other = jwe.decrypt_json if form == "compact" else jwe.decrypt
    with pytest.raises(MalformedToken):
        other(token, key, max_decompressed=10_000)


def test_the_cookbooks_compressed_example_is_refused_by_default(load: Load) -> None:
    example = load(f"rfc7520-cookbook/jwe/{COOKBOOK['5.9']}.json")
    with pytest.raises(MalformedToken):
        jwe.decrypt(example["output"]["compact"], key_of(example["input"]))


def test_the_cookbooks_rsa1_5_example_is_refused(load: Load) -> None:
    example = load("rfc7520-cookbook/jwe/5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2.json")
    assert_rsa1_5_is_refused(example["input"]["key"], example["output"]["compact"])


@pytest.mark.parametrize("kty", ["EC", "oct"])
def test_each_of_the_cookbooks_several_recipients_but_that_of_rsa1_5_decrypts(load: Load, kty: str) -> None:
    example = load("rfc7520-cookbook/jwe/5_13.encrypting_to_multiple_recipients.json")
    given, token = example["input"], example["output"]["json"]
    [(jwk, alg)] = [pair for pair in zip(given["key"], given["alg"], strict=True) if pair[0]["kty"] == kty]
    opened = jwe.decrypt_json(json.dumps(token), KeySet([Key.from_jwk(jwk, alg)]))
    assert opened.plaintext == given["plaintext"].encode()
    assert opened.unprotected["kid"] == jwk["kid"]


def test_the_cookbooks_nested_token_decrypts_and_verifies(load: Load) -> None:
    example = load("rfc7520-cookbook/6.nesting_signatures_and_encryption.json")
    encrypted, signed = example["encrypt"], example["sign"]
    key = Key.from_jwk(encrypted["input"]["key"])
    opened = jwe.decrypt(encrypted["output"]["compact"], key)
    verified = jws.verify(opened.plaintext.decode(), Key.from_jwk(signed["input"]["key"], "PS256"))
    assert opened.header["cty"] == "JWT"
    assert verified.payload == signed["input"]["payload"].encode()


@pytest.mark.parametrize("section", ["A.1", "A.2"])
def test_the_encrypted_tokens_of_rfc_7519_are_refused(load: Load, section: str) -> None:
    example = next(one for one in load("rfc7519/examples.json") if one["section"] == section)
    assert_rsa1_5_is_refused(example.get("key") or example["outer_key"], example["compact"])


def test_the_exchange_of_rfc_8037_has_its_result(load: Load) -> None:
    example = load("rfc8037/appendix_a.json")["A.6"]
    ephemeral = {name: value for name, value in example["ephemeral"].items() if name != "d"}
    header = {"enc": "A128GCM", "epk": ephemeral}
    # RFC 7518 §4.6.2, by hand: one round of SHA-256 over counter, Z and what is agreed on
    agreed = b"\0\0\0\7A128GCM" + bytes(4) + bytes(4) + (128).to_bytes(4)
    derived = hashlib.sha256(b"\0\0\0\1" + bytes.fromhex(example["z_hex"]) + agreed).digest()[:16]
    assert ECDH.accept(Key.from_jwk(example["recipient"], "ECDH-ES").material, header, 16) == derived


def assert_rsa1_5_is_refused(jwk: dict[str, Any], token: str) -> None:
    with pytest.raises(InvalidKey):
        Key.from_jwk(jwk, "RSA1_5")
    with pytest.raises(UnknownKey):
        jwe.decrypt(token, Key.from_jwk(jwk, "RSA-OAEP"))
