"""docs/defaults.md says what the code does."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from watchword import Issuer, Settings, Verifier
from watchword.errors import PasswordRejected
from watchword.jose import (
    compact_serialization,
    header,
    json_serialization,
    jwe,
    jwk,
    key_selection,
    key_set,
    strict_json,
)
from watchword.jose.algorithms import key_management
from watchword.jose.material import certificates, strength
from watchword.jwt import caches, claims, profiles

SETTINGS, REST = Path("docs/defaults.md").read_text("utf-8").split("## Not settings")
_, CODEC = REST.split("## The codec")
ROWS = {
    cells[1].strip("` "): (cells[2].strip(), cells[3].strip())
    for line in SETTINGS.splitlines()
    if line.startswith("| `") and len(cells := line.split("|")) == 5
}

IN_WORDS = {
    "resource": "none",
    "secret": "made",
    "sessions_url": "none",
    "trusted_proxies": "none",
}  # what is found at the first start, or is empty


def test_every_setting_stands_in_the_table_and_nothing_else_does() -> None:
    assert sorted(ROWS) == sorted(Settings.__struct_fields__)


@pytest.mark.parametrize("name", [*Settings.__struct_fields__])
def test_a_setting_is_documented_with_its_default_and_a_reason(name: str) -> None:
    shown, reason = ROWS[name]

    assert re.split(r"[ ;]", shown.replace("`", ""))[0] == IN_WORDS.get(name, str(getattr(Settings(), name)))
    assert len(reason) > 20


def test_the_example_runs_and_does_what_the_page_says() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", SETTINGS, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    with closing(names["auth"]) as auth, pytest.raises(PasswordRejected, match="known from a data breach"):
        auth.accounts.add("alice", "the cat sat on the mat")


DEFAULTS = {
    f"{function}({argument})": default
    for function, arguments, default in re.findall(
        r"^\| `([\w.]+)\((.+?)\)` \| `(.+?)` \| ", CODEC, re.MULTILINE
    )
    for argument in arguments.split(", ")
}
DOCUMENTED_WHOLE: dict[str, Callable[..., Any]] = {
    "Verifier": Verifier.__init__,
    "Issuer": Issuer.__init__,
    "jwe.encrypt": jwe.encrypt,
    "jwe.decrypt": jwe.decrypt,
}
NOT_DECISIONS = {"clock", "header"}
BOUNDS = {
    "characters of a token": compact_serialization.MAX_TOKEN,
    "characters of a header": header.MAX_HEADER,
    "depth of JSON": strict_json.MAX_DEPTH,
    "keys tried for a token without `kid`": key_selection._MAX_CANDIDATES,
    "signatures or recipients of a token": json_serialization.MAX_PARTIES,
    "attempts to decrypt a token": jwe._MAX_ATTEMPTS,
    "bytes of a key's JSON": jwk.MAX_JWK,
    "bytes of a key set's JSON": key_set.MAX_JWKS,
    "keys of a key set": key_set.MAX_KEYS,
    "certificates of a key": certificates._MAX_CHAIN,
    "largest time": claims._LARGEST_TIME,
}


def shown(default: object) -> str:
    return default.__name__ if isinstance(default, type) else repr(default).replace("'", '"')


def test_an_argument_is_documented_with_its_default() -> None:
    functions = DOCUMENTED_WHOLE | {name: getattr(profiles, name) for name in profiles.__all__}
    actual = {}
    for name in DEFAULTS:
        function, argument = re.findall(r"[\w.]+", name)
        actual[name] = shown(inspect.signature(functions[function]).parameters[argument].default)

    assert actual == DEFAULTS


@pytest.mark.parametrize("function", DOCUMENTED_WHOLE)
def test_every_argument_that_may_be_left_out_is_documented(function: str) -> None:
    parameters = inspect.signature(DOCUMENTED_WHOLE[function]).parameters.values()
    optional = {parameter.name for parameter in parameters if parameter.default is not parameter.empty}

    assert {name for name in optional - NOT_DECISIONS if f"{function}({name})" not in DEFAULTS} == set()


@pytest.mark.parametrize("what", BOUNDS)
def test_a_bound_is_documented(what: str) -> None:
    assert f"| {what} | {BOUNDS[what]:,} | " in CODEC


def test_bounds_in_the_midst_of_a_row_are_documented() -> None:
    bits, exponents = strength._RSA_BITS, strength._RSA_EXPONENTS
    counts = key_management.ITERATIONS
    room, largest = caches._ROOM, caches._LARGEST

    smallest, longest = exponents.start, exponents[-1].bit_length()
    assert (
        f"{bits.start:,} to {bits[-1]:,} bits, exponent {smallest:,} or more and at most {longest} bits"
        in CODEC
    )
    assert re.search(rf"{counts.start:,} \(.*?\) to {counts[-1]:,} can be set", CODEC)
    assert f"an average of {room:,} bytes each, and tokens of more than {largest:,} characters" in CODEC
    assert room * inspect.signature(Verifier).parameters["cache_size"].default < 16_000_000
