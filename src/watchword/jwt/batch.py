"""Verify many tokens on all cores, in their order, in memory that does not grow with their number."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias, TypeVar

from watchword.arguments import describe
from watchword.errors import InvalidClaims, InvalidSettings, InvalidToken

__all__ = ["verify_in_threads"]

T = TypeVar("T")

_Results: TypeAlias = list[T | InvalidToken]

# Two chunks for each thread are in flight, so that no thread waits for its next chunk. Chunks start small, so
# that the first results come soon and the threads share a short batch too. They double until their overhead
# is small.
_CHUNKS_IN_FLIGHT = 2
_FIRST_CHUNK, _LARGEST_CHUNK = 16, 512
# An RS256 token holds the interpreter's lock for a fifth of its time, so a sixth thread would only wait.
_THREADS = min(os.cpu_count() or 1, 5)


def verify_in_threads(
    verify: Callable[[str], T], tokens: Iterable[str]
) -> Generator[T | InvalidToken, None, None]:
    """Verify tokens in threads. Yield for each token its result or its InvalidToken, in order.

    Args:
        verify: called for each token, from several threads.
        tokens: read ahead of the results by a few thousand at most. An error of the iterable itself is raised
            after the results of the tokens before it.

    Raises:
        InvalidSettings: ``tokens`` is not an iterable of tokens.
    """
    # A str is an iterable too, of its characters.
    if isinstance(tokens, str | bytes) or not isinstance(tokens, Iterable):
        raise InvalidSettings(f"tokens must be an iterable of tokens, such as a list, not {describe(tokens)}")
    return _verify_in_order(verify, tokens)


def _verify_in_order(
    verify: Callable[[str], T], tokens: Iterable[str]
) -> Generator[T | InvalidToken, None, None]:
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="watchword-batch")
    pending: deque[Future[_Results[T]]] = deque()
    try:
        for submitted in _submit_chunks(lambda chunk: pool.submit(_verify_each, verify, chunk), tokens):
            pending.append(submitted)
            while pending and (len(pending) > _CHUNKS_IN_FLIGHT * _THREADS or pending[0].done()):
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _submit_chunks(
    submit: Callable[[list[str]], Future[_Results[T]]], tokens: Iterable[str]
) -> Iterator[Future[_Results[T]]]:
    """Submit the tokens in chunks. An error of the iterable itself becomes the last future."""
    chunk: list[str] = []
    size = _FIRST_CHUNK
    failed: Future[_Results[T]] | None = None
    try:
        for token in tokens:
            chunk.append(token)
            if len(chunk) == size:
                yield submit(chunk)
                chunk, size = [], min(2 * size, _LARGEST_CHUNK)
    except Exception as error:  # noqa: BLE001 - raised after the results before it
        failed = Future()
        failed.set_exception(error)
    yield submit(chunk)
    if failed:
        yield failed


def _verify_each(verify: Callable[[str], T], tokens: list[str]) -> _Results[T]:
    results: _Results[T] = []
    for token in tokens:
        try:
            results.append(verify(token))
        except InvalidToken as error:
            results.append(_strip_frames(error))
    return results


def _strip_frames(error: InvalidToken) -> InvalidToken:
    """Remove an error's frames: they keep everything alive that was read of the token."""
    for failure in error.failures if isinstance(error, InvalidClaims) else (error,):
        failure.__traceback__ = failure.__context__ = None
    return error
