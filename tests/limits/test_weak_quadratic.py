"""Linear modified equations against the exact Gaussian laws of the real steps."""

import dataclasses
import re
import warnings

import numpy as np
import pytest
import sympy
from one_step import is_of_order

import langevin_lab as ll
from langevin_lab.evidence import order
from langevin_lab.limits.differential_polynomials import ENERGY
from langevin_lab.limits.local_density import STIFFNESS
from langevin_lab.limits.operators import MOMENTUM, POSITION
from langevin_lab.limits.weak_equation import weak_modified_equation
from langevin_lab.limits.weak_generator import FRICTION, STEP, TEMPERATURE
from langevin_lab.limits.weak_quadratic import symbolic_oscillator, weak_modified_quadratic

STIFF = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 1.5]])
OVERDAMPED = {"stiffness": STIFF, "temperature": 0.7, "friction": (0.8, 1.7, 1.1)}
LANGEVIN = OVERDAMPED | {"mass": (1.0, 2.0, 0.7)}
STEPS = 0.0625 * 0.5 ** np.arange(4)
SYMMETRIC = ("BAOAB", "ABOBA", "OBABO", "OABAO", "UBU", "BACNCAB")
OTHERS = ("BAO", "ABO", "BAOA")


def physics(name):
    return OVERDAMPED if name == "EulerMaruyama" else LANGEVIN


def scaled(equation, factor):
    """The equation with its last matrices multiplied."""
    drifts, diffusions = equation.drifts.copy(), equation.diffusions.copy()
    drifts[-1] *= factor
    diffusions[-1] *= factor
    return dataclasses.replace(equation, drifts=drifts, diffusions=diffusions)


def covariance_order(name, equation):
    errors = [
        np.linalg.norm(
            equation.stationary_covariance(dt)
            - ll.exact.stationary_covariance(name, dt=dt, **physics(name))
        )
        for dt in STEPS
    ]
    return order(STEPS, errors)


def evolution_order(name, equation):
    """Mean and covariance at time 1 from a law that is not stationary."""
    size = equation.drifts.shape[1]
    start = {"mean": np.linspace(-1, 2, size), "covariance": np.diag(np.linspace(0.1, 0.5, size))}
    errors = []
    for dt in STEPS:
        exact = ll.exact.propagate(name, round(1 / dt), dt=dt, **start, **physics(name))
        modified = equation.propagate(1.0, dt=dt, **start)
        errors.append(np.hypot(*(np.linalg.norm(a - b) for a, b in zip(exact, modified))))
    return order(STEPS, errors)


@pytest.mark.parametrize("name", [*SYMMETRIC, *OTHERS, "EulerMaruyama"])
@pytest.mark.parametrize("kept", [0, 1, 2])
def test_laws_of_the_modified_equation_are_of_raised_order(name, kept):
    equation = weak_modified_quadratic(name, kept, **physics(name))
    expected = {0: 2, 1: 2, 2: 4}[kept] if name in SYMMETRIC else kept + 1
    assert is_of_order(evolution_order(name, equation), expected, width=0.2)
    found = covariance_order(name, equation)
    if name in OTHERS:  # odd powers may drop out of stationary laws
        assert found.value > expected - 0.2
    else:
        assert is_of_order(found, expected, width=0.3)


@pytest.mark.parametrize("name", ["BAOAB", "OBABO", "BAO", "EulerMaruyama"])
def test_matrices_wrong_by_three_percent_lose_the_order(name):
    equation = weak_modified_quadratic(name, 2, **physics(name))
    expected = 4 if name in SYMMETRIC else 3
    assert is_of_order(evolution_order(name, equation), expected, width=0.2)
    assert not is_of_order(evolution_order(name, scaled(equation, 1.03)), expected, width=0.2)


@pytest.mark.parametrize("name", [*SYMMETRIC, *OTHERS, "EulerMaruyama"])
def test_oscillator_agrees_with_the_general_generator(name):
    """Two derivations: commutators of operators with U = k x^2/2 put in, and of matrices."""
    drift, diffusion = symbolic_oscillator(name)
    general = weak_modified_equation(name)
    well = {ENERGY: STIFFNESS * POSITION**2 / 2}
    state = sympy.Matrix([POSITION, MOMENTUM][: drift.rows])
    for row, entry in zip(drift * state, general.drift):
        assert sympy.expand(row - entry.subs(well).doit()) == 0
    difference = diffusion - general.diffusion.subs(well).doit()
    assert difference.expand() == sympy.zeros(*difference.shape)


def test_oscillator_of_euler_maruyama_is_the_series_of_its_logarithm():
    """log(1 - h k/gamma)/h, and (T/gamma) 2 a h/(e^(2 a h) - 1) with a the same."""
    drift, diffusion = symbolic_oscillator("EulerMaruyama")
    exact = sympy.log(1 - STEP * STIFFNESS / FRICTION) / STEP
    assert sympy.expand(sympy.series(exact, STEP, 0, 3).removeO() - drift[0]) == 0
    spread = TEMPERATURE / FRICTION * 2 * exact * STEP
    spread /= (1 - STEP * STIFFNESS / FRICTION) ** 2 - 1
    assert sympy.expand(sympy.series(spread, STEP, 0, 3).removeO() - diffusion[0]) == 0


def test_oscillator_prints_as_latex():
    drift, _ = symbolic_oscillator("EulerMaruyama", 1)
    assert sympy.latex(drift[0]) == r"- \frac{k}{\gamma} - \frac{h k^{2}}{2 \gamma^{2}}"


def test_rotated_coordinates_give_the_rotated_equation():
    rng = np.random.default_rng(2)
    rotation, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    both = np.kron(np.eye(2), rotation)
    plain = {"temperature": 0.7, "friction": 0.9, "mass": 1.3}
    direct = weak_modified_quadratic("BAOAB", stiffness=STIFF, **plain)
    turned = weak_modified_quadratic("BAOAB", stiffness=rotation @ STIFF @ rotation.T, **plain)
    np.testing.assert_allclose(turned.drift(0.3), both @ direct.drift(0.3) @ both.T, atol=1e-13)
    expected = both @ direct.diffusion(0.3) @ both.T
    np.testing.assert_allclose(turned.diffusion(0.3), expected, atol=1e-13)


def test_diffusion_of_baoab_is_not_positive_but_its_law_is():
    equation = weak_modified_quadratic("BAOAB", **LANGEVIN)
    assert np.linalg.eigvalsh(equation.diffusion(0.1)).min() < 0
    assert np.linalg.eigvalsh(equation.stationary_covariance(0.1)).min() > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": -1.0}, r"temperature=-1.0 must be finite and >= 0"),
        ({"friction": -0.5}, r"friction=-0.5 must be a finite number >= 0, or one for each of 3"),
        ({"friction": (1.0, 2.0)}, r"friction=\(1.0, 2.0\) must be a finite number"),
        ({"mass": 0.0}, r"mass=0.0 must be > 0"),
    ],
)
def test_numbers_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        weak_modified_quadratic("BAOAB", **(LANGEVIN | changes))


def test_overdamped_motion_needs_friction():
    with pytest.raises(ValueError, match=r"friction=0.0 must be > 0 for the overdamped"):
        weak_modified_quadratic("EulerMaruyama", **(OVERDAMPED | {"friction": 0.0}))


def test_mass_has_no_meaning_for_overdamped_motion():
    with pytest.raises(ValueError, match=r"mass=2.0 has no meaning for the overdamped"):
        weak_modified_quadratic("EulerMaruyama", mass=2.0, **OVERDAMPED)


def test_what_does_not_contract_has_no_stationary_law():
    equation = weak_modified_quadratic("BAOAB", **(LANGEVIN | {"friction": 0.0}))
    with pytest.raises(ValueError, match=r"dt=0.1 .* growth rate .* >= 0"):
        equation.stationary_covariance(0.1)


def test_wrong_times_and_shapes_are_refused():
    equation = weak_modified_quadratic("EulerMaruyama", **OVERDAMPED)
    with pytest.raises(
        ValueError, match=r"mean has shape \(2,\); over the state it must be \(3,\)"
    ):
        equation.propagate(1.0, mean=[1.0, 2.0], dt=0.1)
    with pytest.raises(ValueError, match=r"covariance has shape \(1, 1\); .* \(3, 3\)"):
        equation.propagate(1.0, mean=np.ones(3), covariance=[[1.0]], dt=0.1)
    with pytest.raises(ValueError, match=r"duration=-1.0 must be >= 0"):
        equation.propagate(-1.0, mean=np.ones(3), dt=0.1)
    with pytest.raises(ValueError, match=r"dt=0.0 must be finite and > 0"):
        equation.drift(0.0)


@pytest.mark.parametrize(
    ("name", "dt", "message"),
    [
        ("EulerMaruyama", 0.21, r"relaxation per step .* = 0\.21 is above 0\.2"),
        ("BAOAB", 0.72, r"frequency per step .* = 1\.037 is above 1"),
        ("BAOAB", 0.70, ""),
        ("EulerMaruyama", 0.19, ""),
    ],
)
def test_a_step_too_long_warns_at_the_line_that_asked(name, dt, message):
    equation = weak_modified_quadratic(
        name, stiffness=(2.0, 0.5), temperature=1.0, friction=2.0 if name[0] == "E" else 1.3
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        equation.stationary_covariance(dt)
        equation.propagate(1.0, mean=np.zeros(len(equation.drifts[0])), dt=dt)
    assert len(caught) == (2 if message else 0)
    for warning in caught:
        assert warning.filename == __file__
        assert warning.category is ll.limits.OutsideRegimeWarning
        assert re.search(message, str(warning.message))


def test_the_largest_friction_of_the_coordinates_is_the_one_that_warns():
    numbers = {"stiffness": (1.0, 1.0), "temperature": 1.0, "friction": (0.1, 3.0)}
    equation = weak_modified_quadratic("BAOAB", **numbers)
    with pytest.warns(ll.limits.OutsideRegimeWarning, match=r"friction per step .* = 1\.2 "):
        equation.stationary_covariance(0.4)
