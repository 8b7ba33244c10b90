"""Signing keys in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from watchword.stores.contract import KeyKind, SealedKey, StoredKeys
from watchword.stores.sql.schema import keys, store

__all__ = ["advance_key", "compromise_key", "delete_keys", "insert_key", "list_keys", "reseal_keys"]


def list_keys(connection: Connection, now: float) -> StoredKeys:
    """All keys, oldest first."""
    version = connection.execute(select(store.c.key_version)).scalar_one()
    rows = connection.execute(select(keys).order_by(keys.c.created_at, keys.c.kind, keys.c.epoch))
    return StoredKeys(version, now, tuple(map(_key, rows)))


def insert_key(  # noqa: PLR0917 -- the contract's arguments, in its order
    connection: Connection,
    now: float,
    kind: KeyKind,
    epoch: int,
    kid: str,
    alg: str,
    sealed: str,
    *,
    not_before: float,
    lead: float,
) -> bool:
    """Whether the epoch's key is this one."""
    namesake = _find(connection, kid)
    if namesake is not None:
        return (namesake.kind, namesake.epoch) == (kind, epoch)
    newest = connection.execute(select(func.max(keys.c.epoch)).where(keys.c.kind == kind)).scalar_one()
    if newest is not None and newest >= epoch:
        return False
    key = SealedKey(
        kind=kind,
        epoch=epoch,
        kid=kid,
        alg=alg,
        sealed=sealed,
        created_at=now,
        signs_from=max(not_before, now + lead),
    )
    connection.execute(insert(keys).values(msgspec.structs.asdict(key)))
    _change_version(connection)
    return True


def advance_key(connection: Connection, now: float, kid: str, *, lead: float) -> SealedKey | None:
    """Earlier only, never later."""
    key = _find(connection, kid)
    if key is None or key.compromised_at is not None:
        return None
    signs_from = max(now, key.created_at + lead)
    if signs_from >= key.signs_from:
        return key
    connection.execute(update(keys).where(keys.c.kid == kid).values(signs_from=signs_from))
    _change_version(connection)
    return msgspec.structs.replace(key, signs_from=signs_from)


def compromise_key(connection: Connection, now: float, kid: str, *, successor: str | None) -> bool:
    """Unless nobody would be left to sign."""
    key = _find(connection, kid)
    if key is None:
        return False
    signs = keys.c.signs_from <= now if successor is None else keys.c.kid == successor
    usable = (keys.c.kind == key.kind) & (keys.c.kid != kid) & keys.c.compromised_at.is_(None)
    if connection.execute(select(keys.c.kid).where(usable, signs)).first() is None:
        return False
    _set(connection, (keys.c.kid == kid) & keys.c.compromised_at.is_(None), compromised_at=now)
    _set(connection, (keys.c.kid == successor) & (keys.c.signs_from > now), signs_from=now)
    _change_version(connection)
    return True


def delete_keys(connection: Connection, _now: float, kids: Sequence[str]) -> Sequence[str]:
    """Delete those that are there, and return them."""
    deleted = (
        connection.execute(delete(keys).where(keys.c.kid.in_(kids)).returning(keys.c.kid)).scalars().all()
    )
    if deleted:
        _change_version(connection)
    return deleted


def reseal_keys(connection: Connection, _now: float, sealed: Mapping[str, str]) -> bool:
    """Nothing is written unless all of the old seals are there."""
    there = connection.execute(select(keys.c.sealed).where(keys.c.sealed.in_(list(sealed)))).all()
    if len(there) != len(sealed):
        return False
    for old, new in sealed.items():
        _set(connection, keys.c.sealed == old, sealed=new)
    _change_version(connection)
    return True


def _find(connection: Connection, kid: str) -> SealedKey | None:
    row = connection.execute(select(keys).where(keys.c.kid == kid)).one_or_none()
    return None if row is None else _key(row)


def _set(connection: Connection, which: ColumnElement[bool], **values: object) -> None:
    connection.execute(update(keys).where(which).values(values))


def _change_version(connection: Connection) -> None:
    connection.execute(update(store).values(key_version=store.c.key_version + 1))


def _key(row: Row[tuple[object, ...]]) -> SealedKey:
    return msgspec.convert(row, SealedKey, from_attributes=True)
