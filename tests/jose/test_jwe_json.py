"""JWE in JSON serialization."""

from __future__ import annotations

import copy
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import (
    DecryptionFailed,
    InvalidKey,
    InvalidSettings,
    InvalidToken,
    MalformedToken,
    Unissuable,
    UnknownKey,
)
from watchword.jose import Key, KeySet, base64url, jwe, jws
from watchword.jose.encryption import find_encryption
from watchword.jose.jwe import Recipient

KEY = Key.from_secret(b"\x07" * 16, "A128KW", kid="k1")
IV, DIRECT = bytes(12), Key.from_secret(b"\x07" * 32, "dir")
ALGS = ("A128KW", "A256GCMKW", "ECDH-ES+A256KW", "RSA-OAEP", "PBES2-HS256+A128KW")


@pytest.fixture(scope="module")
def keys() -> list[Key]:
    return [Key.generate(alg) for alg in ALGS[:4]]


def one() -> dict[str, Any]:
    """A flattened token with every member."""
    recipient = Recipient(KEY, {"mine": 1})
    header, unprotected = {"cty": "x"}, {"shared": 2}
    return jwe.encrypt_json(b"secret", [recipient], header=header, unprotected=unprotected, aad=b"seen")


def several() -> dict[str, Any]:
    """Make a general token with every member. The second recipient is ours."""
    recipients = [Key.generate("A256KW"), Recipient(KEY, {"mine": 1})]
    header, unprotected = {"cty": "x"}, {"shared": 2}
    return jwe.encrypt_json(b"secret", recipients, header=header, unprotected=unprotected, aad=b"seen")


BOTH = [pytest.param(one, id="flattened"), pytest.param(several, id="general")]
Make = Callable[[], dict[str, Any]]


def direct(plaintext: bytes, authenticated: str) -> dict[str, Any]:
    """The members of a token that are encrypted content, under the key that both sides know."""
    ciphertext, tag = find_encryption("A256GCM").encrypt(
        DIRECT.material, IV, plaintext, authenticated.encode()
    )
    return {
        name: base64url.encode(part) for name, part in (("iv", IV), ("ciphertext", ciphertext), ("tag", tag))
    }


def encoded(members: dict[str, Any]) -> str:
    return base64url.encode(json.dumps(members).encode())


# -- what works ------------------------------------------------------------------------------------


def test_a_token_for_one_is_flattened_and_its_algorithm_is_protected() -> None:
    token = one()
    members = {"protected", "unprotected", "header", "encrypted_key", "aad", "iv", "ciphertext", "tag"}
    assert token.keys() == members
    protected = json.loads(base64url.decode(token["protected"]))
    assert protected == {"alg": "A128KW", "enc": "A256GCM", "kid": "k1", "cty": "x"}
    assert (token["unprotected"], token["header"]) == ({"shared": 2}, {"mine": 1})


def test_a_token_for_several_is_general_and_each_has_an_algorithm_of_its_own(keys: list[Key]) -> None:
    token = jwe.encrypt_json(b"secret", keys)
    assert token.keys() == {"protected", "recipients", "iv", "ciphertext", "tag"}
    assert json.loads(base64url.decode(token["protected"])) == {"enc": "A256GCM"}
    for key, recipient in zip(keys, token["recipients"], strict=True):
        assert (recipient["header"]["alg"], recipient["header"]["kid"]) == (key.alg, key.kid)


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("form", [dict, json.dumps, lambda token: json.dumps(token).encode()])
def test_what_is_encrypted_decrypts_from_members_and_text(make: Make, form: Callable[[Any], Any]) -> None:
    for keys in (KEY, KeySet([Key.generate("A128KW"), KEY])):
        opened = jwe.decrypt_json(form(make()), keys)
        assert (opened.plaintext, opened.key, opened.aad) == (b"secret", KEY, b"seen")


def test_only_what_is_authenticated_stands_in_the_header() -> None:
    opened = jwe.decrypt_json(one(), KEY)
    assert opened.header == {"alg": "A128KW", "enc": "A256GCM", "kid": "k1", "cty": "x"}
    assert opened.unprotected == {"shared": 2, "mine": 1}
    opened = jwe.decrypt_json(several(), KEY)
    assert opened.header == {"enc": "A256GCM", "cty": "x"}
    assert opened.unprotected == {"alg": "A128KW", "kid": "k1", "shared": 2, "mine": 1}


def test_each_recipient_opens_it(keys: list[Key]) -> None:
    public = [key if isinstance(key.material, bytes) else key.public() for key in keys]
    token = jwe.encrypt_json(b"secret", public, "A128CBC-HS256")
    for key in keys:
        opened = jwe.decrypt_json(token, KeySet([key]), enc="A128CBC-HS256")
        assert (opened.plaintext, opened.key) == (b"secret", key)
    assert jwe.decrypt_json(token, KeySet(keys)).plaintext == b"secret"


@pytest.mark.parametrize("alg", ["dir", "ECDH-ES"])
def test_a_key_that_makes_the_content_key_itself_has_no_encrypted_key(alg: str) -> None:
    key = Key.generate(alg)
    token = jwe.encrypt_json(b"", [key])
    assert "encrypted_key" not in token
    assert jwe.decrypt_json(token, key).plaintext == b""
    assert jwe.decrypt_json({**token, "encrypted_key": ""}, key).plaintext == b""  # as some write it
    with pytest.raises(DecryptionFailed):
        jwe.decrypt_json({**token, "encrypted_key": "AAAA"}, key)


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_plaintext_and_aad_come_back_whatever_they_are(plaintext: bytes, aad: bytes) -> None:
    token = jwe.encrypt_json(plaintext, [KEY], aad=aad)
    opened = jwe.decrypt_json(json.dumps(token), KEY)
    assert (opened.plaintext, opened.aad) == (plaintext, aad)
    assert ("aad" in token) == bool(aad)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("part", ["header", "unprotected", "recipient"])
def test_the_parties_of_an_agreement_may_stand_in_any_part_of_the_header(part: str, count: int) -> None:
    keys, apu = [Key.generate("ECDH-ES+A128KW") for _ in range(count)], {"apu": "QWxpY2U"}
    recipients = [Recipient(key, apu if part == "recipient" else None) for key in keys]
    token = jwe.encrypt_json(b"secret", recipients, **({} if part == "recipient" else {part: apu}))
    assert all(jwe.decrypt_json(token, key).plaintext == b"secret" for key in keys)


def test_nothing_of_the_header_need_be_protected() -> None:
    token = direct(b"secret", "") | {"unprotected": {"alg": "dir", "enc": "A256GCM"}}
    opened = jwe.decrypt_json(token, DIRECT)
    assert (opened.plaintext, opened.header, opened.unprotected) == (b"secret", {}, token["unprotected"])
    for empty in ("protected", "aad"):
        with pytest.raises(MalformedToken):  # RFC 7516 §7.2.1: what is empty is left out
            jwe.decrypt_json({**token, empty: ""}, DIRECT)


def test_what_is_authenticated_besides_stands_behind_a_full_stop() -> None:
    """RFC 7516 §5.1, step 14."""
    protected, aad = encoded({"alg": "dir", "enc": "A256GCM"}), base64url.encode(b"seen")
    token = direct(b"secret", f"{protected}.{aad}") | {"protected": protected, "aad": aad}
    assert jwe.decrypt_json(token, DIRECT).aad == b"seen"


def test_members_that_nobody_knows_are_passed_over() -> None:
    assert jwe.decrypt_json({**one(), "comment": "for people"}, KEY).plaintext == b"secret"


# -- which recipient -------------------------------------------------------------------------------


def test_recipients_that_we_do_not_know_are_passed_over() -> None:
    token = several()
    token["recipients"][0]["header"]["alg"] = "RSA1_5"
    assert jwe.decrypt_json(token, KEY).plaintext == b"secret"


def test_a_key_alone_opens_what_has_its_kid_before_all_others() -> None:
    token = jwe.encrypt_json(b"secret", [*(Key.generate("A128KW") for _ in range(9)), KEY])
    assert jwe.decrypt_json(token, KEY).plaintext == b"secret"


def test_a_key_alone_opens_what_has_no_kid_of_its_own() -> None:
    other = Key.from_secret(b"\x07" * 16, "A128KW", kid="k2")
    assert jwe.decrypt_json(several(), other).plaintext == b"secret"


def test_many_recipients_that_could_be_ours_are_not_tried() -> None:
    token = jwe.encrypt_json(b"secret", [Key.generate("A128KW") for _ in range(5)])
    with pytest.raises(UnknownKey):
        jwe.decrypt_json(token, KEY)
    token["recipients"].pop()
    with pytest.raises(DecryptionFailed):
        jwe.decrypt_json(token, KEY)


def test_where_no_key_fits_nothing_is_tried() -> None:
    with pytest.raises(UnknownKey):
        jwe.decrypt_json(several(), Key.generate("A192KW"))
    with pytest.raises(UnknownKey):
        jwe.decrypt_json(several(), KeySet([Key.generate("A128KW")]))


# -- what fails ------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("name", ["iv", "ciphertext", "tag", "aad", "encrypted_key", "protected"])
def test_a_change_in_any_member_fails_without_saying_why(make: Make, name: str) -> None:
    token = make()
    part = token if name in token else token["recipients"][1]
    octets = base64url.decode(part[name])
    changed = octets.replace(b'"x"', b'"y"') if name == "protected" else bytes([octets[0] ^ 1]) + octets[1:]
    part[name] = base64url.encode(changed)
    with pytest.raises(DecryptionFailed) as caught:
        jwe.decrypt_json(token, KEY)
    error = caught.value
    assert (error.args, error.__cause__, error.__context__) == ((DecryptionFailed.description,), None, None)


def test_what_was_authenticated_besides_cannot_be_left_out_or_moved() -> None:
    token = one()
    moved = {**token, "protected": token["protected"] + "." + token["aad"]}
    del moved["aad"]
    with pytest.raises(MalformedToken):
        jwe.decrypt_json(moved, KEY)
    del token["aad"]
    with pytest.raises(DecryptionFailed):
        jwe.decrypt_json(token, KEY)


def set_member(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda token: token.__setitem__(name, value)


def drop(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda token: token.__delitem__(name)


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize(
    "change",
    [
        *(pytest.param(drop(name), id=f"no-{name}") for name in ("iv", "ciphertext", "tag")),
        *(pytest.param(set_member(name, ""), id=f"empty-{name}") for name in ("protected", "aad")),
        *(
            pytest.param(set_member(name, value), id=f"{name}-{type(value).__name__}")
            for name in ("protected", "aad", "iv", "ciphertext", "tag")
            for value in (None, 5, ["AAAA"], {}, "AAA=", "AA AA", "é", "\ud800")
        ),
        *(
            pytest.param(set_member("unprotected", value), id=f"unprotected-{value!r}")
            for value in (
                None,
                {},
                [],
                "x",
                {"alg": 5},
                {"cty": "y"},
                {"zip": "DEF"},
                {"crit": ["x"], "x": 1},
            )
        ),
        pytest.param(set_member("payload", "AAAA"), id="payload"),
        pytest.param(set_member("recipients", []), id="no-recipients"),
        pytest.param(set_member("recipients", {}), id="recipients-object"),
        pytest.param(set_member("recipients", None), id="recipients-null"),
        pytest.param(set_member("recipients", ["x"]), id="recipient-text"),
        pytest.param(set_member("recipients", [{}] * 17), id="seventeen-recipients"),
        pytest.param(set_member("protected", encoded({"enc": "A256GCM", "zip": "DEF"})), id="zip"),
        pytest.param(set_member("protected", encoded({"enc": "none"})), id="enc-unknown"),
        pytest.param(set_member("protected", encoded({"enc": "A256GCM", "crit": ["x"], "x": 1})), id="crit"),
        pytest.param(set_member("protected", encoded({"enc": "A256GCM", "mine": 1})), id="member-twice"),
        pytest.param(set_member("protected", "W10"), id="protected-no-object"),
    ],
)
def test_a_token_of_another_form_is_malformed(make: Make, change: Callable[[dict[str, Any]], None]) -> None:
    token = make()
    change(token)
    with pytest.raises(MalformedToken):
        jwe.decrypt_json(token, KEY)


@pytest.mark.parametrize("name", ["header", "encrypted_key"])
def test_both_forms_in_one_are_malformed(name: str) -> None:
    with pytest.raises(MalformedToken):
        jwe.decrypt_json({**several(), name: one()[name]}, KEY)


@pytest.mark.parametrize(
    "part",
    [
        {"header": {}},
        {"header": None},
        {"header": {"kid": "k1"}},
        {"header": {"alg": None}},
        {"header": {"alg": "A128KW", "kid": 5}},
        {"header": {"alg": "A128KW", "enc": "A256GCM"}},
        {"header": {"alg": "A128KW", "zip": "DEF"}},
        {"header": {"alg": "A128KW"}, "encrypted_key": "A"},
        {"header": {"alg": "A128KW"}, "encrypted_key": 5},
    ],
)
def test_a_malformed_recipient_spoils_the_token_even_if_it_is_somebody_elses(part: dict[str, Any]) -> None:
    token = several()
    token["recipients"][0] = part
    with pytest.raises(MalformedToken):
        jwe.decrypt_json(token, KEY)


def test_recipients_that_do_not_agree_on_the_content_encryption_are_malformed() -> None:
    token = several()
    del token["protected"]
    for recipient, enc in zip(token["recipients"], ("A128GCM", "A256GCM"), strict=True):
        recipient["header"]["enc"] = enc
    with pytest.raises(MalformedToken):
        jwe.decrypt_json(token, KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        "{}",
        '{"iv":"AA","iv":"AA"}',
        b"\xff",
        "\ud800",
        None,
        5,
        pytest.param(" " * 1_048_577, id="long"),
        b"\xef\xbb\xbf{}",
    ],
    ids=repr,
)
def test_text_that_is_no_object_is_malformed(text: Any) -> None:
    with pytest.raises(MalformedToken):
        jwe.decrypt_json(text, KEY)


def test_a_member_of_the_text_that_stands_twice_is_malformed() -> None:
    text = json.dumps(one())
    with pytest.raises(MalformedToken):
        jwe.decrypt_json(text[:-1] + ', "tag": "AAAAAAAAAAAAAAAAAAAAAA"}', KEY)


def test_no_form_passes_where_another_is_expected() -> None:
    compact = jwe.encrypt(b"secret", KEY)
    for token in (json.dumps(one()), json.dumps(several()), one()):
        with pytest.raises(MalformedToken):
            jwe.decrypt(token, KEY)  # type: ignore[arg-type]
    with pytest.raises(MalformedToken):
        jwe.decrypt_json(compact, KEY)
    signer = Key.generate("HS256")
    with pytest.raises(MalformedToken):
        jwe.decrypt_json(jws.sign_json(b"payload", [signer]), KEY)
    with pytest.raises(MalformedToken):
        jws.verify_json(one(), signer)


@given(st.data())
def test_a_token_with_any_change_is_refused_with_an_error_of_ours_or_means_the_same(data: Any) -> None:
    text = json.dumps(TOKENS[data.draw(st.sampled_from(sorted(TOKENS)))])
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, min(start + 3, len(text))))
    mutant = text[:start] + data.draw(st.text(max_size=3)) + text[stop:]
    try:
        opened = jwe.decrypt_json(mutant, KEY)
    except InvalidToken:
        return
    assert (opened.plaintext, opened.aad) == (b"secret", b"seen")  # the rest is not authenticated


TOKENS = {"one": one(), "several": several()}


# -- what is refused when encrypting ---------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 17])
def test_a_token_has_between_one_and_sixteen_recipients(count: int) -> None:
    with pytest.raises(Unissuable):
        jwe.encrypt_json(b"secret", [KEY] * count)


def test_sixteen_recipients_are_not_too_many() -> None:
    token = jwe.encrypt_json(b"secret", [*(Key.generate("A256KW") for _ in range(15)), KEY])
    assert jwe.decrypt_json(token, KEY).plaintext == b"secret"


@pytest.mark.parametrize("alg", ["dir", "ECDH-ES"])
def test_a_key_that_makes_the_content_key_itself_is_alone(alg: str) -> None:
    with pytest.raises(InvalidKey):
        jwe.encrypt_json(b"secret", [KEY, Key.generate(alg)])


@pytest.mark.parametrize("recipients", [[Key.generate("HS256")], [KEY, Key.generate("HS256")]])
def test_only_keys_for_it_encrypt(recipients: list[Key]) -> None:
    with pytest.raises(InvalidKey):
        jwe.encrypt_json(b"secret", recipients)


@pytest.mark.parametrize("others", [[], [Key.generate("A256KW")]])
@pytest.mark.parametrize(
    ("header", "shared", "own"),
    [
        ({"enc": "A128GCM"}, None, None),
        ({"zip": "DEF"}, None, None),
        (None, {"enc": "A128GCM"}, None),
        (None, None, {"alg": "dir"}),
        (None, None, {"enc": "A128GCM"}),
        ({"x": 1}, {"x": 1}, None),
        (None, {"x": 1}, {"x": 2}),
        ({"x": 1}, None, {"x": 1}),
        (None, {"zip": "DEF"}, None),
        (None, None, {"crit": ["x"], "x": 1}),
        (None, {}, None),
        (None, {"x": object()}, None),
        ({"x": object()}, None, None),
        ({"crit": ["x"]}, None, None),
        ([("x", 1)], None, None),
        ("x", None, None),
    ],
)
def test_a_header_that_contradicts_itself_is_not_issued(
    header: Any, shared: Any, own: Any, others: list[Key]
) -> None:
    with pytest.raises(Unissuable):
        jwe.encrypt_json(b"secret", [Recipient(KEY, own), *others], header=header, unprotected=shared)


@pytest.mark.parametrize("aad", ["text", 5, {"x": 1}])
def test_additional_data_must_be_bytes(aad: Any) -> None:
    with pytest.raises(InvalidSettings, match="aad must be bytes, not"):
        jwe.encrypt_json(b"secret", [KEY], aad=aad)


def test_a_recipients_header_does_not_override_what_the_key_is_brought_with() -> None:
    with pytest.raises(Unissuable):
        jwe.encrypt_json(b"secret", [KEY, Recipient(Key.generate("A128GCMKW"), {"iv": "AAAAAAAAAAAAAAAA"})])


def test_a_kid_of_a_recipients_own_header_stands_in_place_of_the_keys() -> None:
    token = jwe.encrypt_json(b"secret", [Recipient(KEY, {"kid": "inside"}), Key.generate("A256KW")])
    assert jwe.decrypt_json(token, KEY).unprotected["kid"] == "inside"


def test_what_the_caller_gave_is_not_changed_nor_shared() -> None:
    header, unprotected, own = {"x": [1]}, {"y": [2]}, {"z": [3]}
    before = copy.deepcopy((header, unprotected, own))
    token = jwe.encrypt_json(
        b"secret", [Recipient(KEY, own), Key.generate("A256KW")], header=header, unprotected=unprotected
    )
    token["unprotected"]["y"].append(9)
    token["recipients"][0]["header"]["z"].append(9)
    assert (header, unprotected, own) == before


# -- settings --------------------------------------------------------------------------------------


def test_settings_are_those_of_the_compact_form() -> None:
    with pytest.raises(InvalidSettings):
        jwe.decrypt_json(one(), KEY, enc="none")
    with pytest.raises(MalformedToken):
        jwe.decrypt_json(one(), KEY, enc="A128GCM")
    with pytest.raises(InvalidSettings):
        jwe.decrypt_json(one(), KEY, max_p2c=1)
    password = Key.generate("PBES2-HS256+A128KW")
    token = jwe.encrypt_json(b"secret", [password, KEY])
    with pytest.raises(MalformedToken):
        jwe.decrypt_json(token, password, max_p2c=1_000)
    assert jwe.decrypt_json(token, KEY, max_p2c=1_000).plaintext == b"secret"
    protected = encoded({"alg": "dir", "enc": "A256GCM", "zip": "DEF"})
    token = direct(zlib.compress(b"secret", wbits=-zlib.MAX_WBITS), protected) | {"protected": protected}
    for most in (None, 5):
        with pytest.raises(MalformedToken):
            jwe.decrypt_json(token, DIRECT, max_decompressed=most)
    assert jwe.decrypt_json(token, DIRECT, max_decompressed=6).plaintext == b"secret"
    token = jwe.encrypt_json(b"secret", [KEY], header={"crit": ["x"], "x": 1})
    assert jwe.decrypt_json(token, KEY, critical=["x"]).header["x"] == 1
