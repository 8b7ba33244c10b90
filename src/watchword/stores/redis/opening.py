"""Open the ports in the Redis that a URL names."""

from __future__ import annotations

import msgspec

from watchword.stores.contract import Stores
from watchword.stores.redis.announcements import RedisAnnouncements
from watchword.stores.redis.connection import RedisConnection
from watchword.stores.redis.keys import RedisKeys
from watchword.stores.redis.one_time import RedisOneTime
from watchword.stores.redis.sessions import RedisSessions
from watchword.stores.redis.throttles import RedisThrottles

__all__ = ["move_to_redis"]


def move_to_redis(stores: Stores, url: str, *, wait_replicas: int = 0) -> Stores:
    """Return stores with the accounts where they were and with everything else in Redis or Valkey.

    ``redis://host:6379/0`` is a single server, ``redis+cluster://host:6379,host:6379`` a cluster,
    ``redis+sentinel://host:26379,host:26379/service/0`` the master that Sentinel names. ``rediss`` is TLS.

    Args:
        stores: have the accounts.
        url: of a Redis 6.2 or newer.
        wait_replicas: how many replicas must have an end before it is acknowledged.

    Raises:
        InvalidSettings: the URL is not a URL of a Redis.
        StoreUnavailable: Redis does not answer.
    """
    redis = RedisConnection(url, wait_replicas=wait_replicas)
    redis.warn_if_forgetful()  # also the proof that Redis answers
    return msgspec.structs.replace(
        stores,
        sessions=RedisSessions(redis),
        keys=RedisKeys(redis),
        throttles=RedisThrottles(redis),
        one_time=RedisOneTime(redis),
        announcements=RedisAnnouncements(redis),
        backends=(redis, *stores.backends),
        file=None,
        in_memory=False,
    )
