"""Adapt to other extensions of a Flask application: Flask-WTF, Flask-Migrate, Flask-JWT-Extended."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import Any

import flask

from watchword.stores import list_tables

__all__ = [
    "exempt_from_csrf",
    "hide_tables_from_alembic",
    "warn_of_left_over_settings",
]

logger = logging.getLogger("watchword.web")

_done: set[str] = set()


def exempt_from_csrf(app: flask.Flask, blueprint: flask.Blueprint) -> None:
    """Exempt our endpoints from Flask-WTF's CSRFProtect, if the application has it.

    The endpoints read no cookies. A form of another site would have to contain a token or a password itself.
    """
    protection: Any = app.extensions.get("csrf")
    if hasattr(protection, "exempt"):
        protection.exempt(blueprint)


def warn_of_left_over_settings(app: flask.Flask) -> None:
    """Log the names of settings of Flask-JWT-Extended that have no effect, if it is not in use."""
    names = sorted(name for name in app.config if name.startswith("JWT_"))
    if names and "flask_jwt_extended" not in sys.modules:
        logger.warning(
            "these settings belong to Flask-JWT-Extended and have no effect here: %s. "
            "docs/defaults.md lists the settings of Watchword.",
            ", ".join(names),
        )


def hide_tables_from_alembic(app: flask.Flask) -> None:
    """Keep Alembic, and so Flask-Migrate, from dropping our tables in a migration that it generates.

    Alembic compares the database with the models of the application, to which our tables do not belong. This
    has an effect only if Alembic is imported now or before the first context of the application. The command
    ``flask db migrate`` runs in that context.
    """
    _hide_tables()
    flask.appcontext_pushed.connect(_on_context, app)


def _on_context(app: flask.Flask, **_: object) -> None:
    flask.appcontext_pushed.disconnect(_on_context, app)
    _hide_tables()


def _hide_tables() -> None:
    if "alembic" not in sys.modules or "alembic" in _done:
        return
    _done.add("alembic")
    from alembic.autogenerate import comparators  # noqa: PLC0415 -- only applications with Alembic have it

    options: dict[str, Any] = {}
    if hasattr(comparators, "populate_with"):  # Alembic 1.18 and later order what compares
        from alembic.util import DispatchPriority  # noqa: PLC0415 -- as above

        options["priority"] = DispatchPriority.LAST
    comparators.dispatch_for("schema", **options)(_forget_own_tables)


def _forget_own_tables(_context: Any, operations: Any, _schemas: Iterable[str | None]) -> None:
    """Remove our tables from the operations that Alembic is about to write into a migration."""
    own = list_tables()
    operations.ops[:] = [
        operation for operation in operations.ops if getattr(operation, "table_name", None) not in own
    ]
