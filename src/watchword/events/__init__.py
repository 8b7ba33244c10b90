"""Security events as typed records.

A record tells what happened, to which subject, and from which address. It never contains a token or a
password. It does not contain the username of a failed login either, because people type passwords into the
wrong field.
"""

from watchword.events.accounts import (
    AccountCreated,
    AccountDeleted,
    AccountDisabled,
    AccountEnabled,
    AccountRenamed,
    PasswordChanged,
    ScopesChanged,
)
from watchword.events.actors import (
    act_as,
    add_actor_source,
)
from watchword.events.actors import (
    acting_as as acting_as,  # deprecated, so not in __all__
)
from watchword.events.event import (
    Act,
    Event,
    Listener,
)
from watchword.events.keys import (
    KeyAdvanced,
    KeyCompromised,
    KeyCreated,
    KeyDeclaredCompromised,
    KeyDeleted,
    KeyFetchFailed,
    KeyImported,
    KeysFetched,
    KeysResealed,
)
from watchword.events.log import (
    log_event,
    to_json,
)
from watchword.events.logins import (
    LoginFailed,
    LoginSucceeded,
    LoginThrottled,
)
from watchword.events.one_time import (
    TokenRedeemed,
    TokenReplayed,
)
from watchword.events.sessions import (
    RefreshReplayed,
    RefreshReplayedElsewhere,
    RefreshReused,
    SessionRefreshed,
    SessionsEnded,
    SessionTerminated,
    SettingsDiffer,
)

__all__ = [
    "AccountCreated",
    "AccountDeleted",
    "AccountDisabled",
    "AccountEnabled",
    "AccountRenamed",
    "Act",
    "Event",
    "KeyAdvanced",
    "KeyCompromised",
    "KeyCreated",
    "KeyDeclaredCompromised",
    "KeyDeleted",
    "KeyFetchFailed",
    "KeyImported",
    "KeysFetched",
    "KeysResealed",
    "Listener",
    "LoginFailed",
    "LoginSucceeded",
    "LoginThrottled",
    "PasswordChanged",
    "RefreshReplayed",
    "RefreshReplayedElsewhere",
    "RefreshReused",
    "ScopesChanged",
    "SessionRefreshed",
    "SessionTerminated",
    "SessionsEnded",
    "SettingsDiffer",
    "TokenRedeemed",
    "TokenReplayed",
    "act_as",
    "add_actor_source",
    "log_event",
    "to_json",
]
