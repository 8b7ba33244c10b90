"""Hash and verify passwords with argon2id, and limit how many hashes run at once."""

from __future__ import annotations

import base64
import logging
import os
import unicodedata

from watchword.accounts.hashing_slots import HashingSlots
from watchword.errors import MissingExtra, Overloaded, PasswordRejected
from watchword.forks import PerProcess
from watchword.settings import Settings

try:
    import argon2
    from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError
    from argon2.low_level import error_to_str
    from argon2.profiles import RFC_9106_LOW_MEMORY
except ImportError as error:
    raise MissingExtra.from_extra("sql,passwords") from error

__all__ = ["PasswordHasher", "normalize"]

logger = logging.getLogger(__name__)

# ARGON2_MEMORY_ALLOCATION_ERROR and ARGON2_THREAD_FAIL: in argon2-cffi they differ by their text only.
_NO_RESOURCES = frozenset({error_to_str(-22), error_to_str(-33)})
_OUT_OF_MEMORY = "there is not enough memory to hash a password, try again"


class PasswordHasher:
    """Hashes and verifies passwords with argon2id (RFC 9106).

    Passwords are compared in normalization form C (RFC 8265 §4.2.2), because keyboards compose accents in
    different ways.

    At most ``password_checks`` hashes run in a process at once. Up to ``password_queue`` further calls wait,
    two seconds at most.

    Args:
        settings: the settings ``password_max``, ``password_checks`` and ``password_queue`` are used.
        parameters: the cost of a hash. The default is RFC 9106's second recommended option (§4): 64 MiB.
    """

    def __init__(self, *, settings: Settings, parameters: argon2.Parameters = RFC_9106_LOW_MEMORY) -> None:
        self._settings = settings
        self._argon2 = argon2.PasswordHasher.from_parameters(parameters)
        self._decoy = _make_decoy(parameters)
        # Per process: a slot that the parent held when it forked this process is free in this process.
        self._slots = PerProcess(lambda: HashingSlots(settings.password_checks, settings.password_queue))

    def hash(self, password: str) -> str:
        """Return the hash of a password, in PHC form with a new salt.

        Raises:
            PasswordRejected: the password is longer than ``password_max``, or not Unicode text.
            Overloaded: too many passwords are being hashed, or there is not enough memory.
        """
        secret = self._encode(password)
        with self._slots.obtain().hold():
            try:
                return self._argon2.hash(secret)
            except (HashingError, MemoryError):
                raise Overloaded(_OUT_OF_MEMORY) from None

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Return whether a hash is the hash of a password.

        ``None`` stands for the hash of an account that does not exist. The answer is ``False`` then, and
        takes as long as any other answer. The same holds for a password that no account can have. An
        unreadable hash is logged and never matches.

        Raises:
            Overloaded: too many passwords are being hashed, or there is not enough memory. This says nothing
                about the password.
        """
        try:
            secret = self._encode(password)
        except PasswordRejected:
            password_hash, secret = None, b""
        with self._slots.obtain().hold():
            try:
                return self._argon2.verify(password_hash or self._decoy, secret)
            except VerifyMismatchError:
                return False
            except (VerificationError, ValueError, MemoryError) as error:
                if isinstance(error, MemoryError) or str(error) in _NO_RESOURCES:
                    raise Overloaded(_OUT_OF_MEMORY) from None
                logger.warning("a stored password hash cannot be checked: %s %s", type(error).__name__, error)
                return False

    def needs_rehash(self, password_hash: str) -> bool:
        """Return whether a hash has other parameters than ours, or is unreadable."""
        try:
            return self._argon2.check_needs_rehash(password_hash)
        except InvalidHashError:
            return True

    def _encode(self, password: str) -> bytes:
        """Return the bytes of a password that argon2 hashes."""
        return normalize(password, longest=self._settings.password_max).encode()


def normalize(password: str, *, longest: int) -> str:
    """Return the form of a password that is counted and hashed.

    Raises:
        PasswordRejected: the password is longer than ``longest``, or not Unicode text.
    """
    if not isinstance(password, str):
        raise PasswordRejected(f"a password must be text, not {type(password).__name__}", reason="not_text")
    # Before normalizing, which takes quadratic time for a run of combining marks.
    if len(password) > longest:
        raise PasswordRejected(f"a password must have at most {longest} characters", reason="too_long")
    if any("\ud800" <= character <= "\udfff" for character in password):
        raise PasswordRejected("a password must not have surrogate characters", reason="not_text")
    return unicodedata.normalize("NFC", password)


def _make_decoy(parameters: argon2.Parameters) -> str:
    """Make a hash that matches no known password. Checking it costs as much as checking a real hash.

    Salt and tag are random, because a real hash would take time at each start.
    """
    salt, tag = (
        base64.b64encode(os.urandom(length)).decode().rstrip("=")
        for length in (parameters.salt_len, parameters.hash_len)
    )
    cost = f"m={parameters.memory_cost},t={parameters.time_cost},p={parameters.parallelism}"
    return f"$argon2id$v={parameters.version}${cost}${salt}${tag}"
