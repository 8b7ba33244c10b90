"""Every block of docs/codec.md runs, one after the other, and its tables are complete."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from watchword import errors
from watchword.cli.main import main
from watchword.jose.algorithms.content_encryption import CONTENT_ENCRYPTIONS
from watchword.jose.algorithms.table import ALGORITHMS

DOCUMENT = Path("docs/codec.md").read_text("utf-8")
BLOCKS = re.findall(r"<!-- test: ([\w ]+) -->\n```python\n(.*?)```", DOCUMENT, re.DOTALL)
[(COMMAND, SHOWN)] = re.findall(
    r"<!-- test: batch -->\n```console\n\$ watchword (.*?)\n(.*?)```", DOCUMENT, re.DOTALL
)
ROWS = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.+) \|$", DOCUMENT, re.MULTILINE)


class Kms:
    """A service that holds a key and answers in DER."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data, ec.ECDSA(SHA256()))


def certificate() -> str:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "partner.example")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What is there after the last block."""
    names: dict[str, Any] = {"certificate": certificate(), "kms": Kms()}
    for title, code in BLOCKS:
        exec(compile(code, f"docs/codec.md, {title}", "exec"), names)
    return names


def test_a_token_is_issued_and_verified(names: dict[str, Any]) -> None:
    assert (names["claims"]["sub"], names["claims"]["scope"]) == ("user-1", "read")
    assert names["claims"].keys() == {"iss", "sub", "aud", "iat", "exp", "jti", "scope"}


def test_what_becomes_of_claims_is_as_the_document_says(names: dict[str, Any]) -> None:
    assert names["refused"] in DOCUMENT
    assert names["delivered"].keys() == {"iss", "iat", "nbf"}
    table = re.findall(
        r"^\| (`.+`|Struct.*) \| (.+) \|$", DOCUMENT.partition("### How claims become JSON")[2], re.MULTILINE
    )
    written = {
        "`datetime`": dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        "`timedelta`": dt.timedelta(0, 60),
    }
    written |= {"`UUID`": UUID(int=1), "`Decimal`": Decimal("1.10")}
    for name, value in written.items():
        [form] = [form for kinds, form in table if name in kinds]
        claims = names["inspect_unverified"](names["issuer"].issue("user-1", {"c": value})).claims
        assert f'`"{claims["c"]}"`' in form


def test_what_works_here_is_told(names: dict[str, Any]) -> None:
    assert names["lacking"] == {}


def test_keys_are_made_written_and_read(names: dict[str, Any]) -> None:
    signing = names["signing"]

    assert names["again"].is_private
    assert "ENCRYPTED" in names["pem"]
    assert names["again"].kid == names["public"].kid == names["same"].kid == signing.kid == signing.thumbprint
    assert names["shared"].kid == "2026-11"
    assert names["theirs"].alg == "RS256"
    assert [key.kid for key in names["found"]] == [signing.kid]
    assert names["unusable"] == []


def test_claims_come_in_each_model(names: dict[str, Any]) -> None:
    assert (names["bought"].sub, names["bought"].scope) == ("user-1", "read")
    assert [getattr(claims, "scope", None) or claims["scope"] for claims in names["typed"]] == ["read"] * 4
    assert [type(claims) for claims in names["typed"]] == [
        names["DataclassClaims"], dict, names["AttrsClaims"], names["PydanticClaims"],
    ]  # fmt: skip


def test_every_failure_is_told_as_the_document_says(names: dict[str, Any]) -> None:
    assert names["code"] == "missing_claim"
    assert str(names["told"]).replace("'", '"') in DOCUMENT


def test_rules_and_critical_headers_let_the_right_ones_in_and_nobody_else(names: dict[str, Any]) -> None:
    assert names["welcome"]["tenant"] == "acme"
    assert names["admitted"]["sub"] == "user-1"
    issue, region = names["issuer"].issue, names["REGION"]
    for verifier, token in [
        (names["acme"], issue("user-1", {"tenant": []})),
        (names["european"], issue("user-1", header={"crit": [region], region: "us"})),
    ]:
        with pytest.raises(errors.InvalidClaims, match="another"):
            verifier.verify(token)
    with pytest.raises(errors.MalformedToken):
        names["verifier"].verify(names["regional"])


def test_nested_tokens_are_read_by_whom_they_are_for_and_nothing_else_is(names: dict[str, Any]) -> None:
    assert names["private_claims"]["diagnosis"] == "hay fever"
    for verifier, token in [(names["discreet"], names["token"]), (names["verifier"], names["nested"])]:
        with pytest.raises(errors.MalformedToken):
            verifier.verify(token)


def test_claims_under_a_shared_secret_are_read_and_a_password_is_hashed_as_often_as_said(
    names: dict[str, Any],
) -> None:
    assert names["in_cookie"] == names["session"]
    assert names["inspect_unverified"](names["portable"]).header["p2c"] == 10_000


def test_many_tokens_have_an_outcome_each(names: dict[str, Any]) -> None:
    assert names["outcomes"] == ["good", "wrong_audience", "malformed_token"]


def test_the_command_line_counts_them(
    names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("jwks.json").write_text(json.dumps(names["keys"].to_jwks()))
    Path("tokens").write_text("\n".join(names["log"]))

    done = CliRunner().invoke(main, COMMAND.split())

    expected = re.escape(SHOWN.removesuffix("[1]\n")).replace(re.escape("..."), r"[\d.]+")
    assert re.fullmatch(re.sub(r"(\\ )+", " +", expected), re.sub(" +", " ", done.output))
    assert done.exit_code == 1


def test_signatures_and_encryption_work_by_themselves(names: dict[str, Any]) -> None:
    assert names["seen"].claims["aud"] == "another-api"
    assert names["verified"].payload == b"any bytes"
    assert ".." in names["detached"]
    assert names["both"]
    assert names["opened"].plaintext == names["kept"].plaintext == b"a secret"
    assert names["kept"].aad == b"readable by all"


def test_a_key_that_stays_elsewhere_signs(names: dict[str, Any]) -> None:
    assert names["inspect_unverified"](names["remote"]).header == {
        "alg": "ES256",
        "typ": "JWT",
        "kid": "kms-1",
    }


def test_every_block_is_tested() -> None:
    assert len(BLOCKS) + 1 == len(re.findall(r"^```\w+$", DOCUMENT, re.MULTILINE))


def test_every_algorithm_is_in_the_list_and_nothing_else_is() -> None:
    lists = re.findall(
        r"^- (?:signatures|key management|content encryption):((?:.|\n  )+)", DOCUMENT, re.MULTILINE
    )
    rows = [*ALGORITHMS, *CONTENT_ENCRYPTIONS]

    assert re.findall(r"`(\S+)`", "".join(lists)) == list(dict.fromkeys(row.name for row in rows))


def tree(root: type[errors.WatchwordError]) -> set[type[errors.WatchwordError]]:
    return {root}.union(*map(tree, root.__subclasses__()))


def test_every_error_is_in_the_table_with_its_code() -> None:
    roots = (
        errors.InvalidToken,
        errors.InvalidKey,
        errors.KeysUnavailable,
        errors.Unissuable,
        errors.InvalidSettings,
    )
    ours = {error for root in roots for error in tree(root) if error.__module__.startswith(errors.__name__)}

    assert {(code, name) for code, name, _ in ROWS} == {(error.code, error.__name__) for error in ours}
    assert len(ROWS) == len(ours)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", DOCUMENT))))
def test_a_link_leads_somewhere(target: str) -> None:
    page, _, heading = target.partition("#")
    path = Path("docs", page or "codec.md")

    assert path.exists()
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE) if heading else []
    assert not heading or heading in {
        re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings
    }
