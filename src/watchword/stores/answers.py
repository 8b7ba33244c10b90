"""Check that a store's answer is about the session or the account in the question.

A connection that two processes share gives each process the answers of the other. No connection of ours is
shared (see :mod:`watchword.forks`), but a mistake would hand out the tokens of another person.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from watchword.errors import StoreUnavailable
from watchword.stores.contract import Account, Session, TimedSession

__all__ = ["check_answer", "check_answers_of"]

logger = logging.getLogger("watchword.stores")

_T = TypeVar("_T")


class _Connection(Protocol):
    def invalidate(self) -> None: ...


_C = TypeVar("_C", bound=_Connection)


def check_answer(
    answer: object,
    *,
    session_id: str | None = None,
    subject: str | None = None,
    name_key: str | None = None,
) -> None:
    """Return if a store's answer is about the session, the subject and the name that were asked for.

    Otherwise the caller closes the connection, because its next answers may be wrong as well.

    Args:
        answer: the result of an operation. Of several sessions only the first must have the session's id.
        session_id: the session. ``None`` if the answer is not about a single session.
        subject: the owner of all sessions or accounts in the answer. ``None`` if no subject was given.
        name_key: the account's name. ``None`` if no name was given.

    Raises:
        StoreUnavailable: the answer is about another session, subject or name.
    """
    for number, found in enumerate(_list_rows(answer)):
        if (
            (number == 0 and session_id is not None and found.id != session_id)
            or (subject is not None and found.subject != subject)
            or (name_key is not None and found.name_key != name_key)
        ):
            logger.error("the store's answer is about another session or subject than was asked for")
            raise StoreUnavailable


def check_answers_of(
    operation: Callable[[_C, float], _T],
    *,
    session_id: str | None = None,
    subject: str | None = None,
    name_key: str | None = None,
) -> Callable[[_C, float], _T]:
    """Return an operation on an SQL database with :func:`check_answer` after it.

    A transaction with a wrong answer is not committed, and its connection is closed.
    """

    def run(connection: _C, now: float) -> _T:
        answer = operation(connection, now)
        try:
            check_answer(answer, session_id=session_id, subject=subject, name_key=name_key)
        except StoreUnavailable:
            connection.invalidate()
            raise
        return answer

    return run


def _list_rows(answer: object) -> Iterator[Any]:
    if isinstance(answer, Session | Account):
        yield answer
    elif isinstance(answer, TimedSession):
        yield answer.session
    elif isinstance(answer, Sequence):
        for part in answer:
            yield from _list_rows(part)
