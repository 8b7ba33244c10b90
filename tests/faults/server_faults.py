"""What is done to servers, and to connections to them."""

import os
import signal
import socket
import time

from backing import PAUSE
from cutter import RESET
from watchword_servers import until

__all__ = ["SERVERS"]


def kill_a_server(fleet, rng):
    with fleet.hurt():
        node = rng.choice(fleet.nodes)
        node.server.kill()
        node.server = fleet.new_server()


def kill_a_worker(fleet, rng):
    with fleet.hurt():
        server = rng.choice(fleet.nodes).server
        before = server.workers()
        os.kill(before[0], signal.SIGKILL)
        until(lambda: before[0] not in server.workers() and len(server.workers()) == 2, "it is replaced")


def freeze_a_node(fleet, rng):
    node = rng.choice(fleet.nodes)
    with fleet.hurt(node):
        node.server.freeze()
        time.sleep(PAUSE)
        node.server.thaw()


def hang_up(fleet, rng):
    """In the middle of a request, and before its answer: nobody else notices."""
    for _ in range(4):
        node = rng.choice(fleet.nodes)
        login = fleet.log_in(node)
        if login is None or login.status != 200:
            continue  # too many passwords at once
        tokens = login.json
        body = b'{"refresh_token": "%s"}' % tokens["refresh_token"].encode()
        for part in (body, body[: rng.randrange(len(body))]):
            with node.server.connection() as connection:
                connection.sendall(
                    b"POST /auth/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(body)
                )
                connection.sendall(part)
                time.sleep(rng.uniform(0, 0.01))
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        assert fleet.refresh(rng.choice(fleet.nodes), tokens).status == 200


SERVERS = (kill_a_server, kill_a_worker, freeze_a_node, hang_up)
