"""The ports of a store, and what each of their operations promises.

Read this before writing a store of your own. Three rules hold for every operation:

* **The store's clock counts.** No operation relies on the caller's time. Each operation reads the store's own
  time inside the statement or transaction that writes. It returns that time if the caller needs it.
* **Each operation may be repeated once** after a connection was lost in its middle. So two calls have the
  effect of a single call, or the second call notices that the first took effect.
* **If the store does not answer**, an operation raises :class:`~watchword.errors.StoreUnavailable` and no
  other error.

Times are seconds since the epoch, as floats. Durations are seconds.
"""

from watchword.stores.contract.accounts import Account, AccountStore
from watchword.stores.contract.announcements import Announcements
from watchword.stores.contract.keys import KeyKind, KeyStore, SealedKey, StoredKeys
from watchword.stores.contract.one_time import OneTimeStore
from watchword.stores.contract.sessions import (
    END_NOTICE,
    MARK_LIFETIME,
    EndReason,
    Feed,
    NewSession,
    Session,
    SessionDetails,
    SessionEnd,
    SessionStore,
    SessionTimes,
    TimedSession,
    find_shard,
    is_session_id,
    make_session_id,
)
from watchword.stores.contract.stores import Backend, Stores
from watchword.stores.contract.throttles import (
    Admission,
    HitLimit,
    LoginCounter,
    LoginCounters,
    NetworkCounters,
    ThrottleStore,
)

__all__ = [
    "END_NOTICE",
    "MARK_LIFETIME",
    "Account",
    "AccountStore",
    "Admission",
    "Announcements",
    "Backend",
    "EndReason",
    "Feed",
    "HitLimit",
    "KeyKind",
    "KeyStore",
    "LoginCounter",
    "LoginCounters",
    "NetworkCounters",
    "NewSession",
    "OneTimeStore",
    "SealedKey",
    "Session",
    "SessionDetails",
    "SessionEnd",
    "SessionStore",
    "SessionTimes",
    "StoredKeys",
    "Stores",
    "ThrottleStore",
    "TimedSession",
    "find_shard",
    "is_session_id",
    "make_session_id",
]
