"""Run scripts in Redis: find their node, repeat them after a lost connection, and translate errors."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

from redis import Redis, RedisCluster
from redis.client import PubSub
from redis.exceptions import (
    ConnectionError,  # noqa: A004 -- redis-py's
    MovedError,
    NoPermissionError,
    NoScriptError,
    RedisClusterException,
    RedisError,
    ResponseError,
    SlotNotCoveredError,
    TimeoutError,  # noqa: A004 -- redis-py's
)

from watchword.errors import StoreUnavailable
from watchword.forks import PerProcess
from watchword.stores.redis.scripts import Script
from watchword.stores.redis.url import RedisClient, make_client_factory

__all__ = ["RedisConnection", "RedisPort", "Subscription"]

logger = logging.getLogger("watchword.stores")

REPLICAS_ANSWER_WITHIN = 1.0

_NOW = Script("return text(now)")

_T = TypeVar("_T")
_Argument: TypeAlias = str | float
_Call: TypeAlias = tuple[str, Sequence[_Argument]]  # a key and the arguments


class Subscription:
    """A subscription to a channel, made by :meth:`RedisConnection.subscribe`."""

    def __init__(self, client: RedisClient, channel: str) -> None:
        self._messages: PubSub = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        self._messages.subscribe(channel)

    def wait_for_message(self, seconds: float) -> bool:
        """Wait for a message since the last call. Return whether a message came.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        with _translate_errors():
            if self._messages.get_message(timeout=seconds) is None:
                return False
            while self._messages.get_message() is not None:
                pass  # Messages that arrived together count once.
        return True

    def close(self) -> None:
        """Close the connection."""
        self._messages.close()


class RedisConnection:
    """The connections of this process to a Redis. Every failure becomes ``StoreUnavailable``.

    The log has Redis' message.

    Args:
        url: see :func:`~watchword.stores.redis.url.make_client_factory`.
        wait_replicas: how many replicas must have a durable change before it is acknowledged.

    Attributes:
        time_shift: seconds by which the store's time is ahead of Redis' clock. Tests change it.

    Raises:
        InvalidSettings: the URL is not a URL of a Redis.
    """

    time_shift = 0.0

    def __init__(self, url: str, *, wait_replicas: int = 0) -> None:
        self._wait_replicas = wait_replicas
        self._clients: PerProcess[RedisClient] = PerProcess(make_client_factory(url))

    def now(self) -> float:
        """Return the time of the node that has the keys and the settings.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        return float(self.run(_NOW, "watchword:{0}"))

    def run(self, script: Script, key: str, *args: _Argument) -> Any:
        """Run a script on the node that has ``key``. Return the script's result."""
        return self._repeat_if_lost(lambda: self._run(script, key, args))

    def run_durably(self, script: Script, key: str, *args: _Argument) -> Any:
        """Run a script like :meth:`run`, and wait until enough replicas have what was written."""
        if not self._wait_replicas:
            return self.run(script, key, *args)
        return self._repeat_if_lost(lambda: self._run_and_wait(script, key, args))

    def run_each(self, script: Script, calls: Sequence[_Call]) -> Sequence[Any]:
        """Run a script once for each call. Return the results. Takes a single round trip for each node."""
        return self._repeat_if_lost(lambda: self._run_each(script, calls))

    def ask(self, question: Callable[[Redis], _T]) -> Sequence[_T]:
        """Return the answer of each master."""
        return self._repeat_if_lost(lambda: [question(master) for master in self._list_masters()])

    def publish(self, channel: str) -> None:
        """Send an empty message to every subscriber of a channel."""
        self._repeat_if_lost(lambda: self._obtain_client().publish(channel, ""))

    def subscribe(self, channel: str) -> Subscription:
        """Subscribe to a channel, on a connection of its own."""
        with _translate_errors():
            return Subscription(self._obtain_client(), channel)

    def close(self) -> None:
        """Close every connection of this process. New connections open when they are needed."""
        client = self._clients.remove()
        if client is not None:
            client.close()

    def warn_if_forgetful(self) -> None:
        """Warn if Redis may forget what it was told. INFO works where CONFIG GET is not allowed.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        for info in self.ask(lambda master: master.info("persistence") | master.info("memory")):
            if not info.get("aof_enabled"):
                logger.warning("Redis runs without `appendonly yes`: if it crashes, ended sessions are back")
            if info.get("maxmemory_policy") != "noeviction":
                logger.warning(
                    "Redis has maxmemory-policy %s, and not noeviction: short of memory, it forgets sessions "
                    "and which of them had ended",
                    info.get("maxmemory_policy"),
                )

    # -- one attempt -----------------------------------------------------------------------------

    def _run(self, script: Script, key: str, args: Sequence[_Argument]) -> Any:
        node = self._find_node(key)
        try:
            return node.evalsha(script.digest, 1, key, self.time_shift, *args)
        except NoScriptError:
            return node.eval(script.text, 1, key, self.time_shift, *args)

    def _run_and_wait(self, script: Script, key: str, args: Sequence[_Argument]) -> Any:
        """Run a script and WAIT on the same connection, because WAIT is about its own connection.

        Uses EVAL, because after a NOSCRIPT both would have to be sent again. The pipeline must not raise
        errors, because it would add the command with all of its arguments.
        """
        pipeline = self._find_node(key).pipeline(transaction=False)
        pipeline.eval(script.text, 1, key, self.time_shift, *args)
        pipeline.wait(self._wait_replicas, int(REPLICAS_ANSWER_WITHIN * 1_000))
        result, replicas = pipeline.execute(raise_on_error=False)
        for answer in (result, replicas):
            if isinstance(answer, Exception):
                raise answer
        if replicas < self._wait_replicas:
            logger.warning("only %d of %d replicas have the change", replicas, self._wait_replicas)
            raise StoreUnavailable
        return result

    def _run_each(self, script: Script, calls: Sequence[_Call]) -> Sequence[Any]:
        of_node = defaultdict(list)
        for number, (key, _) in enumerate(calls):
            of_node[self._find_node(key)].append(number)
        results: dict[int, Any] = {}
        for node, numbers in of_node.items():
            pipeline = node.pipeline(transaction=False)
            for number in numbers:
                key, args = calls[number]
                pipeline.evalsha(script.digest, 1, key, self.time_shift, *args)
            results.update(zip(numbers, pipeline.execute(raise_on_error=False), strict=True))
        return [self._check_result(results[number], script, *call) for number, call in enumerate(calls)]

    def _check_result(self, result: Any, script: Script, key: str, args: Sequence[_Argument]) -> Any:
        """Return the result of a call. Run the script again if the node did not know it."""
        if isinstance(result, NoScriptError):
            return self._run(script, key, args)
        if isinstance(result, Exception):
            raise result
        return result

    # -- clients ---------------------------------------------------------------------------------

    def _obtain_client(self) -> RedisClient:
        return self._clients.obtain()

    def _find_node(self, key: str) -> Redis:
        """Return the node that has a key.

        The cluster's own client would follow a slot that is moving, to a node that has half of its keys.
        """
        client = self._obtain_client()
        if isinstance(client, RedisCluster):
            return client.get_redis_connection(client.get_node_from_key(key))  # type: ignore[no-untyped-call]
        return client

    def _list_masters(self) -> Sequence[Redis]:
        client = self._obtain_client()
        if isinstance(client, RedisCluster):
            return [client.get_redis_connection(node) for node in client.get_primaries()]  # type: ignore[no-untyped-call]
        return [client]

    # -- errors ----------------------------------------------------------------------------------

    def _repeat_if_lost(self, attempt: Callable[[], _T]) -> _T:
        """Repeat an attempt once if its connection was lost, or if the node is not the key's master now."""
        with _translate_errors():
            try:
                return attempt()
            except TimeoutError:
                self._forget_connections()  # The attempt is not repeated: it has taken long enough.
                raise
            except (ConnectionError, SlotNotCoveredError, ResponseError) as error:
                if isinstance(error, ResponseError) and not _is_of_another_node(error):
                    raise
                self._forget_connections()
                return attempt()

    def _forget_connections(self) -> None:
        """Forget connections that may be lost, and on which nodes a cluster's slots were."""
        client = self._obtain_client()
        if isinstance(client, RedisCluster):
            client.nodes_manager.initialize()
        else:
            client.connection_pool.disconnect(inuse_connections=False)


class RedisPort:
    """A port of the contract over Redis.

    Args:
        redis: where the port's keys are.
    """

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    @property
    def backend(self) -> RedisConnection:
        """The backend of the port."""
        return self._redis

    @property
    def time_shift(self) -> float:
        """Seconds by which the store's time is ahead of Redis' clock. Tests change it."""
        return self._redis.time_shift

    @time_shift.setter
    def time_shift(self, seconds: float) -> None:
        self._redis.time_shift = seconds


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except (RedisError, RedisClusterException, OSError) as error:
        hint = ". Give the user the rights that docs/scaling.md lists" if _is_forbidden(error) else ""
        logger.warning("the store does not answer: %s%s", error, hint)
        raise StoreUnavailable from None


def _is_forbidden(error: Exception) -> bool:
    # redis-py has no class for an error inside a script or a pipeline.
    return isinstance(error, NoPermissionError) or "NOPERM" in str(error)


def _is_of_another_node(error: ResponseError) -> bool:
    # redis-py has no class for the error of a script on a replica.
    return isinstance(error, MovedError) or "READONLY" in str(error)
