"""The stores that the servers of these tests share."""

from redis_faults import redis, redis_with_a_replica
from sql_faults import postgresql, sqlite

__all__ = ["postgresql", "redis", "redis_with_a_replica", "sqlite"]
