"""Check the arguments of an :class:`~watchword.Auth` before a store is opened."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from watchword.arguments import describe, describe_names
from watchword.errors import InvalidSettings
from watchword.jose.jwk import Key
from watchword.jwt.expectations import check_callable
from watchword.jwt.issuer import Issuer
from watchword.stores.contract import Stores

__all__ = ["check_auth_arguments"]


def check_auth_arguments(arguments: Mapping[str, Any]) -> None:
    """Raise unless these can be arguments of an :class:`~watchword.Auth`. Opens nothing.

    Raises:
        InvalidSettings: an argument has the wrong type, or contradicts another argument.
        InvalidKey: the key cannot sign.
    """
    for name in ("check_password", "subject_claims", "breached"):
        if arguments.get(name) is not None:
            check_callable(name, arguments[name])
    listeners = arguments.get("listeners", ())
    if not isinstance(listeners, Collection) or not all(map(callable, listeners)):
        given = describe_names(listeners, callable)
        raise InvalidSettings(f"listeners must be a list of functions, not {given}")
    keys, stores = arguments.get("keys"), arguments.get("stores")
    if keys is not None and not isinstance(keys, Key):
        raise InvalidSettings(
            f"keys must be a Key, not {describe(keys)}. Make a Key from a PEM file with Key.from_pem(text)"
        )
    if keys is not None:
        Issuer("checked", keys)  # An Issuer refuses a key that cannot sign.
    if stores is not None and not isinstance(stores, Stores):
        raise InvalidSettings(f"stores must be a Stores record, not {describe(stores)}")
    if stores is not None and arguments.get("database_url") is not None:
        raise InvalidSettings("give stores or database_url, not both: the stores name where state lives")
