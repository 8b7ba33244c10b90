from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any

import pytest

from watchword.errors import InvalidKey, WatchwordError
from watchword.jose import Key, KeySet, base64url, jwe, jws
from watchword.providers.trusted_keys import read_trusted_keys

Load = Callable[[str], Any]

# where the example leaves the algorithm open
RFC_7517_ALGORITHMS = {"1": "ECDH-ES", "HMACkeyusedinJWSspecAppendixA.1example": "HS256"}
COOKBOOK = {
    "3_1.ec_public_key": "ES512",
    "3_2.ec_private_key": "ES512",
    "3_3.rsa_public_key": "RS256",
    "3_4.rsa_private_key": "PS384",
    "3_5.symmetric_key_mac_computation": "HS256",
}


def single_keys(load: Load) -> Iterator[Any]:
    """Each single key that an RFC shows, with an algorithm that fits it."""
    for name, alg in COOKBOOK.items():
        yield pytest.param(load(f"rfc7520-cookbook/jwk/{name}.json"), alg, id=f"rfc7520-{name}")
    for example in load("rfc7517/appendix.json"):
        for jwk in example.get("jwks", {}).get("keys", [example.get("jwk", {})]):
            if "kty" in jwk:
                alg = jwk.get("alg") or RFC_7517_ALGORITHMS.get(jwk.get("kid"), "RS256")
                yield pytest.param(jwk, alg, id=f"rfc7517-{example['section']}-{jwk.get('kid', alg)}")
    rfc8037 = load("rfc8037/appendix_a.json")
    for section in ("A.1", "A.2"):
        yield pytest.param(rfc8037[section]["jwk"], "EdDSA", id=f"rfc8037-{section}")
    for role in ("recipient", "ephemeral"):
        yield pytest.param(rfc8037["A.6"][role], "ECDH-ES", id=f"rfc8037-A.6-{role}")
    for name in ("ecdh-es", "jws"):
        example = load(f"rfc7520-cookbook/curve25519/{name}.json")["input"]
        yield pytest.param(example["key"], example["alg"], id=f"cookbook-curve25519-{name}")
    for alg in ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87"):
        example = load(f"rfc9964-mldsa/{alg.replace('-', '_')}.jose.json")
        yield pytest.param(example["jwk"], alg, id=f"rfc9964-{alg}")


@pytest.mark.vectors("jwk, alg", single_keys)
def test_a_key_of_the_rfcs_is_read_whole_and_written_the_same(jwk: dict[str, Any], alg: str) -> None:
    key = Key.from_jwk(jwk, alg)
    written = key.to_jwk(private=key.is_private)
    assert jwk.items() <= written.items()
    assert written.keys() - jwk.keys() <= {"kid", "alg"}


@pytest.mark.vectors("jwk, alg", single_keys)
def test_a_key_of_the_rfcs_survives_pem_and_der(jwk: dict[str, Any], alg: str) -> None:
    key = Key.from_jwk(jwk, alg)
    if isinstance(key.material, bytes):
        return
    for again in (
        Key.from_pem(key.to_pem(private=key.is_private), alg),
        Key.from_der(key.to_der(private=key.is_private), alg),
    ):
        assert again.thumbprint == key.thumbprint


def mldsa_keys(load: Load) -> Iterator[Any]:
    for alg in ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87"):
        example = load(f"rfc9964-mldsa/{alg.replace('-', '_')}.jose.json")
        yield pytest.param(example["jwk"], id=f"rfc9964-{alg}")


@pytest.mark.vectors("jwk", mldsa_keys)
def test_the_thumbprint_of_an_akp_key_is_the_kid_of_the_example(jwk: dict[str, str]) -> None:
    assert Key.from_jwk(jwk).thumbprint == jwk["kid"]


def test_the_example_of_rfc_7638_has_its_thumbprint(load: Load) -> None:
    example = load("rfc7638/section_3_1.json")
    assert Key.from_jwk(example["jwk"]).thumbprint == example["thumbprint_sha256"]


def test_the_example_of_rfc_8037_has_its_thumbprint(load: Load) -> None:
    examples = load("rfc8037/appendix_a.json")
    private, public = (Key.from_jwk(examples[name]["jwk"]) for name in ("A.1", "A.2"))
    assert private.thumbprint == public.thumbprint == examples["A.3"]["thumbprint_sha256"]
    public.verify(b"data", private.sign(b"data"))


def rfc7517_sets(load: Load) -> Iterator[Any]:
    for example in load("rfc7517/appendix.json"):
        if "jwks" in example:
            yield pytest.param(example["jwks"], id=f"rfc7517-{example['section']}")


@pytest.mark.vectors("jwks", rfc7517_sets)
def test_of_a_set_of_the_rfc_the_keys_with_an_algorithm_are_read(jwks: dict[str, Any]) -> None:
    keys = KeySet.from_jwks(jwks)
    named = [index for index, jwk in enumerate(jwks["keys"]) if "alg" in jwk]
    assert len(keys) == len(named)
    assert all(skipped.reason.startswith("alg is needed") for skipped in keys.skipped)


def test_a_secret_for_a_content_encryption_is_used_directly(load: Load) -> None:
    jwk = load("rfc7520-cookbook/jwk/3_6.symmetric_key_encryption.json")
    assert jwk["alg"] == "A256GCM"
    assert Key.from_jwk(jwk).alg == Key.from_jwk(jwk, "dir").alg == "dir"
    for wrong in (jwk | {"alg": "A128GCM"}, jwk | {"use": "sig"}):
        with pytest.raises(InvalidKey):
            jwe.encrypt(b"data", Key.from_jwk(wrong))
    with pytest.raises(InvalidKey, match="alg is 'A256GCM', not 'HS256' as requested"):
        Key.from_jwk(jwk, "HS256")


# -- issuers ---------------------------------------------------------------------------------------

ISSUERS = (
    "apple", "battle-net", "discord", "docker", "dropbox", "entra-common", "entra-organizations", "facebook",
    "gitlab", "google", "klarna", "lego", "mojeid", "paypal", "slack", "spotify", "twitch", "verimi", "yahoo",
)  # fmt: skip
UNUSED = {
    ("paypal", 7): "alg is needed: a key of type X25519",
    ("yahoo", 0): "at least 2048 bits, this key has 1024",
    ("yahoo", 2): "at least 2048 bits, this key has 1024",
    ("yahoo", 3): "at least 2048 bits, this key has 1024",
}


@pytest.mark.vectors("issuer, entries", lambda load: [
    pytest.param(name, load(f"providers/{name}.json")["jwks"]["keys"], id=name) for name in ISSUERS
])  # fmt: skip
def test_every_strong_key_that_an_issuer_publishes_is_used_and_every_other_says_why(
    issuer: str, entries: list[dict[str, Any]]
) -> None:
    for keys in (
        KeySet.from_jwks({"keys": entries}),
        read_trusted_keys(json.dumps({"keys": entries}).encode(), None),
    ):
        reasons = {skipped.index: skipped.reason for skipped in keys.skipped}
        assert reasons.keys() == {index for name, index in UNUSED if name == issuer}
        assert all(UNUSED[issuer, index] in reason for index, reason in reasons.items())
        used = [entry for index, entry in enumerate(entries) if index not in reasons]
        assert [key.kid for key in keys] == [entry["kid"] for entry in used]
        assert all(key.allows("verify") for key in keys)
        for key in keys:
            assert Key.from_jwk(key.to_jwk()).thumbprint == key.thumbprint == canonical(key.to_jwk())


def canonical(jwk: dict[str, Any]) -> str:
    """The thumbprint by RFC 7638 §3, of a JWK without defects."""
    members = {name: jwk[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in jwk}
    assert not base64url.decode(members.get("n", "AQ")).startswith(b"\0")
    return base64url.encode(sha256(json.dumps(members, separators=(",", ":")).encode()).digest())


# -- Wycheproof ----------------------------------------------------------------------------------


def wycheproof_signatures(load: Load) -> Iterator[Any]:
    """The cases of signed tokens: keys, token, whether the two are good."""
    for name in ("key", "crypto"):
        for group in load(f"wycheproof/json_web_{name}_test.json")["testGroups"]:
            keys = group.get("public", group["private"])
            for case in group["tests"]:
                if "jws" in case:
                    named = f"wycheproof-{name}-{case['tcId']}-{case['comment']}"
                    yield pytest.param(keys, case["jws"], case["result"] == "valid", id=named)


@pytest.mark.vectors("keys, token, good", wycheproof_signatures)
def test_the_verdict_on_keys_and_token_is_that_of_wycheproof(
    keys: Mapping[str, Any], token: Any, good: bool
) -> None:
    if good:
        jws.verify(token, read(keys))
        return
    with pytest.raises(WatchwordError):
        jws.verify(token, read(keys))


def read(keys: Mapping[str, Any]) -> Key | KeySet:
    return KeySet.from_jwks(keys) if "keys" in keys else Key.from_jwk(keys)


def wycheproof_private_keys(load: Load) -> Iterator[Any]:
    for name in ("key", "crypto", "signature", "encryption"):
        for group in load(f"wycheproof/json_web_{name}_test.json")["testGroups"]:
            cases = group["tests"]
            if (
                "public" in group
                and "keys" not in group["private"]
                and any(c["result"] == "valid" for c in cases)
            ):
                named = f"wycheproof-{name}-{cases[0]['tcId']}-{group['comment']}"
                yield pytest.param(group["private"], group["public"], id=named)


@pytest.mark.vectors("private, public", wycheproof_private_keys)
def test_the_public_half_of_a_private_key_is_that_of_wycheproof(
    private: dict[str, Any], public: dict[str, Any]
) -> None:
    stated = {"alg": "ES512"} if private.get("alg") == "ES521" else {}  # a known defect: there is no ES521
    if private.get("alg") == "RSA1_5":
        with pytest.raises(InvalidKey):
            Key.from_jwk(private)
        return
    of_private, of_public = Key.from_jwk(private | stated).public(), Key.from_jwk(public | stated)
    assert of_private.thumbprint == of_public.thumbprint
