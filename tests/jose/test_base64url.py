from __future__ import annotations

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchword.errors import MalformedToken
from watchword.jose import base64url


@given(st.binary())
def test_what_is_encoded_decodes_to_itself(data: bytes) -> None:
    assert base64url.decode(base64url.encode(data)) == data


@given(st.binary())
def test_encoding_agrees_with_the_standard_library(data: bytes) -> None:
    assert base64url.encode(data) == base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@given(st.text(st.sampled_from('AQgwEIMZz09-_+/=.\n "\\é\x00'), max_size=9) | st.text(max_size=9))
@example("QUI\\n")
@example('QUI"')
def test_every_accepted_text_is_the_only_one_for_its_bytes(text: str) -> None:
    try:
        data = base64url.decode(text)
    except MalformedToken:
        return
    assert base64url.encode(data) == text


@given(st.text(st.sampled_from("ABCXYZabcxyz0189-_"), max_size=12))
def test_every_canonical_text_is_accepted(text: str) -> None:
    padded = text + "=" * (-len(text) % 4)
    canonical = (
        len(text) % 4 != 1 and base64.urlsafe_b64encode(base64.urlsafe_b64decode(padded)) == padded.encode()
    )
    if canonical:
        assert base64url.decode(text) == base64.urlsafe_b64decode(padded)
    else:
        with pytest.raises(MalformedToken):
            base64url.decode(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("QQ==", id="padding"),
        pytest.param("QUI=", id="padding-of-one"),
        pytest.param("A", id="impossible-length"),
        pytest.param("AAAAA", id="impossible-length-after-a-full-group"),
        pytest.param("QR", id="four-bits-left-over"),
        pytest.param("QUF", id="two-bits-left-over"),
        pytest.param("ab+/", id="standard-alphabet"),
        pytest.param("QU I", id="space"),
        pytest.param("QUI\n", id="newline-at-the-end"),
        pytest.param("\nQUI", id="newline-at-the-start"),
        pytest.param("!!!!", id="punctuation"),
        pytest.param('QQ"A', id="quote"),
        pytest.param("QQ\\A", id="backslash"),
        pytest.param("QU\x00A", id="nul"),
        pytest.param("QUé", id="latin-letter"),
        pytest.param("Q\ud800", id="lone-surrogate"),
        pytest.param("\uff31\uff31", id="full-width-letters"),
    ],
)
def test_other_spellings_are_rejected(text: str) -> None:
    with pytest.raises(MalformedToken):
        base64url.decode(text)


@pytest.mark.parametrize("data", [b"\xff\xfe\xfd\xfc", b"QQ\xff="])
def test_bytes_outside_of_ascii_are_rejected(data: bytes) -> None:
    with pytest.raises(MalformedToken):
        base64url.decode(data)


def test_nothing_encodes_to_nothing() -> None:
    assert base64url.encode(b"") == ""
    assert base64url.decode("") == b""


@pytest.mark.parametrize("place", [8, 9, 10, 11, pytest.param(19, id="last")])
def test_no_byte_outside_of_the_alphabet_is_accepted_anywhere(place: int) -> None:
    alphabet = set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    for byte in range(256):
        text = bytearray(b"AAAA" * 5)
        text[place] = byte
        if byte in alphabet:
            assert base64url.encode_bytes(base64url.decode_bytes(bytes(text))) == text
        else:
            with pytest.raises(MalformedToken):
                base64url.decode_bytes(bytes(text))


@pytest.mark.parametrize("letter", ["é", "中", "😀"])
def test_letters_outside_of_ascii_are_rejected(letter: str) -> None:
    for text in (letter, f"AA{letter}", f"{letter}AAA", letter * 4):
        with pytest.raises(MalformedToken):
            base64url.decode(text)
        with pytest.raises(MalformedToken):
            base64url.decode_bytes(text.encode())
