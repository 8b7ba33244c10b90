"""Two servers of two workers each, with the same sessions. What they answer is held to the contract."""

import contextlib
import http.client
import math
import time
from functools import partial

from watchword_servers import ADMIN_PASSWORD, until

__all__ = ["SEEN_WITHIN", "Fleet", "Node"]

SEEN_WITHIN = 1.5  # seconds from a logout to where it holds on every node that hears of it
ROUNDS = 4  # of requests to a node: one that is answered tells of one worker only

CONTRACT = {
    "/auth/login": {(200, None)},
    "/auth/refresh": {(200, None), (400, "invalid_grant")},
    "/auth/logout": {(204, None), (401, "invalid_token")},
    "/protected": {(200, None), (401, "invalid_token")},
}
UNAVAILABLE = {"store_unavailable", "revocations_unavailable", "keys_unavailable", "overloaded"}


class Node:
    """One server.

    Attributes:
        server: the process; another one after it was killed.
        hears_since: from when on it can have had the news; never while it is frozen, or the store away.
    """

    def __init__(self, server):
        self.server = server
        self.hears_since = 0.0


class Fleet:
    """The nodes, and when they were last well.

    Attributes:
        nodes: both.
        servers: all processes that there ever were.
    """

    def __init__(self, start, ledger):
        self._start = start
        self._ledger = ledger
        self._well_at = 0.0
        self.servers = []
        self.nodes = []
        for _ in range(2):
            self.nodes.append(Node(self.new_server()))

    def new_server(self):
        self.servers.append(self._start())
        return self.servers[-1]

    @contextlib.contextmanager
    def hurt(self, *deaf, news_after=0.0):
        """Something is done to the nodes; at the end they have to serve again.

        Args:
            deaf: the nodes that cannot hear of ended sessions meanwhile.
            news_after: seconds until they ask again, at the latest.
        """
        self._well_at = math.inf
        for node in deaf:
            node.hears_since = math.inf
        yield
        for node in deaf:
            node.hears_since = time.monotonic() + news_after
        for node in self.nodes:
            until(partial(self._serves, node), "service resumes")
        self._well_at = time.monotonic()

    def ask(self, node, method, path, body=None, *, token=None):
        """What the node answers; ``None`` where there is no answer. That, and 503, only while it is hurt."""
        sent = time.monotonic()
        try:
            answer = node.server.request(method, path, body, token=token)
        except (OSError, http.client.HTTPException) as error:
            if self._was_well(sent):
                self._ledger.breach(f"{path}: {error!r}")
            return None
        self._hold_to_the_contract(path, answer, well=self._was_well(sent))
        return answer

    def log_in(self, node):
        credentials = {"username": "admin", "password": ADMIN_PASSWORD}
        return self.ask(node, "POST", "/auth/login", credentials)

    def refresh(self, node, tokens):
        return self.ask(node, "POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]})

    def look(self, node, tokens):
        return self.ask(node, "GET", "/protected", token=tokens["access_token"])

    def log_out(self, node, tokens):
        """By the access token; noted if it is acknowledged."""
        answer = self.ask(node, "POST", "/auth/logout", token=tokens["access_token"])
        if answer is not None and answer.status == 204:
            self._ledger.logout(tokens)
        return answer

    def _was_well(self, since):
        return since > self._well_at

    def _hold_to_the_contract(self, path, answer, *, well):
        error = answer.json["error"] if answer.status >= 400 else None
        if (answer.status, error) in CONTRACT[path]:
            return
        if answer.status == 503 and error in UNAVAILABLE and int(answer.headers["Retry-After"]) >= 1:
            if well and error != "overloaded":
                self._ledger.breach(f"{path}: {error} while all is well")
            return
        if error == "body_too_slow" and not well:
            return  # A server that was frozen takes its own absence for the client's.
        self._ledger.breach(f"{path}: {answer.status} {answer.body!r}")

    def _serves(self, node):
        """Whether all that people do succeeds, by whichever worker."""
        login = self.log_in(node)
        if login is None or login.status != 200:
            return False
        tokens = login.json
        uses = (partial(self.look, node, tokens), partial(self.refresh, node, tokens))
        log_out = partial(self.log_out, node, tokens)
        answers = (step() for step in (*uses * ROUNDS, log_out))
        return all(answer is not None and answer.status in {200, 204} for answer in answers)
