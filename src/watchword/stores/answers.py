"""A second safety net: what a store answers is about the session or the account that was asked for.

A connection that two processes use gives each of them the other's answers. No connection of ours is used
like that (see :mod:`watchword.forks`), but the price of a mistake would be another person's tokens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from watchword.errors import StoreUnavailable
from watchword.stores.contract import Account, Session, TimedSession

__all__ = ["check_answer", "check_answers_of"]

logger = logging.getLogger("watchword.stores")

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Connection(Protocol):
    def invalidate(self) -> None: ...


_C = TypeVar("_C", bound=_Connection)


def check_answer(answer: object, *, session_id: str | None = None, subject: str | None = None) -> None:
    """Return if a store's answer is about the session and the subject that were asked for.

    The caller throws the connection away otherwise: the next answers on it may be others' as well.

    Args:
        answer: what an operation returns. Of several sessions the first is the one asked for. An account has
            a subject only.
        session_id: the session; ``None`` where any of the subject's may come.
        subject: whose all of them are; ``None`` where only the id was given.

    Raises:
        StoreUnavailable: the answer is about another session, or about another subject.
    """
    for number, found in enumerate(_found_in(answer)):
        is_other = number == 0 and session_id is not None and found.id != session_id
        if is_other or (subject is not None and found.subject != subject):
            logger.error("the store's answer is about another session or subject than was asked for")
            raise StoreUnavailable


def check_answers_of(
    operation: Callable[Concatenate[_C, float, _P], _T],
    *,
    session_id: str | None = None,
    subject: str | None = None,
) -> Callable[Concatenate[_C, float, _P], _T]:
    """Return the operation of an SQL store with :func:`check_answer` after it.

    A transaction whose answer is about something else is not committed, and its connection is thrown away.
    """

    def run(connection: _C, now: float, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        answer = operation(connection, now, *args, **kwargs)
        try:
            check_answer(answer, session_id=session_id, subject=subject)
        except StoreUnavailable:
            connection.invalidate()
            raise
        return answer

    return run


def _found_in(answer: object) -> Iterator[Any]:
    if isinstance(answer, Session | Account):
        yield answer
    elif isinstance(answer, TimedSession):
        yield answer.session
    elif isinstance(answer, Sequence):
        for part in answer:
            yield from _found_in(part)
