"""Tokens exchanged with joserfc and jwcrypto, both ways: each algorithm they know, each serialization."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import pytest
from joserfc import jwe as joserfc_jwe
from joserfc.jwk import JWKRegistry
from joserfc.registry import HeaderParameter
from jwcrypto import jwa as jwcrypto_jwa
from jwcrypto.common import base64url_decode
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from watchword.jose import Key, jwe
from watchword.jose.algorithms.content_encryption import CONTENT_ENCRYPTIONS
from watchword.jose.algorithms.table import ALGORITHMS
from watchword.jose.jwe import Recipient

PLAINTEXT, AAD = b"what only the recipient may read", b"what all may read"
ONLY_OURS = {"RSA-OAEP-384", "RSA-OAEP-512"}

Members = dict[str, Any]


class Peer(Protocol):
    """Another library."""

    def encrypt(self, header: Members, jwk: Members) -> str: ...

    def decrypt(self, token: str, jwk: Members) -> bytes: ...

    def encrypt_json(self, enc: str, recipients: Sequence[tuple[str, Members]]) -> Members: ...

    def decrypt_json(self, token: Members, jwk: Members) -> tuple[bytes, bytes]: ...


class Joserfc:
    def encrypt(self, header: Members, jwk: Members) -> str:
        key = JWKRegistry.import_key(jwk)
        return joserfc_jwe.encrypt_compact(header, PLAINTEXT, key, registry=self._registry(header["alg"]))

    def decrypt(self, token: str, jwk: Members) -> bytes:
        registry = self._registry(jwk["alg"])
        opened = joserfc_jwe.decrypt_compact(token, JWKRegistry.import_key(jwk), registry=registry)
        assert opened.plaintext is not None
        return opened.plaintext

    def encrypt_json(self, enc: str, recipients: Sequence[tuple[str, Members]]) -> Members:
        form = (
            joserfc_jwe.FlattenedJSONEncryption if len(recipients) == 1 else joserfc_jwe.GeneralJSONEncryption
        )
        token = form({"enc": enc}, PLAINTEXT, {"cty": "text"}, AAD)
        for alg, jwk in recipients:
            token.add_recipient({"alg": alg}, JWKRegistry.import_key(jwk))
        algs = [alg for alg, _ in recipients]
        return dict(joserfc_jwe.encrypt_json(token, None, registry=self._registry(*algs)))

    def decrypt_json(self, token: Members, jwk: Members) -> tuple[bytes, bytes]:
        registry = self._registry(jwk["alg"])
        registry.verify_all_recipients = False
        opened = joserfc_jwe.decrypt_json(token, JWKRegistry.import_key(jwk), registry=registry)  # type: ignore[arg-type]
        assert opened.plaintext is not None
        return opened.plaintext, opened.aad or b""

    def _registry(self, *algs: str) -> joserfc_jwe.JWERegistry:
        return joserfc_jwe.JWERegistry(algorithms=[*algs, "DEF", *(row.name for row in CONTENT_ENCRYPTIONS)])


class Jwcrypto:
    def encrypt(self, header: Members, jwk: Members) -> str:
        token = JWE(PLAINTEXT, header, recipient=JWK(**jwk))
        return str(token.serialize(compact=True))

    def decrypt(self, token: str, jwk: Members) -> bytes:
        return self._opened(token, jwk).payload

    def encrypt_json(self, enc: str, recipients: Sequence[tuple[str, Members]]) -> Members:
        token = JWE(PLAINTEXT, {"enc": enc}, {"cty": "text"}, AAD)
        for alg, jwk in recipients:
            token.add_recipient(JWK(**jwk), {"alg": alg, "kid": jwk["kid"]})
        return dict(json.loads(token.serialize()))

    def decrypt_json(self, token: Members, jwk: Members) -> tuple[bytes, bytes]:
        opened = self._opened(json.dumps(token), jwk)
        return opened.payload, base64url_decode(token.get("aad", ""))

    def _opened(self, token: str, jwk: Members) -> Any:
        opened = JWE()
        opened.deserialize(token, JWK(**jwk))
        return opened


PEERS = [pytest.param(Joserfc(), id="joserfc"), pytest.param(Jwcrypto(), id="jwcrypto")]


def combinations() -> Iterator[Any]:
    for row in ALGORITHMS:
        if row.management is None or row.name in ONLY_OURS:
            continue
        for kind in row.kinds:
            # a password takes a fifth of a second, whatever it brings
            for enc in CONTENT_ENCRYPTIONS[: 1 if row.name.startswith("PBES2") else None]:
                crv = kind if len(row.kinds) > 1 else None
                yield pytest.param(row.name, crv, enc.name, id=f"{row.name}-{kind}-{enc.name}")


@pytest.fixture(scope="module")
def rsa_pem() -> str:
    return Key.generate("RSA-OAEP").to_pem(private=True)


@pytest.fixture(autouse=True)
def peers_do_as_many_iterations_as_we_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwcrypto_jwa, "default_max_pbkdf2_iterations", 600_000)
    for algorithm in joserfc_jwe.JWERegistry.algorithms["alg"].values():
        if algorithm.name.startswith("PBES2"):
            count = HeaderParameter("PBES2 Count", "int", True)
            monkeypatch.setitem(algorithm.more_header_registry, "p2c", count)


def a_key(alg: str, crv: str | None, enc: str, rsa_pem: str) -> Key:
    if alg == "dir":
        [size] = [row.key_size for row in CONTENT_ENCRYPTIONS if row.name == enc]
        return Key.from_secret(bytes(range(size)), alg)
    return Key.from_pem(rsa_pem, alg) if alg.startswith("RSA") else Key.generate(alg, crv=crv)


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize(("alg", "crv", "enc"), list(combinations()))
def test_what_one_encrypts_the_other_decrypts(
    peer: Peer, alg: str, crv: str | None, enc: str, rsa_pem: str
) -> None:
    key = a_key(alg, crv, enc, rsa_pem)
    jwk = key.to_jwk(private=True)
    assert peer.decrypt(jwe.encrypt(PLAINTEXT, key, enc), jwk) == PLAINTEXT
    assert jwe.decrypt(peer.encrypt({"alg": alg, "enc": enc}, jwk), key, enc=enc).plaintext == PLAINTEXT
    assert peer.decrypt_json(jwe.encrypt_json(PLAINTEXT, [key], enc, aad=AAD), jwk) == (PLAINTEXT, AAD)
    opened = jwe.decrypt_json(peer.encrypt_json(enc, [(alg, jwk)]), key, enc=enc)
    assert (opened.plaintext, opened.aad, opened.unprotected["cty"]) == (PLAINTEXT, AAD, "text")


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("enc", [row.name for row in CONTENT_ENCRYPTIONS])
def test_each_of_several_recipients_decrypts_what_one_encrypts(peer: Peer, enc: str, rsa_pem: str) -> None:
    algs = (("A128KW", None), ("A256GCMKW", None), ("ECDH-ES+A128KW", "X25519"), ("RSA-OAEP-256", None))
    keys = [a_key(alg, crv, enc, rsa_pem) for alg, crv in algs]
    jwks = [key.to_jwk(private=True) for key in keys]
    ours = jwe.encrypt_json(PLAINTEXT, [keys[0], *map(Recipient, keys[1:])], enc, aad=AAD)
    theirs = peer.encrypt_json(enc, [(key.alg, jwk) for key, jwk in zip(keys, jwks, strict=True)])
    for key, jwk in zip(keys, jwks, strict=True):
        assert peer.decrypt_json(ours, jwk) == (PLAINTEXT, AAD)
        opened = jwe.decrypt_json(theirs, key, enc=enc)
        assert (opened.plaintext, opened.aad, opened.key) == (PLAINTEXT, AAD, key)


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("alg", ["ECDH-ES", "ECDH-ES+A256KW"])
def test_the_parties_of_an_agreement_go_into_the_key_as_elsewhere(peer: Peer, alg: str) -> None:
    key, parties = Key.generate(alg), {"apu": "QWxpY2U", "apv": "Qm9i"}
    jwk = key.to_jwk(private=True)
    assert peer.decrypt(jwe.encrypt(PLAINTEXT, key, header=parties), jwk) == PLAINTEXT
    assert (
        jwe.decrypt(peer.encrypt({"alg": alg, "enc": "A256GCM", **parties}, jwk), key).plaintext == PLAINTEXT
    )


@pytest.mark.parametrize("peer", PEERS)
def test_what_others_compress_is_read_if_asked_for(peer: Peer) -> None:
    key = Key.generate("A128KW")
    token = peer.encrypt({"alg": "A128KW", "enc": "A256GCM", "zip": "DEF"}, key.to_jwk(private=True))
    assert jwe.decrypt(token, key, max_decompressed=len(PLAINTEXT)).plaintext == PLAINTEXT
