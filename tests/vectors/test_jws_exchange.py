"""Signatures exchanged with PyJWT, joserfc and jwcrypto, both ways: each algorithm, each serialization."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Protocol

import jwt.api_jws
import pytest
from joserfc import jws as joserfc_jws
from joserfc.jwk import JWKRegistry
from joserfc.jwk import KeySet as JoserfcKeySet
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from watchword.jose import Key, KeySet, jws
from watchword.jose.algorithms.table import ALGORITHMS

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
KNOWN = [(PYJWT, USUAL), (JOSERFC, USUAL | EDWARDS), (JWCRYPTO, USUAL | EDWARDS | ML_DSA)]


def pairs(*peers: Peer) -> Iterator[Any]:
    for row in ALGORITHMS:
        for peer, known in KNOWN:
            if row.name in known and peer in peers:
                name = f"{type(peer).__name__}-{row.name}-{row.kinds[0]}"
                yield pytest.param(peer, row, id=name)


IN_COMPACT_FORM = pytest.mark.parametrize(("peer", "row"), [*pairs(PYJWT, JOSERFC, JWCRYPTO)])
IN_JSON = pytest.mark.parametrize(("peer", "row"), [*pairs(JOSERFC, JWCRYPTO)])


@cache
def jwk_of(row: Any) -> Members:
    generated = Key.generate("Ed448" if row.kinds[0] == "Ed448" else row.name)
    return {**generated.to_jwk(private=True), "alg": row.name}


def public(jwk: Members) -> Members:
    return jwk if jwk["kty"] == "oct" else Key.from_jwk(jwk).public().to_jwk()


@IN_COMPACT_FORM
def test_a_compact_token_of_a_peer_verifies_here(peer: Peer, row: Any) -> None:
    jwk = jwk_of(row)
    verified = jws.verify(peer.sign(jwk), KeySet([Key.from_jwk(public(jwk), row.name)]))
    assert verified.payload == PAYLOAD


@IN_COMPACT_FORM
def test_a_compact_token_of_ours_verifies_there(peer: Peer, row: Any) -> None:
    jwk = jwk_of(row)
    assert peer.verify(jws.sign(PAYLOAD, Key.from_jwk(jwk, row.name)), public(jwk)) == PAYLOAD


def test_every_signature_algorithm_is_exchanged_with_somebody() -> None:
    ours = {row.name for row in ALGORITHMS if row.scheme}
    assert ours == set().union(*(known for _, known in KNOWN))


@IN_JSON
@pytest.mark.parametrize("others", [[], ["HS256"], ["PS256", "EdDSA"]], ids=["flattened", "two", "three"])
def test_a_token_in_json_serialization_verifies_on_the_other_side(
    peer: Any, row: Any, others: list[str]
) -> None:
    beside = [next(row for row in ALGORITHMS if row.name == alg) for alg in others]
    jwks = [jwk_of(row), *({**jwk_of(other), "kid": f"beside {other.name}"} for other in beside)]
    keys = [Key.from_jwk(jwk) for jwk in jwks]
    theirs, ours = peer.sign_json(jwks), jws.sign_json(PAYLOAD, keys)
    assert ("signatures" in theirs) == ("signatures" in ours) == bool(others)
    found = jws.verify_json(json.dumps(theirs), KeySet(keys))
    assert [(one.key, one.payload) for one in found] == [(key, PAYLOAD) for key in keys]
    assert peer.verify_json(ours, [public(jwk) for jwk in jwks]) == PAYLOAD


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


def test_unencoded_payloads_are_exchanged_with_joserfc() -> None:
    key, text = Key.generate("ES256"), "what stands there as it is: €"
    there = JWKRegistry.import_key(key.to_jwk(private=True))
    member = {"protected": {"alg": "ES256", **UNENCODED}}
    theirs = joserfc_jws.serialize_json(member, text, there, ["ES256"])  # type: ignore[arg-type]
    (verified,) = jws.verify_json(dict(theirs), key)
    assert (theirs["payload"], verified.payload) == (text, text.encode())
    ours = jws.sign_json(text.encode(), [jws.Signing(key, UNENCODED)])
    assert ours["payload"] == text
    assert joserfc_jws.deserialize_json(ours, there, ["ES256"]).payload == text.encode()  # type: ignore[arg-type]


def test_unencoded_payloads_are_exchanged_with_jwcrypto() -> None:
    key, text = Key.generate("ES256"), "what stands there as it is: €"
    there = JWK(**key.to_jwk(private=True))
    token = JWS(text)
    token.add_signature(there, None, json.dumps({"alg": "ES256", **UNENCODED}))
    (verified,) = jws.verify_json(token.serialize(), key)
    assert verified.payload == text.encode()
    ours = JWS()
    ours.deserialize(json.dumps(jws.sign_json(text.encode(), [jws.Signing(key, UNENCODED)])), there)
    assert ours.payload in (text, text.encode())
