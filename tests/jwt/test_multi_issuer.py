"""Tokens of identity providers, from metadata and keys of the shapes that real ones publish."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from watchword import Claims, FetchPolicy, IssuerKeySet, Key, KeySet, MultiIssuer, Verifier
from watchword.errors import (
    BadSignature,
    ExpiredToken,
    InvalidSettings,
    KeysUnavailable,
    MalformedClaim,
    MalformedToken,
    MissingClaim,
    UnknownKey,
    WrongAudience,
    WrongIssuer,
    WrongType,
)
from watchword.jose import base64url
from watchword.jwt import profiles

KEY, OTHER = Key.generate("EdDSA"), Key.generate("EdDSA")
RSA = Key.generate("RS256")
NOW = int(datetime.now(UTC).timestamp())  # when the run began: the tests may come an hour later
DAY = 86_400


class Scoped(Claims):
    scope: str = ""


# -- from_issuer ---------------------------------------------------------------------------------


def test_a_verifier_of_an_issuer_finds_its_keys_by_itself(provider) -> None:
    provider.publish(KEY)
    verifier = Verifier.from_issuer(provider.url, audience="api")
    assert provider.requests == []
    assert verifier.verify(provider.issue(KEY))["sub"] == "user-1"
    assert verifier.issuers == {provider.url}


def test_issuer_and_audience_are_demanded(provider, forge) -> None:
    provider.publish(KEY)
    verifier = Verifier.from_issuer(provider.url, audience="api")
    claims = {"iss": provider.url, "aud": "api", "exp": NOW + DAY}
    header = {"alg": "EdDSA", "kid": KEY.kid}
    assert verifier.verify(forge(claims, header, by=KEY))
    for change, error in [
        ({"iss": provider.url + "/"}, WrongIssuer),
        ({"aud": "web"}, WrongAudience),
        ({"exp": NOW - DAY}, ExpiredToken),
    ]:
        with pytest.raises(error):
            verifier.verify(forge(claims | change, header, by=KEY))


def test_whatever_else_is_expected_is_expected_as_in_a_verifier(provider) -> None:
    provider.publish(KEY)
    verifier = Verifier.from_issuer(provider.url, audience="api", claims=Scoped, typ="at+jwt", leeway=0)
    with pytest.raises(WrongType):
        verifier.verify(provider.issue(KEY))
    typed = Verifier.from_issuer(provider.url, audience="api", claims=Scoped)
    assert typed.verify(provider.issue(KEY, scope="read")).scope == "read"


def test_no_keys_and_a_dead_provider_are_503_and_an_unknown_key_is_401(provider) -> None:
    provider.publish(KEY)
    verifier = Verifier.from_issuer(provider.url, audience="api")
    with pytest.raises(UnknownKey) as unknown:
        verifier.verify(provider.issue(OTHER))
    provider.fail()
    with pytest.raises(KeysUnavailable) as unavailable:
        Verifier.from_issuer(provider.url, audience="api").verify(provider.issue(KEY))
    assert (unknown.value.status, unavailable.value.status) == (401, 503)


def test_how_to_fetch_can_be_said(provider) -> None:
    with pytest.raises(InvalidSettings):
        Verifier.from_issuer("http://idp.example", audience="api")
    Verifier.from_issuer("http://idp.example", audience="api", fetch=FetchPolicy(allow_http=True))


def test_a_template_is_no_issuer(provider) -> None:
    with pytest.raises(InvalidSettings, match="template"):
        Verifier.from_issuer("https://login.example/{tenantid}/v2.0", audience="api")


def test_an_issuers_keys_serve_a_profile_as_well(provider, forge) -> None:
    provider.publish(KEY)
    keys = IssuerKeySet(provider.url)
    verifier = profiles.access_token_verifier(keys, issuer=provider.url, audience="api")
    claims = {
        "iss": provider.url,
        "aud": "api",
        "sub": "u",
        "client_id": "c",
        "jti": "j",
        "iat": NOW,
        "exp": NOW + DAY,
    }
    token = forge(claims, {"alg": "EdDSA", "typ": "at+jwt", "kid": KEY.kid}, by=KEY)
    assert verifier.verify(token).client_id == "c"
    with pytest.raises(WrongType):
        verifier.verify(provider.issue(KEY))


def test_in_an_event_loop_only_the_first_token_waits(provider) -> None:
    provider.publish(KEY)
    verifier = Verifier.from_issuer(provider.url, audience="api")

    async def verify_all() -> list[str]:
        verified = [verifier.verify_async(provider.issue(KEY, f"user-{number}")) for number in range(20)]
        return [claims["sub"] for claims in await asyncio.gather(*verified)]

    assert asyncio.run(verify_all()) == [f"user-{number}" for number in range(20)]
    assert provider.requests == ["/.well-known/openid-configuration", "/jwks"]


# -- providers as they are -----------------------------------------------------------------------


def certified(key: Key) -> dict[str, Any]:
    """The members about a certificate of a key, as many providers publish them."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example")])
    made = (
        x509.CertificateBuilder(name, name, key.public().material, x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=365))
        .sign(key.material, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    return {
        "x5c": [base64.b64encode(made).decode()],
        "x5t": base64url.encode(hashlib.sha1(made).digest()),
        "x5t#S256": base64url.encode(hashlib.sha256(made).digest()),
    }


def jwk(key: Key, *left_out: str, **members: Any) -> dict[str, Any]:
    written = key.public().to_jwk() | members
    return {name: value for name, value in written.items() if name not in left_out}


def keycloak_like(url: str) -> dict[str, Any]:
    encrypting = Key.generate("RS256")
    return {
        "path": "/realms/shop",
        "metadata": {
            "authorization_endpoint": f"{url}/realms/shop/protocol/openid-connect/auth",
            "token_endpoint": f"{url}/realms/shop/protocol/openid-connect/token",
            "frontchannel_logout_supported": True,
            "grant_types_supported": [
                "authorization_code",
                "refresh_token",
                "urn:openid:params:grant-type:ciba",
            ],
            "acr_values_supported": ["0", "1"],
            "id_token_signing_alg_values_supported": ["PS384", "RS384", "EdDSA", "ES384", "HS256", "RS256"],
            "mtls_endpoint_aliases": {"token_endpoint": f"{url}/realms/shop/token"},
        },
        "jwks_path": "/realms/shop/protocol/openid-connect/certs",
        "keys": [
            jwk(encrypting, kid="enc", alg="RSA-OAEP", use="enc", **certified(encrypting)),
            jwk(RSA, use="sig", **certified(RSA)),
        ],
        "header": {"typ": "JWT"},
        "claims": {
            "typ": "Bearer",
            "azp": "web",
            "aud": ["api", "account"],
            "session_state": "5c9d",
            "realm_access": {"roles": ["offline_access", "user"]},
            "resource_access": {"account": {"roles": ["view-profile"]}},
            "scope": "openid email",
            "email_verified": False,
            "allowed-origins": ["https://shop.example"],
        },
    }


def auth0_like(url: str) -> dict[str, Any]:
    retired = Key.generate("RS256")
    certificate = certified(RSA)
    return {
        "path": "/",
        "metadata": {
            "device_authorization_endpoint": f"{url}/oauth/device/code",
            "scopes_supported": ["openid", "profile"],
            "id_token_signing_alg_values_supported": ["HS256", "RS256", "PS256"],
            "request_uri_parameter_supported": False,
            "global_token_revocation_endpoint_auth_methods_supported": ["global-token-revocation+jwt"],
        },
        "jwks_path": "/.well-known/jwks.json",
        "keys": [
            jwk(RSA, use="sig", **{name: certificate[name] for name in ("x5c", "x5t")}),
            jwk(retired, use="sig"),
        ],
        "header": {"typ": "JWT"},
        "claims": {
            "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
            "aud": ["api", f"{url}/userinfo"],
            "azp": "my_client_id",
            "scope": "openid profile",
            "https://shop.example/roles": ["admin"],
            "permissions": ["read:orders"],
        },
    }


def entra_like(url: str) -> dict[str, Any]:
    tenant = "9122040d-6c67-4c5b-b112-36a304b66dad"
    certificate = certified(RSA)
    return {
        "path": f"/{tenant}/v2.0",
        "metadata": {
            "tenant_region_scope": "EU",
            "cloud_instance_name": "login.example",
            "http_logout_supported": True,
            "kerberos_endpoint": f"{url}/{tenant}/kerberos",
            "id_token_signing_alg_values_supported": ["RS256"],
            "request_uri_parameter_supported": False,
        },
        "jwks_path": f"/{tenant}/discovery/v2.0/keys",
        "keys": [
            jwk(
                RSA,
                "alg",
                kid=certificate["x5t"],
                use="sig",
                x5t=certificate["x5t"],
                x5c=certificate["x5c"],
                cloud_instance_name="login.example",
                issuer=f"{url}/{tenant}/v2.0",
            )
        ],
        "header": {"typ": "JWT", "kid": certificate["x5t"]},
        "claims": {
            "aio": "AXQAi/8TAAAA",
            "azp": "2d4d11a2-f814-46a7-890a-274a72a7309e",
            "azpacr": "0",
            "name": "Ada Lovelace",
            "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
            "rh": "I",
            "scp": "Orders.Read",
            "tid": tenant,
            "uti": "fqiBqXLPj0eQa82S-IYFAA",
            "ver": "2.0",
            "nbf": NOW - 5,
        },
    }


def google_like(url: str) -> dict[str, Any]:
    return {
        "path": "",
        "metadata": {
            "device_authorization_endpoint": f"{url}/device/code",
            "response_types_supported": ["code", "token", "id_token", "none"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["aud", "email", "email_verified", "exp", "iss", "sub"],
            "code_challenge_methods_supported": ["plain", "S256"],
        },
        "jwks_path": "/oauth2/v3/certs",
        "keys": [jwk(RSA, use="sig"), jwk(Key.generate("RS256"), use="sig")],
        "header": {"typ": "JWT"},
        "claims": {
            "azp": "1234987819200.apps.example",
            "sub": "10769150350006150715113082367",
            "email": "ada@example.com",
            "email_verified": True,
            "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q",
            "hd": "example.com",
        },
    }


@pytest.mark.parametrize("shape", [keycloak_like, auth0_like, entra_like, google_like])
def test_tokens_of_the_shapes_that_providers_make_verify(provider, forge, shape: Callable[..., Any]) -> None:
    made = shape(provider.url)
    issuer = provider.url + made["path"]
    metadata = {"issuer": issuer, "jwks_uri": provider.url + made["jwks_path"], **made["metadata"]}
    provider.serve(
        f"{issuer.removeprefix(provider.url).removesuffix('/')}/.well-known/openid-configuration", metadata
    )
    provider.serve(made["jwks_path"], {"keys": made["keys"]}, Cache_Control="public, max-age=21600")
    claims = {"iss": issuer, "sub": "u", "aud": "api", "iat": NOW, "exp": NOW + DAY} | made["claims"]
    header = {"alg": "RS256", "kid": RSA.kid} | made["header"]
    token = forge(claims, header, by=RSA)
    keys = IssuerKeySet(issuer)
    assert Verifier(keys, issuer=issuer, audience="api").verify(token) == claims
    assert [skipped.kid for skipped in keys.skipped] in ([], ["enc"])  # Keycloak publishes one for encryption
    with pytest.raises(BadSignature):
        Verifier(keys, issuer=issuer, audience="api").verify(forge(claims, header, by=Key.generate("RS256")))


# -- several issuers -----------------------------------------------------------------------------


@pytest.fixture
def two(provider, start_provider) -> tuple[Any, Any]:
    other = start_provider()
    provider.publish(KEY)
    other.publish(OTHER)
    return provider, other


@pytest.fixture
def issuers(two) -> MultiIssuer[dict[str, Any]]:
    return MultiIssuer(Verifier.from_issuer(one.url, audience="api") for one in two)


def test_each_token_is_verified_with_its_own_issuers_keys(issuers, two) -> None:
    one, other = two
    assert issuers.verify(one.issue(KEY))["iss"] == one.url
    assert other.requests == []
    assert issuers.verify(other.issue(OTHER))["iss"] == other.url


def test_one_issuers_key_does_not_vouch_for_another(issuers, two) -> None:
    one, other = two
    for token in (one.issue(OTHER), other.issue(KEY)):
        with pytest.raises(UnknownKey):
            issuers.verify(token)


def test_an_unknown_issuer_costs_no_fetch(issuers, two, forge) -> None:
    one, _ = two
    for issuer in ("https://evil.example", one.url + "/", one.url.upper(), ""):
        with pytest.raises(WrongIssuer):
            issuers.verify(forge({"iss": issuer, "aud": "api"}, by=KEY))
    assert [provider.requests for provider in two] == [[], []]


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        *(({}, MissingClaim), ({"iss": None}, MissingClaim), ({"iss": 5}, MalformedClaim)),
        *(({"iss": ["i"]}, MalformedClaim), (b"", MalformedToken), (b"[]", MalformedToken)),
        *((b'{"iss": "i", "iss": "j"}', MalformedToken), (b'{"iss": "\xff"}', MalformedToken)),
        (b'{"iss": ' + b"[" * 1_000, MalformedToken),
    ],
    ids=repr,
)
def test_a_token_that_does_not_name_its_issuer_is_refused(issuers, two, forge, payload, error) -> None:
    with pytest.raises(error):
        issuers.verify(forge(payload, by=KEY))
    assert [provider.requests for provider in two] == [[], []]


@pytest.mark.parametrize(
    "token", ["", "a.b", "a.b.c", "a.e30.c.d.e", "ü.e30.x", "x" * 16_385, None, 5, b"a.b.c"]
)
def test_what_is_no_token_is_refused(issuers, token) -> None:
    with pytest.raises(MalformedToken):
        issuers.verify(token)
    with pytest.raises(MalformedToken):
        asyncio.run(issuers.verify_async(token))


def test_each_has_its_own_policy(key, forge) -> None:
    issuers = MultiIssuer(
        [
            Verifier(key, issuer=["a", "b"], audience="api"),
            Verifier(key, issuer="c", audience="c", typ="at+jwt"),
        ]
    )
    claims = {"aud": "api", "exp": NOW + DAY}
    assert issuers.verify(forge(claims | {"iss": "b"}))["iss"] == "b"
    with pytest.raises(WrongType) as caught:
        issuers.verify(forge(claims | {"iss": "c"}))
    assert {type(failure) for failure in caught.value.failures} == {WrongType, WrongAudience}


def test_the_longest_token_is_that_of_the_most_generous_policy(key, forge) -> None:
    issuers = MultiIssuer(
        [
            Verifier(key, issuer="a", max_token_size=100_000),
            Verifier(key, issuer="b"),
        ]
    )
    long = {"exp": NOW + DAY, "x": "x" * 20_000}
    assert issuers.verify(forge(long | {"iss": "a"}))
    with pytest.raises(MalformedToken):
        issuers.verify(forge(long | {"iss": "b"}))


def test_the_claims_have_the_type_that_all_of_them_return(key, forge) -> None:
    issuers: MultiIssuer[Scoped] = MultiIssuer([Verifier(key, issuer="a", claims=Scoped)])
    assert issuers.verify(forge({"iss": "a", "exp": NOW + DAY, "scope": "read"})).scope == "read"


def test_many_tokens_come_out_in_their_order(key, forge) -> None:
    issuers = MultiIssuer(Verifier(key, issuer=name) for name in ("a", "b"))
    tokens = [forge({"iss": "abc"[number % 3], "exp": NOW + DAY}) for number in range(50)]
    results = list(issuers.verify_many(tokens))
    assert [result["iss"] if isinstance(result, dict) else type(result) for result in results] == [
        ("a", "b", WrongIssuer)[number % 3] for number in range(50)
    ]


def test_in_an_event_loop_each_waits_for_its_own_issuer(issuers, two) -> None:
    async def both() -> list[Any]:
        tokens = [provider.issue(key) for provider, key in zip(two, (KEY, OTHER), strict=True)]
        return await asyncio.gather(*map(issuers.verify_async, tokens))

    assert [claims["iss"] for claims in asyncio.run(both())] == [provider.url for provider in two]


@pytest.mark.parametrize(
    "issuers",
    [[], [None], ["a", None], ["a", "a"], ["a", ["b", "a"]], [[]]],
    ids=str,
)
def test_issuers_that_cannot_be_told_apart_are_refused(key, issuers) -> None:
    with pytest.raises(InvalidSettings):
        MultiIssuer(Verifier(key, issuer=issuer) for issuer in issuers)


def test_a_key_set_of_ones_own_stands_beside_a_provider(two, forge) -> None:
    one, _ = two
    own = Verifier(KeySet([OTHER]), issuer="own", audience="api")
    issuers = MultiIssuer([own, Verifier.from_issuer(one.url, audience="api")])
    header = {"alg": "EdDSA", "kid": OTHER.kid}
    token = forge(msgspec.json.encode({"iss": "own", "aud": "api", "exp": NOW + DAY}), header, by=OTHER)
    assert issuers.verify(token)
    assert issuers.verify(one.issue(KEY))
