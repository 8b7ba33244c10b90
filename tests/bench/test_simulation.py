"""`make simulate`, in small: what must hold of any run."""

import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "bench" / "simulate_revocation.py"
SVG = "{http://www.w3.org/2000/svg}"
NODES, LOGOUTS = (10, 200), (5, 50)
TOO_MANY = 10**6


def run(folder, nodes, logouts):
    subprocess.run(
        [
            *(sys.executable, SCRIPT, "--results", folder),
            *("--nodes", *map(str, nodes)),
            *("--logouts", *map(str, logouts)),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return json.loads((folder / "revocation.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("simulation")


@pytest.fixture(scope="module")
def results(folder):
    return run(folder, NODES, LOGOUTS)


def test_no_logout_takes_longer_than_the_interval_and_two_polls(results):
    assert [(each["nodes"], each["logouts"]) for each in results["fleets"]] == list(product(NODES, LOGOUTS))
    for each in results["fleets"]:
        delay, last = each["delay"], each["last"]
        assert 0 < delay["p50"] < delay["p99"] <= delay["max"] == last["max"]
        assert delay["p50"] < last["p50"]
        assert results["interval"] < last["max"] <= results["interval"] + 2 * each["slowest_poll"]
        assert each["slowest_poll"] < 0.1


def test_each_node_polls_and_is_sent_each_end(results):
    for each in results["fleets"]:
        assert each["polls_per_second"] == each["nodes"] / results["interval"]
        assert each["rows_per_second"] == each["nodes"] * each["logouts"]


def test_memory_grows_with_the_logouts_and_stops_growing_with_time(results):
    for each in results["processes"]:
        kept_for = each["entries"] / each["logouts"]
        assert results["kept"] <= kept_for <= results["kept"] + 10 + results["interval"]
        assert 72 < each["bytes_per_entry"] < 250
    few, many = results["processes"]
    assert many["mb"] / few["mb"] == pytest.approx(LOGOUTS[1] / LOGOUTS[0], rel=0.5)


def test_what_one_store_cannot_send_is_said_to_be_too_much(tmp_path):
    (each,) = run(tmp_path, [TOO_MANY], [1])["fleets"]
    assert each["store_cores"] > 8
    assert each["delay"] is each["last"] is None
    assert "too much for one store" in (tmp_path / "revocation.svg").read_text()


def test_the_same_seed_gives_the_same_delays(results, tmp_path):
    assert run(tmp_path, NODES[:1], LOGOUTS[:1])["fleets"] == results["fleets"][:1]


def test_the_chart_has_a_line_with_three_dots_for_each_row(results, folder):
    chart = ET.fromstring((folder / "revocation.svg").read_text())
    dots = list(chart.iter(f"{SVG}circle"))
    assert len(dots) == 3 + 3 * len(results["fleets"])
    assert all(0 < float(dot.get("cx")) < float(chart.get("width")) for dot in dots)


def test_the_documentation_shows_the_last_results(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    before = set(sys.modules)
    from simulate_revocation import markdown  # noqa: PLC0415 - found by the line above

    page = (ROOT / "docs" / "scaling.md").read_text("utf-8")
    assert markdown(json.loads((ROOT / "bench/results/revocation.json").read_text("utf-8"))) in page
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(SCRIPT.parent)):
            del sys.modules[name]
