"""What servers have acknowledged, and may never again deny."""

import threading
import time
from typing import NamedTuple

import watchword

__all__ = ["Ledger", "Logout", "generation", "session"]


class Logout(NamedTuple):
    """Tokens that are no good any more, and when that was acknowledged."""

    tokens: dict
    at: float


class Ledger:
    """Facts, from any thread, and how they were broken.

    Attributes:
        logouts: every one that was acknowledged.
        broken: what must not have happened, in words.
    """

    def __init__(self):
        self.logouts = []
        self.broken = []
        self._access_until = {}
        self._writing = threading.Lock()

    def pair(self, tokens):
        """All pairs of one generation are from one swap, or the session has two of them: it has forked."""
        place = session(tokens), generation(tokens)
        until = watchword.inspect_unverified(tokens["access_token"]).claims["exp"]
        with self._writing:
            known = self._access_until.setdefault(place, until)
        if known != until:
            self.breach(f"two swaps made generation {place[1]} of session {place[0]}")

    def logout(self, tokens):
        """It was answered just now."""
        self.logouts.append(Logout(tokens, time.monotonic()))

    def breach(self, words):
        """Note something that must not be."""
        self.broken.append(words)


def session(tokens):
    return watchword.inspect_unverified(tokens["refresh_token"]).claims["sid"]


def generation(tokens):
    return watchword.inspect_unverified(tokens["refresh_token"]).claims["gen"]
