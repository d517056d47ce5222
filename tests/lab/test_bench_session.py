"""Programs as processes: asked in turn, timed to a length, and what becomes of those that fail."""

import json
import math
import sys

import pytest

from langevin_lab.lab.benchmarks import child, session
from langevin_lab.lab.benchmarks.child import FEW_STEPS, SHARE, calibrated, measurement
from langevin_lab.lab.benchmarks.programs import Task

# A child that follows the protocol and writes its name whenever it is asked.
FAKE = """
import json, sys, time
settings = json.loads(sys.argv[1])
name = settings["task"]["program"]
if name == "broken":
    print(json.dumps({"error": "no such package"}), flush=True)
    sys.exit()
if name == "dead":
    sys.exit("Killed: out of memory")
print(json.dumps({"n_steps": 7}), flush=True)
for k, line in enumerate(sys.stdin):
    if name == "late" and k == 1:
        time.sleep(60)
    with open(@LOG@, "a") as log:
        log.write(name + "\\n")
    print(json.dumps({"rate": 2.0 + k, "whole_rate": 1.0 + k, "mean": 0.5}), flush=True)
"""


@pytest.fixture
def measure(tmp_path):
    """Tasks by the names of their programs, and in which order they were asked."""

    def measured(*names, repeats=3, seconds=0.1):
        log = tmp_path / "log"
        program = FAKE.replace("@LOG@", repr(str(log)))
        tasks = [Task(name, "double well", "cpu", "float64", 8) for name in names]
        found = session.measure(
            tasks, seconds=seconds, repeats=repeats, command=(sys.executable, "-c", program)
        )
        return found, log.read_text().split() if log.exists() else []

    return measured


def test_repeats_are_interleaved(measure):
    found, order = measure("one", "other")
    assert order == ["one", "other"] * 3
    assert found[0].rates == (2.0, 3.0, 4.0)
    assert found[0].whole_rates == (1.0, 2.0, 3.0)
    assert (found[0].n_steps, found[0].mean, found[0].error) == (7, 0.5, "")


def test_a_program_that_cannot_run_says_why_and_the_others_go_on(measure):
    found, order = measure("broken", "one", "dead", repeats=2)
    assert order == ["one", "one"]
    assert found[0].error == "no such package"
    assert found[1].rates == (2.0, 3.0)
    assert found[2].error == "ended with status 1: Killed: out of memory"


def test_a_program_that_hangs_is_ended(measure, monkeypatch):
    monkeypatch.setattr(session, "READY_SECONDS", 1.0)
    found, order = measure("late", "one", seconds=0.01)
    assert found[0].error == "took longer than 2 s"
    assert order == ["late", "one", "one", "one"]
    assert len(found[1].rates) == 3


def clock(per_step, overhead=0.0, units=1.0):
    """A run that takes exactly so long."""
    lengths = []

    def run(n_steps):
        lengths.append(n_steps)
        return overhead + per_step * n_steps, units * n_steps, 0.25

    return run, lengths


def test_rate_of_the_steps_alone_is_free_of_overhead():
    run, _ = clock(1e-3, overhead=5.0, units=100.0)
    found = measurement(run, 20)
    assert found["rate"] == pytest.approx(1e5, rel=1e-12)
    assert found["whole_rate"] == pytest.approx(100 * 200 / (5.0 + 0.2), rel=1e-12)
    assert (found["units"], found["mean"]) == (20_000, 0.25)


def test_a_disturbed_short_run_is_measured_again_and_never_a_rate():
    seconds = iter([3.0, 1.0, 0.1, 1.0])
    found = measurement(lambda n_steps: (next(seconds), n_steps, 0.25), 10)
    assert found["rate"] == pytest.approx(90 / 0.9)
    with pytest.raises(RuntimeError, match=r"100 steps took no longer than 10, 5 times.*--seconds"):
        measurement(lambda n_steps: (1.0, n_steps, 0.25), 10)


@pytest.mark.parametrize("per_step", [1e-6, 1e-4, 1e-2])
def test_length_is_found_so_that_a_long_run_takes_the_time_asked_for(per_step):
    run, lengths = clock(per_step, overhead=0.3)
    n_steps = calibrated(run, 1.0)
    assert SHARE * n_steps * per_step == pytest.approx(1.0, rel=0.01)
    assert sum(lengths) * per_step < 2.0


def test_length_never_falls_below_a_few_steps():
    assert calibrated(clock(10.0)[0], 1.0) == FEW_STEPS


def test_a_pair_of_runs_is_compiled_in_both_or_in_none():
    pytest.importorskip("torch")
    from langevin_lab.pytorch.blocks import LONG

    assert child.COMPILED_FROM == LONG
    task = Task("langevin_lab", "double well", "cuda", "float32", 8, "torch:cuda")
    for n_steps in (10, 99, 100, 200, 316, 317, 900, 1000, 5000):
        found = child.of_one_kind(task, n_steps)
        assert (found >= LONG) == (SHARE * found >= LONG)
        assert found / n_steps < 3.2
        assert n_steps / found < 3.2
    assert [child.of_one_kind(task, n) for n in (99, 1000)] == [99, 1000]
    for other in (Task("jax", "double well", "cuda", "float32", 8),
                  Task("langevin_lab", "double well", "cpu", "float32", 8, "torch")):  # fmt: skip
        assert child.of_one_kind(other, 200) == 200


def test_child_answers_one_line_a_question(monkeypatch, capfd):
    monkeypatch.setitem(child.PROGRAMS, "steady", lambda task: clock(1e-3)[0])
    monkeypatch.setattr(sys, "stdin", iter(["\n", "\n"]))
    task = Task("steady", "double well", "cpu", "float64", 8)
    child.main([json.dumps({"task": task.record(), "seconds": 1.0})])
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert lines[0] == {"n_steps": 100}
    assert [round(line["rate"]) for line in lines[1:]] == [1000, 1000]


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (
            ModuleNotFoundError("no", name="diffrax"),
            "diffrax is not installed (pip install diffrax)",
        ),
        (ValueError("n_replicas=0"), "ValueError: n_replicas=0"),
    ],
)
def test_child_says_what_is_wrong(monkeypatch, capfd, failure, words):
    def fail(task):
        raise failure

    monkeypatch.setitem(child.PROGRAMS, "broken", fail)
    task = Task("broken", "double well", "cpu", "float64", 8)
    child.main([json.dumps({"task": task.record(), "seconds": 1.0})])
    assert json.loads(capfd.readouterr().out) == {"error": words}


def test_jax_is_kept_from_taking_the_card():
    assert session.SETTINGS["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert math.isfinite(session.READY_SECONDS)
