"""Where replicas start that are given no start."""

import numpy as np

import langevin_lab as ll
from langevin_lab.ensemble.kernel import Kernel
from langevin_lab.ensemble.start import initial_state


def test_without_a_start_replicas_begin_in_the_lowest_minimum():
    for slope, lowest in ((0.3, -1.0), (-0.3, 1.0)):
        tilted = ll.Potential.from_expression(
            "(x**2 - 1)**2 + k*x", parameters={"k": slope}, stationary_points=[[-1], [0], [1]]
        )
        layout = Kernel(
            ll.Overdamped(tilted, temperature=0.5), ll.integrators.method("EulerMaruyama"), 0.01
        ).layout
        starts = {"start": None, "start_momentum": "thermal", "start_thermostat": "thermal"}
        state = initial_state(
            ll.Overdamped(tilted, temperature=0.5), layout, starts, seed=1, first_replica=0,
            n_replicas=3,
        )  # fmt: skip
        roots = np.roots([4.0, 0.0, -4.0, slope])  # of the gradient 4 x^3 - 4 x + k
        expected = roots[np.argmin(np.abs(roots - lowest))].real
        np.testing.assert_allclose(state["x"], np.full((1, 3), expected), rtol=1e-12)
