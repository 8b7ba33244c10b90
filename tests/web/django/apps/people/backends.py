"""An authentication backend that a test interrupts."""

from typing import Any

from django.contrib.auth.backends import ModelBackend


class WaitingBackend(ModelBackend):
    """Calls a function of the test after it has checked a password. Its result may replace the user."""

    after = staticmethod(lambda request: None)

    def authenticate(self, request: Any, username: Any = None, password: Any = None, **_: Any) -> Any:
        user = super().authenticate(request, username, password)
        return WaitingBackend.after(request) or user
