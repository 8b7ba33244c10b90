"""Compare the credentials of a user of Django before and after a change."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

from django.contrib.auth.hashers import get_hasher, identify_hasher

from watchword.sessions.subjects import LARGEST_VERSION

__all__ = ["is_rehash", "to_version"]


def to_version(password_hash: str) -> int:
    """Return a number that differs for another hash of a password, as the version of a subject.

    The number does not depend on ``SECRET_KEY``. So sessions go on when that key changes.
    """
    digest = hashlib.sha256(f"watchword {password_hash}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") & LARGEST_VERSION


def is_rehash(before: str, user: Any, update_fields: Collection[str] | None) -> bool:
    """Return whether a saved user has the same password as before, hashed anew by ``check_password``.

    Django renews a hash at a login if ``PASSWORD_HASHERS`` asks for another algorithm or more work. All that
    Django does then must be there. Otherwise the password counts as new, and its sessions end.

    Args:
        before: the hash before.
        user: the user after ``save``.
        update_fields: the fields that ``save`` was told to write.
    """
    return (
        set(update_fields or ()) == {"password"}
        # set_password keeps the new password until save has validated it. check_password drops it before.
        and user.__dict__.get("_password", "unset") is None
        and _is_outdated(before)
        and not _is_outdated(user.password)
    )


def _is_outdated(password_hash: str) -> bool:
    """Return whether Django would renew a hash at the next login."""
    preferred = get_hasher()
    try:
        hasher = identify_hasher(password_hash)
    except ValueError:  # The hash is not usable, so no login renews it.
        return False
    return bool(hasher.algorithm != preferred.algorithm or preferred.must_update(password_hash))
