import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchword.accounts import usernames
from watchword.errors import UsernameRejected


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("alice", "alice"),
        ("Alice", "Alice"),
        ("alice@example.org", "alice@example.org"),
        ("\uff22\uff4f\uff42", "Bob"),
        ("re\u0301my", "rémy"),
        ("Anna Lena", "Anna Lena"),
        ("Anna\u00a0Lena", "Anna Lena"),
        ("李雷", "李雷"),
        ("a", "a"),
        ("x" * 64 + "@" + "y" * 185 + ".org", "x" * 64 + "@" + "y" * 185 + ".org"),
    ],
)
def test_a_username_is_kept_as_typed_but_normalized(typed, kept):
    assert usernames.normalize(typed) == kept


@pytest.mark.parametrize(
    "username",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 255, id="too long"),
        pytest.param("\ufdfa" * 15, id="too long once a ligature is written out"),
        pytest.param("T\u0308" * 120 + "\ufdfa", id="too long until folded"),
        pytest.param("ß" * 128, id="too long once folded"),
        pytest.param(" alice", id="leading space"),
        pytest.param("alice ", id="trailing space"),
        pytest.param("\u00a0alice", id="leading no-break space"),
        pytest.param("\u00a8", id="a space once normalized"),
        pytest.param(" ", id="nothing but space"),
        pytest.param("ali\0ce", id="NUL"),
        pytest.param("ali\nce", id="new line"),
        pytest.param("ali\x7fce", id="delete"),
        pytest.param("ali\u0085ce", id="C1 control"),
        pytest.param("ali\u2028ce", id="line separator"),
        pytest.param("ali\u2029ce", id="paragraph separator"),
        pytest.param("ali\u200bce", id="zero-width space"),
        pytest.param("ali\u202ece", id="right-to-left override"),
        pytest.param("ali\u034fce", id="combining grapheme joiner"),
        pytest.param("ali\u3164ce", id="Hangul filler"),
        pytest.param("ali\ufe0fce", id="variation selector"),
        pytest.param("ali\U000e0101ce", id="variation selector supplement"),
        pytest.param("ali\ud800ce", id="lone surrogate"),
        pytest.param(7, id="number"),
        pytest.param(["alice"], id="list"),
        pytest.param("ali\ue000ce", id="private use"),
        pytest.param("ali\U0001fffece", id="unassigned"),
    ],
)
def test_unusable_usernames_are_rejected(username):
    with pytest.raises(UsernameRejected) as caught:
        usernames.normalize(username)
    assert str(username).strip() == "" or str(username) not in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alice", "aLICE"),
        ("STRASSE", "straße"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("\uff22\uff4f\uff42", "bob"),
        ("ﬁn", "FIN"),
        ("re\u0301my", "RÉMY"),
        ("\U0001d400lice", "alice"),
        ("\u03d3", "\u03cd"),
        ("\u1fb3\u0301", "\u03b1\u0301\u0345"),
    ],
)
def test_usernames_that_differ_in_case_or_composition_are_the_same(one, other):
    assert usernames.fold(one) == usernames.fold(other)


@given(st.text(alphabet=st.characters(), max_size=40))
@example("\U0001d400\ud800")
def test_any_text_folds_and_folds_only_once(text):
    folded = usernames.fold(text)
    assert usernames.fold(folded) == folded


@given(st.text(max_size=40))
def test_normalization_makes_no_difference_to_the_folded_form(text):
    forms = {usernames.fold(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert forms == {usernames.fold(text)}


@given(st.text(alphabet=st.characters(), max_size=140))
def test_what_is_accepted_stays_accepted_and_is_bounded(text):
    try:
        name = usernames.normalize(text)
    except UsernameRejected:
        return
    assert usernames.normalize(name) == name
    assert 1 <= len(name) <= usernames.MAX_LENGTH
    assert 1 <= len(usernames.fold(name)) <= usernames.MAX_LENGTH
