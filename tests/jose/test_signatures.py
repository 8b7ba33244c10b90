from __future__ import annotations

import pytest

from watchword.jose import jws, signatures


def test_the_old_place_of_raw_from_der_works_and_warns() -> None:
    with pytest.warns(DeprecationWarning, match=r"use watchword\.jose\.jws\.raw_from_der"):
        from watchword.jose.signatures import raw_from_der  # noqa: PLC0415 - the import warns

    assert raw_from_der is jws.raw_from_der
    with pytest.raises(AttributeError, match="no attribute 'sign'"):
        _ = signatures.sign
