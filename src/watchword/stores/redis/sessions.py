"""Sessions and the feed of their ends in Redis."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from watchword.errors import StoreUnavailable
from watchword.stores.answers import check_answer
from watchword.stores.contract import (
    EndReason,
    Feed,
    NewSession,
    Session,
    SessionDetails,
    SessionEnd,
    SessionStore,
    SessionTimes,
    TimedSession,
    find_shard,
)
from watchword.stores.redis import session_scripts as scripts
from watchword.stores.redis.connection import RedisPort
from watchword.stores.rows import decode_claims, encode_claims, read_row

__all__ = ["RedisSessions"]

_SHARDS = "0123456789abcdef"
_NUMBERS = ("generation", "credentials_version", "lifetime")

_T = TypeVar("_T")


class RedisSessions(RedisPort, SessionStore):
    """A :class:`~watchword.stores.contract.SessionStore` in Redis."""

    def read_mark(self) -> str:
        """Return the time, and the position in every shard: the subject's shard is not known yet."""
        replies = self._redis.run_each(scripts.MARK, [(_name_shard(shard), ()) for shard in _SHARDS])
        return " ".join([min(reply[0] for reply in replies), *(reply[1] for reply in replies)])

    def start_session(
        self, new: NewSession, times: SessionTimes, *, max_live: int, mark: str
    ) -> tuple[TimedSession, Sequence[Session]] | None:
        shard = find_shard(new.subject)
        if not new.id.endswith(shard):
            raise ValueError("a session's id is made by make_session_id, for its subject")
        read_at, *positions = mark.split(" ")
        started = self._redis.run(
            scripts.START,
            _name_shard(shard),
            new.id,
            new.subject,
            max_live,
            times.access,
            times.idle,
            times.absolute if new.lifetime is None else new.lifetime,
            read_at,
            positions[_SHARDS.index(shard)],
            *_to_fields(new),
            *_to_login_fields(new),
        )
        if started is None:
            return None
        now, row, ended = started
        answer = TimedSession(_to_session(row), float(now)), [_to_session(row) for row in ended]
        return self._check(answer, session_id=new.id, subject=new.subject)

    def swap_session(
        self, session_id: str, generation: int, times: SessionTimes, details: SessionDetails
    ) -> TimedSession | None:
        if not _has_shard(session_id):
            return None
        swapped = self._redis.run(
            scripts.SWAP,
            _name_shard(session_id[-1]),
            session_id,
            generation,
            times.access,
            times.idle,
            times.absolute,
            times.window,
            *_to_fields(details),
        )
        if swapped is None:
            return None
        now, row = swapped
        return self._check(TimedSession(_to_session(row), float(now)), session_id=session_id)

    def keep_session(self, session_id: str, subject: str, credentials_version: int) -> bool:
        if not _has_shard(session_id):
            return False
        key = _name_shard(session_id[-1])
        return bool(self._redis.run(scripts.KEEP, key, session_id, subject, credentials_version))

    def replace_version(self, subject: str, before: int, after: int) -> None:
        self._redis.run(scripts.REPLACE_VERSION, _name_shard(find_shard(subject)), subject, before, after)

    def find_session(self, session_id: str) -> TimedSession | None:
        if not _has_shard(session_id):
            return None
        now, row = self._redis.run(scripts.FIND, _name_shard(session_id[-1]), session_id)
        if not row:
            return None
        return self._check(TimedSession(_to_session(row), float(now)), session_id=session_id)

    def list_live_sessions(self, subject: str) -> Sequence[Session]:
        rows = self._redis.run(scripts.LIVE, _name_shard(find_shard(subject)), subject)
        return self._check([_to_session(row) for row in rows], subject=subject)

    def end_session(self, session_id: str, reason: EndReason) -> Session | None:
        if not _has_shard(session_id):
            return None
        ended = self._redis.run_durably(scripts.END, _name_shard(session_id[-1]), session_id, reason)
        return self._check(_to_session(ended[0]), session_id=session_id) if ended else None

    def end_sessions(self, subject: str, reason: EndReason, *, keep: str | None = None) -> Sequence[Session]:
        key = _name_shard(find_shard(subject))
        ended = self._redis.run_durably(scripts.END_ALL, key, subject, reason, keep or "")
        return self._check([_to_session(row) for row in ended], subject=subject)

    def record_end(self, session_id: str, reason: EndReason, access_until: float) -> None:
        if _has_shard(session_id):  # another id is not one of ours
            key = _name_shard(session_id[-1])
            self._redis.run_durably(scripts.RECORD_END, key, session_id, reason, access_until)

    def poll(self, identity: str | None, position: int | None, *, grace: float) -> Feed:
        if identity is None or position is None:
            return self._poll(None, grace)
        feed = self._poll(position, grace)
        is_reached = all(map(int.__le__, _unpack(position), _unpack(feed.position)))
        return feed if feed.identity == identity and is_reached else self._poll(None, grace)

    def record_settings(self, settings: str, *, expected: str) -> bool:
        return bool(self._redis.run(scripts.RECORD_SETTINGS, _name_shard(_SHARDS[0]), settings, expected))

    def _poll(self, position: int | None, grace: float) -> Feed:
        since: Sequence[str | int] = [""] * len(_SHARDS) if position is None else _unpack(position)
        calls = [(_name_shard(shard), (at, grace)) for shard, at in zip(_SHARDS, since, strict=True)]
        replies = self._redis.run_each(scripts.POLL, calls)
        # The clocks of a cluster differ a little. The earliest clock drops no end too early.
        now = min(float(reply[0]) for reply in replies)
        ends = (entry.split(" ", 1) for reply in replies for entry in reply[4])
        return Feed(
            now=now,
            identity=" ".join(reply[1] for reply in replies),
            position=_pack([int(reply[2]) for reply in replies]),
            key_version=int(replies[0][3]),
            ends=tuple(SessionEnd(session_id, float(access_until)) for access_until, session_id in ends),
            settings=replies[0][5],
        )

    def _check(self, answer: _T, *, session_id: str | None = None, subject: str | None = None) -> _T:
        """Return the answer. Close the connections if the answer is about another session."""
        try:
            check_answer(answer, session_id=session_id, subject=subject)
        except StoreUnavailable:
            self._redis.close()
            raise
        return answer


def _pack(sequences: Sequence[int]) -> int:
    """Return a single position for the caller: the sequences of the shards, 64 bits each."""
    return sum(sequence << 64 * shard for shard, sequence in enumerate(sequences))


def _unpack(position: int) -> Sequence[int]:
    return [position >> 64 * shard & 2**64 - 1 for shard in range(len(_SHARDS))]


def _name_shard(shard: str) -> str:
    return f"watchword:{{{shard}}}"


def _has_shard(session_id: str) -> bool:
    return session_id[-1:] in set(_SHARDS)


def _to_fields(details: SessionDetails) -> Sequence[str | int]:
    """Return names and values of the fields that are set."""
    fields = {
        "username": details.username,
        "scopes": " ".join(details.scopes),
        "user_agent": details.user_agent,
        "ip_address": details.ip_address,
        "audience": details.audience,
        "client_id": details.client_id,
        "credentials_version": details.credentials_version,
    }
    return [part for name, value in fields.items() if value is not None for part in (name, value)]


def _to_login_fields(new: NewSession) -> Sequence[str | int]:
    """Return names and values of the fields that only a start sets."""
    fields = {
        "amr": " ".join(new.amr) or None,
        "claims": encode_claims(new.claims) if new.claims else None,
        "lifetime": new.lifetime,
    }
    return [part for name, value in fields.items() if value is not None for part in (name, value)]


def _to_session(row: Sequence[str]) -> Session:
    return read_row(_convert, row)


def _convert(row: Sequence[str]) -> Session:
    written: dict[str, Any] = dict(zip(row[::2], row[1::2], strict=True))
    # Nodes of a newer version may write further fields. SQL selects its columns by name in the same way.
    fields = {name: value for name, value in written.items() if name in Session.__struct_fields__}
    times = {name: float(value) for name, value in fields.items() if name.endswith(("_at", "_until"))}
    numbers = {name: int(fields[name]) for name in _NUMBERS if name in fields}
    others = {
        "scopes": tuple(fields["scopes"].split()),
        "amr": tuple(fields.get("amr", "").split()),
        "claims": decode_claims(fields.get("claims", "{}")),
    }
    return Session(**{"refreshed_at": None} | fields | times | numbers | others)
