from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from watchword.jose import Key

VECTORS = Path(os.environ.get("WATCHWORD_VECTORS", Path(__file__).parents[3] / "shared" / "vectors"))

ONE_KEY_EACH = ("HS256", "HS384", "HS512", "RS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448")


@pytest.fixture
def vectors() -> Callable[[str], Any]:
    if not VECTORS.is_dir():
        pytest.skip("the RFCs' vectors are not part of a clone; WATCHWORD_VECTORS names their folder")
    return lambda name: json.loads((VECTORS / name).read_text())


@pytest.fixture(scope="session")
def rsa() -> Key:
    return Key.generate("RS256")


@pytest.fixture(scope="session", params=ONE_KEY_EACH)
def any_key(request: pytest.FixtureRequest, rsa: Key) -> Key:
    return rsa if request.param == "RS256" else Key.generate(request.param)
