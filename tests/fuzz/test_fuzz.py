import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from watchword.errors import MalformedToken

FUZZ = Path(__file__).parents[2] / "fuzz"

# in the place of worker.py, for which atheris would have to be installed
FINDS = """
import sys
from pathlib import Path
Path(sys.argv[2], "crash-1").write_bytes(b"it's")
sys.exit("said why")
"""
FINDS_NOTHING = 'print("#9 DONE cov: 7 ft: 8\\nstat::number_of_executed_units: 90")'


@pytest.fixture
def fuzz(monkeypatch):
    """The harness's own modules; none stays behind under its short name."""
    monkeypatch.syspath_prepend(FUZZ)
    before = set(sys.modules)
    yield SimpleNamespace(**{name: import_module(name) for name in ("run", "targets", "verdict")})
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(FUZZ)):
            del sys.modules[name]


@pytest.fixture
def judge(fuzz):
    """Judges inputs of a target, of which only what is to be looked at must be given."""

    def judge(call, data=b"x", refusal=MalformedToken):
        fuzz.verdict.Judge(fuzz.targets.Target(call, good=bytes, refusal=refusal))(data)

    return judge


def test_every_target_accepts_good_inputs_of_all_sizes(fuzz):
    for target in fuzz.targets.TARGETS.values():
        for size in (0, 300, 8_000):
            target.call(target.build(target.good(size)))


def test_a_good_input_has_about_the_size_that_is_asked_for(fuzz):
    sized = {
        name for name, target in fuzz.targets.TARGETS.items() if 4_000 < len(target.good(8_000)) <= 9_000
    }
    assert set(fuzz.targets.TARGETS) - sized == {"der"}  # in which there is no room for more


def test_the_inputs_to_start_from_are_accepted_or_refused(fuzz):
    for target in fuzz.targets.TARGETS.values():
        for seed in target.seeds:
            with suppress(target.refusal):
                target.call(target.build(seed))


def test_any_bytes_become_an_argument(fuzz):
    for target in fuzz.targets.TARGETS.values():
        for data in (b"", b"\n", b"\n\n\n", b"\xff\xfe\n\x00", b"[1]", b'{"d":1}', b'{"a":' * 9_999):
            target.build(data)


def test_an_error_that_is_not_the_expected_one_is_reported(judge):
    def call(data):
        raise KeyError(data)

    with pytest.raises(KeyError):
        judge(call)


def test_a_refusal_is_not_reported(judge):
    def call(data):
        raise MalformedToken

    judge(call)


def test_time_that_grows_faster_than_that_of_good_inputs_is_reported(judge, fuzz):
    def call(data):
        for _ in range(len(data) if data.startswith(b"[") else 1):
            bytes(10 * len(data))

    judge(call, b"x" * 2_000)
    with pytest.raises(fuzz.verdict.TooSlow, match="where a good one takes"):
        judge(call, b"[" * 2_000)


def test_a_single_slow_moment_is_not_reported(judge):
    moments = iter([10**8])

    def call(data):
        sum(range(next(moments, 0) // 20))

    judge(call)


def test_what_is_found_is_printed_with_how_to_see_it_again(fuzz):
    outcome = fuzz.run.fuzz("jwk", 1, ("-c", FINDS))
    assert outcome.found == (b"it's",)
    assert "said why" in fuzz.run.report(outcome, 1)
    assert """python fuzz/run.py jwk --input 'b"it'"'"'s"'""" in fuzz.run.report(outcome, 1)


def test_where_nothing_is_found_a_line_tells_how_much_was_tried(fuzz):
    outcome = fuzz.run.fuzz("jwk", 10, ("-c", FINDS_NOTHING))
    assert fuzz.run.report(outcome, 10).split() == [
        "jwk",
        "90",
        "inputs",
        "9",
        "a",
        "second",
        "7",
        "branches",
    ]


@pytest.mark.parametrize(("arguments", "status"), [(["jwk", "--input", "b'{}'"], 0), (["nothing"], 2)])
def test_an_input_can_be_given_to_its_target_again(arguments, status):
    run = subprocess.run([sys.executable, FUZZ / "run.py", *arguments], capture_output=True, check=False)
    assert run.returncode == status, run.stderr
