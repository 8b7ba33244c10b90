"""Three servers on one database, five rotations, and clients that notice none of them."""

import itertools
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

from watchword_servers import ISSUER

import watchword
from watchword import KeySet, Verifier

PERIOD, LEAD, MAX_AGE, ROTATIONS = 6, 4, 2, 5
SETTINGS = {
    "WATCHWORD_ROTATION_PERIOD": str(PERIOD),
    "WATCHWORD_PUBLISH_LEAD": str(LEAD),
    "WATCHWORD_JWKS_MAX_AGE": str(MAX_AGE),
    "WATCHWORD_REVOCATION_INTERVAL": "0.1",
    "WATCHWORD_REVOCATION_MAX_AGE": "1",
    "WATCHWORD_ACCESS_LIFETIME": "4",
    "WATCHWORD_REFRESH_WINDOW": "1",
    "WATCHWORD_IDLE_LIFETIME": "600",
    "WATCHWORD_SESSION_LIFETIME": "600",
    "WATCHWORD_LEEWAY": "0",
}


class Cache:
    """Somebody else's service: keeps the JWKS for all of its max-age, and verifies with nothing else."""

    def __init__(self, servers):
        self.servers = itertools.cycle(servers)
        self.until = 0.0
        self.verifier = None

    def verify(self, token):
        if time.monotonic() >= self.until:
            answer = next(self.servers).request("GET", "/.well-known/jwks.json")
            max_age = int(re.fullmatch(r"public, max-age=(\d+)", answer.headers["Cache-Control"])[1])
            assert max_age <= MAX_AGE
            self.until = time.monotonic() + max_age
            keys = KeySet.from_jwks(answer.body)
            self.verifier = Verifier(keys, issuer=ISSUER, audience="watchword", typ="at+jwt", leeway=300)
        self.verifier.verify(token)


class Client:
    """Goes from server to server with its tokens: logs in, refreshes, is greeted, and counts what it did."""

    def __init__(self, servers):
        self.servers = itertools.cycle(servers)
        self.cache = Cache(servers)
        self.access_tokens = []
        self.done = {"login": 0, "refresh": 0, "greeted": 0}

    def run(self, until):
        while time.monotonic() < until:
            self.log_in()
            for _ in range(2):
                self.use(time.monotonic() + 1.1)  # longer than the window: each refresh swaps
                self.refresh()
            self.use(self.expires_at)

    def log_in(self):
        self.take("login", lambda server: server.login())

    def refresh(self):
        tokens = self.tokens

        def refresh(server):
            answer = server.refresh(tokens["refresh_token"])
            assert answer.status == 200, answer.body
            return answer.json

        self.take("refresh", refresh)

    def take(self, what, ask):
        asked_at = time.monotonic()
        self.tokens = ask(next(self.servers))
        self.expires_at = asked_at + self.tokens["expires_in"] - 1  # tokens carry whole seconds
        self.access_tokens.append(self.tokens["access_token"])
        self.cache.verify(self.tokens["access_token"])
        self.done[what] += 1

    def use(self, until):
        """Every server takes what any of them issued, for as long as it is good."""
        while time.monotonic() < until:
            greeted = next(self.servers).greets(self.tokens)
            assert greeted or time.monotonic() > self.expires_at, "a good token was refused"
            self.done["greeted"] += greeted
            time.sleep(0.02)


def test_nobody_notices_that_keys_rotate(start):
    servers = [start(**SETTINGS), *(start(ADMIN_PASSWORD=None, **SETTINGS) for _ in range(2))]
    clients = [Client(servers) for _ in range(4)]
    until = time.monotonic() + ROTATIONS * PERIOD + 1
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(lambda client: client.run(until), clients))

    signed = {}  # when each key signed, by the times in its tokens
    for token in (token for client in clients for token in client.access_tokens):
        seen = watchword.inspect_unverified(token)
        signed.setdefault(seen.header["kid"], []).append(seen.claims["iat"])
    turns = sorted((min(times), max(times)) for times in signed.values())
    assert len(turns) > ROTATIONS
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(turns)), "one key signs at a time"

    made = [json.dumps(event) for server in servers for event in server.events("key_created")]
    for kind, kept_at_most in (("public", 4), ("internal", len(turns) + 2)):
        rows = servers[0].rows("SELECT epoch, signs_from FROM watchword_keys WHERE kind = ?", kind)
        assert len(rows) <= kept_at_most
        assert len([event for event in made if f'"{kind}"' in event]) <= max(epoch for epoch, _ in rows)
        assert len({signs_from for _, signs_from in rows}) == len(rows)
    assert all(min(client.done.values()) >= ROTATIONS for client in clients), "there was a load"
    assert not any("Traceback" in server.log for server in servers)
