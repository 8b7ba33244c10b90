import json
import math
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "bench"
SVG = "{http://www.w3.org/2000/svg}"

TITLES = [
    "HS256 verification, cold",
    "RS256 verification, cold",
    "ES256 verification, cold",
    "EdDSA verification, cold",
    "Verification, warm",
    "HS256 issue",
    "HS256 verification by size of the token, cold",
    "HS256 signature by number of keys",
    "RS256 verification with a provider's keys, cold",
    "RS256 verification with a provider's keys, warm",
    "Batch of RS256 tokens",
    "Access token, warm",
    "Flask route",
    "Flask route, the peer",
    "Swap of a session, PostgreSQL, 1 thread",
    "Swap of a session, PostgreSQL, 8 threads",
    "Swap of a session, SQLite, 1 thread",
    "Swap of a session, SQLite, 8 threads",
    "Django view, with the middleware of startproject",
    "Django view, without any middleware",
    "Starlette route",
    "FastAPI route",
    "Guarded route, end to end",
]
PEERS = {"PyJWT", "joserfc", "jwcrypto", "python-jose", "oxyjwt", "webtoken", "ryjwt"}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """What a run with one sample of each entry prints and writes."""
    folder = tmp_path_factory.mktemp("bench")
    run = subprocess.run(
        [sys.executable, BENCH / "run.py", "--rounds", "1", "--results", folder],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout, json.loads((folder / "latest.json").read_text()), (folder / "latest.svg").read_text()


@pytest.fixture
def bench(monkeypatch):
    """The harness's own modules can be imported; none stays behind under its short name."""
    monkeypatch.syspath_prepend(BENCH)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(BENCH)):
            del sys.modules[name]


def entries(results, title):
    return next(measure["entries"] for measure in results["measures"] if measure["title"] == title)


def test_every_row_is_measured_and_compared_with_the_first_of_its_table(outcome):
    _, results, _ = outcome
    assert [measure["title"] for measure in results["measures"]] == TITLES
    for measure in results["measures"]:
        for entry in measure["entries"]:
            if entry["minimum_us"] is None:
                continue
            assert 0 < entry["minimum_us"] <= entry["median_us"]
            first = measure["entries"][0]["minimum_us"]
            assert entry["ratio_of_minima"] == pytest.approx(entry["minimum_us"] / first)


def test_a_peer_that_is_not_installed_has_a_row_without_figures(outcome):
    printed, results, _ = outcome
    versions = results["machine"]["libraries"]
    for title in TITLES[:4]:
        rows = {
            entry["label"].removesuffix(", typ not checked"): entry["minimum_us"]
            for entry in entries(results, title)
        }
        named = PEERS - {"python-jose"} if title.startswith("EdDSA") else PEERS
        assert named <= rows.keys()
        for peer in named:
            assert (rows[peer] is None) == (versions[peer] is None)
    assert {"PyJWT", "joserfc", "jwcrypto"} <= {name for name, number in versions.items() if number}
    assert all(name in printed for name in PEERS)


def test_every_bar_says_its_limit_what_was_found_and_whether_that_will_do(outcome):
    printed, results, _ = outcome
    assert len({bar["title"] for bar in results["bars"]}) == len(results["bars"]) >= 34
    verdicts = {True: "yes", False: "NO", None: "-"}
    for bar in results["bars"]:
        found = next(bar[figure] for figure in ("mb", "us", "ratio_of_minima") if figure in bar)
        if found is None:
            assert bar["met"] is None
        else:
            assert bar["met"] == ((bar["at_least"] or 0) <= found <= (bar["at_most"] or math.inf))
        assert any(
            line.split()[:1] == [verdicts[bar["met"]]] and bar["title"] in line
            for line in printed.splitlines()
        )


def test_a_full_cache_is_weighed_with_tokens_of_seven_claims_and_the_largest_kept(outcome):
    _, results, _ = outcome
    usual_dict, usual_typed, largest_dict, largest_typed = results["memory"]
    assert usual_dict["characters"] == usual_typed["characters"] < 300
    assert largest_dict["characters"] == largest_typed["characters"] > 300
    for kind in results["memory"]:
        assert kind["traced_mb"] * 1e6 > 8_192 * kind["characters"], "the tokens are not kept"


def test_the_results_tell_what_machine_they_are_from_and_not_whose(outcome):
    _, results, _ = outcome
    assert results["machine"].keys() == {"python", "system", "architecture", "cores", "libraries"}


def test_the_chart_has_a_bar_and_a_number_for_each_library_that_was_measured(outcome):
    _, results, drawn = outcome
    chart = ET.fromstring(drawn)
    texts = [element.text for element in chart.iter(f"{SVG}text")]
    charted = [
        measure for measure in results["measures"] if len({e["contender"] for e in measure["entries"]}) > 1
    ]
    measured = [entry for measure in charted for entry in measure["entries"] if entry["minimum_us"]]
    assert {measure["title"] for measure in charted} < set(texts)
    assert {f"{entry['minimum_us']:.2f}" for entry in measured} <= set(texts)
    assert len(list(chart.iter(f"{SVG}rect"))) == len(measured) + 1  # the background is the first


def test_minima_decide_whether_a_bar_is_met_and_medians_of_rounds_stand_beside_them(bench):
    from entries import Bar, Entry  # noqa: PLC0415 - found by the fixture
    from figures import judged  # noqa: PLC0415

    ours, theirs, absent = (Entry(name, "", "") for name in ("ours", "theirs", "absent"))
    samples = {ours: [2.0, 9.0, 9.0], theirs: [1.0, 2.0, 3.0], absent: []}
    verdict = judged(Bar("", (ours,), (theirs,), at_most=2), samples)
    assert (verdict["ratio_of_minima"], verdict["median_ratio"], verdict["met"]) == (2, 3, True)
    assert judged(Bar("", (ours,), (theirs,), at_most=1.9), samples)["met"] is False
    assert judged(Bar("", (ours,), (theirs,), at_least=2), samples)["met"] is True
    assert judged(Bar("", (ours,), (theirs,), at_least=2.1), samples)["met"] is False
    assert judged(Bar("", (ours, ours), (theirs, theirs), at_least=4), samples)["met"] is True
    unknown = judged(Bar("", (ours, absent), (theirs,), at_most=2), samples)
    assert unknown["ratio_of_minima"] is unknown["median_ratio"] is unknown["met"] is None


def test_what_a_guard_adds_is_judged_in_microseconds(bench):
    from entries import Addition, Entry  # noqa: PLC0415 - found by the fixture
    from figures import judged_addition  # noqa: PLC0415

    guarded, bare, absent = (Entry(name, "", "") for name in ("guarded", "bare", "absent"))
    samples = {guarded: [18e-6, 30e-6], bare: [9e-6, 10e-6], absent: []}
    verdict = judged_addition(Addition("", guarded, bare, at_most_us=10), samples)
    assert (round(verdict["us"], 9), verdict["ratio_of_minima"], verdict["met"]) == (9, 2, True)
    assert judged_addition(Addition("", guarded, bare, at_most_us=8), samples)["met"] is False
    assert judged_addition(Addition("", guarded, absent, at_most_us=8), samples)["met"] is None


def test_a_library_that_nobody_has_is_not_installed(bench):
    from rounds import installed  # noqa: PLC0415

    assert installed("PyJWT")
    assert installed("no-such-distribution-of-ours") is None


def test_without_wrk_servers_are_not_measured_and_the_reason_is_said(bench, monkeypatch):
    import end_to_end  # noqa: PLC0415 - found by the fixture
    from figures import judged  # noqa: PLC0415

    monkeypatch.setenv("PATH", "")
    assert end_to_end.why_not() == "wrk is not installed"
    taken = end_to_end.samples(1)
    assert set(taken) == set(end_to_end.MEASURE.entries)
    assert [judged(bar, taken)["met"] for bar in end_to_end.BARS] == [None, None, None]


def test_the_documentation_shows_the_last_results(bench):
    from report import documented, markdown  # noqa: PLC0415

    page = (ROOT / "docs" / "performance.md").read_text("utf-8")
    results = json.loads((BENCH / "results" / "latest.json").read_text("utf-8"))
    assert markdown(results) in page
    assert documented(page, results) == page
