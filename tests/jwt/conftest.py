from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from watchword.jose import Key, base64url

NOW = 1_700_000_000
ISSUER = "https://issuer.example"


class Clock:
    """Shows the time that it is set to."""

    def __init__(self) -> None:
        self.now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def key() -> Key:
    return Key.from_secret(b"\x07" * 32, "HS256", kid="k1")


@pytest.fixture(scope="session")
def forge(key: Key) -> Callable[..., str]:
    """Signs whatever it is given: a mapping or raw bytes as payload, any header."""

    def token(
        payload: Mapping[str, Any] | bytes, header: Mapping[str, Any] | bytes | None = None, by: Key = key
    ) -> str:
        segments = [
            part if isinstance(part, bytes) else msgspec.json.encode(part)
            for part in ({"alg": by.alg, "typ": "JWT"} if header is None else header, payload)
        ]
        signed = ".".join(map(base64url.encode, segments))
        return signed + "." + base64url.encode(by.sign(signed.encode()))

    return token
