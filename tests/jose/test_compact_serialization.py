from __future__ import annotations

from typing import Any

import pytest

from watchword.errors import MalformedToken
from watchword.jose import compact_serialization


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.b.c.d", "a.b.c.d.e", "é.b.c", "\ud800.b.c", None, b"a.b.c", 7]
)
def test_only_text_of_exactly_three_segments_is_split(token: Any) -> None:
    assert compact_serialization.split_token("a.b.c", 3) == [b"a", b"b", b"c"]
    with pytest.raises(MalformedToken):
        compact_serialization.split_token(token, 3)


def test_a_token_is_bounded_before_it_is_split() -> None:
    rest = compact_serialization.MAX_TOKEN - 2
    assert compact_serialization.split_token("." + "a" * rest + ".", 3)
    with pytest.raises(MalformedToken):
        compact_serialization.split_token("." + "a" * (rest + 1) + ".", 3)
