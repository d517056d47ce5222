"""The experiment that holds all backends against each other."""

import numpy as np
import pytest
from shipped import experiment

module = experiment("backends_agree")


def test_a_device_names_every_backend():
    assert module.backends("cpu")["torchsde"] == "torchsde"
    assert module.backends("cuda")["torch"] == "torch:cuda"
    assert module.backends("cuda:1") == {
        "cpu": "cpu", "cuda": "cuda:1", "torch": "torch:cuda:1", "torchsde": "torchsde:cuda:1",
    }  # fmt: skip


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
