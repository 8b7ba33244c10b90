"""End the sessions of a user of Django that gets a new password, is deactivated or is deleted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out
from django.core.signals import setting_changed
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_save

from watchword.auth import Auth
from watchword.errors import WatchwordError
from watchword.sessions import Identity
from watchword.stores.contract import EndReason
from watchword.web.django.own_users.credentials import is_rehash, to_version

__all__ = ["UserSignals"]

logger = logging.getLogger("watchword.django")

_BEFORE = "_watchword_before"
_WATCHED = {"password", "is_active"}


class UserSignals:
    """Listens to the signals of the user model.

    The sessions end when the transaction commits. A transaction that is rolled back ends nothing. Signals do
    not tell of ``update()`` on a query, nor of other programs. The next refresh notices these changes.

    Args:
        find_auths: returns every Auth whose users are Django's.
    """

    def __init__(self, find_auths: Callable[[], Iterable[Auth]]) -> None:
        self._find_auths = find_auths

    def connect(self) -> None:
        """Connect the signals. Call this once, when all models are there."""
        self._connect_models()
        user_logged_out.connect(self.on_logout, weak=False, dispatch_uid="watchword.logout")
        setting_changed.connect(self.on_setting_changed, weak=False, dispatch_uid="watchword.user_model")

    def on_setting_changed(self, *, setting: str, **_: Any) -> None:
        """Connect the signals of another user model, which a test may set."""
        if setting == "AUTH_USER_MODEL":
            self._connect_models()

    def on_saving(
        self, *, sender: Any, instance: Any, using: str, update_fields: Collection[str] | None, **_: Any
    ) -> None:
        """Remember the user as it is in the database, if the change may end sessions."""
        may_matter = update_fields is None or not _WATCHED.isdisjoint(update_fields)
        is_known = may_matter and instance.pk is not None
        stored = sender._base_manager.using(using)  # noqa: SLF001 - the only manager that hides no row
        instance.__dict__[_BEFORE] = stored.filter(pk=instance.pk).first() if is_known else None

    def on_saved(self, *, instance: Any, using: str, update_fields: Collection[str] | None, **_: Any) -> None:
        """End the sessions of a user that has a new password or is not active."""
        before = instance.__dict__.pop(_BEFORE, None)
        if before is None:
            return
        subject = str(instance.pk)
        if not instance.is_active and _is_written("is_active", update_fields):
            # Also if the user was inactive before: saving the user again repeats an end that has failed.
            self._end_on_commit(subject, "account_disabled", using)
        elif before.password == instance.password or not _is_written("password", update_fields):
            return
        elif is_rehash(before.password, instance, update_fields):
            versions = to_version(before.password), to_version(instance.password)
            transaction.on_commit(partial(self._replace_version, subject, *versions), using=using)
        else:
            self._end_on_commit(subject, "password_changed", using)

    def on_deleted(self, *, instance: Any, using: str, **_: Any) -> None:
        """End the sessions of a user that is deleted."""
        self._end_on_commit(str(instance.pk), "account_deleted", using)

    def on_logout(self, *, request: Any = None, **_: Any) -> None:
        """End the session of the token that came with the request in which Django's ``logout`` is called.

        Sessions on other devices go on, as Django's own sessions do.
        """
        identity = getattr(request, "identity", None)
        if not isinstance(identity, Identity) or identity.session_id is None:
            return
        for auth in self._find_auths():
            if auth.settings.issuer == identity.issuer:
                auth.end(identity.session_id)

    def _connect_models(self) -> None:
        """Connect the user model and the models derived from it: their instances are users, too."""
        model = get_user_model()
        for each in {model, *(other for other in apps.get_models() if issubclass(other, model))}:
            for signal, handler in (
                (pre_save, self.on_saving),
                (post_save, self.on_saved),
                (post_delete, self.on_deleted),
            ):
                signal.connect(handler, sender=each, weak=False, dispatch_uid="watchword.users")

    def _end_on_commit(self, subject: str, reason: EndReason, using: str) -> None:
        transaction.on_commit(partial(self._end, subject, reason), using=using)

    def _end(self, subject: str, reason: EndReason) -> None:
        try:
            for auth in self._find_auths():
                auth.end_all(subject, reason=reason)
        except Exception:
            logger.exception(
                "the sessions of the user %s could not be ended (%s). They cannot be refreshed any more, and "
                "their access tokens are valid until they expire. When the store answers again, call "
                "auth.core.end_all(%r)",
                subject,
                reason,
                subject,
            )
            raise

    def _replace_version(self, subject: str, before: int, after: int) -> None:
        """Let the sessions go on. A failure stops no login: then the sessions end at their next refresh."""
        try:
            for auth in self._find_auths():
                auth.replace_version(subject, before, after)
        except WatchwordError:
            logger.exception("the sessions of the user %s end at their next refresh", subject)


def _is_written(field: str, update_fields: Collection[str] | None) -> bool:
    return update_fields is None or field in update_fields
