"""What is done to Redis: to one that stands alone, and to a master with a replica that Sentinel watches."""

import socket
import time
from contextlib import closing
from functools import partial

import pytest
from backing import PAUSE, Backing
from cutter import Cutter
from redis.exceptions import ConnectionError as ConnectionLost
from watchword_servers import until

from watchword import Settings
from watchword.sessions.revocations import LONGEST_PAUSE
from watchword.stores.opening import open_stores

__all__ = ["redis", "redis_with_a_replica"]


@pytest.fixture
def redis(start_redis, tmp_path):
    """The servers speak to it through a proxy."""
    server = start_redis()

    def kill_redis(fleet, _rng):
        with fleet.hurt(*fleet.nodes, news_after=LONGEST_PAUSE):
            server.kill()
            time.sleep(PAUSE / 2)
            server.start()

    database = f"sqlite:///{tmp_path / 'watchword.db'}"
    with closing(Cutter(partial(socket.create_connection, ("127.0.0.1", server.port)), "redis")) as cutter:
        yield Backing(
            {"DATABASE_URL": database, "SESSIONS_URL": f"redis://127.0.0.1:{cutter.port}"},
            partial(open_stores, Settings(database_url=database, sessions_url=server.url)),
            (kill_redis, cutter.cut_connections),
        )


@pytest.fixture
def redis_with_a_replica(start_redis, tmp_path):
    """An end is acknowledged when the replica has it."""
    first = start_redis()
    both = [first, start_redis("--replicaof", "127.0.0.1", str(first.port))]
    until(lambda: follows(both[1]), "it follows")
    sentinel = start_redis(
        sentinel=f"sentinel monitor main 127.0.0.1 {first.port} 1\n"
        "sentinel down-after-milliseconds main 500\n"
        "sentinel failover-timeout main 2000\n"
    )
    until(lambda: len(sentinel.ask("SENTINEL", "REPLICAS", "main")) == 1, "Sentinel knows both")

    def kill_the_master(fleet, _rng):
        """The replica takes over; who was the master comes back as its replica. Nobody here tells them."""
        master, replica = sorted(both, key=follows)
        logins = [fleet.log_in(node) for node in fleet.nodes * 3]
        leaving = [login.json for login in logins if login is not None and login.status == 200]
        with fleet.hurt(*fleet.nodes, news_after=LONGEST_PAUSE):
            for tokens in leaving[::2]:  # in its last moment
                fleet.log_out(fleet.nodes[0], tokens)
            master.kill()
            for tokens in leaving[1::2]:  # and when nobody can know of it
                fleet.log_out(fleet.nodes[0], tokens)
            # not before: Sentinel would name the old one, and who listened would have two masters to ask
            until(lambda: names(sentinel) == replica.port, "it takes over")
            master.start()
            # what stays a master for ten seconds and more is what Sentinel takes for an old one
            until(lambda: follows(master), "it comes back as a replica", within=60)

    urls = f"sqlite:///{tmp_path / 'watchword.db'}", f"redis+sentinel://127.0.0.1:{sentinel.port}/main"
    environment = dict(zip(("DATABASE_URL", "SESSIONS_URL"), urls, strict=True))
    environment["WATCHWORD_SESSIONS_WAIT_REPLICAS"] = "1"
    settings = Settings(database_url=urls[0], sessions_url=urls[1])
    return Backing(environment, partial(open_stores, settings), (kill_the_master,))


def names(sentinel):
    """The port of the master."""
    return int(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main")[1])


def follows(server):
    """Whether the server is a replica that has all of its master's data."""
    try:
        role, *state = server.ask("ROLE")
    except ConnectionLost:  # A server that becomes a replica hangs up on its clients.
        return False
    return role == "slave" and "connected" in state
