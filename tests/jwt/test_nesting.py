"""Nested JWTs: signed, then encrypted (RFC 7519 §5.2, §11.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import (
    BadSignature,
    DecryptionFailed,
    ExpiredToken,
    InvalidClaims,
    InvalidKey,
    InvalidSettings,
    InvalidToken,
    MalformedToken,
    UnknownKey,
    WrongAudience,
    WrongType,
)
from watchword.jose import Key, KeySet, base64url, jwe
from watchword.jwt import Claims, Issuer, Verifier
from watchword.jwt.nesting import NestedSource

NOW = 1_700_000_000
ISSUER = "https://issuer.example"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "user-1",
    "aud": "api",
    "exp": NOW + 900,
    "iat": NOW,
    "jti": "id",
}
POLICY: dict[str, Any] = {"issuer": ISSUER, "audience": "api"}

SECRET = Key.generate("dir")


@pytest.fixture
def issuer(key: Key, clock: Callable[[], float]) -> Issuer:
    return Issuer(ISSUER, key, audience="api", typ="at+jwt", encrypt_to=SECRET, clock=clock)


@pytest.fixture
def verifier(key: Key, clock: Callable[[], float]) -> Verifier[dict[str, Any]]:
    return Verifier(key, **POLICY, decrypt_with=SECRET, clock=clock)


def sealed(content: str | bytes, header: dict[str, Any] | None = None, key: Key = SECRET) -> str:
    plaintext = content if isinstance(content, bytes) else content.encode()
    return jwe.encrypt(plaintext, key, header={"cty": "JWT"} if header is None else header)


def outer_header(token: str) -> dict[str, Any]:
    header: dict[str, Any] = msgspec.json.decode(base64url.decode(token.partition(".")[0]))
    return header


@pytest.mark.parametrize(
    ("alg", "enc"),
    [
        ("dir", "A256GCM"),
        ("A128KW", "A128GCM"),
        ("A256GCMKW", "A256GCM"),
        ("ECDH-ES", "A256GCM"),
        ("ECDH-ES+A256KW", "A256CBC-HS512"),
        ("RSA-OAEP-256", "A128CBC-HS256"),
    ],
)
def test_a_token_is_signed_then_encrypted_and_read_by_whom_it_is_for(
    alg: str, enc: str, key: Key, clock: Any
) -> None:
    reader = Key.generate(alg)
    recipient = reader if alg.startswith(("dir", "A")) else reader.public()
    issuer = Issuer(ISSUER, key, audience="api", encrypt_to=recipient, enc=enc, clock=clock)
    token = issuer.issue("user-1", {"scope": "read"})
    header = outer_header(token)
    assert (header["alg"], header["enc"], header["kid"]) == (alg, enc, reader.kid)
    verifier = Verifier(key, **POLICY, decrypt_with=KeySet([Key.generate("dir"), reader]), clock=clock)
    for _ in range(2):
        assert verifier.verify(token)["scope"] == "read"


def test_the_header_outside_tells_nothing_of_the_claims(issuer: Issuer) -> None:
    header = outer_header(issuer.issue("user-1", header={"own": 1}))
    assert header == {"alg": "dir", "enc": "A256GCM", "kid": SECRET.kid, "cty": "JWT"}


def test_the_token_inside_carries_the_typ(issuer: Issuer, key: Key, clock: Any) -> None:
    token = issuer.issue("user-1")
    assert Verifier(key, **POLICY, typ="at+jwt", decrypt_with=SECRET, clock=clock).verify(token)
    with pytest.raises(WrongType):
        Verifier(key, **POLICY, decrypt_with=SECRET, clock=clock).verify(token)


def test_a_typ_outside_is_not_one_inside(key: Key, clock: Any, forge: Callable[..., str]) -> None:
    token = sealed(forge(CLAIMS), {"cty": "JWT", "typ": "at+jwt"})
    with pytest.raises(WrongType):
        Verifier(key, **POLICY, typ="at+jwt", decrypt_with=SECRET, clock=clock).verify(token)


@pytest.mark.parametrize("cty", ["JWT", "jwt", "Jwt", "application/jwt", "application/JWT"])
def test_cty_is_compared_as_a_media_type(
    cty: str, verifier: Verifier[Any], forge: Callable[..., str]
) -> None:
    assert verifier.verify(sealed(forge(CLAIMS), {"cty": cty})) == CLAIMS


@pytest.mark.parametrize(
    "header",
    [{}, {"cty": ""}, {"cty": "JWE"}, {"cty": "text/jwt"}, {"cty": "at+jwt"}, {"typ": "JWT"}],
    ids=str,
)
def test_an_encrypted_token_that_does_not_say_that_a_token_is_in_it_is_malformed(
    header: dict[str, Any], verifier: Verifier[Any], forge: Callable[..., str]
) -> None:
    with pytest.raises(MalformedToken):
        verifier.verify(sealed(forge(CLAIMS), header))


def test_where_tokens_are_to_be_encrypted_one_that_is_only_signed_is_refused(
    verifier: Verifier[Any], forge: Callable[..., str]
) -> None:
    token = forge(CLAIMS)
    assert verifier.verify(sealed(token)) == CLAIMS
    with pytest.raises(MalformedToken):
        verifier.verify(token)


def test_where_tokens_are_only_signed_an_encrypted_one_is_refused(
    key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    with pytest.raises(MalformedToken):
        Verifier(key, **POLICY, clock=clock).verify(sealed(forge(CLAIMS)))


@pytest.mark.parametrize(
    "plaintext",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(msgspec.json.encode(CLAIMS), id="claims-without-signature"),
        pytest.param(b"\xff.\xff.\xff", id="not-ascii"),
        pytest.param(b"e30.e30", id="two-segments"),
        pytest.param(base64url.encode(b'{"alg":"none"}').encode() + b".e30.", id="unsecured"),
    ],
)
def test_what_is_inside_must_be_a_signed_token(plaintext: bytes, verifier: Verifier[Any]) -> None:
    with pytest.raises(InvalidToken):
        verifier.verify(sealed(plaintext))


def test_there_is_exactly_one_layer(verifier: Verifier[Any], forge: Callable[..., str]) -> None:
    with pytest.raises(MalformedToken):
        verifier.verify(sealed(sealed(forge(CLAIMS))))


def test_encryption_does_not_stand_for_a_signature(
    verifier: Verifier[Any], forge: Callable[..., str]
) -> None:
    with pytest.raises(BadSignature):
        verifier.verify(sealed(forge(CLAIMS, by=Key.generate("HS256"))))
    with pytest.raises(UnknownKey):  # an encrypting secret signs nothing
        verifier.verify(sealed(forge(CLAIMS, {"alg": "dir"})))


@pytest.mark.parametrize("segment", [2, 3, 4])
def test_what_cannot_be_opened_fails_in_one_way_and_gives_no_reason(
    segment: int, verifier: Verifier[Any], forge: Callable[..., str]
) -> None:
    segments = sealed(forge(CLAIMS)).split(".")
    octets = base64url.decode(segments[segment])
    failures = set()
    for changed in (bytes([octets[0] ^ 1]) + octets[1:], octets[:-1], octets + b"\x00", b""):
        segments[segment] = base64url.encode(changed)
        with pytest.raises(DecryptionFailed) as caught:
            verifier.verify(".".join(segments))
        failures.add((type(caught.value), str(caught.value)))
        assert caught.value.__cause__ is None
    assert len(failures) == 1


@pytest.mark.parametrize(
    "keys",
    [Key.generate("dir"), KeySet([]), KeySet([Key.generate("dir")])],
    ids=["another", "none", "another-in-a-set"],
)
def test_only_the_keys_given_decrypt(keys: Any, key: Key, clock: Any, forge: Callable[..., str]) -> None:
    with pytest.raises((DecryptionFailed, UnknownKey)):
        Verifier(key, **POLICY, decrypt_with=keys, clock=clock).verify(sealed(forge(CLAIMS)))


@pytest.mark.parametrize(
    ("header", "claims", "wrong"),
    [
        pytest.param({"iss": ISSUER, "sub": "user-1", "aud": "api"}, {}, [], id="all-equal"),
        pytest.param({"aud": ["a", "api"]}, {"aud": ["a", "api"]}, [], id="equal-list"),
        pytest.param({"iss": "https://other.example"}, {}, ["iss"], id="other-issuer"),
        pytest.param({"sub": "user-2", "aud": "b"}, {}, ["sub", "aud"], id="two"),
        pytest.param({"aud": ["api"]}, {}, ["aud"], id="list-and-text"),
        pytest.param({"sub": None}, {}, ["sub"], id="null"),
        pytest.param({"exp": 1, "jti": "other"}, {}, [], id="others-are-not-looked-at"),
    ],
)
def test_what_the_header_outside_repeats_of_the_claims_must_be_the_same(
    header: dict[str, Any],
    claims: dict[str, Any],
    wrong: list[str],
    verifier: Verifier[Any],
    forge: Callable[..., str],
) -> None:
    token = sealed(forge(CLAIMS | claims), {"cty": "JWT", **header})
    if not wrong:
        assert verifier.verify(token) == CLAIMS | claims
        return
    with pytest.raises(InvalidClaims) as caught:
        verifier.verify(token)
    assert [failure.claim for failure in caught.value.failures] == wrong


def test_a_claim_that_only_the_header_outside_has_is_none(
    key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    verifier = Verifier(key, allow_no_exp=True, decrypt_with=SECRET, clock=clock)
    with pytest.raises(InvalidClaims):
        verifier.verify(sealed(forge({}), {"cty": "JWT", "sub": "user-1"}))


def test_contradictions_are_told_together_with_the_rest(
    verifier: Verifier[Any], forge: Callable[..., str]
) -> None:
    token = sealed(forge(CLAIMS | {"aud": "b", "exp": 1}), {"cty": "JWT", "sub": "user-2"})
    with pytest.raises(InvalidClaims) as caught:
        verifier.verify(token)
    assert [failure.claim for failure in caught.value.failures] == ["sub", "exp", "aud"]


def test_the_bound_on_tokens_counts_the_outside(key: Key, clock: Any, forge: Callable[..., str]) -> None:
    inside = forge(CLAIMS)
    token = sealed(inside)
    assert len(inside) < len(token)
    assert Verifier(key, **POLICY, decrypt_with=SECRET, max_token_size=len(token), clock=clock).verify(token)
    with pytest.raises(MalformedToken):
        Verifier(key, **POLICY, decrypt_with=SECRET, max_token_size=len(inside), clock=clock).verify(token)


@pytest.mark.parametrize("content", ["", "x", "a.b.c", b"\x00", None, 5], ids=repr)
def test_garbage_is_malformed(content: Any, verifier: Verifier[Any]) -> None:
    with pytest.raises(MalformedToken):
        verifier.verify(content)


SHARED = Verifier(Key.generate("HS256"), decrypt_with=SECRET)


@given(st.binary(max_size=80))
def test_whatever_is_inside_only_an_invalid_token_comes_out(plaintext: bytes) -> None:
    with pytest.raises(InvalidToken):
        SHARED.verify(sealed(plaintext))


# -- the caches --------------------------------------------------------------------------------------


class Source:
    def __init__(self, *keys: Key) -> None:
        self.keys, self.version, self.asked = KeySet(keys), 1, 0

    def find(self, kid: str | None, alg: str) -> Any:
        self.asked += 1
        return self.keys.find(kid, alg)

    def ready(self, kid: str | None, alg: str) -> bool:
        return False


def test_whether_keys_are_ready_is_for_those_that_verify_to_say() -> None:
    waiting, at_hand = Source(), KeySet([])
    assert not NestedSource(waiting, at_hand).ready("kid", "HS256")
    assert NestedSource(at_hand, waiting).ready("kid", "HS256")


class Scoped(Claims):
    scope: str = ""


def test_a_token_is_decrypted_once(key: Key, clock: Any, forge: Callable[..., str]) -> None:
    source = Source(SECRET)
    verifier = Verifier(key, **POLICY, decrypt_with=source, claims=Scoped, clock=clock)
    token = sealed(forge(CLAIMS))
    assert verifier.verify(token) is verifier.verify("".join(list(token)))
    assert source.asked == 1
    clock.now = NOW + 1000
    with pytest.raises(ExpiredToken):
        verifier.verify(token)


def test_a_token_inside_is_not_known_by_itself(verifier: Verifier[Any], forge: Callable[..., str]) -> None:
    token = forge(CLAIMS)
    verifier.verify(sealed(token))
    with pytest.raises(MalformedToken):
        verifier.verify(token)


@pytest.mark.parametrize("which", [0, 1])
def test_a_key_that_is_gone_opens_and_verifies_nothing_any_more(
    which: int, key: Key, clock: Any, forge: Callable[..., str]
) -> None:
    sources = (Source(key), Source(SECRET))
    verifier = Verifier(sources[0], **POLICY, decrypt_with=sources[1], clock=clock)
    token = sealed(forge(CLAIMS))
    verifier.verify(token)
    sources[which].keys, sources[which].version = KeySet([]), 2
    with pytest.raises(UnknownKey):
        verifier.verify(token)


def test_claims_are_checked_whatever_encrypts_them(
    verifier: Verifier[Any], forge: Callable[..., str]
) -> None:
    with pytest.raises(WrongAudience):
        verifier.verify(sealed(forge(CLAIMS | {"aud": "other"})))


# -- issuing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alg", "enc", "error"),
    [
        ("HS256", "A256GCM", InvalidKey),
        ("ES256", "A256GCM", InvalidKey),
        ("dir", "A128GCM", InvalidKey),
        ("dir", "A256GCM+", InvalidSettings),
        ("dir", "", InvalidSettings),
    ],
)
def test_what_cannot_encrypt_is_rejected_when_the_issuer_is_made(
    alg: str, enc: str, error: type[Exception], key: Key
) -> None:
    with pytest.raises(error):
        Issuer(ISSUER, key, encrypt_to=Key.generate(alg), enc=enc)
