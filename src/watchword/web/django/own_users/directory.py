"""Prove the users of ``django.contrib.auth``, and read them again at each refresh."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from django.contrib.auth import authenticate, get_user_model
from django.core.exceptions import ValidationError
from django.db import router
from django.views.decorators.debug import sensitive_variables

from watchword.accounts.hashing_slots import HashingSlots
from watchword.errors import InvalidSettings
from watchword.forks import PerProcess
from watchword.sessions import Identity, Subject, VersionedClaims
from watchword.settings import Settings
from watchword.web.django.configuration import Configuration
from watchword.web.django.own_users.credentials import to_version
from watchword.web.django.own_users.scopes import ScopesFrom, make_scope_reader
from watchword.web.django.running import find_django_request

__all__ = ["DjangoUsers"]


class DjangoUsers:
    """The users of a project, for the ``check_password``, ``subject_claims`` and ``load_user`` of Watchword.

    The subject of a user is ``str(user.pk)``. A user logs in as in Django: with the backends, the hashers and
    the user model of the project, and only while ``is_active`` is true.

    Args:
        settings: bound how many passwords are hashed at once, and name the issuer of our tokens.
        scopes_from: see :data:`~watchword.web.django.own_users.scopes.ScopesFrom`. Without it the scopes of a
            session stay as its start granted them.
        further_claims: the project's own ``subject_claims``, which is asked about each active user. Its
            claims replace ours, and ``None`` refuses the user.

    Raises:
        InvalidSettings: ``scopes_from`` is not usable.
    """

    def __init__(
        self,
        settings: Settings,
        scopes_from: ScopesFrom = None,
        *,
        further_claims: Callable[[str], Mapping[str, Any] | None] | None = None,
    ) -> None:
        self._issuer = settings.issuer
        self._further_claims = further_claims
        self._read_scopes = make_scope_reader(scopes_from)
        self._slots = PerProcess(lambda: HashingSlots(settings.password_checks, settings.password_queue))

    def add_to(self, configuration: Configuration) -> Configuration:
        """Return a configuration with which these users log in.

        ``load_user`` stays as it is if the project has a function of its own.
        """
        options = {
            **configuration.auth_options,
            "check_password": self.check_password,
            "subject_claims": self.subject_claims,
        }
        load_user = configuration.load_user or self.load_user
        return msgspec.structs.replace(configuration, load_user=load_user, auth_options=options)

    @sensitive_variables("password")
    def check_password(self, username: str, password: str) -> Subject | None:
        """Return the subject with this name and password, or ``None``.

        The name is what the backends of the project take: ``USERNAME_FIELD`` for Django's own backend.

        Raises:
            InvalidSettings: a backend returned something else than a saved user of ``AUTH_USER_MODEL``.
            Overloaded: too many passwords are being hashed.
        """
        with self._slots.obtain().hold():
            if not (_is_storable(username) and _is_storable(password)):
                get_user_model()().set_password("")  # A known name must not take longer than this one.
                return None
            user = authenticate(find_django_request(), username=username, password=password)
        if user is None or not user.is_active:
            return None
        _check_user(user)
        return Subject(str(user.pk), user.get_username() or None, version=to_version(user.password))

    def subject_claims(self, subject: str) -> VersionedClaims | None:
        """Return what the tokens of a user say today. ``None`` for a missing or inactive user."""
        user = _find_user(subject)
        if user is None:
            return None
        claims: dict[str, Any] = {"preferred_username": user.get_username() or subject}
        if self._read_scopes is not None:
            claims["scope"] = list(self._read_scopes(user))
        if self._further_claims is not None:
            further = self._further_claims(subject)
            if not isinstance(further, Mapping):
                return further  # None refuses the user. Anything else is refused with its type.
            claims |= further
        return VersionedClaims(claims, to_version(user.password))

    def load_user(self, identity: Identity) -> Any:
        """Return the user of an identity, or an ``AnonymousUser`` for a missing or inactive user.

        The token of another issuer may have the same subject, and never stands for a user here.
        """
        from django.contrib.auth.models import AnonymousUser  # noqa: PLC0415 - models are loaded after settings

        is_ours = identity.issuer == self._issuer and identity.session_id is not None
        return (_find_user(identity.subject) if is_ours else None) or AnonymousUser()


def _find_user(subject: str) -> Any:
    """Return the active user with this subject.

    The database that is written is asked, because a replica may not know of a new password yet.
    """
    model = get_user_model()
    users = model._default_manager.using(router.db_for_write(model))  # noqa: SLF001 - as Django's own backend
    try:
        user = users.filter(pk=subject).first() if _is_storable(subject) else None
    except (ValidationError, ValueError, TypeError):  # The text cannot be a primary key.
        return None
    if user is None or not user.is_active or str(user.pk) != subject:
        return None
    return user


def _check_user(user: Any) -> None:
    model = get_user_model()
    if not isinstance(user, model):
        raise InvalidSettings(
            f"an authentication backend returned a {type(user).__name__}, and AUTH_USER_MODEL is "
            f"{model.__name__}. Leave that backend out, or give WATCHWORD a CHECK_PASSWORD."
        )
    if user.pk is None:
        raise InvalidSettings(
            "an authentication backend returned a user that is not saved, so it has no primary key"
        )


def _is_storable(text: str) -> bool:
    """Return whether a database takes a text: PostgreSQL refuses NUL, and no encoding has surrogates."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
