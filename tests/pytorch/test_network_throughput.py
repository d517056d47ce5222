"""The benchmark of networks, small: rates, ratios and how many operations a step has."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
from langevin_lab.lab.discovery import load_module  # noqa: E402

BENCHMARK = load_module(Path(__file__).parents[2] / "benchmarks" / "network_ensembles.py", "bench")


@pytest.mark.slow
def test_a_small_measurement_has_all_programs():
    found = BENCHMARK.measure("cpu", n_networks=4, n_steps=4, repeats=2)
    assert set(found["rates"]) == {"cpu", "float64", "float32"}
    assert all(len(rates) == 2 and min(rates) > 0 for rates in found["rates"].values())
    assert found["ratio"]["float32"] == found["median"]["float32"] / found["median"]["cpu"]
    assert found["wanted"] is None  # a CPU is not held to a card's target
    assert "torch_version" in found["versions"]


def test_a_step_of_adlala_has_no_more_operations_than_it_had():
    # 15 of the gradient; the rest are the lines of three blocks, each a copy into its place.
    assert BENCHMARK.launches() <= 89
