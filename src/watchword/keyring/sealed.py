"""Private keys at rest: a JWE under the operator's secret, so that a database dump alone is worth nothing."""

from __future__ import annotations

import os
import secrets as random
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from watchword.errors import InvalidSettings, WatchwordError
from watchword.jose import jwe
from watchword.jose.jwk import Key
from watchword.settings import Settings
from watchword.stores.contract import KeyKind, SealedKey, Stores

__all__ = ["derive_key", "refuse_missing_secret", "seal", "sealing_secrets", "secret_file", "unseal"]


def seal(key: Key, secret: str, *, kind: KeyKind, epoch: int) -> str:
    """A private key as a compact JWE (``dir``, A256GCM).

    What the key is for stands in the protected header, so that a row changed in the database does not open.
    """
    content = msgspec.json.encode(key.to_jwk(private=True))
    return jwe.encrypt(content, _sealing_key(secret), header=_header(kind, epoch, key.kid))


def unseal(stored: SealedKey, secrets: Sequence[str]) -> Key:
    """The private key inside a stored one, opened with the first of ``secrets`` that fits.

    Raises:
        InvalidSettings: none of the secrets opens it, or what is inside is not what the row says.
    """
    for secret in secrets:
        try:
            opened = jwe.decrypt(stored.sealed, _sealing_key(secret))
        except WatchwordError:
            continue
        key = Key.from_jwk(opened.plaintext.decode())
        expected = _header(stored.kind, stored.epoch, stored.kid)
        if key.alg != stored.alg or any(opened.header.get(name) != value for name, value in expected.items()):
            raise InvalidSettings("a signing key in the database is not the one that was sealed there")
        return key
    raise InvalidSettings(
        "WATCHWORD_SECRET does not open the signing keys in the database; "
        "give the secret that they were made with (add a new one before the old, never in its place)"
    )


def derive_key(secret: str, purpose: str) -> bytes:
    """32 bytes for one purpose, from the operator's secret (HKDF-SHA256, RFC 5869)."""
    return HKDF(SHA256(), length=32, salt=None, info=f"watchword {purpose}".encode()).derive(secret.encode())


def sealing_secrets(settings: Settings, stores: Stores) -> tuple[str, ...]:
    """What seals the keys: as set, or kept beside the database file, or as short-lived as the memory.

    Raises:
        InvalidSettings: none is set, and there is no place to keep one.
    """
    if settings.secret:
        return settings.secret
    if stores.in_memory:
        return (random.token_urlsafe(32),)
    if stores.file is None:
        raise InvalidSettings(_MISSING)
    path = stores.file.with_name(stores.file.name + ".secret")
    return (secret_file(path, create=not stores.keys.keys().keys),)


def refuse_missing_secret(settings: Settings) -> None:
    """Return unless the settings name a store on a server and no secret. Nothing is opened.

    Raises:
        InvalidSettings: they do.
    """
    on_a_server = bool(settings.sessions_url) or not settings.database_url.startswith("sqlite")
    if on_a_server and not settings.secret:
        raise InvalidSettings(_MISSING)


_MISSING = (
    "secret: a store on a server needs one, the same for every process; make it with "
    "`openssl rand -base64 32` and set WATCHWORD_SECRET"
)


def secret_file(path: Path, *, create: bool) -> str:
    """The secret kept in a file of mode 0600, made there at the first start.

    Args:
        path: where it is.
        create: whether it may be made; not when keys exist that only the lost one could open.

    Raises:
        InvalidSettings: the file is missing, empty, or cannot be read or made; or other users can read or
            write it, or it is another user's.
    """
    if create and not path.exists():
        try:
            _write_once(path, random.token_urlsafe(32))
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
            f"{path} cannot be read by this user. Run `chown {_user_id()} {path}` as root, "
            "or set WATCHWORD_SECRET to what it holds"
        ) from None
    except (OSError, UnicodeError):
        raise InvalidSettings(
            f"the secret that opens the signing keys is missing: set WATCHWORD_SECRET, or restore {path.name}"
        ) from None
    if len(secret) < 32:
        raise InvalidSettings(f"{path.name} does not hold a secret of at least 32 characters")
    return secret


def _check_access(path: Path, found: os.stat_result) -> None:
    """Refuse a secret that another user may know, or has chosen.

    Root can read and write everything, so a file of root's is as good as one of this user's, and may be made
    readable for a group. To a process of root's, which administers the files of a service, so is a file of
    the user that owns the directory.
    """
    user = _user_id()
    if user is None:
        return
    trusted = {user, 0} | ({path.parent.stat().st_uid} if user == 0 else set())
    if found.st_uid not in trusted:
        raise InvalidSettings(
            f"{path} belongs to another user (id {found.st_uid}), who may have chosen the secret in it. "
            f"If it is yours, run `chown {user} {path}`. If not, move it away"
        )
    others = 0o037 if found.st_uid == 0 else 0o077
    if found.st_mode & others:
        raise InvalidSettings(
            f"{path} can be read or written by other users (mode {stat.S_IMODE(found.st_mode):04o}). "
            f"Run `chmod 600 {path}`, or set WATCHWORD_SECRET to what it holds"
        )


def _user_id() -> int | None:
    """The user of this process; ``None`` on systems without such numbers."""
    return os.geteuid() if hasattr(os, "geteuid") else None


def _write_once(path: Path, secret: str) -> None:
    """Put a whole file in place or leave the one that another process put there first."""
    draft = path.with_name(f"{path.name}.{random.token_hex(4)}")
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


def _header(kind: KeyKind, epoch: int, kid: str) -> dict[str, object]:
    return {"kid": kid, "kind": kind, "epoch": epoch}


def _sealing_key(secret: str) -> Key:
    return Key.from_secret(derive_key(secret, "key sealing"), alg="dir")
