"""Signatures exchanged with PyJWT, joserfc and jwcrypto, both ways: each algorithm, each serialization."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import jwt.api_jws
import pytest
from joserfc import jws as joserfc_jws
from joserfc.jwk import JWKRegistry
from joserfc.jwk import KeySet as JoserfcKeySet
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from watchword.jose import Key, KeySet, jws
from watchword.jose.algorithms import ALGORITHMS

# joserfc's opinion of a name that others still use
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")

PAYLOAD = b"what was signed: \xe2\x82\xac"

Members = dict[str, Any]


class Peer(Protocol):
    """Another library."""

    def sign(self, jwk: Members) -> str: ...

    def verify(self, token: str, jwk: Members) -> bytes: ...


class Pyjwt:
    codec = jwt.api_jws.PyJWS()

    def sign(self, jwk: Members) -> str:
        return self.codec.encode(PAYLOAD, jwt.PyJWK(jwk), jwk["alg"], headers={"kid": jwk["kid"]})

    def verify(self, token: str, jwk: Members) -> bytes:
        payload: bytes = self.codec.decode(token, jwt.PyJWK(jwk), [jwk["alg"]])
        return payload


class Joserfc:
    def sign(self, jwk: Members) -> str:
        header = {"alg": jwk["alg"], "kid": jwk["kid"]}
        return joserfc_jws.serialize_compact(header, PAYLOAD, JWKRegistry.import_key(jwk), [jwk["alg"]])

    def verify(self, token: str, jwk: Members) -> bytes:
        return joserfc_jws.deserialize_compact(token, JWKRegistry.import_key(jwk), [jwk["alg"]]).payload

    def sign_json(self, jwks: Sequence[Members]) -> Members:
        members = [{"protected": {"alg": jwk["alg"]}, "header": {"kid": jwk["kid"]}} for jwk in jwks]
        keys = JoserfcKeySet([JWKRegistry.import_key(jwk) for jwk in jwks])
        algs = [jwk["alg"] for jwk in jwks]
        return dict(
            joserfc_jws.serialize_json(members[0] if len(jwks) == 1 else members, PAYLOAD, keys, algs)
        )  # type: ignore[arg-type]

    def verify_json(self, token: Members, jwks: Sequence[Members]) -> bytes:
        keys = JoserfcKeySet([JWKRegistry.import_key(jwk) for jwk in jwks])
        return joserfc_jws.deserialize_json(token, keys, [jwk["alg"] for jwk in jwks]).payload  # type: ignore[arg-type]


class Jwcrypto:
    def sign(self, jwk: Members) -> str:
        token = JWS(PAYLOAD)
        token.allowed_algs = [jwk["alg"]]
        token.add_signature(JWK(**jwk), None, json.dumps({"alg": jwk["alg"], "kid": jwk["kid"]}))
        return str(token.serialize(compact=True))

    def verify(self, token: str, jwk: Members) -> bytes:
        return self._verified(token, jwk)

    def sign_json(self, jwks: Sequence[Members]) -> Members:
        token = JWS(PAYLOAD)
        for jwk in jwks:
            token.add_signature(
                JWK(**jwk), None, json.dumps({"alg": jwk["alg"]}), json.dumps({"kid": jwk["kid"]})
            )
        members: Members = json.loads(token.serialize())
        return members

    def verify_json(self, token: Members, jwks: Sequence[Members]) -> bytes:
        (payload,) = {self._verified(json.dumps(token), jwk) for jwk in jwks}
        return payload

    def _verified(self, text: str, jwk: Members) -> bytes:
        token = JWS()
        token.allowed_algs = [jwk["alg"]]
        token.deserialize(text, JWK(**jwk))
        return bytes(token.payload)


PYJWT, JOSERFC, JWCRYPTO = Pyjwt(), Joserfc(), Jwcrypto()
USUAL = {
    *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "ES256K", "EdDSA"),
}
EDWARDS, ML_DSA = {"Ed25519", "Ed448"}, {"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}
KNOWN = [(PYJWT, USUAL), (JOSERFC, USUAL | EDWARDS), (JWCRYPTO, USUAL)]


def pairs() -> Iterator[Any]:
    for row in ALGORITHMS:
        for peer, known in KNOWN:
            if row.name in known:
                name = f"{type(peer).__name__}-{row.name}-{row.kinds[0]}"
                yield pytest.param(peer, row, id=name)


def jwk_of(row: Any) -> Members:
    generated = Key.generate("Ed448" if row.kinds[0] == "Ed448" else row.name)
    return {**generated.to_jwk(private=True), "alg": row.name}


def public(jwk: Members) -> Members:
    return jwk if jwk["kty"] == "oct" else Key.from_jwk(jwk).public().to_jwk()


@pytest.mark.parametrize(("peer", "row"), [*pairs()])
def test_a_compact_token_of_a_peer_verifies_here(peer: Peer, row: Any) -> None:
    jwk = jwk_of(row)
    verified = jws.verify(peer.sign(jwk), KeySet([Key.from_jwk(public(jwk), row.name)]))
    assert verified.payload == PAYLOAD


@pytest.mark.parametrize(("peer", "row"), [*pairs()])
def test_a_compact_token_of_ours_verifies_there(peer: Peer, row: Any) -> None:
    jwk = jwk_of(row)
    assert peer.verify(jws.sign(PAYLOAD, Key.from_jwk(jwk, row.name)), public(jwk)) == PAYLOAD


def test_every_signature_algorithm_is_exchanged_with_somebody_but_ml_dsa() -> None:
    ours = {row.name for row in ALGORITHMS if row.scheme}
    assert ours - set().union(*(known for _, known in KNOWN)) == ML_DSA


SIGNERS = [["HS256"], ["ES256"], ["EdDSA"], ["RS256", "ES384"], ["PS256", "HS512", "EdDSA"]]


@pytest.mark.parametrize("algs", SIGNERS, ids="+".join)
@pytest.mark.parametrize("peer", [JOSERFC, JWCRYPTO], ids=lambda peer: type(peer).__name__)
def test_a_peers_token_in_json_serialization_verifies_here(peer: Any, algs: list[str]) -> None:
    keys = [Key.generate(alg) for alg in algs]
    token = peer.sign_json([key.to_jwk(private=True) for key in keys])
    assert ("signatures" in token) == (len(keys) > 1)
    found = jws.verify_json(json.dumps(token), KeySet(keys))
    assert [(one.key, one.payload) for one in found] == [(key, PAYLOAD) for key in keys]


@pytest.mark.parametrize("algs", SIGNERS, ids="+".join)
@pytest.mark.parametrize("peer", [JOSERFC, JWCRYPTO], ids=lambda peer: type(peer).__name__)
def test_our_token_in_json_serialization_verifies_there(peer: Any, algs: list[str]) -> None:
    keys = [Key.generate(alg) for alg in algs]
    token = jws.sign_json(PAYLOAD, keys)
    assert peer.verify_json(token, [public(key.to_jwk(private=True)) for key in keys]) == PAYLOAD


UNENCODED = {"b64": False, "crit": ["b64"]}


def test_detached_unencoded_payloads_are_exchanged_with_pyjwt() -> None:
    key = Key.generate("HS256")
    there = jwt.PyJWK(key.to_jwk(private=True))
    token = PYJWT.codec.encode(
        PAYLOAD, there, "HS256", is_payload_detached=True, headers={"b64": False, "crit": ["b64"]}
    )
    assert jws.verify(token, key, payload=PAYLOAD).payload == PAYLOAD
    ours = jws.sign(PAYLOAD, key, UNENCODED, detached=True)
    assert PYJWT.codec.decode(ours, there, ["HS256"], detached_payload=PAYLOAD) == PAYLOAD


def test_detached_payloads_are_exchanged_with_jwcrypto() -> None:
    key = Key.generate("ES256")
    there = JWK(**key.to_jwk(private=True))
    token = JWS(PAYLOAD)
    token.add_signature(there, None, json.dumps({"alg": "ES256"}))
    token.detach_payload()
    assert jws.verify(token.serialize(compact=True), key, payload=PAYLOAD).payload == PAYLOAD
    ours = JWS()
    ours.deserialize(jws.sign(PAYLOAD, key, detached=True))
    ours.verify(there, detached_payload=PAYLOAD)
    assert ours.is_valid
