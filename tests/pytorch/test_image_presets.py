"""Published settings: their steps, their cooling factors, what they build."""

import dataclasses
import math

import pytest
import torch

from langevin_lab.pytorch.image_presets import PRESETS, ImagePreset
from langevin_lab.pytorch.image_training import make_optimiser
from langevin_lab.pytorch.models import small_cnn
from langevin_lab.pytorch.optim.cool_momentum import total_steps_of

N_TRAIN = 50_000


@pytest.mark.parametrize(
    ("name", "n_steps", "alpha"),
    [
        ("coolmomentum-resnet20", 312_400, 0.999985258847),
        ("coolmomentum-resnet34", 78_200, 0.999941112090),
    ],
)
def test_cooling_of_the_presets_is_the_printed_one(name, n_steps, alpha):
    preset = PRESETS[name]
    assert preset.total_steps(N_TRAIN) == n_steps
    optimiser = make_optimiser(preset, small_cnn(), n_images=N_TRAIN)
    (group,) = optimiser.param_groups
    assert group["total_steps"] == n_steps
    assert (1 - group["start_momentum"]) ** (1 / n_steps) == pytest.approx(alpha, abs=6e-13)
    assert total_steps_of(alpha) == pytest.approx(n_steps, rel=1e-6)
    # rho_n = 1 - (1 - rho_0)/alpha^n, equation 20.
    group["steps_done"] = n_steps // 4
    assert optimiser.momenta()[0] == pytest.approx(1 - 0.01 / alpha ** (n_steps // 4), rel=1e-7)


def test_cooling_factors_of_the_other_published_runs():
    """EfficientNet by its steps; the language model by positions of a text of 929,589 words.

    Batches of 20 make 46,479 positions of an epoch. In backpropagation over 70 of them an epoch
    has about 664 steps, and with this alpha the momentum of step 500 x 664 is still 0.9893.
    """
    assert pytest.approx(0.999978967053, abs=6e-13) == 0.01 ** (1 / 218_948)
    positions = 500 * (929_589 // 20)
    assert 0.01 ** (1 / positions) == pytest.approx(0.9999998018, abs=6e-11)
    n_steps = 500 * (929_589 // 20 // 70)
    assert 1 - 0.01 / 0.9999998018**n_steps == pytest.approx(0.9893, abs=5e-5)
    assert math.log(0.01) / math.log(0.9999998018) == pytest.approx(positions, rel=3e-4)


def test_batches_of_the_presets():
    steps = {name: preset.steps_per_epoch(N_TRAIN) for name, preset in PRESETS.items()}
    assert steps == {
        "coolmomentum-resnet20": 1562,
        "adam-resnet20": 1562,
        "sgd-resnet20": 1562,
        "coolmomentum-resnet34": 391,
    }
    assert {preset.epochs for preset in PRESETS.values()} == {200}


@pytest.mark.parametrize(("name", "rate"), [("adam-resnet20", 1e-3), ("sgd-resnet20", 1e-2)])
def test_rates_of_the_baselines_fall_in_steps(name, rate):
    preset = PRESETS[name]
    optimiser = make_optimiser(preset, small_cnn(), n_images=N_TRAIN)
    assert optimiser.param_groups[0]["lr"] == rate
    for epoch in (0, 80, 81, 120, 121, 160, 161, 180, 181, 199):
        # The Keras example: 0.5e-3 above 180, 1e-3 above 160, 1e-2 above 120, 1e-1 above 80.
        wanted = 1.0
        for above, factor in ((80, 1e-1), (120, 1e-2), (160, 1e-3), (180, 0.5e-3)):
            wanted = factor if epoch > above else wanted
        assert preset.rate_factor(epoch) == wanted
    assert PRESETS["coolmomentum-resnet20"].rate_factor(199) == 1.0


def test_penalty_of_keras_is_a_weight_decay_of_twice_it():
    weight = torch.randn(5, dtype=torch.float64, requires_grad=True)
    (1e-4 * weight.square().sum()).backward()
    for name in ("coolmomentum-resnet20", "adam-resnet20", "sgd-resnet20"):
        torch.testing.assert_close(weight.grad, PRESETS[name].weight_decay * weight.detach())
        assert PRESETS[name].decayed == "kernels"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "vgg"}, "model='vgg' must be one of"),
        ({"decayed": "some"}, "decayed='some' must be one of"),
        ({"normalisation": "image"}, "normalisation='image' must be 'pixel' or 'channel'"),
        ({"batch_size": 0}, "batch_size=0 must be an integer >= 1"),
        ({"epochs": 1.5}, "epochs=1.5 must be an integer >= 1"),
        ({"weight_decay": -1.0}, "weight_decay=-1.0 must be >= 0"),
        ({"seed": -1}, "seed=-1 must be an integer from 0 to"),
    ],
)
def test_wrong_presets_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PRESETS["sgd-resnet20"], **changes)


@pytest.mark.parametrize("name", ["NoSuch", "Optimizer", "LBFGS", "lr_scheduler"])
def test_unknown_optimisers_are_refused(name):
    preset = ImagePreset(model="small_cnn", optimiser=name, batch_size=2, epochs=1)
    with pytest.raises(ValueError, match=f"optimiser='{name}' must be one of"):
        make_optimiser(preset, small_cnn(), n_images=4)
