"""Read the URL of a Redis: of a server, of a cluster, or of the master that Sentinel names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis import Redis, RedisCluster, Sentinel
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry

from watchword.errors import InvalidSettings

__all__ = ["RedisClient", "make_client_factory"]

RedisClient: TypeAlias = Redis | RedisCluster

CONNECT_TIMEOUT = 2.0
ANSWER_TIMEOUT = 5.0

_FILES = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
_SENTINEL_ACCESS = {"sentinel_username", "sentinel_password"}


def make_client_factory(url: str) -> Callable[[], RedisClient]:
    """Return a function that makes a client for a URL.

    Raises:
        InvalidSettings: the URL is not a URL of a Redis. The message names the supported URLs. It contains
            nothing of the given URL, which may have a password.
    """
    try:
        parts = urlsplit(url)
        return _MAKERS[parts.scheme](parts)
    except (KeyError, ValueError):
        raise InvalidSettings(
            "sessions_url must be a URL such as redis://host:6379/0, redis+cluster://host:6379,host:6379 or "
            "redis+sentinel://host:26379,host:26379/service/0. Write user:password@ before the hosts, with "
            "special characters percent-encoded. For TLS write rediss instead of redis (?ssl_ca_certs=, "
            "ssl_certfile= and ssl_keyfile= name files)"
        ) from None


def _plan_single(parts: SplitResult) -> Callable[[], RedisClient]:
    ((host, port),) = _read_hosts(parts, default_port=6379)
    options = _read_options(parts, _FILES)
    database = _read_database(parts.path.strip("/"))
    return lambda: Redis(host=host, port=port, db=database, **options)


def _plan_cluster(parts: SplitResult) -> Callable[[], RedisClient]:
    hosts = _read_hosts(parts, default_port=6379)
    options = _read_options(parts, _FILES)
    if parts.path.strip("/"):
        raise ValueError("a cluster has a single database")

    def make() -> RedisClient:
        nodes = [ClusterNode(*host) for host in hosts]  # type: ignore[no-untyped-call]
        return RedisCluster(startup_nodes=nodes, **options)

    return make


def _plan_sentinel(parts: SplitResult) -> Callable[[], RedisClient]:
    hosts = _read_hosts(parts, default_port=26379)
    options = _read_options(parts, _FILES | _SENTINEL_ACCESS)
    access = {name: options.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    service, _, database_name = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("which service?")
    database = _read_database(database_name)

    def make() -> RedisClient:
        sentinel = Sentinel(hosts, sentinel_kwargs=options | access)  # type: ignore[no-untyped-call]
        client: Redis = sentinel.master_for(service, db=database, **options)  # type: ignore[no-untyped-call]
        return client

    return make


_MAKERS: dict[str, Callable[[SplitResult], Callable[[], RedisClient]]] = {
    "redis": _plan_single,
    "rediss": _plan_single,
    "redis+cluster": _plan_cluster,
    "rediss+cluster": _plan_cluster,
    "redis+sentinel": _plan_sentinel,
    "rediss+sentinel": _plan_sentinel,
}


def _read_hosts(parts: SplitResult, *, default_port: int) -> Sequence[tuple[str, int]]:
    hosts = []
    for address in parts.netloc.rpartition("@")[2].split(","):
        host = urlsplit(f"//{address}")
        if not host.hostname:
            raise ValueError("a host has a name")
        hosts.append((host.hostname, host.port or default_port))
    return hosts


def _read_options(parts: SplitResult, known: set[str]) -> dict[str, Any]:
    given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    if parts.fragment or not given.keys() <= known:
        raise ValueError("the URL has unknown parameters")
    username, _, password = parts.netloc.rpartition("@")[0].partition(":")
    return {
        **given,
        "username": unquote(username) or None,
        "password": unquote(password) or None,
        "ssl": parts.scheme.startswith("rediss"),
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": ANSWER_TIMEOUT,
        "decode_responses": True,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),  # RedisConnection decides what is repeated.
    }


def _read_database(text: str) -> int:
    return int(text or "0")
