"""What a store keeps, and what each of its operations promises.

Read this before writing a store of your own. Three rules hold for every operation:

* **The store's clock counts.** No operation takes the caller's time for a fact; each reads the store's
  own time inside the statement or transaction that writes, and hands it back where the caller needs it.
* **Each operation may be repeated once** after a connection was lost in its middle, so doing it twice is
  the same as doing it once, or the second attempt can tell that the first took effect.
* **Nothing but** :class:`~watchword.errors.StoreUnavailable` is raised when the store does not answer.

Times are seconds since the epoch, as floats; durations are seconds.
"""

from watchword.stores.contract.accounts import Account, AccountStore
from watchword.stores.contract.announcements import Announcements
from watchword.stores.contract.keys import KeyKind, KeyStore, SealedKey, StoredKeys
from watchword.stores.contract.one_time import OneTimeStore
from watchword.stores.contract.scopes import check_scopes
from watchword.stores.contract.sessions import (
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
    "check_scopes",
    "find_shard",
    "is_session_id",
    "make_session_id",
]
