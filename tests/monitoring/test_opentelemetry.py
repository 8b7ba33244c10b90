"""Telemetry, read with OpenTelemetry's own SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from watchword import Auth, Settings, Subject
from watchword.errors import InvalidCredentials
from watchword.events import Event, LoginFailed
from watchword.monitoring import Telemetry

PASSWORD = "correct horse battery"


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def telemetry(reader: InMemoryMetricReader) -> Iterator[Telemetry]:
    provider = MeterProvider([reader], shutdown_on_exit=False)
    yield Telemetry(provider)
    provider.shutdown()


@pytest.fixture
def auth(telemetry: Telemetry) -> Iterator[Auth]:
    def check(username: str, password: str) -> Subject | None:
        return Subject(username, username) if password == PASSWORD else None

    made = Auth(
        "sqlite://",
        check_password=check,
        listeners=[telemetry],
        settings=Settings(revocation_interval=29),
    )
    telemetry.watch(made)
    yield made
    made.close()


Collect = Callable[[], dict[str, dict[Any, Any]]]


@pytest.fixture
def collect(reader: InMemoryMetricReader) -> Collect:
    """The points of each metric, by the values of their attributes."""

    def collecting() -> dict[str, dict[Any, Any]]:
        data = reader.get_metrics_data()
        if data is None:
            return {}
        [resource] = data.resource_metrics
        [scope] = resource.scope_metrics
        assert scope.scope.name == "watchword"
        return {
            metric.name: {tuple(point.attributes.values()): point for point in metric.data.data_points}
            for metric in scope.metrics
            if metric.data.data_points  # older SDKs have a gauge that says nothing among the others
        }

    return collecting


def test_events_are_counted_by_name_and_ends_by_reason(auth: Auth, collect: Collect) -> None:
    pair = auth.login("alice", PASSWORD)
    auth.refresh(pair.refresh_token)
    auth.refresh(pair.refresh_token)
    auth.end(pair.session_id)
    with pytest.raises(InvalidCredentials):
        auth.login("alice", "wrong horse")
    found = collect()
    assert {name: point.value for (name,), point in found["watchword.events"].items()} == {
        "key_created": 4, "login": 1, "refresh": 1, "refresh_replayed": 1, "session_ended": 1,
        "login_failed": 1,
    }  # fmt: skip
    assert {reason: point.value for (reason,), point in found["watchword.sessions.ended"].items()} == {
        "logout": 1
    }


def test_logins_and_refreshes_are_timed_in_seconds(auth: Auth, collect: Collect) -> None:
    pair = auth.login("alice", PASSWORD)
    auth.refresh(pair.refresh_token)
    auth.refresh(pair.refresh_token)
    with pytest.raises(InvalidCredentials):
        auth.login("alice", "wrong horse")
    found = collect()
    assert found["watchword.login.duration"].keys() == {("login",), ("login_failed",)}
    assert found["watchword.refresh.duration"].keys() == {("refresh",), ("refresh_replayed",)}
    for point in [*found["watchword.login.duration"].values(), *found["watchword.refresh.duration"].values()]:
        assert point.count == 1
        assert 0 < point.sum < 10
        assert point.explicit_bounds[:2] == (0.005, 0.01)


def test_an_event_without_a_duration_is_counted_and_not_timed(telemetry: Telemetry, collect: Collect) -> None:
    telemetry(LoginFailed())
    assert "watchword.login.duration" not in collect()


def test_the_news_of_ended_sessions_are_gauges_from_the_first_poll_on(auth: Auth, collect: Collect) -> None:
    before = collect()
    assert before["watchword.revocation.known_ends"][()].value == 0
    assert not before.keys() & {"watchword.revocation.staleness", "watchword.revocation.poll.duration"}
    auth.end(auth.start("alice").session_id)
    found = collect()
    assert 0 <= found["watchword.revocation.staleness"][()].value < 60
    assert 0 < found["watchword.revocation.poll.duration"][()].value < 10
    assert found["watchword.revocation.known_ends"][()].value == 1


def test_no_metric_has_a_subject_an_address_or_a_session(auth: Auth, collect: Collect) -> None:
    """Each would be a time series of its own, and personal data in another place."""
    auth.login("alice", PASSWORD)
    names = {kind.name for kind in Event.__subclasses__()}
    for points in collect().values():
        assert {value for attributes in points for value in attributes} <= names


def test_every_metric_is_documented(auth: Auth, collect: Collect) -> None:
    document = Path("docs/events.md").read_text("utf-8")
    auth.end(auth.refresh(auth.login("alice", PASSWORD).refresh_token).session_id)
    names = collect().keys()
    assert len(names) == 7
    assert [name for name in names if f"| `{name}` |" not in document] == []


def test_the_old_place_of_telemetry_works_and_warns() -> None:
    from watchword import telemetry  # noqa: PLC0415 -- the import itself does not warn

    with pytest.warns(DeprecationWarning, match=r"use watchword\.monitoring\.Telemetry$") as warned:
        assert telemetry.Telemetry is Telemetry
    assert warned[0].filename == __file__
    with pytest.raises(ImportError):
        from watchword.monitoring import Meter  # noqa: F401, PLC0415 -- it is not there
