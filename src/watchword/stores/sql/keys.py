"""Signing keys in SQL."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from watchword.stores.contract import KeyKind, KeyStore, SealedKey, StoredKeys
from watchword.stores.rows import read_row
from watchword.stores.sql.database import SqlPort
from watchword.stores.sql.schema import keys, store

__all__ = ["SqlKeys"]

_LOCK = "keys"  # every change of a key depends on the other keys


class SqlKeys(SqlPort, KeyStore):
    """A :class:`~watchword.stores.contract.KeyStore` in an SQL database."""

    def list_keys(self) -> StoredKeys:
        def list_all(connection: Connection, now: float) -> StoredKeys:
            version = connection.execute(select(store.c.key_version)).scalar_one()
            oldest_first = select(keys).order_by(keys.c.created_at, keys.c.kind, keys.c.epoch)
            return StoredKeys(version, now, tuple(map(_to_key, connection.execute(oldest_first))))

        return self._database.read(list_all)

    def insert_key(
        self, kind: KeyKind, epoch: int, kid: str, alg: str, sealed: str, *, not_before: float, lead: float
    ) -> bool:
        def insert_it(connection: Connection, now: float) -> bool:
            namesake = _find(connection, kid)
            if namesake is not None:
                return (namesake.kind, namesake.epoch) == (kind, epoch)
            newest = connection.execute(
                select(func.max(keys.c.epoch)).where(keys.c.kind == kind)
            ).scalar_one()
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
            _raise_version(connection)
            return True

        return self._database.write(insert_it, lock=_LOCK)

    def advance_key(self, kid: str, *, lead: float) -> SealedKey | None:
        def advance(connection: Connection, now: float) -> SealedKey | None:
            key = _find(connection, kid)
            if key is None or key.compromised_at is not None:
                return None
            signs_from = max(now, key.created_at + lead)
            if signs_from >= key.signs_from:
                return key
            _update(connection, keys.c.kid == kid, signs_from=signs_from)
            _raise_version(connection)
            return msgspec.structs.replace(key, signs_from=signs_from)

        return self._database.write(advance, lock=_LOCK)

    def compromise_key(self, kid: str, *, successor: str | None) -> bool:
        def compromise(connection: Connection, now: float) -> bool:
            key = _find(connection, kid)
            if key is None:
                return False
            signs = keys.c.signs_from <= now if successor is None else keys.c.kid == successor
            usable = (keys.c.kind == key.kind) & (keys.c.kid != kid) & keys.c.compromised_at.is_(None)
            if connection.execute(select(keys.c.kid).where(usable, signs)).first() is None:
                return False
            _update(connection, (keys.c.kid == kid) & keys.c.compromised_at.is_(None), compromised_at=now)
            _update(connection, (keys.c.kid == successor) & (keys.c.signs_from > now), signs_from=now)
            _raise_version(connection)
            return True

        return self._database.write(compromise, lock=_LOCK)

    def delete_keys(self, kids: Sequence[str]) -> Sequence[str]:
        def delete_them(connection: Connection, _now: float) -> Sequence[str]:
            statement = delete(keys).where(keys.c.kid.in_(kids)).returning(keys.c.kid)
            deleted = connection.execute(statement).scalars().all()
            if deleted:
                _raise_version(connection)
            return deleted

        return self._database.write(delete_them, lock=_LOCK)

    def reseal_keys(self, sealed: Mapping[str, str]) -> bool:
        def reseal(connection: Connection, _now: float) -> bool:
            there = connection.execute(select(keys.c.sealed).where(keys.c.sealed.in_(list(sealed)))).all()
            if len(there) != len(sealed):
                return False
            for old, new in sealed.items():
                _update(connection, keys.c.sealed == old, sealed=new)
            _raise_version(connection)
            return True

        return self._database.write(reseal, lock=_LOCK)


def _find(connection: Connection, kid: str) -> SealedKey | None:
    row = connection.execute(select(keys).where(keys.c.kid == kid)).one_or_none()
    return None if row is None else _to_key(row)


def _update(connection: Connection, which: ColumnElement[bool], **values: object) -> None:
    connection.execute(update(keys).where(which).values(values))


def _raise_version(connection: Connection) -> None:
    connection.execute(update(store).values(key_version=store.c.key_version + 1))


def _to_key(row: Row[tuple[object, ...]]) -> SealedKey:
    return read_row(_convert, row)


def _convert(row: Row[tuple[object, ...]]) -> SealedKey:
    return msgspec.convert(row, SealedKey, from_attributes=True)
