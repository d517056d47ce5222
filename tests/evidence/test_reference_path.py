"""The reference of coupled runs, against solutions that the path itself supplies exactly."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.evidence import brownian_path
from langevin_lab.evidence.reference_path import STRONG_ORDER, reference_states

HARMONIC = ll.Potential.from_expression("3*x**2/2")
FREE = ll.Potential.from_expression("0.4*x")


def last(states):
    return list(states)[-1]


def errors_of(dynamics, path, start, exact, name):
    """Root mean square error at the end on 16 ... 128 intervals."""
    result = []
    for n in (16, 32, 64, 128):
        end = last(reference_states(dynamics, path.coarser(n), start))[name][:, 0]
        result.append(np.sqrt(np.mean((end - exact) ** 2)))
    return np.array(result)


def test_overdamped_reference_is_of_order_three_halves_or_more():
    """x = exp(-3 t) x0 + sqrt(2 T) E, E the Ornstein-Uhlenbeck integral at rate 3."""
    dynamics = ll.Overdamped(HARMONIC, temperature=0.5)
    path = brownian_path(1.0, 128, 300, seed=1, friction=3.0)
    exact = np.exp(-3.0) * 0.7 + path.coarser(1).functional("ornstein_uhlenbeck")[0, :, 0]
    errors = errors_of(dynamics, path, {"x": np.full((300, 1), 0.7)}, exact, "x")
    slope = np.polyfit(np.log([1, 0.5, 0.25, 0.125]), np.log(errors), 1)[0]
    print(errors, slope)
    assert slope > STRONG_ORDER - 0.05
    assert errors[-1] < 1e-3


@pytest.mark.parametrize("name", ["x", "p"])
def test_langevin_reference_is_of_order_three_halves_or_more(name):
    """Constant force: p from E, x from Q; mass 2."""
    dynamics = ll.Langevin(FREE, temperature=0.5, friction=1.5, mass=2.0)
    path = brownian_path(1.0, 128, 300, seed=2, friction=1.5)
    whole, decay = path.coarser(1), np.exp(-1.5)
    amplitude, drift = np.sqrt(2 * 1.5 * 2.0 * 0.5), (1 - decay) / 1.5
    exact = {
        "p": decay * 0.3 - 0.4 * drift
        + amplitude * whole.functional("ornstein_uhlenbeck")[0, :, 0],
        "x": 0.7 + (drift * 0.3 - 0.4 * (1 - drift) / 1.5) / 2
        + amplitude * whole.functional("drifted")[0, :, 0] / 2,
    }  # fmt: skip
    start = {"x": np.full((300, 1), 0.7), "p": np.full((300, 1), 0.3)}
    errors = errors_of(dynamics, path, start, exact[name], name)
    slope = np.polyfit(np.log([1, 0.5, 0.25, 0.125]), np.log(errors), 1)[0]
    print(errors, slope)
    assert slope > STRONG_ORDER - 0.05
    assert errors[-1] < 1e-3
