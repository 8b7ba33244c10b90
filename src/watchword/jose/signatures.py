"""The old place of ``raw_from_der``: import it from :mod:`watchword.jose.jws`."""

from __future__ import annotations

from watchword.deprecation import make_getattr

__all__ = ["raw_from_der"]  # noqa: F822 - see __getattr__

__getattr__ = make_getattr(__name__, {"raw_from_der": "watchword.jose.jws.raw_from_der"})
