"""The operator's secret: where it is kept, how it is protected, and keys derived from it."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from watchword.errors import InvalidSettings
from watchword.settings import Settings
from watchword.stores.contract import Stores

__all__ = ["derive_key", "find_secrets", "read_secret_file", "refuse_missing_secret"]

_SHORTEST = 32  # characters
_MISSING = (
    "secret must be set for a store on a server, to the same value for every process. "
    "Make it with `openssl rand -base64 32` and set WATCHWORD_SECRET"
)


def find_secrets(settings: Settings, stores: Stores) -> tuple[str, ...]:
    """Return the operator's secrets, newest first.

    The setting comes first. Without it the secret is kept in a file beside the database file. For a store in
    memory the secret lives as long as the process.

    Raises:
        InvalidSettings: the secret is not set, and there is no place to keep it.
    """
    if settings.secret:
        return settings.secret
    if stores.in_memory:
        return (secrets.token_urlsafe(32),)
    if stores.file is None:
        raise InvalidSettings(_MISSING)
    path = stores.file.with_name(stores.file.name + ".secret")
    return (read_secret_file(path, create=not stores.keys.list_keys().keys),)


def refuse_missing_secret(settings: Settings) -> None:
    """Check that the settings have a secret if their store is on a server. Opens nothing.

    Raises:
        InvalidSettings: the secret is missing.
    """
    is_on_server = bool(settings.sessions_url) or not settings.database_url.startswith("sqlite")
    if is_on_server and not settings.secret:
        raise InvalidSettings(_MISSING)


def derive_key(secret: str, purpose: str) -> bytes:
    """Derive 32 bytes for a single purpose from the operator's secret (HKDF-SHA256, RFC 5869)."""
    return HKDF(SHA256(), length=32, salt=None, info=f"watchword {purpose}".encode()).derive(secret.encode())


def read_secret_file(path: Path, *, create: bool) -> str:
    """Read the secret in a file of mode 0600, which the first start makes.

    Args:
        path: the path of the file.
        create: whether a missing file may be made. If keys exist already, only the lost secret could open
            them.

    Raises:
        InvalidSettings: the file is missing, or cannot be read or made, or does not hold a secret. Or other
            users can read or write it, or it belongs to another user.
    """
    if create and not path.exists():
        try:
            _write_once(path, secrets.token_urlsafe(32))
        except OSError as error:
            raise InvalidSettings(
                f"{path.name} cannot be made beside the database ({error.strerror}): set WATCHWORD_SECRET"
            ) from None
    try:
        with path.open(encoding="ascii") as file:
            _check_access(path, os.fstat(file.fileno()))
            secret = file.read().strip()
    except PermissionError:
        raise InvalidSettings(
            f"{path} cannot be read by this user. Run `chown {_find_user_id()} {path}` as root, "
            "or set WATCHWORD_SECRET to its content"
        ) from None
    except (OSError, UnicodeError):
        raise InvalidSettings(
            f"the secret that opens the signing keys is missing: set WATCHWORD_SECRET, or restore {path.name}"
        ) from None
    if len(secret) < _SHORTEST:
        raise InvalidSettings(
            f"{path.name} must hold a secret of at least {_SHORTEST} characters: restore it, "
            "or set WATCHWORD_SECRET"
        )
    return secret


def _check_access(path: Path, found: os.stat_result) -> None:
    """Refuse a secret that another user may know or may have chosen.

    Root can read and write everything. So a file of root is as safe as a file of this user, and a group may
    be able to read it. A process of root administers a service, so it accepts a file of the directory's
    owner.
    """
    user = _find_user_id()
    if user is None:
        return
    trusted = {user, 0} | ({path.parent.stat().st_uid} if user == 0 else set())
    if found.st_uid not in trusted:
        raise InvalidSettings(
            f"{path} belongs to another user (id {found.st_uid}), and that user may know the secret in it. "
            f"If the file is yours, run `chown {user} {path}`. If not, move it away"
        )
    others = 0o037 if found.st_uid == 0 else 0o077
    if found.st_mode & others:
        raise InvalidSettings(
            f"{path} can be read or written by other users (mode {stat.S_IMODE(found.st_mode):04o}). "
            f"Run `chmod 600 {path}`, or set WATCHWORD_SECRET to its content"
        )


def _find_user_id() -> int | None:
    """Return the user id of this process, or ``None`` on systems without such ids."""
    return os.geteuid() if hasattr(os, "geteuid") else None


def _write_once(path: Path, secret: str) -> None:
    """Put a whole file in place, or leave the file that another process put there first."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
