"""What mypy makes of an application's code that uses ours."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
APPLICATION = """
from dataclasses import dataclass

from watchword import Claims, Issuer, Key, MultiIssuer, RemoteKeySet, Verifier, inspect, inspect_unverified
from watchword.jwt import profiles


class MyClaims(Claims):
    scope: str = ""


class Tenant(profiles.AccessTokenClaims):
    tenant: str


@dataclass(frozen=True)
class Subject:
    sub: str


key = Key.generate("EdDSA")
token = Issuer("i", key, encrypt_to=Key.generate("dir")).issue("user-1", MyClaims(scope="read"))
claims = Verifier(key, claims=MyClaims).verify(token)
reveal_type(claims)  # app.MyClaims
reveal_type(claims.scope)  # str
claims.scope = "admin"  # [misc]
MyClaims("read")  # [call-arg]
MyClaims(scope=5)  # [arg-type]
Tenant(tenant="t")  # [call-arg]
reveal_type(Verifier(key).verify(token))  # dict[str, Any]
reveal_type(Verifier(key, claims=Subject).verify(token))  # app.Subject
reveal_type(profiles.access_token_verifier(key, issuer="i", audience="a").verify(token).client_id)  # str
of_tenants = profiles.access_token_verifier(key, issuer="i", audience="a", claims=Tenant)
reveal_type(of_tenants.verify(token))  # app.Tenant
reveal_type(profiles.access_token(key, issuer="i", audience="a", claims=Tenant).verify(token))  # app.Tenant
reveal_type(profiles.id_token_verifier(key, issuer="i", client_id="c", nonce="n").verify(token).sub)  # str
profiles.id_token_verifier(key, issuer="i", client_id="c")  # [call-arg]
provider = Verifier.from_issuer("i", audience="a", claims=MyClaims, leeway=5)
reveal_type(provider.verify(token))  # app.MyClaims
reveal_type(MultiIssuer([provider]).verify(token).scope)  # str
reveal_type(Verifier.from_issuer("i", audience="a").verify(token))  # dict[str, Any]
reveal_type(Verifier(RemoteKeySet("u")).verify(token))  # dict[str, Any]
Verifier.from_issuer("i")  # [call-arg]
Verifier(key, leeway="5")  # [arg-type]
Verifier(key, leway=5)  # [call-arg]
Verifier.from_issuer("i", audience="a", leway=5)  # [call-arg]
reveal_type(profiles.dpop_proof_verifier(method="GET", url="https://a.example/").verify(token).jkt)  # str
reveal_type(profiles.dpop_proof(token, method="GET", url="https://a.example/").jkt)  # str
profiles.dpop_proof(token, url="https://a.example/")  # [call-arg]
reveal_type(inspect_unverified(token).header)  # dict[str, Any]
reveal_type(inspect(token).header)  # dict[str, Any]
"""
FINDING = re.compile(r':(\d+): (?:note: Revealed type is "(.*)"|error: .*(\[.*\]))$', re.MULTILINE)


def test_claims_are_frozen_and_typed_in_the_eyes_of_mypy(tmp_path):
    application = tmp_path / "app.py"
    application.write_text(APPLICATION)
    shown = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", application],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    found = {(int(line), type_ or code) for line, type_, code in FINDING.findall(shown.stdout)}
    assert found == {
        (number, line.partition("  # ")[2])
        for number, line in enumerate(APPLICATION.splitlines(), 1)
        if "  # " in line
    }, shown.stdout
