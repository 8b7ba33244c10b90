"""Load keys with cryptography's loaders, and turn their many exceptions into InvalidKey."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm

from watchword.errors import InvalidKey
from watchword.jose.material.kinds import PrivateKey, PublicKey

__all__ = ["MAX_KEY", "UNREADABLE", "Loader", "load_key", "make_public_loader"]

UNREADABLE = (ValueError, UnsupportedAlgorithm, InternalError, x509.InvalidVersion, Warning)
"""What cryptography raises for bytes that are not a key or certificate.

The last three are not ValueErrors. They stand for a private Ed25519 key of a wrong length, a certificate of
an unknown version, and a certificate that the next release of cryptography will not read (if warnings are
errors).
"""

MAX_KEY = 65_536
"""Longest key, in bytes. The largest usable key needs a quarter of that in PEM."""

Loader: TypeAlias = Callable[[bytes, bytes | None], object]
"""Takes the bytes of a key and a password. Raises TypeError if the password is missing or not needed."""


def load_key(data: bytes, password: bytes | None, loader: Loader) -> PrivateKey | PublicKey:
    """Load a key in the format of a loader.

    Raises:
        InvalidKey: the key is damaged or too long, has an unknown type, or does not match the password.
    """
    if len(data) > MAX_KEY:
        raise InvalidKey(f"a key must have at most {MAX_KEY} bytes, not {len(data)}")
    try:
        key = loader(data, password)
    except TypeError:
        raise InvalidKey(_NOT_ENCRYPTED if password is not None else _ENCRYPTED) from None
    except UnsupportedAlgorithm as error:
        raise InvalidKey(_NO_BCRYPT if "bcrypt" in str(error) else _UNREADABLE) from None
    except UNREADABLE:
        raise InvalidKey(_UNREADABLE if password is None else _UNREADABLE_WITH) from None
    if not isinstance(key, PrivateKey | PublicKey):
        raise InvalidKey(f"no algorithm here uses a key of type {type(key).__name__}")
    return key


def make_public_loader(load: Callable[[bytes], object]) -> Loader:
    """Make a Loader from a function that loads public keys, which have no password."""

    def load_public(data: bytes, password: bytes | None) -> object:
        if password is not None:
            raise TypeError  # as cryptography does for a private key that is not encrypted
        return load(data)

    return load_public


_ENCRYPTED = "the key is encrypted: give password="
_NOT_ENCRYPTED = "the key is not encrypted: leave password= out"
_UNREADABLE = "the key cannot be read: it is damaged, or has a type that no algorithm here uses"
_UNREADABLE_WITH = "the key cannot be read: the password is wrong, or the key is damaged"
_NO_BCRYPT = (
    "an encrypted OpenSSH key needs the package bcrypt: install it, or convert a copy of the key "
    "with ssh-keygen -p -m PKCS8 -f FILE"
)
