"""How long a logout takes to hold on every node, and what that costs: ``make simulate``.

Nodes, network and store are a model, in a time of its own, with a seed: the same figures everywhere. What a
process keeps and how long it takes to note a poll's answer is measured with the real ``Revocations``, fed by
a store that makes its answers up.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import time
import tracemalloc
from bisect import bisect_left
from collections.abc import Sequence
from heapq import heapify, heappop, heappush, heapreplace
from pathlib import Path
from typing import Any

from nodes_chart import svg
from report import placed
from watchword import Settings
from watchword.sessions.revocations import Revocations
from watchword.stores.contract import Feed, SessionEnd, make_session_id

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "scaling.md"

SEED = 1
NODES = (10, 100, 1_000, 10_000)
LOGOUTS = (1, 10, 100, 1_000, 10_000)  # a second

SETTINGS = Settings()
INTERVAL = SETTINGS.revocation_interval
# The most: whoever logs out has just refreshed, and the id is kept until that access token is over
KEPT = SETTINGS.access_lifetime + SETTINGS.leeway

# Measured with PostgreSQL 18 and psycopg on two shared cores, then rounded up. All in seconds.
STORE_CORES = 8
STORE_POLL, STORE_ROW = 0.000_6, 0.000_000_5  # of one of the store's cores
NODE_POLL, NODE_ROW = 0.001_5, 0.000_004  # of the process that asks
NETWORK, NETWORK_SPREAD = 0.000_5, 0.5  # one way: median, and sigma of a log-normal distribution
ROW_BYTES = 60

# A queue in front of a busier store than this grows for too long to be called a bound
BUSY = 0.9
FIRST, LAST = 1.5, 2.5  # seconds of the simulation in which the sessions end that are looked at
LOOKED_AT = 400_000  # pairs of such an end and a node


def main() -> None:
    arguments = _arguments()
    results = simulated(arguments.nodes, arguments.logouts)
    print(markdown(results))
    (arguments.results / "revocation.json").write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    (arguments.results / "revocation.svg").write_text(svg(results), "utf-8")
    if arguments.results == RESULTS:
        page = PAGE.read_text("utf-8")
        PAGE.write_text(placed(page, markdown(results), "make simulate"), "utf-8")


def simulated(nodes: Sequence[int], logouts: Sequence[int]) -> dict[str, Any]:
    return {
        "seed": SEED,
        "interval": INTERVAL,
        "kept": KEPT,
        "fleets": [fleet(count, rate) for count in nodes for rate in logouts],
        "processes": [process(rate) for rate in logouts],
    }


# -- the model -----------------------------------------------------------------------------------


def fleet(nodes: int, logouts: int) -> dict[str, Any]:
    """Seconds from a logout's commit to its holding on a node, and on the last of them; the store's load."""
    busy = nodes * (STORE_POLL / INTERVAL + logouts * STORE_ROW)
    load = {
        "nodes": nodes,
        "logouts": logouts,
        "polls_per_second": nodes / INTERVAL,
        "rows_per_second": nodes * logouts,
        "mb_per_second": nodes * logouts * ROW_BYTES / 1e6,
        "store_cores": busy,
    }
    if busy > BUSY * STORE_CORES:
        return {**load, "delay": None, "last": None, "slowest_poll": None}
    rng = random.Random(f"{SEED} {nodes} {logouts}")
    polls, slowest = _polls(nodes, logouts, rng)
    ends = [rng.uniform(FIRST, LAST) for _ in range(max(40, min(1_000, LOOKED_AT // nodes)))]
    delays = [[held[bisect_left(seen, end)] - end for seen, held in polls] for end in ends]
    return {
        **load,
        "delay": _percentiles([delay for each in delays for delay in each]),
        "last": _percentiles([max(each) for each in delays]),
        "slowest_poll": slowest,
    }


def _polls(
    nodes: int, logouts: int, rng: random.Random
) -> tuple[list[tuple[list[float], list[float]]], float]:
    """For each node when its polls saw the store and when it had noted their answers; the longest one.

    The store takes polls in the order in which they come; a node waits for the interval after each.
    """
    polls: list[tuple[list[float], list[float]]] = [([], []) for _ in range(nodes)]
    last_seen = [0.0] * nodes
    cores = [0.0] * STORE_CORES
    sent = [(rng.uniform(0, INTERVAL), node) for node in range(nodes)]
    coming = [(at + _network(rng), at, node) for at, node in sent]
    heapify(coming)
    slowest, waited_for = 0.0, nodes
    while waited_for:
        arrived, sent_at, node = heappop(coming)
        seen = max(arrived, cores[0])
        rows = logouts * (seen - last_seen[node])
        answered = seen + STORE_POLL + rows * STORE_ROW
        heapreplace(cores, answered)
        held = answered + _network(rng) + NODE_POLL + rows * NODE_ROW
        slowest = max(slowest, held - sent_at)
        last_seen[node] = seen
        polls[node][0].append(seen)
        polls[node][1].append(held)
        if seen >= LAST:
            waited_for -= 1
            continue
        next_at = held + INTERVAL
        heappush(coming, (next_at + _network(rng), next_at, node))
    return polls, slowest


def _network(rng: random.Random) -> float:
    return NETWORK * rng.lognormvariate(0, NETWORK_SPREAD)


def _percentiles(values: list[float]) -> dict[str, float]:
    values.sort()
    return {"p50": values[len(values) // 2], "p99": values[len(values) * 99 // 100], "max": values[-1]}


# -- the real set of ended sessions --------------------------------------------------------------


class MadeUpStore:
    """Answers each poll with as many ends as there were since the last; a second passes between two."""

    def __init__(self, logouts: int) -> None:
        self.logouts = logouts
        self.now = 1_800_000_000.0
        self._feed: Feed | None = None

    def prepare(self) -> None:
        """Make the next answer, outside of what is timed."""
        self.now += INTERVAL
        until = self.now + SETTINGS.access_lifetime
        self._feed = Feed(
            now=self.now,
            identity="made up",
            position=int(self.now),
            key_version=1,
            ends=tuple(SessionEnd(make_session_id("somebody"), until) for _ in range(self.logouts)),
        )

    def poll(self, _identity: str | None, _position: int | None, *, grace: float) -> Feed:
        """The answer that was prepared."""
        assert grace == SETTINGS.leeway
        assert self._feed is not None
        feed, self._feed = self._feed, None
        return feed


MOST_MEASURED = 1_000  # logouts a second; ten times as many would take minutes to fill


def process(logouts: int) -> dict[str, Any]:
    """What one process keeps at that rate, and the milliseconds that noting a poll's answer takes.

    Above ``MOST_MEASURED`` the memory is reckoned, and answers of that rate are noted in the smaller set.
    """
    measured = min(logouts, MOST_MEASURED)
    tracemalloc.start()
    store, revocations = _filled(measured)
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    entries = revocations.read_status().known_ends
    store.logouts = logouts
    taken = [_poll(store, revocations) * 1e3 for _ in range(20)]  # the set is tidied in two of them
    return {
        "logouts": logouts,
        "entries": entries * logouts // measured,
        "mb": traced / 1e6 * logouts / measured,
        "bytes_per_entry": traced / entries,
        "reckoned": logouts > measured,
        "poll_ms": {"median": statistics.median(taken), "max": max(taken) if logouts == measured else None},
    }


def _filled(logouts: int) -> tuple[MadeUpStore, Revocations]:
    """A process that has run until as many ids leave as come."""
    store = MadeUpStore(logouts)
    revocations = Revocations(
        store,  # type: ignore[arg-type] # is asked for nothing but polls
        interval=INTERVAL,
        max_age=SETTINGS.revocation_max_age,
        grace=SETTINGS.leeway,
    )
    for _ in range(int(KEPT / INTERVAL) + 20):
        _poll(store, revocations)
    return store, revocations


def _poll(store: MadeUpStore, revocations: Revocations) -> float:
    store.prepare()
    began = time.perf_counter()
    revocations.poll()
    return time.perf_counter() - began


# -- for people ----------------------------------------------------------------------------------


FLEET = ("nodes", "logouts a second", "polls a second", "rows a second", "store cores busy")
FLEET += ("a node: p50, p99", "the last node: p50, max")
PROCESS = (
    "logouts a second",
    "ids kept",
    "memory, MB",
    "bytes an id",
    "noting an answer: median ms, longest ms",
)


def markdown(results: dict[str, Any]) -> str:
    lines = [f"| {' | '.join(FLEET)} |", "|---:" * len(FLEET) + "|"]
    for each in results["fleets"]:
        delay, last = each["delay"], each["last"]
        found = (
            f"{delay['p50']:.2f} s, {delay['p99']:.2f} s | {last['p50']:.2f} s, {last['max']:.2f} s"
            if delay
            else "too much | for one store"
        )
        lines.append(
            f"| {each['nodes']:,} | {each['logouts']:,} | {each['polls_per_second']:,.0f} "
            f"| {each['rows_per_second']:,} | {each['store_cores']:,.2f} | {found} |"
        )
    lines += ["", f"| {' | '.join(PROCESS)} |", "|---:" * len(PROCESS) + "|"]
    for each in results["processes"]:
        about = "about " if each["reckoned"] else ""
        longest = "not measured" if each["reckoned"] else f"{each['poll_ms']['max']:.1f}"
        lines.append(
            f"| {each['logouts']:,} | {each['entries']:,} | {about}{each['mb']:,.2f} "
            f"| {each['bytes_per_entry']:.0f} | {each['poll_ms']['median']:.2f}, {longest} |"
        )
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", type=int, nargs="+", default=NODES, help="how many there are")
    parser.add_argument(
        "--logouts", type=int, nargs="+", default=LOGOUTS, help="a second, on all nodes together"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder to write to")
    return parser.parse_args()


if __name__ == "__main__":
    main()
