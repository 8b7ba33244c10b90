"""Accounts in SQL."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, true, update

from watchword.stores.answers import check_answers_of
from watchword.stores.contract import Account, AccountStore
from watchword.stores.rows import read_row
from watchword.stores.sql.database import SqlPort
from watchword.stores.sql.schema import accounts

__all__ = ["SqlAccounts"]


class SqlAccounts(SqlPort, AccountStore):
    """An :class:`~watchword.stores.contract.AccountStore` in an SQL database."""

    def insert_account(
        self, *, subject: str, username: str, name_key: str, password_hash: str, scopes: tuple[str, ...]
    ) -> Account | None:
        def insert_it(connection: Connection, now: float) -> Account | None:
            there = _find(connection, accounts.c.subject == subject)
            if there is not None or _find(connection, accounts.c.name_key == name_key) is not None:
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

        return self._database.write(check_answers_of(insert_it, subject=subject), lock=f"account {name_key}")

    def find_account(self, *, name_key: str | None = None, subject: str | None = None) -> Account | None:
        def find(connection: Connection, _now: float) -> Account | None:
            is_subject = name_key is None
            return _find(
                connection, accounts.c.subject == subject if is_subject else accounts.c.name_key == name_key
            )

        return self._database.read(check_answers_of(find, subject=subject, name_key=name_key))

    def list_accounts(self) -> Sequence[Account]:
        def list_all(connection: Connection, _now: float) -> Sequence[Account]:
            return [
                _to_account(row) for row in connection.execute(select(accounts).order_by(accounts.c.name_key))
            ]

        return self._database.read(list_all)

    def set_password(self, subject: str, password_hash: str, *, version: int) -> bool:
        def change(connection: Connection, _now: float) -> bool:
            is_current = accounts.c.credentials_version == version
            if _invalidate(connection, subject, is_current, password_hash=password_hash):
                return True
            account = _find(connection, accounts.c.subject == subject)
            return account is not None and account.password_hash == password_hash

        return self._database.write(change)

    def set_scopes(self, subject: str, scopes: tuple[str, ...]) -> bool:
        return self._update(accounts.c.subject == subject, scopes=scopes)

    def rename_account(self, subject: str, username: str, name_key: str) -> bool:
        def rename(connection: Connection, _now: float) -> bool:
            there = _find(connection, accounts.c.name_key == name_key)
            if there is not None and there.subject != subject:
                return False
            renamed = update(accounts).where(accounts.c.subject == subject)
            return connection.execute(renamed.values(username=username, name_key=name_key)).rowcount == 1

        return self._database.write(rename, lock=f"account {name_key}")

    def replace_hash(self, subject: str, old: str, new: str) -> bool:
        is_same = (accounts.c.subject == subject) & (accounts.c.password_hash == old)
        return self._update(is_same, password_hash=new)

    def set_disabled(self, subject: str, disabled: bool) -> bool:
        def change(connection: Connection, _now: float) -> bool:
            return _invalidate(connection, subject, true(), disabled=disabled)

        return self._database.write(change)

    def delete_account(self, subject: str) -> bool:
        def delete_it(connection: Connection, _now: float) -> bool:
            return connection.execute(delete(accounts).where(accounts.c.subject == subject)).rowcount == 1

        return self._database.write(delete_it)

    def _update(self, which: ColumnElement[bool], **values: object) -> bool:
        """Change an account without a new version. Return whether there is such an account."""

        def change(connection: Connection, _now: float) -> bool:
            return connection.execute(update(accounts).where(which).values(**values)).rowcount == 1

        return self._database.write(change)


def _find(connection: Connection, which: ColumnElement[bool]) -> Account | None:
    row = connection.execute(select(accounts).where(which)).one_or_none()
    return None if row is None else _to_account(row)


def _invalidate(
    connection: Connection, subject: str, condition: ColumnElement[bool], **values: object
) -> bool:
    """Make a change that must end the sessions before it. Return whether the condition held."""
    statement = (
        update(accounts)
        .where(accounts.c.subject == subject, condition)
        .values(credentials_version=accounts.c.credentials_version + 1, **values)
    )
    return connection.execute(statement).rowcount == 1


def _to_account(row: Row[tuple[object, ...]]) -> Account:
    return read_row(_convert, row)


def _convert(row: Row[tuple[object, ...]]) -> Account:
    return msgspec.convert(row, Account, from_attributes=True)
