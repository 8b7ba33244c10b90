"""Signing keys in SQL."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, insert, select, update

from watchword.stores.contract import KeyKind, SealedKey
from watchword.stores.schema import keys, store

__all__ = ["insert_key", "list_keys"]


def list_keys(connection: Connection, _now: float) -> tuple[int, Sequence[SealedKey]]:
    """The key version and all keys, oldest first."""
    version = connection.execute(select(store.c.key_version)).scalar_one()
    rows = connection.execute(select(keys).order_by(keys.c.created_at, keys.c.kind, keys.c.epoch)).all()
    return version, [msgspec.convert(row, SealedKey, from_attributes=True) for row in rows]


def insert_key(  # noqa: PLR0917 -- the contract's arguments, in its order
    connection: Connection, now: float, kind: KeyKind, epoch: int, kid: str, sealed: str
) -> bool:
    """Whether the epoch's key is this one."""
    holder = select(keys.c.kid).where(keys.c.kind == kind, keys.c.epoch == epoch)
    winner: str | None = connection.execute(holder).scalar_one_or_none()
    if winner is not None:
        return winner == kid
    key = SealedKey(kind=kind, epoch=epoch, kid=kid, sealed=sealed, created_at=now)
    connection.execute(insert(keys).values(msgspec.structs.asdict(key)))
    connection.execute(update(store).values(key_version=store.c.key_version + 1))
    return True
