"""Word of ended sessions by Redis' publish and subscribe."""

# ruff: noqa: D102 -- the contract's docstrings hold, and ``help`` shows them

from __future__ import annotations

import os
from contextlib import suppress

from watchword.errors import StoreUnavailable
from watchword.stores.listening import ListeningAnnouncements
from watchword.stores.redis_connection import RedisConnection, Subscription

__all__ = ["RedisAnnouncements"]

CHANNEL = "watchword:ends"


class RedisAnnouncements(ListeningAnnouncements):
    """A cluster passes on to all of its nodes what is published at one of them."""

    errors = (StoreUnavailable,)

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis
        self._subscriptions: dict[int, Subscription] = {}

    def announce(self) -> None:
        with suppress(StoreUnavailable):  # which is in the log
            self._redis.publish(CHANNEL)

    def close(self) -> None:
        subscription = self._subscriptions.pop(os.getpid(), None)
        if subscription is not None:
            subscription.close()

    def heard_within(self, seconds: float) -> bool:
        # by process: a forked child must not read what its parent is told
        subscription = self._subscriptions.get(os.getpid()) or self._subscribe()
        return subscription.heard_within(seconds)

    def _subscribe(self) -> Subscription:
        subscription = self._subscriptions[os.getpid()] = self._redis.subscribe(CHANNEL)
        return subscription
