import inspect
import pickle
import re

import pytest

from watchword import errors

TREE = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, errors.WatchwordError)
]


@pytest.fixture(params=TREE, ids=lambda error: error.__name__)
def error(request):
    return request.param


def test_the_module_exports_the_whole_tree_in_order():
    assert errors.__all__ == sorted(error.__name__ for error in TREE)


def test_no_two_errors_share_a_code():
    assert len({error.code for error in TREE}) == len(TREE)


def test_an_error_has_a_code_of_its_own_in_snake_case(error):
    assert "code" in vars(error)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)


def test_an_errors_sentence_is_its_message_unless_another_is_given(error):
    assert str(error()) == error.description
    assert str(error("another sentence")) == "another sentence"


def test_a_sentence_begins_small_and_has_no_full_stop(error):
    assert re.fullmatch(r"[a-z].*[^.]", error.description)


def test_a_status_is_one_that_tells_the_client_something(error):
    assert error.status in {None, 400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503}


def test_an_error_survives_pickling(error):
    copy = pickle.loads(pickle.dumps(error("a sentence")))
    assert type(copy) is error
    assert str(copy) == "a sentence"


@pytest.mark.parametrize(
    ("error", "attribute"),
    [
        (errors.InvalidClaims("no", claim="iss"), "claim"),
        (errors.InsufficientScope("no", scopes=("write",)), "scopes"),
        (errors.Throttled("no", retry_after=7.5), "retry_after"),
        (errors.StoreUnavailable("no", retry_after=7.5), "retry_after"),
    ],
)
def test_an_errors_data_survives_pickling(error, attribute):
    assert getattr(pickle.loads(pickle.dumps(error)), attribute) == getattr(error, attribute)


@pytest.mark.parametrize("error", [error for error in TREE if issubclass(error, errors.InvalidClaims)])
def test_all_failed_claims_survive_pickling(error):
    first = error("a sentence", claim="iss")
    first.failures = (first, errors.ExpiredToken(claim="exp"))
    copy, other = pickle.loads(pickle.dumps(first)).failures
    assert (type(copy), str(copy), copy.code, copy.claim) == (error, "a sentence", error.code, "iss")
    assert (type(other), other.claim, other.failures) == (errors.ExpiredToken, "exp", (other,))
    assert copy.failures == (copy, other)


@pytest.mark.parametrize(
    ("root", "status", "members"),
    [
        (
            errors.InvalidToken,
            401,
            ["BadSignature", "ExpiredToken", "MalformedToken", "SessionEnded", "UnknownKey"],
        ),
        (errors.Unavailable, 503, ["KeysUnavailable", "Overloaded", "StoreUnavailable"]),
        (
            errors.InvalidClaims,
            401,
            ["ExpiredToken", "MissingClaim", "WrongAudience", "WrongIssuer", "WrongType"],
        ),
    ],
)
def test_what_is_caught_together_answers_alike(root, status, members):
    for member in members:
        error = getattr(errors, member)
        assert issubclass(error, root)
        assert error.status == status


def test_a_failed_claim_is_the_first_of_its_failures():
    error = errors.WrongIssuer(claim="iss")
    assert error.claim == "iss"
    assert error.failures == (error,)


def test_a_missing_extra_says_which_line_installs_it_and_is_an_import_error():
    error = errors.MissingExtra.from_extra("flask")
    assert "pip install 'watchword[flask]'" in str(error)
    assert isinstance(error, ImportError)
