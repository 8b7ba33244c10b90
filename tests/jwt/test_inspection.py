from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from watchword.errors import MalformedToken
from watchword.jwt import inspect_unverified


def test_everything_is_shown_and_nothing_believed(forge: Callable[..., str]) -> None:
    token = forge({"sub": "anybody", "exp": 0}, {"alg": "none", "crit": ["x"], "kid": 5})
    shown = inspect_unverified(token.rpartition(".")[0] + ".")
    assert shown.header == {"alg": "none", "crit": ["x"], "kid": 5}
    assert shown.claims == {"sub": "anybody", "exp": 0}


def test_what_is_shown_says_that_it_is_unverified(forge: Callable[..., str]) -> None:
    assert repr(inspect_unverified(forge({"sub": "anybody"}))).startswith("<UNVERIFIED ")


@pytest.mark.parametrize(
    "token", ["", "a.b.c", "e30.e30.=", "e30.W10.", "e30.e30", "e30.e30.e30.e30.=", None, b"e30.e30."]
)
def test_what_is_no_token_is_malformed(token: Any) -> None:
    assert inspect_unverified("e30.e30.").claims == {}
    with pytest.raises(MalformedToken):
        inspect_unverified(token)
