"""Those who use the servers meanwhile, and note what they are told."""

import time
from concurrent.futures import ThreadPoolExecutor

from fleet import SEEN_WITHIN
from ledger import generation

__all__ = ["Auditor", "Client"]


class Client:
    """Logs in, looks, refreshes with two tabs at once, logs out, and again, without ever resting long.

    Args:
        window: seconds within which a refresh token that was used is taken again.
        stays: whether it never logs out.
    """

    def __init__(self, fleet, ledger, rng, *, window, stays):
        self._fleet = fleet
        self._ledger = ledger
        self._rng = rng
        self._window = window
        self._weights = (8, 5, 0 if stays else 2)
        self._lost_at = None
        self.tokens = None
        self.logging_out = False

    def run(self, stopping):
        with ThreadPoolExecutor(len(self._fleet.nodes)) as self._tabs:
            while not stopping.wait(self._rng.uniform(0, 0.15)):
                self._choice()()

    def _choice(self):
        if self.tokens is None:
            return self._log_in
        if self.logging_out:
            return self._log_out
        (step,) = self._rng.choices((self._look, self._refresh, self._log_out), self._weights)
        return step

    def _log_in(self):
        answer = self._fleet.log_in(self._node())
        if answer is not None and answer.status == 200:
            self._ledger.pair(answer.json)
            self.tokens = answer.json

    def _look(self):
        answer = self._fleet.look(self._node(), self.tokens)
        if answer is not None and answer.status == 401:
            self._ledger.breach("somebody was logged out who had not asked for it")
            self._forget()

    def _refresh(self):
        """The same token at both nodes in the same moment."""
        since = self._lost_at or time.monotonic()
        answers = list(self._tabs.map(lambda node: self._fleet.refresh(node, self.tokens), self._fleet.nodes))
        pairs = [answer.json for answer in answers if answer is not None and answer.status == 200]
        for pair in pairs:
            self._ledger.pair(pair)
        if any(answer is not None and answer.status == 400 for answer in answers):
            # right only if the token may have been used longer ago than the window
            if time.monotonic() < since + self._window:
                self._ledger.breach("a refresh token was refused within the window")
            self._forget()
        elif pairs:
            if any(
                generation(pair) not in {generation(self.tokens), generation(self.tokens) + 1}
                for pair in pairs
            ):
                self._ledger.breach("a generation was left out")
            self.tokens = max(pairs, key=generation)
            self._lost_at = None
        else:
            self._lost_at = since

    def _log_out(self):
        """With either token; until it is acknowledged."""
        by_access_token = self._rng.random() < 0.5
        body = None if by_access_token else {"refresh_token": self.tokens["refresh_token"]}
        token = self.tokens["access_token"] if by_access_token else None
        answer = self._fleet.ask(self._node(), "POST", "/auth/logout", body, token=token)
        if answer is None or answer.status == 503:
            self.logging_out = True
            return
        if answer.status == 401 and not self.logging_out:
            self._ledger.breach("a logout found the session ended")
        self._ledger.logout(self.tokens)
        self._forget()

    def _forget(self):
        self.tokens = self._lost_at = None
        self.logging_out = False

    def _node(self):
        return self._rng.choice(self._fleet.nodes)


class Auditor:
    """Tries the tokens of those who have logged out, everywhere, all the time."""

    def __init__(self, fleet, ledger, rng):
        self._fleet = fleet
        self._ledger = ledger
        self._rng = rng

    def run(self, stopping):
        while not stopping.wait(0.05):
            if self._ledger.logouts:
                recent = self._rng.choice(self._ledger.logouts[-10:])
                for logout in (recent, self._rng.choice(self._ledger.logouts)):
                    self.audit(logout, self._rng.choice(self._fleet.nodes))

    def audit(self, logout, node):
        """The access token is refused by who can have heard of the logout, the refresh token by everybody."""
        hears_since, sent = node.hears_since, time.monotonic()
        answer = self._fleet.look(node, logout.tokens)
        hears_since = max(hears_since, node.hears_since)
        if answer is not None and answer.status == 200 and sent > max(logout.at, hears_since) + SEEN_WITHIN:
            late = sent - max(logout.at, hears_since)
            self._ledger.breach(f"{late:.1f} s after a logout the access token was good")
        answer = self._fleet.refresh(node, logout.tokens)
        if answer is not None and answer.status == 200:
            self._ledger.breach("after a logout the refresh token was good")
