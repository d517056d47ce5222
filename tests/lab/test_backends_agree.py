"""The experiment that holds all backends against each other."""

import numpy as np
import pytest
import xarray
from shipped import experiment

from langevin_lab.evidence import judge

module = experiment("backends_agree")


def test_a_device_names_every_backend():
    assert module.backends("cpu")["torchsde"] == "torchsde"
    assert module.backends("cuda")["torch"] == "torch:cuda"
    assert module.backends("cuda:1") == {
        "cpu": "cpu", "cuda": "cuda:1", "torch": "torch:cuda:1", "torchsde": "torchsde:cuda:1",
    }  # fmt: skip
    with pytest.raises(ValueError, match="backend='torch' must be 'cpu' or 'cuda'"):
        module.backends("torch")


def test_heavy_ball_is_tried_with_the_noise_that_the_control_changes():
    path = module.path("heavy ball", 1)["x"].values
    warm = module.path("heavy ball", 1, temperature=1.03 * module.TEMPERATURE)["x"].values
    assert path.shape == (module.N_STEPS // module.SAVE_EVERY, module.N_REPLICAS, 2)
    assert abs(path - warm).max() > 10 * module.BOUNDS["float32"]


@pytest.mark.slow
def test_the_simulator_in_another_process_gives_the_paths_of_the_cpu():
    for name, found in zip(module.PATHS, module._in_another_process("float64", 5)):
        np.testing.assert_allclose(found, module.path(name, 5)["x"].values, atol=1e-12)


def test_a_failure_in_the_other_process_is_told(monkeypatch):
    monkeypatch.setattr(module, "__file__", "no_such_file.py")
    with pytest.raises(RuntimeError, match=r"(?s)simulator failed: .*no_such_file"):
        module._in_another_process("float64", 5)


def test_a_path_that_is_not_finite_is_far_away_and_refuted():
    """It must not pass for a scheme that the backend has not, which has no claim."""
    truth = np.zeros((2, 3, 1))
    broken = truth.copy()
    broken[1, 2] = np.nan
    found = module.distance(broken, truth)
    np.testing.assert_array_equal(found, [0.0, module.LOST])
    exact = np.zeros(2)
    none = np.full(2, np.nan)
    rows = {
        "torch float64": [found, exact, exact], "torchsde float64": [exact, none, none],
        module.CONTROL: 3 * [exact + 1.0],
    }  # fmt: skip
    dataset = xarray.Dataset(
        {"distance": (("run", "scheme", "step"), np.array(list(rows.values())))},
        coords={"run": list(rows), "scheme": list(module.PATHS), "step": [1, 2], "ensemble": []},
    )
    outcomes = {v.claim.statement: v.outcome for v in judge(module.claims(dataset))}
    paths = {name: outcome for name, outcome in outcomes.items() if "of paths" in name}
    assert paths.pop("EulerMaruyama, torch float64 and cpu: largest distance of paths") == "refuted"
    assert len(paths) == 3
    assert set(paths.values()) == {"consistent"}
