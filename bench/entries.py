"""What is measured, and what must come of it: a new peer is a module in ``contenders`` and a line here."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

__all__ = ["BARS", "LIBRARIES", "MEASURES", "Addition", "Bar", "Entry", "Measure"]


class Entry(NamedTuple):
    """One line of the table.

    Attributes:
        label: what is measured, for people.
        contender: a module in ``contenders``.
        case: a function in it, and its arguments.
        every: it is sampled in one round of so many.
    """

    label: str
    contender: str
    case: str
    every: int = 1


class Measure(NamedTuple):
    """Lines that belong together; each is shown as a multiple of the first."""

    title: str
    entries: tuple[Entry, ...]


class Bar(NamedTuple):
    """What must hold: some entries take at least, or at most, so many times as long as others.

    Attributes:
        title: what must hold, for people.
        of: entries whose times are multiplied.
        to: entries whose times divide that.
        at_least: the least ratio that will do.
        at_most: the greatest ratio that will do.
    """

    title: str
    of: tuple[Entry, ...]
    to: tuple[Entry, ...]
    at_least: float | None = None
    at_most: float | None = None


class Addition(NamedTuple):
    """What must hold: an entry takes at most so many microseconds longer than another.

    Attributes:
        title: what must hold, for people.
        of: the entry that takes longer.
        to: the other entry.
        at_most_us: the greatest difference that will do, in microseconds.
    """

    title: str
    of: Entry
    to: Entry
    at_most_us: float


LIBRARIES = {
    "flask_jwt_extended_flask": "Flask-JWT-Extended",
    "flask_jwt_extended_server": "Flask-JWT-Extended",
    "joserfc": "joserfc",
    "jwcrypto": "jwcrypto",
    "oxyjwt": "oxyjwt",
    "pyjwt": "PyJWT",
    "python_jose": "python-jose",
    "ryjwt": "ryjwt",
    "webtoken": "webtoken",
}
"""The distribution that a contender needs, beside Watchword's own dependencies."""

ASYMMETRIC = ("RS256", "ES256", "EdDSA")
ALGORITHMS = ("HS256", *ASYMMETRIC)
SIZES = (320, 1_024, 4_096, 16_384)  # characters; a token of seven claims has about 300
KEYS = (1, 10, 100, 1_000)
NO_TYP = {"python_jose", "ryjwt"}
DATABASES = {"postgres": "PostgreSQL", "sqlite": "SQLite"}


def _watchword(label: str, case: str) -> Entry:
    return Entry(f"Watchword{label}", "watchword_codec", case)


def _peers(case: str, *, but: tuple[str, ...] = ()) -> tuple[Entry, ...]:
    names = ("pyjwt", "joserfc", "jwcrypto", "python_jose", "oxyjwt", "webtoken", "ryjwt")
    note = {name: ", typ not checked" for name in NO_TYP if case.startswith("verify")}
    return tuple(Entry(LIBRARIES[name] + note.get(name, ""), name, case) for name in names if name not in but)


MAC = Entry("one raw MAC", "floor", "mac")
FLOOR_VERIFY = Entry("floor: MAC + JSON + base64", "floor", "verify")
FLOOR_ISSUE = Entry("floor: MAC + JSON + base64 + random id", "floor", "issue")
BARE_CALL = {
    alg: Entry("floor: cryptography's signature check", "floor", f"check_signature {alg}")
    for alg in ASYMMETRIC
}
COLD = {alg: _watchword(", dict", f"verify_cold {alg} dict") for alg in ALGORITHMS}
WARM = {
    (alg, claims): _watchword(f", {alg}, {claims}", f"verify_warm {alg} {claims}")
    for claims in ("dict", "typed")
    for alg in ALGORITHMS
}
ISSUE = _watchword("", "issue")
HS256_PEERS = _peers("verify HS256")
PYJWT_DECODE = Entry("PyJWT, decode and get_unverified_header", "pyjwt", "decode")
PYJWT = next(peer for peer in HS256_PEERS if peer.contender == "pyjwt")
OXYJWT = next(peer for peer in HS256_PEERS if peer.contender == "oxyjwt")
SIZED = {size: _watchword(f", {size:,} characters", f"verify_sized {size}") for size in SIZES}
AMONG = {
    keys: _watchword(f", {keys:,} key{'s' if keys > 1 else ''} in the set", f"look_up {keys}")
    for keys in KEYS
}
LOCAL, REMOTE = (
    {
        cache: Entry(f"Watchword, {keys}, {cache}", "watchword_remote", f"{case} {cache}")
        for cache in ("cold", "warm")
    }
    for keys, case in (("a KeySet", "local"), ("a RemoteKeySet", "remote"))
)
BARE_ONE, BARE_THREADS = (
    Entry(f"bare calls, {where}", "floor_batch", case, every=20)
    for where, case in (("one thread", "alone"), ("two threads", "in_two_threads"))
)
ONE_BY_ONE, MANY_THREADS = (
    Entry(f"Watchword, {how}", "watchword_batch", case, every=20)
    for how, case in (("verify, one by one", "alone"), ("verify_many", "in_threads"))
)
KNOWN = Entry("a bare Verifier, typed", "watchword_auth", "verify")
AUTHENTICATED = Entry("Auth.authenticate: ended sessions, too", "watchword_auth", "authenticate")
BARE = Entry("bare route", "watchword_flask", "bare")
KEYRING_ROUTE = Entry("protected by Watchword, ES256 (keyring)", "watchword_flask", "protected_es256")
HS256_ROUTE = Entry("protected by Watchword, HS256 (fixed key)", "watchword_flask", "protected_hs256")
BARE_UPDATE, SWAP = (
    {
        (database, threads): Entry(label, "watchword_store", f"{case} {database} {threads}", every)
        for database in DATABASES
        for threads, every in ((1, 4), (8, 10))
    }
    for label, case in (("bare UPDATE, committed", "bare"), ("the store's swap", "swap"))
)

MEASURES = (
    Measure(
        "HS256 verification, cold",
        (
            FLOOR_VERIFY,
            COLD["HS256"],
            _watchword(", typed", "verify_cold HS256 typed"),
            PYJWT_DECODE,
            *HS256_PEERS,
        ),
    ),
    *(
        Measure(
            f"{alg} verification, cold",
            (
                BARE_CALL[alg],
                COLD[alg],
                *_peers(f"verify {alg}", but=("python_jose",) if alg == "EdDSA" else ()),
            ),
        )
        for alg in ASYMMETRIC
    ),
    Measure("Verification, warm", (MAC, *WARM.values())),
    Measure("HS256 issue", (FLOOR_ISSUE, ISSUE, *_peers("issue"))),
    Measure("HS256 verification by size of the token, cold", tuple(SIZED.values())),
    Measure("HS256 signature by number of keys", tuple(AMONG.values())),
    Measure("RS256 verification with a provider's keys, cold", (LOCAL["cold"], REMOTE["cold"])),
    Measure("RS256 verification with a provider's keys, warm", (LOCAL["warm"], REMOTE["warm"])),
    Measure(
        "Batch of RS256 tokens",
        (BARE_ONE, BARE_THREADS, ONE_BY_ONE, MANY_THREADS),
    ),
    Measure("Access token, warm", (KNOWN, AUTHENTICATED)),
    Measure("Flask route", (BARE, KEYRING_ROUTE, HS256_ROUTE)),
    Measure(
        "Flask route, the peer",
        (
            Entry("bare route", "flask_jwt_extended_flask", "bare"),
            Entry("protected by Flask-JWT-Extended, HS256", "flask_jwt_extended_flask", "protected_hs256"),
            Entry("and with a block list in Redis", "flask_jwt_extended_flask", "protected_by_block_list"),
        ),
    ),
    *(
        Measure(
            f"Swap of a session, {DATABASES[database]}, {threads} thread{'s' if threads > 1 else ''}",
            (BARE_UPDATE[database, threads], SWAP[database, threads]),
        )
        for database, threads in SWAP
    ),
)

BARS = (
    Bar("HS256 cold, against the floor", (COLD["HS256"],), (FLOOR_VERIFY,), at_most=2.0),
    Bar("PyJWT's decode, against HS256 cold", (PYJWT_DECODE,), (COLD["HS256"],), at_least=12),
    Bar("PyJWT at its quickest, against HS256 cold", (PYJWT,), (COLD["HS256"],), at_least=9),
    Bar("oxyjwt, against HS256 cold", (OXYJWT,), (COLD["HS256"],), at_least=1.0),
    *(
        Bar(f"{alg} cold, against the bare call", (COLD[alg],), (BARE_CALL[alg],), at_most=1.15)
        for alg in ASYMMETRIC
    ),
    *(
        Bar(f"{alg} warm, {claims}, against one raw MAC", (entry,), (MAC,), at_most=limit)
        for limit, wanted in ((1.3, "dict"), (0.6, "typed"))
        for (alg, claims), entry in WARM.items()
        if claims == wanted
    ),
    Bar("HS256 issue, against its floor", (ISSUE,), (FLOOR_ISSUE,), at_most=2.5),
    *(
        Bar(f"{more:,} characters, against {less:,}", (SIZED[more],), (SIZED[less],), at_most=more / less)
        for less, more in pairwise(SIZES)
    ),
    Bar("1,000 keys, against one", (AMONG[1_000],), (AMONG[1],), at_most=1.1),
    *(
        Bar(f"RemoteKeySet, {cache}, against a KeySet", (REMOTE[cache],), (LOCAL[cache],), at_most=1.1)
        for cache in LOCAL
    ),
    Bar(
        "gain of verify_many, against bare calls in threads",
        (ONE_BY_ONE, BARE_THREADS),
        (MANY_THREADS, BARE_ONE),
        at_least=0.9,
    ),
    Bar("Auth.authenticate, against a bare Verifier", (AUTHENTICATED,), (KNOWN,), at_most=1.6),
    Bar("protected Flask route (ES256), against bare", (KEYRING_ROUTE,), (BARE,), at_most=1.15),
    Bar("protected Flask route (HS256), against bare", (HS256_ROUTE,), (BARE,), at_most=1.15),
    *(
        Bar(
            f"rate of swaps on {DATABASES[database]}, against bare UPDATEs",
            (BARE_UPDATE[database, 1],),
            (SWAP[database, 1],),
            at_least=limit,
        )
        for database, limit in (("postgres", 0.6), ("sqlite", 0.3))
    ),
)
