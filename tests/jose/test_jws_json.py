from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import BadSignature, InvalidSettings, MalformedToken, Unissuable, UnknownKey
from watchword.jose import Key, KeySet, base64url, jwe, jws
from watchword.jose.jws import Signing

KEY = Key.from_secret(b"\x07" * 32, "HS256", kid="k1")
OTHER = Key.from_secret(b"\x08" * 32, "HS256", kid="k2")
EC = Key.generate("ES256")
PAYLOAD = base64url.encode(b"payload")
UNENCODED = {"b64": False, "crit": ["b64"]}


def signature(
    protected: Mapping[str, Any] | bytes | None,
    unprotected: Any = None,
    *,
    by: Key = KEY,
    payload: str = PAYLOAD,
) -> dict[str, Any]:
    """Make a valid signature with any header."""
    raw = protected if isinstance(protected, bytes) else msgspec.json.encode(protected)
    segment = "" if protected is None else base64url.encode(raw)
    return {
        **({} if protected is None else {"protected": segment}),
        **({} if unprotected is None else {"header": unprotected}),
        "signature": base64url.encode(by.sign(f"{segment}.{payload}".encode())),
    }


def flattened(protected: Mapping[str, Any] | bytes | None, unprotected: Any = None) -> dict[str, Any]:
    return {"payload": PAYLOAD, **signature(protected, unprotected)}


GOOD = flattened({"alg": "HS256", "kid": "k1"})


def test_one_signature_is_flattened_and_several_are_general() -> None:
    one = jws.sign_json(b"payload", [KEY])
    assert one == GOOD
    two = jws.sign_json(b"payload", [KEY, Signing(EC, {"cty": "x"}, {"note": [1]})])
    assert set(two) == {"payload", "signatures"}
    assert two["signatures"][0] == {name: GOOD[name] for name in ("protected", "signature")}
    assert two["signatures"][1]["header"] == {"note": [1]}


@pytest.mark.parametrize("spell", [dict, json.dumps, lambda token: json.dumps(token, indent=1).encode()])
def test_each_signature_of_a_known_key_is_returned_with_what_it_signed(spell: Any) -> None:
    token = spell(jws.sign_json(b"payload", [KEY, Signing(EC, {"cty": "x"}, {"note": 1}), OTHER]))
    first, second = jws.verify_json(token, KeySet([EC.public(), KEY]))
    assert first == jws.Verified(b"payload", {"alg": "HS256", "kid": "k1"}, KEY, {})
    assert (second.payload, second.unprotected) == (b"payload", {"note": 1})
    assert second.header == {"alg": "ES256", "kid": EC.kid, "cty": "x"}
    (only,) = jws.verify_json(token, OTHER)
    assert only.key is OTHER


def test_the_token_shares_nothing_with_the_callers_header() -> None:
    unprotected = {"note": [1]}
    token = jws.sign_json(b"payload", [Signing(KEY, None, unprotected)])
    unprotected["note"].append(2)
    assert token["header"] == {"note": [1]}


def test_what_is_not_signed_is_told_apart() -> None:
    (verified,) = jws.verify_json(flattened(None, {"alg": "HS256", "kid": "k1"}), KeySet([KEY]))
    assert (verified.header, verified.unprotected) == ({}, {"alg": "HS256", "kid": "k1"})


def test_a_good_signature_among_bad_ones_is_enough_and_the_only_one_returned() -> None:
    bad = signature({"alg": "HS256", "kid": "k1", "cty": "bad"}, by=OTHER)
    unknown = signature({"alg": "none"})
    token = {"payload": PAYLOAD, "signatures": [unknown, bad, signature({"alg": "HS256", "kid": "k1"})]}
    assert [verified.header for verified in jws.verify_json(token, KeySet([KEY]))] == [
        {"alg": "HS256", "kid": "k1"}
    ]
    with pytest.raises(BadSignature):
        jws.verify_json({"payload": PAYLOAD, "signatures": [unknown, bad]}, KeySet([KEY]))
    with pytest.raises(UnknownKey):
        jws.verify_json({"payload": PAYLOAD, "signatures": [unknown, unknown]}, KeySet([KEY]))


def test_a_key_that_signs_twice_counts_once() -> None:
    one, two = signature({"alg": "HS256", "kid": "k1"}), signature({"alg": "HS256", "cty": "two"})
    for signatures in ([one, one], [one, two]):
        (verified,) = jws.verify_json({"payload": PAYLOAD, "signatures": signatures}, KeySet([KEY]))
        assert verified.header == {"alg": "HS256", "kid": "k1"}


@pytest.mark.parametrize("alg", ["none", "NONE", "hs256", "HS512", "RS256", "dir"])
@pytest.mark.parametrize("place", ["protected", "unprotected"])
def test_the_token_never_chooses_the_algorithm_wherever_it_is_said(alg: str, place: str) -> None:
    token = flattened({"alg": alg}) if place == "protected" else flattened(None, {"alg": alg})
    for signed in (token, {**token, "signature": ""}):
        with pytest.raises(UnknownKey):
            jws.verify_json(signed, KEY)


PARTS = {name: GOOD[name] for name in ("protected", "signature")}


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="nothing"),
        pytest.param("{}", id="empty"),
        pytest.param("[]", id="array"),
        pytest.param(None, id="null"),
        pytest.param([GOOD], id="list"),
        pytest.param("\ud800", id="lone-surrogate"),
        pytest.param(b"\xff", id="no-utf-8"),
        pytest.param(json.dumps(GOOD).encode("utf-16"), id="utf-16"),
        pytest.param(b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), id="byte-order-mark"),
        pytest.param(json.dumps(GOOD)[:-1] + ',"payload":"AAAA"}', id="payload-twice"),
        pytest.param(jws.sign(b"payload", KEY), id="compact"),
        pytest.param(json.dumps(jws.sign(b"payload", KEY)), id="compact-in-json"),
        pytest.param(jwe.encrypt(b"payload", Key.generate("dir")), id="compact-jwe"),
        pytest.param(jwe.encrypt_json(b"payload", [Key.generate("A128KW")]), id="jwe"),
        pytest.param({**GOOD, "ciphertext": "AAAA"}, id="jwe-and-jws"),
        pytest.param(json.dumps({**GOOD, "x": "x" * 1_048_576}), id="too-long"),
        pytest.param({**GOOD, "payload": None}, id="payload-null"),
        pytest.param({**GOOD, "payload": 5}, id="payload-number"),
        pytest.param({**GOOD, "payload": PAYLOAD + "="}, id="payload-padded"),
        pytest.param({**GOOD, "payload": "é"}, id="payload-not-ascii"),
        pytest.param({**GOOD, "payload": "A" * 1_048_580}, id="payload-too-long"),
        pytest.param({**GOOD, "signature": None}, id="signature-null"),
        pytest.param({**GOOD, "signature": GOOD["signature"] + "="}, id="signature-padded"),
        pytest.param({"payload": PAYLOAD, "protected": GOOD["protected"]}, id="no-signature"),
        pytest.param({**GOOD, "protected": None}, id="protected-null"),
        pytest.param({**GOOD, "protected": ""}, id="protected-empty"),
        pytest.param({**GOOD, "protected": {"alg": "HS256"}}, id="protected-not-encoded"),
        pytest.param({**GOOD, "header": None}, id="header-null"),
        pytest.param({**GOOD, "header": {}}, id="header-empty"),
        pytest.param({**GOOD, "header": "x"}, id="header-text"),
        pytest.param({**GOOD, "header": {"alg": "HS256"}}, id="alg-twice"),
        pytest.param({**GOOD, "header": {"kid": "k1"}}, id="kid-twice"),
        pytest.param({**GOOD, "header": {"typ": 5}}, id="typ-number"),
        pytest.param({"payload": PAYLOAD, "signature": "AAAA"}, id="no-header-at-all"),
        pytest.param(flattened({}, {"alg": "HS256"}), id="protected-without-members"),
        pytest.param(flattened({"kid": "k1"}), id="no-alg"),
        pytest.param(flattened(b'{"alg":"HS256","alg":"HS256"}'), id="alg-twice-in-protected"),
        pytest.param(flattened(None, {"alg": "HS256", "crit": ["x"], "x": 1}), id="crit-not-protected"),
        pytest.param(flattened({"alg": "HS256", "crit": ["x"]}, {"x": 1}), id="extension-not-protected"),
        pytest.param(flattened({"alg": "HS256"}, {"b64": False}), id="b64-not-protected"),
        pytest.param(flattened({"alg": "HS256", "crit": ["b64"]}, {"b64": False}), id="b64-half-protected"),
        pytest.param(flattened({"alg": "HS256", "crit": ["y"], "y": 1}), id="unknown-extension"),
        pytest.param({**GOOD, "signatures": [PARTS]}, id="flattened-and-general"),
        *(
            pytest.param({"payload": PAYLOAD, "signatures": [PARTS], name: value}, id=f"general-and-{name}")
            for name, value in [*PARTS.items(), ("header", {"a": 1})]
        ),
        pytest.param({"payload": PAYLOAD, "signatures": []}, id="no-signatures"),
        pytest.param({"payload": PAYLOAD, "signatures": [PARTS] * 17}, id="too-many-signatures"),
        pytest.param({"payload": PAYLOAD, "signatures": PARTS}, id="signatures-an-object"),
        pytest.param({"payload": PAYLOAD, "signatures": None}, id="signatures-null"),
        pytest.param({"payload": PAYLOAD, "signatures": [PARTS, "x"]}, id="signature-a-text"),
        pytest.param({"payload": PAYLOAD, "signatures": [PARTS, {}]}, id="second-signature-empty"),
        pytest.param(
            {"payload": PAYLOAD, "signatures": [PARTS, signature({"alg": "HS256", "crit": []})]},
            id="second-signature-malformed",
        ),
        pytest.param(
            {"payload": PAYLOAD, "signatures": [PARTS, signature({"alg": "HS256", **UNENCODED})]},
            id="b64-mixed",
        ),
    ],
)
def test_what_is_no_jws_in_json_serialization_is_malformed(token: Any) -> None:
    with pytest.raises(MalformedToken):
        jws.verify_json(token, KEY)


def test_sixteen_signatures_and_members_of_others_are_accepted() -> None:
    token = {"payload": PAYLOAD, "signatures": [PARTS] * 16, "issued": "today"}
    assert [verified.key for verified in jws.verify_json(token, KEY)] == [KEY]
    assert len(jws.sign_json(b"payload", [KEY] * 16)["signatures"]) == 16


def test_the_keys_for_a_token_are_few() -> None:
    with pytest.raises(UnknownKey):
        jws.verify_json(
            flattened({"alg": "HS256"}), KeySet([*(Key.generate("HS256") for _ in range(4)), KEY])
        )


def test_all_signatures_together_buy_few_attempts() -> None:
    keys = KeySet([*(Key.generate("HS256") for _ in range(3)), KEY])
    good = signature({"alg": "HS256"})
    assert len(jws.verify_json({"payload": PAYLOAD, "signatures": [good] * 4}, keys)) == 1
    with pytest.raises(UnknownKey, match="too many"):
        jws.verify_json({"payload": PAYLOAD, "signatures": [good] * 5}, keys)


def test_only_understood_extensions_are_accepted() -> None:
    token = jws.sign_json(b"payload", [Signing(KEY, {"crit": ["own"], "own": 1})])
    assert jws.verify_json(token, KEY, critical=["own"])[0].header["own"] == 1
    with pytest.raises(MalformedToken):
        jws.verify_json(token, KEY)
    with pytest.raises(InvalidSettings):
        jws.verify_json(token, KEY, critical=["b64"])


@pytest.mark.parametrize("header", [None, UNENCODED], ids=str)
@pytest.mark.parametrize("signers", [[KEY], [KEY, EC]], ids=len)
def test_a_detached_payload_is_given_when_verifying(header: Any, signers: list[Key]) -> None:
    token = jws.sign_json(b"\xff$.02", [Signing(key, header) for key in signers], detached=True)
    assert "payload" not in token
    for verified in jws.verify_json(token, KEY, payload=b"\xff$.02"):
        assert verified.payload == b"\xff$.02"
    with pytest.raises(BadSignature):
        jws.verify_json(token, KEY, payload=b"\xff$.03")
    with pytest.raises(MalformedToken):
        jws.verify_json(token, KEY)
    with pytest.raises(MalformedToken):
        jws.verify_json({**token, "payload": ""}, KEY, payload=b"\xff$.02")


def test_an_unencoded_payload_is_the_text_itself() -> None:
    token = jws.sign_json("$.02 é\n".encode(), [Signing(KEY, UNENCODED)])
    assert token["payload"] == "$.02 é\n"
    assert jws.verify_json(json.dumps(token), KEY)[0].payload == "$.02 é\n".encode()
    with pytest.raises(Unissuable):
        jws.sign_json(b"\xff", [Signing(KEY, UNENCODED)])


def test_an_unencoded_payload_is_as_long_as_a_token_may_be() -> None:
    token = jws.sign_json(b"x" * 1_048_576, [Signing(KEY, UNENCODED)])
    assert len(jws.verify_json(token, KEY)[0].payload) == 1_048_576


@pytest.mark.parametrize("payload", ["\ud800", 5, None, ["x"], "x" * 1_048_577])
def test_an_unencoded_payload_is_text(payload: Any) -> None:
    token = jws.sign_json(b"x", [Signing(KEY, UNENCODED)])
    with pytest.raises(MalformedToken):
        jws.verify_json({**token, "payload": payload}, KEY)


@pytest.mark.parametrize(
    "signers",
    [
        pytest.param([], id="nobody"),
        pytest.param([KEY] * 17, id="too-many"),
        pytest.param([KEY, Signing(EC, UNENCODED)], id="b64-mixed"),
        pytest.param([Signing(KEY, {"alg": "HS512"})], id="alg-overridden"),
        pytest.param([Signing(KEY, None, {"alg": "HS256"})], id="alg-twice"),
        pytest.param([Signing(KEY, None, {"kid": "k1"})], id="kid-twice"),
        pytest.param([Signing(KEY, {"x": 1}, {"x": 1})], id="member-twice"),
        pytest.param([Signing(KEY, None, {"crit": ["x"], "x": 1})], id="crit-not-protected"),
        pytest.param([Signing(KEY, None, {"b64": False})], id="b64-not-protected"),
        pytest.param([Signing(KEY, None, {"typ": 5})], id="typ-number"),
        pytest.param([Signing(KEY, ["b64"])], id="header-list"),  # type: ignore[arg-type]  # on purpose
        pytest.param([Signing(KEY, None, {"x": object()})], id="no-json"),
        pytest.param([Signing(KEY, None, {1: 1, "1": 2})], id="name-twice"),  # type: ignore[dict-item]  # on purpose
    ],
)
def test_what_nobody_may_read_is_not_made(signers: Any) -> None:
    with pytest.raises(Unissuable):
        jws.sign_json(b"payload", signers)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just(PAYLOAD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["payload", "protected", "header", "signature", "signatures"])


@given(st.dictionaries(NAMES, JSON), st.dictionaries(NAMES, JSON))
def test_garbage_is_an_invalid_token_and_nothing_else(change: dict[str, Any], part: dict[str, Any]) -> None:
    general = {"payload": PAYLOAD, "signatures": [{**PARTS, **part}]}
    for token in ({**GOOD, **change}, {**general, **change}):
        try:
            (verified,) = jws.verify_json(token, KEY)
        except (MalformedToken, UnknownKey, BadSignature):
            continue
        assert verified.payload == b"payload"
        assert verified.header == {"alg": "HS256", "kid": "k1"}


@given(st.integers(0, 200), st.sampled_from('AZaz09-_.{}[]",: \\\n\x00é'))
def test_no_change_of_a_tokens_text_verifies_as_another_payload(place: int, letter: str) -> None:
    text = json.dumps(GOOD)
    place %= len(text)
    try:
        (verified,) = jws.verify_json(text[:place] + letter + text[place + 1 :], KEY)
    except (MalformedToken, UnknownKey, BadSignature):
        return
    assert (verified.payload, verified.header) == (b"payload", {"alg": "HS256", "kid": "k1"})
