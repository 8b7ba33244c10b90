"""Accounts in SQL."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, select, true, update

from watchword.stores.contract import Account
from watchword.stores.sql.schema import accounts

__all__ = [
    "delete_account",
    "find_account",
    "insert_account",
    "list_accounts",
    "rename_account",
    "replace_hash",
    "set_disabled",
    "set_password",
    "set_scopes",
]


def insert_account(
    connection: Connection,
    now: float,
    *,
    subject: str,
    username: str,
    name_key: str,
    password_hash: str,
    scopes: tuple[str, ...],
) -> Account | None:
    """The row; ``None`` if another subject has the name."""
    there = find_account(connection, now, subject=subject)
    if there is not None or find_account(connection, now, name_key=name_key) is not None:
        return there
    account = Account(
        subject=subject,
        username=username,
        name_key=name_key,
        password_hash=password_hash,
        scopes=scopes,
        disabled=False,
        credentials_version=1,
        created_at=now,
    )
    connection.execute(insert(accounts).values(msgspec.structs.asdict(account)))
    return account


def find_account(
    connection: Connection,
    _now: float,
    *,
    name_key: str | None = None,
    subject: str | None = None,
) -> Account | None:
    """By name or by subject."""
    which = accounts.c.subject == subject if name_key is None else accounts.c.name_key == name_key
    row = connection.execute(select(accounts).where(which)).one_or_none()
    return None if row is None else msgspec.convert(row, Account, from_attributes=True)


def list_accounts(connection: Connection, _now: float) -> Sequence[Account]:
    """All, by name."""
    rows = connection.execute(select(accounts).order_by(accounts.c.name_key)).all()
    return [msgspec.convert(row, Account, from_attributes=True) for row in rows]


def set_password(
    connection: Connection, now: float, subject: str, password_hash: str, *, version: int
) -> bool:
    """Whether the account was at that version, or this was done before."""
    if _change(connection, subject, accounts.c.credentials_version == version, password_hash=password_hash):
        return True
    account = find_account(connection, now, subject=subject)
    return account is not None and account.password_hash == password_hash


def set_scopes(connection: Connection, _now: float, subject: str, scopes: tuple[str, ...]) -> bool:
    """Whether there is such an account."""
    statement = update(accounts).where(accounts.c.subject == subject).values(scopes=scopes)
    return connection.execute(statement).rowcount == 1


def rename_account(connection: Connection, now: float, subject: str, username: str, name_key: str) -> bool:
    """Whether the account has that name now."""
    there = find_account(connection, now, name_key=name_key)
    if there is not None and there.subject != subject:
        return False
    renamed = update(accounts).where(accounts.c.subject == subject)
    return connection.execute(renamed.values(username=username, name_key=name_key)).rowcount == 1


def set_disabled(connection: Connection, _now: float, subject: str, disabled: bool) -> bool:
    """Whether there is such an account."""
    return _change(connection, subject, true(), disabled=disabled)


def replace_hash(connection: Connection, _now: float, subject: str, old: str, new: str) -> bool:
    """Whether the hash was still ``old``."""
    statement = (
        update(accounts)
        .where(accounts.c.subject == subject, accounts.c.password_hash == old)
        .values(password_hash=new)
    )
    return connection.execute(statement).rowcount == 1


def delete_account(connection: Connection, _now: float, subject: str) -> bool:
    """Whether it was there."""
    return connection.execute(delete(accounts).where(accounts.c.subject == subject)).rowcount == 1


def _change(connection: Connection, subject: str, condition: ColumnElement[bool], **values: object) -> bool:
    """A change that must end the sessions before it."""
    statement = (
        update(accounts)
        .where(accounts.c.subject == subject, condition)
        .values(credentials_version=accounts.c.credentials_version + 1, **values)
    )
    return connection.execute(statement).rowcount == 1
