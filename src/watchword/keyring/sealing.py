"""Seal private keys with the operator's secret, so that a copy of the database alone is worth nothing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from watchword.errors import InvalidKey, InvalidSettings, WatchwordError
from watchword.jose import jwe
from watchword.jose.jwk import Key
from watchword.keyring.operator_secret import derive_key
from watchword.stores.contract import KeyKind, SealedKey

__all__ = ["seal", "unseal"]


def seal(key: Key, secret: str, *, kind: KeyKind, epoch: int) -> str:
    """Encrypt a private key as a compact JWE (``dir``, A256GCM).

    The protected header says what the key is for. So a row that was changed in the database does not open.
    """
    content = msgspec.json.encode(key.to_jwk(private=True))
    return jwe.encrypt(content, _derive_sealing_key(secret), header=_build_header(kind, epoch, key.kid))


def unseal(stored: SealedKey, secrets: Sequence[str]) -> Key:
    """Decrypt a stored key with the first of ``secrets`` that fits.

    Raises:
        InvalidSettings: none of the secrets opens it, it is not the key that the row describes, or this
            process cannot use it.
    """
    for secret in secrets:
        try:
            opened = jwe.decrypt(stored.sealed, _derive_sealing_key(secret))
        except WatchwordError:
            continue
        key = _read_key(opened.plaintext)
        expected = _build_header(stored.kind, stored.epoch, stored.kid)
        if key.alg != stored.alg or any(opened.header.get(name) != value for name, value in expected.items()):
            raise InvalidSettings(
                "a signing key in the database is not the key that was sealed for its row: "
                "the stored keys were changed, so restore them from a backup"
            )
        return key
    raise InvalidSettings(
        "WATCHWORD_SECRET does not open the signing keys in the database. Give the secret that sealed them. "
        "To change the secret, put the new secret before the old, separated by a comma"
    )


def _read_key(content: bytes) -> Key:
    try:
        return Key.from_jwk(content)
    except InvalidKey as error:  # The OpenSSL of another node may support more algorithms.
        raise InvalidSettings(
            f"a signing key in the database cannot be used by this process: {error}"
        ) from None


def _build_header(kind: KeyKind, epoch: int, kid: str) -> dict[str, object]:
    return {"kid": kid, "kind": kind, "epoch": epoch}


def _derive_sealing_key(secret: str) -> Key:
    return Key.from_secret(derive_key(secret, "key sealing"), alg="dir")
