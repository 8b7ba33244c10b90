"""``/metrics``, read by Prometheus's own parser; ``tests/system`` has real workers."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.testclient import TestClient

from watchword import Auth, Settings
from watchword.errors import InvalidGrant
from watchword.events import LoginFailed
from watchword.monitoring.prometheus import Metrics
from watchword.server.app import create_app
from watchword.sessions import FeedStatus
from watchword.stores.contract import EndReason


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Starlette]]:
    made = []

    def making(**settings: Any) -> Starlette:
        made.append(create_app(Settings(database_url=f"sqlite:///{tmp_path}/app.db", **settings)))
        return made[-1]

    yield making
    for app in made:
        app.state.auth.close()


@pytest.fixture
def app(make: Callable[..., Starlette]) -> Starlette:
    return make(metrics=True)


def core(app: Starlette) -> Auth:
    auth: Auth = app.state.auth.core
    return auth


def scraped(app: Starlette, **headers: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = TestClient(app).get("/metrics", headers=headers)
    assert answer.status_code == 200
    return parsed(answer.text)


def parsed(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def number(app: Starlette, name: str, **labels: str) -> float:
    return scraped(app)[name, frozenset(labels.items())]


def test_there_is_nothing_unless_it_is_asked_for(make: Callable[..., Starlette]) -> None:
    answer = TestClient(make()).get("/metrics")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_events_are_counted_by_name_and_ends_by_reason(app: Starlette) -> None:
    auth = core(app)
    pairs = [auth.start("alice") for _ in range(3)]
    auth.end(pairs[0].session_id)
    auth.end_all("alice")
    assert number(app, "watchword_events_total", event="login") == 3
    assert number(app, "watchword_events_total", event="session_ended") == 3
    assert number(app, "watchword_sessions_ended_total", reason="logout") == 1
    assert number(app, "watchword_sessions_ended_total", reason="logout_all") == 2
    assert number(app, "watchword_events_total", event="key_created") == 4


def test_a_reuse_is_an_end_too(app: Starlette) -> None:
    auth = core(app)
    first = auth.start("alice")
    auth.refresh(first.refresh_token)
    auth.stores.sessions.time_shift += 31
    with pytest.raises(InvalidGrant):
        auth.refresh(first.refresh_token)
    assert number(app, "watchword_events_total", event="refresh_reused") == 1
    assert number(app, "watchword_sessions_ended_total", reason="refresh_reused") == 1


def test_what_has_not_happened_yet_counts_as_zero(app: Starlette) -> None:
    found = scraped(app)
    for name in ("login", "session_ended", "account_deleted", "key_created", "login_throttled"):
        assert ("watchword_events_total", frozenset({"event": name}.items())) in found
    for reason in get_args(EndReason):
        assert found["watchword_sessions_ended_total", frozenset({"reason": reason}.items())] == 0


def test_staleness_and_known_ends_are_told(app: Starlette) -> None:
    auth = core(app)
    assert number(app, "watchword_revocation_staleness_seconds") == math.inf
    auth.end(auth.start("alice").session_id)
    assert 0 <= number(app, "watchword_revocation_staleness_seconds") < 60
    assert number(app, "watchword_revocation_known_ends") == 1


def test_whoever_asks_for_openmetrics_gets_it(app: Starlette) -> None:
    client = TestClient(app)
    assert client.get("/metrics").headers["Content-Type"].startswith("text/plain; version=")
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_every_number_is_documented(app: Starlette) -> None:
    document = Path("docs/events.md").read_text("utf-8")
    names = {name for name, _ in scraped(app)}
    assert len(names) == 4
    assert [name for name in names if f"| `{name}` |" not in document] == []


STALENESS, KNOWN_ENDS, FAILED = (
    ("watchword_revocation_staleness_seconds", frozenset()),
    ("watchword_revocation_known_ends", frozenset()),
    ("watchword_events_total", frozenset({("event", "login_failed")})),
)

A_WORKER_THAT_DIES = """
import sys
from pathlib import Path
from watchword.events import LoginFailed
from watchword.monitoring.prometheus import Metrics
from watchword.sessions import FeedStatus
metrics = Metrics(Path(sys.argv[1]))
metrics(LoginFailed())
metrics.publish(FeedStatus(staleness=1000, poll_seconds=1, failing=True, known_ends=1000))
"""


def status(staleness: float, known_ends: int) -> FeedStatus:
    return FeedStatus(staleness=staleness, poll_seconds=None, failing=False, known_ends=known_ends)


def shown_by(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return parsed(metrics.render("")[0].decode())


def test_every_worker_shows_the_sum_of_the_counts_and_the_worst_of_the_rest(tmp_path: Path) -> None:
    workers = [Metrics(tmp_path) for _ in range(3)]
    for number, worker in enumerate(workers):
        for _ in range(number):
            worker(LoginFailed())
    workers[0].publish(status(5, 2))
    workers[1].publish(status(20, 1))
    workers[2].publish(status(math.inf, 0))  # it was asked for nothing yet, and will poll first

    for worker in workers:
        shown = shown_by(worker)
        assert shown[FAILED] == 3
        assert 20 <= shown[STALENESS] < 60
        assert shown[KNOWN_ENDS] == 2


def test_what_a_worker_counted_outlives_it_and_the_next_worker_goes_on_from_there(tmp_path: Path) -> None:
    worker = Metrics(tmp_path)
    worker.publish(status(1, 1))
    for _ in range(3):
        subprocess.run([sys.executable, "-c", A_WORKER_THAT_DIES, str(tmp_path)], check=True, timeout=20)

    shown = shown_by(worker)
    assert shown[FAILED] == 3
    assert shown[STALENESS] < 60
    assert shown[KNOWN_ENDS] == 1
    assert len(list(tmp_path.iterdir())) == 2, "never more files than there were workers at once"

    replacement = Metrics(tmp_path)
    replacement(LoginFailed())
    shown = shown_by(worker)
    assert shown[FAILED] == 4
    assert shown[STALENESS] < 60, "not that of the worker before"
