"""Every snippet of docs/profiles.md runs, as it stands there."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from watchword import Issuer, Key, KeySet
from watchword.errors import InvalidToken
from watchword.jose import base64url, jws
from watchword.jwt import profiles

DOCUMENT = Path("docs/profiles.md").read_text("utf-8")
SNIPPETS = dict(re.findall(r"<!-- test: ([\w ]+) -->\n```python\n(.*?)```", DOCUMENT, re.DOTALL))

KEY = Key.generate("EdDSA")
KEYS = KeySet([KEY.public()])
HOLDER = Key.generate("ES256")
PROVIDER, API = "https://issuer.example", "https://api.example"


def run(snippet: str, **given: Any) -> dict[str, Any]:
    names: dict[str, Any] = {"keys": KEYS, **given}
    exec(compile(SNIPPETS[snippet], "docs/profiles.md", "exec"), names)
    return names


def issued(typ: str, subject: str, audience: str, claims: dict[str, Any], issuer: str = PROVIDER) -> str:
    return Issuer(issuer, KEY, audience=audience, typ=typ, lifetime=60).issue(subject, claims)


def access_token(**claims: Any) -> str:
    return issued("at+jwt", "user-1", API, {"client_id": "shop", "scope": "read", **claims})


def proof(access_token: str) -> str:
    digest = base64url.encode(hashlib.sha256(access_token.encode()).digest())
    claims = {"jti": "p", "htm": "GET", "htu": f"{API}/orders", "iat": int(time.time()), "ath": digest}
    return jws.sign(msgspec.json.encode(claims), HOLDER, {"typ": "dpop+jwt", "jwk": HOLDER.public().to_jwk()})


def test_the_access_token_is_verified() -> None:
    assert run("access token", token=access_token())["claims"].scope == "read"


def test_an_access_token_may_say_more() -> None:
    assert run("more claims", token=access_token(tenant="t"))["claims"].tenant == "t"


def test_the_id_token_is_verified() -> None:
    token = issued("JWT", "user-1", "shop", {"nonce": "n-1"})
    assert run("id token", token=token, nonce="n-1")["claims"].sub == "user-1"


def test_the_logout_token_is_verified() -> None:
    events = {"http://schemas.openid.net/event/backchannel-logout": {}}
    token = issued("logout+jwt", "user-1", "shop", {"events": events, "sid": "s"})
    assert run("logout token", token=token)["claims"].sid == "s"


def test_the_client_assertion_is_verified() -> None:
    assertion = issued("JWT", "shop", PROVIDER, {}, issuer="shop")
    assert run("client assertion", assertion=assertion)["claims"].sub == "shop"


def test_the_proof_shows_the_key_that_the_token_is_bound_to() -> None:
    token = access_token(cnf={"jkt": HOLDER.thumbprint})
    assert run("dpop proof", token=token, dpop_header=proof(token))["proof"].jkt == HOLDER.thumbprint
    for unbound in (access_token(), access_token(cnf={"jkt": KEY.thumbprint})):
        with pytest.raises(InvalidToken, match="another key"):
            run("dpop proof", token=unbound, dpop_header=proof(unbound))


def test_every_failure_is_told_as_the_document_says() -> None:
    told = run("failures", token=access_token())["told"]
    as_text = str(told).replace("'", '"')
    assert as_text in DOCUMENT.replace("\n", " ")


def test_every_snippet_is_tested_and_every_profile_is_in_the_document() -> None:
    assert len(SNIPPETS) == DOCUMENT.count("```python")
    functions = [name for name in profiles.__all__ if name[0].islower()]
    assert [name for name in functions if f"`{name}`" not in DOCUMENT] == []
