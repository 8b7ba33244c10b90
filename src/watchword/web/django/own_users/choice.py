"""Choose whose passwords are checked: Django's users, or the accounts in the store."""

from __future__ import annotations

from django.apps import apps

from watchword.arguments import describe, quote
from watchword.errors import InvalidSettings
from watchword.web.django.configuration import Configuration
from watchword.web.django.own_users.directory import DjangoUsers

__all__ = ["make_own_users"]

_APP = "django.contrib.auth"
_OUR_APP = "watchword.web.django"


def make_own_users(configuration: Configuration) -> DjangoUsers | None:
    """Return Django's users if they log in with this configuration, or ``None``.

    Raises:
        InvalidSettings: an entry is of the wrong form, or contradicts another entry.
    """
    users, options = configuration.users, configuration.auth_options
    if users not in {None, "django", "accounts"}:
        given = quote(users) if isinstance(users, str) else describe(users)
        raise InvalidSettings(f'WATCHWORD["USERS"] must be "django" or "accounts", not {given}')
    is_possible = configuration.auth is None and options.get("check_password") is None
    if users == "django" and not is_possible:
        raise InvalidSettings(
            'WATCHWORD["USERS"] must not be "django" beside AUTH or CHECK_PASSWORD, which say who logs in'
        )
    if users == "django" and not apps.is_installed(_APP):
        raise InvalidSettings(f'WATCHWORD["USERS"] is "django", and {_APP!r} is not in INSTALLED_APPS')
    if users != "accounts" and is_possible and apps.is_installed(_APP):
        if not apps.is_installed(_OUR_APP):
            raise InvalidSettings(
                f"{_OUR_APP!r} is not in INSTALLED_APPS, so nothing would end the sessions of a user "
                "with a new password. Add it there."
            )
        return DjangoUsers(
            configuration.settings,
            configuration.scopes_from,
            further_claims=options.get("subject_claims"),
        )
    if configuration.scopes_from is not None:
        raise InvalidSettings(
            'WATCHWORD["SCOPES_FROM"] is for the users of django.contrib.auth, which do not log in here. '
            "Accounts have scopes of their own, and SUBJECT_CLAIMS may return a scope."
        )
    return None
