"""A fresh store in memory for each test of a Django project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchword.auth import Auth

__all__ = ["fresh_store"]


@contextmanager
def fresh_store() -> Iterator[Auth]:
    """Give every extension of a Django project a fresh store in memory, until the end of the test.

    Our store lies beside Django's database, so the transaction of a ``TestCase`` does not undo what a test
    writes there. Settings that a test changes must be changed before, because the store is made from them.

    Yields:
        The Auth of the project, for accounts and sessions that a test needs.

    Raises:
        InvalidSettings: the project made the Auth itself, so its store cannot be replaced.
    """
    from watchword.web.django import auth  # noqa: PLC0415 - the tests of a store need no Django
    from watchword.web.django.extension import list_extensions  # noqa: PLC0415 - as above

    with ExitStack() as stack:
        for extension in list_extensions():
            if extension is not auth and extension.installation.has_accounts:
                stack.enter_context(extension.replace_store())
        yield stack.enter_context(auth.replace_store())
