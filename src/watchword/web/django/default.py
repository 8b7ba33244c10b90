"""The extension of a project, which takes everything from the settings of the project."""

from __future__ import annotations

from watchword.web.django.extension import Watchword

__all__ = ["auth", "protect"]

auth = Watchword()
protect = auth.protect
