import re

import pytest

from langevin_lab.lab import LabError, Store, discover
from langevin_lab.lab.reproduction import (
    announcement,
    duration,
    findings,
    obtain,
    plan,
    stored_result,
)


@pytest.fixture
def results(laboratory):
    return Store(laboratory.results)


def test_second_time_everything_is_stored(laboratory, results):
    laboratory.add("one")
    laboratory.add("two")
    experiments, _ = discover()
    tasks = plan(results, experiments)
    assert announcement(tasks) == ("0 results stored, 2 experiments to run, about 2 s on two cores")
    first = obtain(results, tasks[0])
    again = plan(results, experiments)
    assert announcement(again) == "1 result stored, 1 experiment to run, about 1 s on two cores"
    assert obtain(results, again[0]).dataset.identical(first.dataset)
    obtain(results, again[1])
    assert announcement(plan(results, experiments)) == "2 results stored, nothing to run"
    forced = plan(results, experiments, force=True)
    assert [task.stored for task in forced] == [None, None]


def test_paper_preset_says_hours_beforehand(laboratory, results):
    laboratory.add("one")
    experiments, _ = discover()
    assert announcement(plan(results, experiments, "paper")) == (
        "0 results stored, 1 experiment to run, about 2.8 h on two cores"
    )


def test_unknown_cost_is_admitted(laboratory, results):
    laboratory.add("one")
    text = laboratory.add("two").read_text()
    laboratory.write("two", text.replace("    cost=cost,\n", ""))
    experiments, _ = discover()
    tasks = plan(results, experiments)
    assert announcement(tasks).endswith("about 1 s on two cores and 1 of unknown cost")
    assert announcement(tasks[1:]) == "0 results stored, 1 experiment to run"


def test_overrides_run_under_their_own_label(laboratory, results):
    laboratory.add("one")
    (task,) = plan(results, discover()[0], overrides=["n_samples=50"])
    result = obtain(results, task)
    assert task.preset == "custom"
    assert result.dataset.sizes["replica"] == 50


def test_claims_of_all_experiments_are_one_family(laboratory, results):
    laboratory.add("one")
    laboratory.add("two", constant="0.55")
    judged = findings(
        [obtain(results, task) for task in plan(results, discover()[0])], false_alarm_rate=0.01
    )
    assert [(f.experiment, f.verdict.outcome) for f in judged] == [
        ("one", "consistent"),
        ("one", "consistent"),
        ("two", "refuted"),
        ("two", "consistent"),
    ]
    assert {f.verdict.level for f in judged} == {0.005}


def test_missing_and_stale_results_name_their_command(laboratory, results):
    path = laboratory.add("one")
    experiments, _ = discover()
    command = "in results; run langevin-lab reproduce one --preset quick"
    with pytest.raises(
        LabError, match=re.escape(f"one (quick): there is no stored result {command}")
    ):
        stored_result(results, plan(results, experiments)[0])
    obtain(results, plan(results, experiments)[0])
    assert stored_result(results, plan(results, experiments)[0]).claims
    path.write_text(path.read_text() + "# changed\n")
    experiments, _ = discover()
    with pytest.raises(
        LabError, match=re.escape(f"one (quick): the stored result is stale {command}")
    ):
        stored_result(results, plan(results, experiments)[0])


def test_file_that_is_edited_during_the_run_does_not_own_its_result(laboratory, results):
    path = laboratory.add("one")
    (task,) = plan(results, discover()[0])
    path.write_text(path.read_text() + "# changed\n")
    first = obtain(results, task)
    assert first.dataset.attrs["digest"] == task.digest
    (edited,) = plan(results, discover()[0])
    assert edited.stored is None
    assert edited.digest != task.digest


def test_hash_taken_before_the_run_names_the_result(laboratory, results, monkeypatch):
    laboratory.add("one")
    (task,) = plan(results, discover()[0])
    monkeypatch.setattr(Store, "digest", lambda *arguments: "later")
    assert obtain(results, task).dataset.attrs["digest"] == task.digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "return xr.Dataset(",
            "return dict(",
            "run(config) of one returned a dict, needs an xarray.Dataset",
        ),
        (
            "return xr.Dataset(",
            "raise RuntimeError('first line\\nsecond')\n    return xr.Dataset(",
            "experiments/one.py:27: run of one failed: RuntimeError: first line",
        ),
        (
            "return xr.Dataset(",
            "from langevin_lab.lab import LabError\n    raise LabError('no licence')\n    dict(",
            "no licence",
        ),
        (
            'dataset["x"]',
            'dataset["y"]',
            "experiments/one.py:31: claims of one failed: KeyError",
        ),
        (
            "    return [",
            "    return [0.5,",
            "claims(dataset) of one holds 0.5, needs Claim",
        ),
    ],
)
def test_failing_experiment_is_one_line(laboratory, results, old, new, message):
    text = laboratory.add("one").read_text()
    assert old in text
    laboratory.write("one", text.replace(old, new))
    with pytest.raises(LabError, match=re.escape(message)) as caught:
        obtain(results, plan(results, discover()[0])[0])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (40, "40 s"), (99, "99 s"), (210, "3.5 min"), (7200, "2.0 h")],
)
def test_durations_are_said_as_people_say_them(seconds, text):
    assert duration(seconds) == text
