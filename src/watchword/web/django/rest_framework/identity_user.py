"""A user for an identity without a user of Django."""

from __future__ import annotations

import hashlib

from watchword.sessions import Identity

__all__ = ["IdentityUser"]


class IdentityUser:
    """Stands for the subject of a token where the project has no user for it.

    It is authenticated, has no permission of Django, and is neither staff nor superuser.

    Args:
        identity: the identity in the token.

    Attributes:
        identity: the identity in the token.
        pk: a hexadecimal digest of issuer and subject, such as throttles keep. It is not the key of a row.
        username: the username in the token.
    """

    is_authenticated = is_active = True
    is_anonymous = is_staff = is_superuser = False

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        person = repr((identity.issuer, identity.subject))
        self.pk = self.id = hashlib.sha256(person.encode()).hexdigest()
        self.username = identity.username

    def get_username(self) -> str:
        """Return the username in the token."""
        return self.username

    def has_perm(self, _permission: str, _object: object = None) -> bool:
        """Return ``False``: only scopes grant anything to this user."""
        return False

    def has_perms(self, _permissions: object, _object: object = None) -> bool:
        """Return ``False``: only scopes grant anything to this user."""
        return False

    def has_module_perms(self, _app_label: str) -> bool:
        """Return ``False``: only scopes grant anything to this user."""
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdentityUser) and self.pk == other.pk

    def __hash__(self) -> int:
        return hash(self.pk)

    def __str__(self) -> str:
        return self.username
