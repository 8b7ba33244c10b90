"""Passwords at rest: argon2id, and no more of it at once than the machine can bear."""

from __future__ import annotations

import base64
import logging
import os
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from watchword.errors import MissingExtra, Overloaded, PasswordRejected
from watchword.settings import Settings

try:
    import argon2
    from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError
    from argon2.profiles import RFC_9106_LOW_MEMORY
except ImportError as error:
    raise MissingExtra.named("passwords") from error

__all__ = ["PasswordHasher"]

logger = logging.getLogger(__name__)


class PasswordHasher:
    """Hashes passwords with argon2id (RFC 9106) and checks them.

    Passwords are compared in normalization form C (RFC 8265 §4.2.2), so that it does not matter which
    keyboard composed an accent.

    Args:
        settings: ``password_max`` and ``password_checks`` count here.
        parameters: what a hash costs. The default is RFC 9106's second recommended option (§4): 64 MiB.
    """

    def __init__(self, *, settings: Settings, parameters: argon2.Parameters = RFC_9106_LOW_MEMORY) -> None:
        self._settings = settings
        self._argon2 = argon2.PasswordHasher.from_parameters(parameters)
        self._decoy = _decoy(parameters)
        self._slots: dict[int, threading.BoundedSemaphore] = {}

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of this process's ``password_checks`` slots for the length of a ``with`` block.

        A login takes one before it does anything else, so running and waiting checks together never take
        more worker threads than that.

        Raises:
            Overloaded: all slots are taken; at once, nobody waits for one.
        """
        # By process: a slot that was held elsewhere when this process was forked is free in it.
        slots = self._slots.setdefault(
            os.getpid(), threading.BoundedSemaphore(self._settings.password_checks)
        )
        if not slots.acquire(blocking=False):
            raise Overloaded(retry_after=1)
        try:
            yield
        finally:
            slots.release()

    def hash(self, password: str) -> str:
        """The password's hash, in PHC form with a new salt.

        Raises:
            PasswordRejected: the password is longer than ``password_max``, or not Unicode text.
            Overloaded: there is no memory for it.
        """
        try:
            return self._argon2.hash(self._prepared(password))
        except HashingError:
            raise Overloaded("there is no memory to hash a password") from None

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one that was hashed.

        ``None`` stands for the hash of an account that does not exist. The answer is then ``False``, and
        takes as long as any other; so is it for a password that nobody can have set. A hash that cannot be
        read is logged, and nobody's password.
        """
        try:
            secret = self._prepared(password)
        except PasswordRejected:
            password_hash, secret = None, b""
        try:
            return self._argon2.verify(password_hash or self._decoy, secret)
        except VerifyMismatchError:
            return False
        except (VerificationError, ValueError) as error:
            logger.warning("a stored password hash cannot be checked: %s %s", type(error).__name__, error)
            return False

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than ours, or cannot be read."""
        try:
            return self._argon2.check_needs_rehash(password_hash)
        except InvalidHashError:
            return True

    def _prepared(self, password: str) -> bytes:
        """What argon2 gets to see of a password."""
        if len(password) > self._settings.password_max:
            raise PasswordRejected(f"a password has at most {self._settings.password_max} characters")
        try:
            return unicodedata.normalize("NFC", password).encode()
        except UnicodeEncodeError:
            raise PasswordRejected("a password is made of Unicode characters, not of surrogates") from None


def _decoy(parameters: argon2.Parameters) -> str:
    """A hash that no password is known to have: checking it costs what checking a real one does.

    Salt and tag are random, so that making it costs nothing.
    """
    salt, tag = (
        base64.b64encode(os.urandom(length)).decode().rstrip("=")
        for length in (parameters.salt_len, parameters.hash_len)
    )
    cost = f"m={parameters.memory_cost},t={parameters.time_cost},p={parameters.parallelism}"
    return f"$argon2id$v={parameters.version}${cost}${salt}${tag}"
