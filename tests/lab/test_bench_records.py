"""Results of a session: medians with errors, files, targets."""

import dataclasses
import math

import numpy as np
import pytest

from langevin_lab.evidence import judge
from langevin_lab.lab.benchmarks import records, verdicts
from langevin_lab.lab.benchmarks.programs import Task
from langevin_lab.lab.benchmarks.records import Measured, Results
from langevin_lab.lab.errors import LabError

H200 = {
    "card": "NVIDIA H200", "compute capability": "9.0", "multiprocessors": "132",
    "created": "2026-01-02T03:04:05Z",
}  # fmt: skip


def rounds(rate):
    return [rate * (1 + 0.001 * k) for k in range(-3, 4)]


NETWORKS = {"cpu": rounds(1e4), "float32": rounds(6e5)}


def measured(program, precision, rate, backend="", error="", scatter=0.001):
    task = Task(program, "double well", "cuda", precision, 10**7, backend)
    if error:
        return Measured(task, error=error)
    rates = tuple(rate * (1 + scatter * k) for k in (-2, -1, 0, 1, 2))
    return Measured(task, rates, rates, 100, 0.93)


def on_card(single=2.2e11, double=6e10, torchsde=1e7, jax=1e9, limit=3.9e11, **machine):
    rows = [
        measured("langevin_lab", "float32", single, "cuda"),
        measured("langevin_lab", "float64", double, "cuda"),
        measured("torchsde", "float32", torchsde),
        measured("torchsde", "float64", torchsde),
        measured("jax", "float32", jax),
        measured("diffrax", "float32", 0.0, error="diffrax is not installed"),
    ]
    counts = ({"precision": "float32", "language": "SASS", "limit": limit},)
    return Results("cuda", H200 | machine, tuple(rows), counts, {"rates": NETWORKS})


def outcomes(results):
    return {v.claim.statement: v.outcome for v in judge(verdicts.claims(results))}


def test_all_targets_hold_or_are_named_as_open():
    found = outcomes(on_card())
    assert set(found.values()) == {"consistent"}
    assert sorted(found) == [
        "4,096 networks at once, float32: times the CPU",
        "double well, float32: replica-steps/s",
        "double well, float32: share of the arithmetic limit",
        "double well, float32: times jax",
        "double well, float32: times torchsde",
        "double well, float64: replica-steps/s",
        "double well, float64: times torchsde",
    ]
    assert verdicts.left_open(on_card()) == [
        "double well, diffrax, float32: diffrax is not installed"
    ]


@pytest.mark.parametrize(
    ("missed", "statement"),
    [
        ({"single": 0.97 * 2e11, "limit": 3e11}, "double well, float32: replica-steps/s"),
        ({"double": 0.97 * 5e10}, "double well, float64: replica-steps/s"),
        ({"limit": 2.2e11 / 0.485}, "double well, float32: share of the arithmetic limit"),
        ({"torchsde": 2.2e8 / 0.97}, "double well, float32: times torchsde"),
        ({"jax": 1.1e10 / 0.97}, "double well, float32: times jax"),
    ],
)
def test_three_percent_below_a_target_are_refuted(missed, statement):
    assert outcomes(on_card(**missed))[statement] == "refuted"


def test_networks_three_percent_below_are_refuted():
    slower = NETWORKS | {"float64": rounds(0.97 * 50e4)}
    found = outcomes(dataclasses.replace(on_card(), networks={"rates": slower}))
    assert found["4,096 networks at once, float32: times the CPU"] == "consistent"
    assert found["4,096 networks at once, float64: times the CPU"] == "refuted"
    on_cpu = dataclasses.replace(on_card(), device="cpu", networks={"rates": slower})
    assert not any("networks" in name for name in outcomes(on_cpu))


def test_rates_are_judged_on_a_large_card_only():
    smaller = on_card(**{"multiprocessors": "114", "card": "H100 PCIe"})
    assert not any("replica-steps/s" in name for name in outcomes(smaller))
    assert "rates are for an H200-class card, not H100 PCIe" in verdicts.left_open(smaller)
    for kind in ("8.0", "12.0"):  # an RTX 5090 has 170 multiprocessors of 2 FP64 units
        other = on_card(**{"compute capability": kind})
        assert not any("replica-steps/s" in name for name in outcomes(other))


def test_ensembles_that_do_not_fill_a_card_are_not_judged():
    full = on_card(single=1e9, double=1e9)
    smaller = dataclasses.replace(
        full,
        measured=tuple(
            dataclasses.replace(m, task=dataclasses.replace(m.task, n_replicas=10**6))
            for m in full.measured
        ),
    )
    assert "refuted" in outcomes(full).values()
    assert list(outcomes(smaller)) == ["4,096 networks at once, float32: times the CPU"]
    line = "double well: targets are for 10,000,000 replicas, not 1,000,000"
    assert line in verdicts.left_open(smaller)
    assert line not in verdicts.left_open(full)


def test_works_left_out_are_open():
    results = dataclasses.replace(on_card(), measured=(), counts=(), networks={})
    assert verdicts.claims(results) == []
    assert verdicts.left_open(results) == [
        "double well: not among the works",
        "ensembles of networks: not among the works",
    ]


def test_without_a_card_everything_is_open():
    results = dataclasses.replace(on_card(), device="cpu", machine={}, counts=(), networks={})
    assert verdicts.claims(results) == []
    assert verdicts.left_open(results)[0].startswith("targets of a card: run langevin-lab bench")


def test_rough_counts_are_not_judged():
    counts = ({"precision": "float32", "language": "PTX", "limit": 1.0},
              {"precision": "float64", "error": "no NVVM"})  # fmt: skip
    results = dataclasses.replace(on_card(), counts=counts, networks={"error": "no torch"})
    assert not any("limit" in name for name in outcomes(results))
    lines = verdicts.left_open(results)
    assert "share of the limit, float32: counted in PTX, which is rough; install nvdisasm" in lines
    assert "share of the limit, float64: no NVVM" in lines
    assert "ensembles of networks: no torch" in lines


def test_rate_is_a_median_that_one_slow_repeat_does_not_move():
    task = Task("jax", "double well", "cpu", "float64", 8)
    rate = Measured(task, (10.0, 11.0, 1.0, 12.0, 11.5), (1.0, 3.0, 2.0)).rate
    assert rate.value == 11.0
    assert 0 < rate.stderr < 1.1
    assert Measured(task, (10.0,), (1.0, 3.0, 2.0)).whole_rate == 2.0
    assert Measured(task, (10.0,)).rate.is_exact
    assert Measured(task, (10.0, 10.0)).rate.is_exact
    assert Measured(task, (10.0, 10.0, 13.0)).rate.stderr == pytest.approx(math.sqrt(math.pi / 2))


def test_intervals_of_few_repeats_contain_the_truth():
    """95 % intervals of five: 90 % by 40,000 draws, and 87 % without the factor for few."""
    rng, n_draws, bound = np.random.default_rng(2), 6_000, 2.776  # Student, 4 degrees of freedom
    found = [records.median(tuple(row)) for row in rng.normal(100.0, 1.0, (n_draws, 5))]
    ratios = np.array([abs(e.value - 100.0) / e.stderr for e in found])
    error = math.sqrt(0.09 / n_draws)
    covered, uncorrected = np.mean(ratios < bound), np.mean(1.206 * ratios < bound)
    print(f"covered {covered:.3f}, uncorrected {uncorrected:.3f}, expected 0.900 ± {error:.3f}")
    assert abs(covered - 0.900) < 5 * error
    assert abs(uncorrected - 0.900) > 5 * error
    assert covered < 0.95


def test_error_of_the_median_is_that_of_normal_numbers():
    """Scatter of medians of 101 normal numbers against the error that each states."""
    numbers = np.random.default_rng(1).normal(100.0, 1.0, (400, 101))
    task = Task("jax", "double well", "cpu", "float64", 8)
    rates = [Measured(task, tuple(row)).rate for row in numbers]
    observed = np.std([rate.value for rate in rates])
    stated = np.mean([rate.stderr for rate in rates])
    z = (observed / stated - 1.0) * math.sqrt(2 * 400)
    print(f"scatter {observed:.4f}, stated {stated:.4f}, z = {z:.1f}")
    assert abs(z) < 5
    assert abs((1.5 * observed / stated - 1.0) * math.sqrt(2 * 400)) > 5


def test_files_come_back_as_they_were(tmp_path):
    results = on_card()
    path = records.save(results, tmp_path / "results")
    assert path.name == "cuda-nvidia-h200-2026-01-02.json"
    assert records.load(path) == results
    assert records.stored(tmp_path / "results") == [path]


def test_a_second_session_of_a_day_leaves_the_first(tmp_path):
    first, second = on_card(), on_card(created="2026-01-02T13:04:05Z")
    kept = [records.save(results, tmp_path) for results in (first, second, second)]
    assert [path.name for path in kept] == [
        "cuda-nvidia-h200-2026-01-02.json", *2 * ["cuda-nvidia-h200-2026-01-02-130405.json"]
    ]  # fmt: skip
    assert [records.load(path) for path in records.stored(tmp_path)] == [second, first]
    kept[0].write_text("cut off")
    assert records.save(first, tmp_path).name == "cuda-nvidia-h200-2026-01-02-030405.json"


def test_what_is_no_file_of_results_is_refused(tmp_path):
    (tmp_path / "cpu-x.json").write_text('{"format": 0}')
    with pytest.raises(LabError, match=r"cpu-x.json holds no results of format 1; langevin-lab"):
        records.load(tmp_path / "cpu-x.json")
    with pytest.raises(LabError, match=r"no results in .*; langevin-lab bench writes them"):
        records.stored(tmp_path / "elsewhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match=r"cannot be written"):
        records.save(on_card(), tmp_path / "file")
