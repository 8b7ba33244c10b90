import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "run.py"

ROWS = {
    "HS256 verification, cold": [
        "floor: MAC + JSON + base64",
        "Watchword, dict",
        "Watchword, typed",
        "PyJWT, decode_complete",
        "PyJWT, get_unverified_header and decode",
    ],
    "EdDSA verification, cold": [
        "floor: cryptography's signature check",
        "Watchword, dict",
        "PyJWT, decode_complete",
    ],
    "Verification, warm": [
        "one raw MAC",
        "Watchword, HS256, dict",
        "Watchword, HS256, typed",
        "Watchword, EdDSA, dict",
        "Watchword, EdDSA, typed",
    ],
    "HS256 issue": ["floor: MAC + JSON + base64 + random id", "Watchword", "PyJWT"],
    "Flask route": [
        "bare route",
        "protected by Watchword, EdDSA (keyring)",
        "protected by Watchword, HS256 (fixed key)",
    ],
    "Flask route, the peer": ["bare route", "protected by Flask-JWT-Extended, HS256"],
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """What a run with one sample of each entry prints and writes."""
    path = tmp_path_factory.mktemp("bench") / "results.json"
    run = subprocess.run(
        [sys.executable, SCRIPT, "--rounds", "1", "--results", path],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout, json.loads(path.read_text())


def test_every_row_is_measured_and_compared_with_the_first_of_its_table(outcome):
    _, results = outcome
    assert {
        measure["title"]: [entry["label"] for entry in measure["entries"]] for measure in results["measures"]
    } == ROWS
    for measure in results["measures"]:
        assert measure["entries"][0]["ratio_of_minima"] == 1
        for entry in measure["entries"]:
            assert 0 < entry["minimum_us"] <= entry["median_us"]
            assert entry["ratio_of_minima"] > 0


def test_the_table_shows_every_row_and_a_verdict_on_every_bar(outcome):
    printed, results = outcome
    for title, labels in ROWS.items():
        assert all(text in printed for text in [title, *labels])
    assert len(results["bars"]) == 3
    for bar in results["bars"]:
        verdict = "reached" if bar["reached"] else "NOT REACHED"
        assert f"{verdict}: {bar['title']}" in printed


def test_the_results_tell_what_machine_they_are_from_and_not_whose(outcome):
    _, results = outcome
    assert results["machine"].keys() == {"python", "system", "architecture", "cores", "libraries"}
    assert {"cryptography", "msgspec", "PyJWT", "Flask-JWT-Extended"} <= results["machine"][
        "libraries"
    ].keys()
