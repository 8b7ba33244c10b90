"""Log in the users of ``django.contrib.auth``, and end their sessions when they may no longer log in.

They are the users of a project that has ``django.contrib.auth`` installed, unless the project says
``"USERS": "accounts"`` or gives a ``CHECK_PASSWORD`` or an ``AUTH`` of its own.
"""

from watchword.web.django.own_users.choice import make_own_users
from watchword.web.django.own_users.directory import DjangoUsers
from watchword.web.django.own_users.scopes import ScopesFrom, to_scope

__all__ = ["DjangoUsers", "ScopesFrom", "make_own_users", "to_scope"]
