"""Text, truth values and lists in the place of a number: every law names the argument."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab import escape

WELL = ll.potentials.double_well()
SADDLE = ll.potentials.strict_saddle()
STEEP = {"curvature": 1.0, "distance": 1.0, "temperature": 1e-4}
DIRECTIONS = {"curvatures": [1.0, 0.5], "distance": 1.0, "temperature": 1e-4, "friction": 1.0}
BARRIER = {"potential": WELL, "minimum": -1.0, "saddle": 0.0, "temperature": 0.1}
HEAVY = {key: BARRIER[key] for key in ("potential", "minimum", "saddle")} | {
    "learning_rate": 1e-4, "momentum": 0.9, "gradient_noise": 20.0,
}  # fmt: skip

# Function, good arguments, which of them are numbers, which may be one a coordinate too.
CASES = [
    (escape.strict_saddle_exit_time, DIRECTIONS | {"mass": 1.0},
     ("temperature", "friction", "mass"), ("curvatures", "distance")),
    (escape.isotropic_saddle_exit_mean, STEEP | {"n_unstable": 2, "friction": 1.0},
     ("curvature", "distance", "temperature", "friction"), ()),
    (escape.linear_saddle_exit_time, STEEP | {"friction": 1.0},
     ("curvature", "distance", "temperature", "friction"), ()),
    (escape.langevin_saddle_exit_time, STEEP | {"friction": 1.0, "mass": 1.0},
     ("curvature", "distance", "temperature", "friction", "mass"), ()),
    (escape.flat_saddle_exit_time,
     {"degree": 3, "amplitude": 1.0, "temperature": 1.0, "friction": 1.0, "distance": 9.0},
     ("amplitude", "temperature", "friction", "distance"), ()),
    (escape.monkey_saddle_exit_time,
     {"amplitude": 1.0, "temperature": 1.0, "friction": 1.0, "distance": 9.0},
     ("amplitude", "temperature", "friction", "distance"), ()),
    (escape.saddle_exit_time,
     {"dynamics": ll.Overdamped(SADDLE, temperature=1e-4), "saddle": [0.0, 0.0], "distance": 1.0},
     (), ("distance",)),
    (escape.optimal_saddle_friction,
     {"potential": SADDLE, "saddle": [0.0, 0.0], "distance": 1.0, "temperature": 1e-4, "mass": 1.0},
     ("temperature", "mass"), ("distance",)),
    (escape.eyring_kramers, BARRIER | {"friction": 1.0}, ("temperature",), ("friction",)),
    (escape.kramers, BARRIER | {"friction": 1.0, "mass": 1.0}, ("temperature",),
     ("friction", "mass")),
    (escape.transition_state_theory, BARRIER | {"mass": 1.0}, ("temperature",), ("mass",)),
    (escape.energy_diffusion, BARRIER | {"friction": 1.0, "mass": 1.0}, ("temperature",),
     ("friction", "mass")),
    (escape.turnover, BARRIER | {"friction": 1.0, "mass": 1.0}, ("temperature",),
     ("friction", "mass")),
    (escape.pollak_grabert_haenggi, BARRIER | {"friction": 1.0, "mass": 1.0}, ("temperature",),
     ("friction", "mass")),
    (escape.soft_eyring_kramers, BARRIER | {"friction": 1.0}, ("temperature",), ("friction",)),
    (escape.normal_mode_loss,
     {"potential": WELL, "minimum": -1.0, "saddle": 0.0, "friction": 1.0, "mass": 1.0},
     ("friction", "mass"), ()),
    (escape.barrier_action, {"potential": WELL, "minimum": -1.0, "saddle": 0.0, "mass": 1.0},
     ("mass",), ()),
    (escape.depopulation_factor, {"loss": 1.0}, ("loss",), ()),
    (escape.heavy_ball_escape, HEAVY, ("learning_rate", "gradient_noise"), ()),
]  # fmt: skip
NUMBERS = [(f, good, name) for f, good, numbers, _ in CASES for name in numbers]
EITHER = NUMBERS + [(f, good, name) for f, good, _, arrays in CASES for name in arrays]


def identity(value):
    return getattr(value, "__name__", value if isinstance(value, str) else "")


@pytest.mark.parametrize("wrong", ["0.1", True, None], ids=["text", "truth", "nothing"])
@pytest.mark.parametrize(("function", "good", "name"), EITHER, ids=identity)
def test_what_is_no_number_is_named(function, good, name, wrong):
    if wrong is None and name == "mass" and function is escape.strict_saddle_exit_time:
        function(**good | {name: wrong})  # overdamped
        return
    with pytest.raises(TypeError, match=rf"{name}={wrong!r} must be a number"):
        function(**good | {name: wrong})


@pytest.mark.parametrize(("function", "good", "name"), NUMBERS, ids=identity)
def test_a_list_is_no_number(function, good, name):
    with pytest.raises(TypeError, match=rf"{name}=\[0\.1, 0\.2\] must be a number"):
        function(**good | {name: [0.1, 0.2]})


def test_numpy_numbers_are_numbers():
    for function, good, numbers, _ in CASES:
        function(**good | {name: np.float64(good[name]) for name in numbers})
