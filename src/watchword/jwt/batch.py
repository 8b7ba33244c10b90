"""Many tokens at once: on all the cores, in order, in memory that does not grow with their number."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import queue
import signal
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from functools import partial
from itertools import product
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeAlias, TypeVar, cast

from watchword.arguments import describe
from watchword.errors import InvalidClaims, InvalidSettings, InvalidToken, Unavailable, WatchwordError
from watchword.jose.jwk import Key

__all__ = ["Verdicts", "each", "in_processes", "in_threads"]

S = TypeVar("S")
T = TypeVar("T")

Verdicts: TypeAlias = list[T | InvalidToken]
"""Of each token what it comes to, or what is wrong with it."""

_Ask: TypeAlias = Callable[[float, list[str]], Verdicts[Any]]

# Two chunks for each worker are on their way: one in work, one waiting. They begin small, so that the first
# results come soon and a short batch is shared too, and double until handing one over costs next to nothing.
_AHEAD = 2
_FIRST_CHUNK, _LARGEST_CHUNK = 16, 256
# An RS256 token holds the interpreter's lock for a fifth of its time, so a sixth thread would only wait.
_THREADS = min(os.cpu_count() or 1, 5)
# Not fork: a thread of the program that holds a lock would be copied holding it, and never let go.
_CONTEXT = multiprocessing.get_context("spawn")
# A process finds the next chunk in one while the answer to the last is being read from the other.
_PIPES = 2


def each(step: Callable[[S], T], inputs: Iterable[S | InvalidToken]) -> Verdicts[T]:
    """What a step makes of each input; an InvalidToken, raised or there before, takes no further step."""
    return [it if isinstance(it, InvalidToken) else _attempted(step, it) for it in inputs]


def in_threads(
    verify_each: Callable[[list[str]], Verdicts[T]], tokens: Iterable[str]
) -> Generator[T | InvalidToken, None, None]:
    """The verdict on each token.

    Args:
        verify_each: is called from several threads, with a chunk of tokens.
        tokens: is read ahead of the results, by a few thousand at most. An error of its own is raised after
            the results of the tokens before it.
    """
    _check_tokens(tokens)
    return _in_order(verify_each, tokens, _THREADS)


def in_processes(
    make: Callable[..., Callable[[list[str]], Verdicts[Any]]],
    clock: Callable[[], float],
    tokens: Iterable[str],
    processes: int,
) -> Generator[Any, None, None]:
    """As :func:`in_threads`, with verifiers in processes of their own.

    Args:
        make: makes ``verify_each`` from a clock; handed over to each process, keys included.
        clock: what time it is, in seconds since the epoch; each chunk of tokens carries its time.
        tokens: is read ahead by a thousand or so for each process; its own error is raised as above.
        processes: how many.

    Raises:
        InvalidSettings: something cannot be handed over, or a process does not start.
        Unavailable: a process ended before its time.
    """
    _check_tokens(tokens)
    if type(processes) is not int or processes < 1:
        raise InvalidSettings(
            f"processes must be a whole number, at least 1, or None for threads, not {describe(processes)}"
        )
    return _in_processes(_handed_over(make), clock, tokens, processes)


def _check_tokens(tokens: object) -> None:
    # A str is an iterable too, of its letters.
    if isinstance(tokens, str | bytes) or not isinstance(tokens, Iterable):
        raise InvalidSettings(f"tokens must be an iterable of tokens, such as a list, not {describe(tokens)}")


def _in_processes(
    recipe: bytes, clock: Callable[[], float], tokens: Iterable[str], processes: int
) -> Generator[Any, None, None]:
    with ExitStack() as stack:
        workers = [stack.enter_context(closing(_Worker())) for _ in range(processes)]
        for worker in workers:  # all have been started, so they get ready side by side
            worker.prepare(recipe)
        idle: queue.SimpleQueue[_Ask] = queue.SimpleQueue()
        for number, worker in product(range(_PIPES), workers):
            idle.put(partial(worker.verdicts, number))

        def verdicts(chunk: list[str]) -> Verdicts[Any]:
            ask = idle.get()  # never waits: there are as many pipes as threads
            try:
                return ask(clock(), chunk)
            finally:
                idle.put(ask)

        yield from _in_order(verdicts, tokens, _PIPES * processes)


def _in_order(
    work: Callable[[list[str]], Verdicts[T]], tokens: Iterable[str], workers: int
) -> Generator[T | InvalidToken, None, None]:
    """What comes of each chunk of tokens, worked on by that many threads at a time."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="watchword-batch")
    pending: deque[Future[Verdicts[T]]] = deque()
    try:
        for submitted in _submitted(lambda chunk: pool.submit(work, chunk), tokens):
            pending.append(submitted)
            while pending and (len(pending) > _AHEAD * workers or pending[0].done()):
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _submitted(
    submit: Callable[[list[str]], Future[Verdicts[T]]], tokens: Iterable[str]
) -> Iterator[Future[Verdicts[T]]]:
    """The tokens in chunks, each on its way to a worker; last, if there is one, the iterable's own error."""
    chunk: list[str] = []
    size = _FIRST_CHUNK
    failed: Future[Verdicts[T]] | None = None
    try:
        for token in tokens:
            chunk.append(token)
            if len(chunk) == size:
                yield submit(chunk)
                chunk, size = [], min(2 * size, _LARGEST_CHUNK)
    except Exception as error:  # noqa: BLE001 - raised when it is its turn
        failed = Future()
        failed.set_exception(error)
    yield submit(chunk)
    if failed:
        yield failed


def _attempted(step: Callable[[S], T], value: S) -> T | InvalidToken:
    try:
        return step(value)
    except InvalidToken as error:
        return _alone(error)


def _alone(error: InvalidToken) -> InvalidToken:
    """The error without the frames that it was raised in, which hold on to all that was read of the token."""
    for each in error.failures if isinstance(error, InvalidClaims) else (error,):
        each.__traceback__ = each.__context__ = None
    return error


# -- processes -----------------------------------------------------------------------------------


class _Worker:
    """A process that verifies what it is sent, one chunk at a time."""

    def __init__(self) -> None:
        pipes = [_CONTEXT.Pipe() for _ in range(_PIPES)]
        self._ours = [ours for ours, _ in pipes]
        theirs = [end for _, end in pipes]
        process = _CONTEXT.Process(target=_serve, args=(theirs,), daemon=True)
        process.start()
        for end in theirs:  # each side has its own ends only, and notices when the other is gone
            end.close()
        # The registry of finalizers holds on to them: left to the garbage collector, a pipe might be closed
        # before the generator that closes it, a second time then, or under a number that is reused.
        self.close = weakref.finalize(self, _end, self._ours, process)

    def prepare(self, recipe: bytes) -> None:
        """Have it make its verifier.

        Raises:
            InvalidSettings: it cannot, or did not even start.
        """
        failure = self._ask(0, recipe, InvalidSettings(_NOT_STARTED))
        if failure is not None:
            raise InvalidSettings(_NOT_HANDED_OVER) from failure

    def verdicts(self, number: int, now: float, tokens: list[str]) -> Verdicts[Any]:
        """What its verifier says of some tokens at that time, asked through the pipe of that number.

        Raises:
            Unavailable: the process has ended.
        """
        gone = Unavailable("a process that verifies tokens ended before its time")
        answer = self._ask(number, (now, tokens), gone)
        if isinstance(answer, Exception):
            raise answer
        verdicts: Verdicts[Any] = answer
        return verdicts

    def _ask(self, number: int, question: object, gone: WatchwordError) -> Any:
        try:
            _send(self._ours[number], question)
            return _receive(self._ours[number])
        except (EOFError, OSError):
            raise gone from None


def _end(pipes: list[Connection], process: BaseProcess) -> None:
    """Let a process end, and wait until it has."""
    for pipe in pipes:
        pipe.close()
    process.join()
    process.close()


def _serve(pipes: list[Connection]) -> None:
    """What the process does: make a verifier, then answer for one chunk after the other."""
    # A terminal sends it to all its processes; ours ends when the one that started it does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    now = 0.0
    with suppress(EOFError, OSError):  # the other end is closed: nobody waits for an answer
        recipe = _receive(pipes[0])
        try:
            verify_each = pickle.loads(recipe)(clock=lambda: now)  # noqa: S301 - comes from our own parent
        except Exception as error:  # noqa: BLE001 - raised on the other end
            _send(pipes[0], error)
            return
        _send(pipes[0], None)
        while True:
            for pipe in cast("list[Connection]", wait(pipes)):
                now, tokens = _receive(pipe)
                _send(pipe, _verdicts_or_error(verify_each, tokens))


def _send(pipe: Connection, value: object) -> None:
    # not pipe.send(): if the other end is gone, the garbage collector is left a buffer that it cannot free
    pipe.send_bytes(pickle.dumps(value))


def _receive(pipe: Connection) -> Any:
    return pickle.loads(pipe.recv_bytes())  # noqa: S301 - comes from a process of our own


def _verdicts_or_error(
    verify_each: Callable[[list[str]], Verdicts[T]], tokens: list[str]
) -> Verdicts[T] | Exception:
    try:
        return verify_each(tokens)
    except Exception as error:  # noqa: BLE001 - raised on the other end
        return error


def _handed_over(make: Callable[..., object]) -> bytes:
    """``make`` for a process of ours, which gets what nobody else does: keys."""
    recipe = io.BytesIO()
    try:
        _Handover(recipe).dump(make)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise InvalidSettings(_NOT_HANDED_OVER) from error
    return recipe.getvalue()


class _Handover(pickle.Pickler):
    """Pickles keys too, which otherwise refuse it: only for a pipe to a process of our own."""

    def reducer_override(self, value: object) -> Any:
        """How to take a key over; everything else goes as always."""
        if isinstance(value, Key):
            return Key.from_jwk, (value.to_jwk(private=value.is_private),)
        return NotImplemented


_NOT_STARTED = (
    "a process of the batch ended while it started. A program that gives processes= must start below "
    '`if __name__ == "__main__":`'
)
_NOT_HANDED_OVER = (
    "the verifier cannot be handed over to processes. Its keys must be a Key or a KeySet, its type of claims "
    "and its rule must be importable by name. Otherwise leave processes= out"
)
