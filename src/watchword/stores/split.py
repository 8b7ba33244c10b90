"""Two stores as one: accounts in SQL, everything else in Redis."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from limits.storage import Storage

from watchword.stores.contract import Account, Store
from watchword.stores.redis.limits import AddressCounters
from watchword.stores.redis.store import RedisStore

__all__ = ["SplitStore"]


class SplitStore(RedisStore, Store):
    """A whole :class:`~watchword.stores.contract.Store`: accounts are asked of SQL, the rest of Redis.

    Args:
        accounts: the store that has the accounts; closed with this one.
        url: where the rest is, see :class:`~watchword.stores.redis.store.RedisStore`.
        wait_replicas: as there.

    Raises:
        InvalidSettings: it is no URL of a Redis.
        StoreUnavailable: Redis does not answer.
    """

    def __init__(self, accounts: Store, url: str, *, wait_replicas: int = 0) -> None:
        self._accounts = accounts
        super().__init__(url, wait_replicas=wait_replicas)

    @property
    def file(self) -> Path | None:
        return None  # the database's file is not where the keys are

    @property
    def in_memory(self) -> bool:
        return False

    def address_counters(self) -> Storage:
        """What ``limits`` can count with for all processes together."""
        return AddressCounters(self._redis)

    def now(self) -> float:
        self._accounts.now()  # the store answers if both of them do
        return super().now()

    def close(self) -> None:
        super().close()
        self._accounts.close()

    def insert_account(
        self, *, subject: str, username: str, name_key: str, password_hash: str, scopes: tuple[str, ...]
    ) -> Account | None:
        return self._accounts.insert_account(
            subject=subject, username=username, name_key=name_key, password_hash=password_hash, scopes=scopes
        )

    def find_account(self, *, name_key: str | None = None, subject: str | None = None) -> Account | None:
        return self._accounts.find_account(name_key=name_key, subject=subject)

    def accounts(self) -> Sequence[Account]:
        return self._accounts.accounts()

    def set_password(self, subject: str, password_hash: str, *, version: int) -> bool:
        return self._accounts.set_password(subject, password_hash, version=version)

    def set_scopes(self, subject: str, scopes: tuple[str, ...]) -> bool:
        return self._accounts.set_scopes(subject, scopes)

    def rename_account(self, subject: str, username: str, name_key: str) -> bool:
        return self._accounts.rename_account(subject, username, name_key)

    def replace_hash(self, subject: str, old: str, new: str) -> bool:
        return self._accounts.replace_hash(subject, old, new)

    def set_disabled(self, subject: str, disabled: bool) -> bool:
        return self._accounts.set_disabled(subject, disabled)

    def delete_account(self, subject: str) -> bool:
        return self._accounts.delete_account(subject)
