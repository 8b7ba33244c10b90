"""Open the store at the start of an application, and close it at the end."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import run_sync

from watchword.errors import Unavailable
from watchword.web.installation import Installation

__all__ = ["keep_open"]

logger = logging.getLogger("watchword.web")


@asynccontextmanager
async def keep_open(installation: Installation) -> AsyncIterator[None]:
    """Open the store, and close it at the end.

    While the store is away the application starts all the same. Then requests with tokens get a 503.

    Raises:
        InvalidSettings: the settings do not fit what is in the store.
    """
    if installation.has_accounts:
        try:
            await run_sync(installation.open)
        except Unavailable as error:
            logger.warning("the store cannot be opened, and the first token will try again: %s", error)
    try:
        yield
    finally:
        await run_sync(installation.close)
