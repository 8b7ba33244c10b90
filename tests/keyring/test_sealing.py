import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import InvalidSettings
from watchword.jose import jwe, jws
from watchword.jose.jwk import Key
from watchword.keyring.operator_secret import derive_key
from watchword.keyring.sealing import seal, unseal
from watchword.stores.contract import SealedKey

NEW, OLD, OTHER = "n" * 32, "o" * 32, "x" * 32
KEY = Key.generate("EdDSA")


def stored(sealed, **changes):
    row = {
        "kind": "public", "epoch": 1, "kid": KEY.kid, "alg": "EdDSA", "sealed": sealed, "created_at": 0.0,
        "signs_from": 0.0,
    }  # fmt: skip
    return SealedKey(**row | changes)


@pytest.mark.parametrize("alg", ["EdDSA", "HS256", "ES256"])
def test_what_was_sealed_opens_as_the_same_key(alg):
    key = Key.generate(alg)
    opened = unseal(stored(seal(key, NEW, kind="public", epoch=1), kid=key.kid, alg=alg), [NEW])
    assert opened.kid == key.kid
    assert jws.verify(jws.sign(b"content", opened), key).payload == b"content"


def test_any_of_several_secrets_opens_what_one_of_them_sealed():
    for secret in (NEW, OLD):
        assert unseal(stored(seal(KEY, secret, kind="public", epoch=1)), [NEW, OLD]).kid == KEY.kid


@pytest.mark.parametrize("secrets", [[OTHER], [NEW, OTHER], []])
def test_a_wrong_secret_is_a_setting_to_mend_and_is_not_repeated(secrets):
    with pytest.raises(InvalidSettings, match="WATCHWORD_SECRET") as caught:
        unseal(stored(seal(KEY, OLD, kind="public", epoch=1)), secrets)
    assert not any(secret in str(caught.value) for secret in (OLD, *secrets))


@pytest.mark.parametrize("change", [{"kind": "internal"}, {"epoch": 2}, {"kid": "another"}, {"alg": "ES256"}])
def test_a_seal_moved_to_another_row_is_refused(change):
    with pytest.raises(InvalidSettings, match="not the key that was sealed for its row"):
        unseal(stored(seal(KEY, NEW, kind="public", epoch=1), **change), [NEW])


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b'{"kty": "AKP", "alg": "ML-DSA-99", "pub": ""}'])
def test_a_sealed_key_that_this_process_cannot_use_is_refused_and_nothing_else_escapes(content):
    sealing = Key.from_secret(derive_key(NEW, "key sealing"), alg="dir")
    sealed = jwe.encrypt(content, sealing, header={"kid": KEY.kid, "kind": "public", "epoch": 1})
    with pytest.raises(InvalidSettings, match="cannot be used by this process"):
        unseal(stored(sealed), [NEW])


@given(sealed=st.text(max_size=80) | st.text("AZaz09-_.", max_size=80))
def test_garbage_in_the_place_of_a_seal_is_refused_and_nothing_else_escapes(sealed):
    with pytest.raises(InvalidSettings):
        unseal(stored(sealed), [NEW])


@given(data=st.data())
def test_one_changed_character_anywhere_spoils_a_seal(data):
    sealed = seal(KEY, NEW, kind="public", epoch=1)
    place = data.draw(st.integers(0, len(sealed) - 1))
    character = data.draw(st.sampled_from("ABCxyz019-_."))
    if character == sealed[place]:
        character = "~"
    with pytest.raises(InvalidSettings):
        unseal(stored(sealed[:place] + character + sealed[place + 1 :]), [NEW])
