"""Push notifications that sessions have ended, by Redis' publish and subscribe."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

from contextlib import suppress

from watchword.errors import StoreUnavailable
from watchword.forks import PerProcess
from watchword.stores.listening import ListeningAnnouncements
from watchword.stores.redis.connection import RedisConnection, Subscription

__all__ = ["RedisAnnouncements"]

CHANNEL = "watchword:ends"


class RedisAnnouncements(ListeningAnnouncements):
    """Announcements over Redis. A node of a cluster forwards them to all other nodes."""

    errors = (StoreUnavailable,)

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis
        self._subscriptions: PerProcess[Subscription] = PerProcess(lambda: redis.subscribe(CHANNEL))

    def announce(self) -> None:
        with suppress(StoreUnavailable):  # The log has the reason.
            self._redis.publish(CHANNEL)

    def close(self) -> None:
        subscription = self._subscriptions.remove()
        if subscription is not None:
            subscription.close()

    def wait_for_message(self, seconds: float) -> bool:
        return self._subscriptions.obtain().wait_for_message(seconds)
