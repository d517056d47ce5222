"""The library of equations: its solutions solve them, and the orders of solvers on them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchsde")

from langevin_lab.evidence import Claim, Order, brownian_path, judge  # noqa: E402
from langevin_lab.pytorch import sde_convergence, sde_examples  # noqa: E402
from langevin_lab.pytorch.sde_paths import states_along  # noqa: E402

CALCULI = ("ito", "stratonovich")
NAMES = tuple(sde_examples())
KNOWN = tuple(name for name in NAMES if sde_examples()[name].exact)
LAST_TERM = 0.01  # an expansion in the step has more terms than the fit of an order
STEPS = {"area": 2.0 ** -np.arange(2, 7)}


def columns(problem, t, x):
    """The noise as (n_paths, dim, channels)."""
    g = problem.sde.g(t, x)
    return torch.diag_embed(g) if problem.sde.noise_type == "diagonal" else g


@pytest.mark.parametrize("name", NAMES)
def test_drifts_of_both_calculi_differ_by_the_correction(name):
    """Ito drift less Stratonovich drift is (1/2) sum_j (grad g_j) g_j, by automatic slopes."""
    ito, stratonovich = (sde_examples(calculus)[name] for calculus in CALCULI)
    t = torch.tensor(0.3, dtype=torch.float64)
    dim = len(ito.start)
    for x in np.random.default_rng(1).normal(size=(5, dim)):
        point = torch.tensor(x)[None]
        slopes = torch.autograd.functional.jacobian(lambda y: columns(ito, t, y)[0], point)[:, :, 0]
        half = 0.5 * torch.einsum("ijk,kj->i", slopes, columns(ito, t, point)[0])
        gap = (ito.sde.f(t, point) - stratonovich.sde.f(t, point))[0]
        torch.testing.assert_close(gap, half, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(columns(ito, t, point), columns(stratonovich, t, point))


@pytest.mark.parametrize("name", [name for name in KNOWN if name != "relaxing"])
def test_solutions_solve_their_equation_along_a_smooth_path(name):
    """Stratonovich's calculus is the ordinary one: with W(t) = (v_1 t, v_2 t) an ODE."""
    from scipy.integrate import solve_ivp

    problem = sde_examples("stratonovich")[name]
    path = brownian_path(1.0, 1, 3, seed=4, dim=2 if problem.sde.noise_type != "diagonal" else 1)
    if problem.sde.noise_type == "scalar":
        path = brownian_path(1.0, 1, 3, seed=4)
    exact = problem.exact(path)
    for k, velocity in enumerate(path.functional("increment")[0]):

        def rate(t, x, velocity=velocity):
            time, point = torch.tensor(t, dtype=torch.float64), torch.tensor(x)[None]
            noise = columns(problem, time, point)[0] @ torch.tensor(velocity)
            return (problem.sde.f(time, point)[0] + noise).numpy()

        found = solve_ivp(rate, (0.0, 1.0), problem.start, rtol=1e-11, atol=1e-12).y[:, -1]
        np.testing.assert_allclose(exact[k], found, rtol=1e-8)


def test_relaxing_solution_has_the_gaussian_law():
    problem = sde_examples()["relaxing"]
    n, k, s = 40_000, 1.5, 0.8
    x = problem.exact(brownian_path(1.0, 1, n, seed=4, friction=problem.rates))[:, 0]
    mean, variance = np.exp(-k), s**2 * -np.expm1(-2 * k) / (2 * k)
    assert abs(x.mean() - mean) < 5 * np.sqrt(variance / n)
    assert abs(x.var() - variance) < 5 * variance * np.sqrt(2 / n)
    assert abs(x.var() - 1.05 * variance) > 5 * variance * np.sqrt(2 / n)


def measured(name, calculus, solver, **settings):
    problem = sde_examples(calculus)[name]
    usual = {"n_paths": 4000 if problem.exact else 500, "seed": 2, "steps": STEPS.get(name)}
    found = sde_convergence(**(problem.settings(solver) | usual | settings))
    print(name, found, sep="\n")
    return found


def claim_of(found, more=0.0):
    predicted = Order(found.expected + more, spacing=0.5)
    return Claim(found.method, "record", predicted, found.order, bias_bound=LAST_TERM)


QUICK = [
    ("geometric", "ito", "euler"),
    ("geometric", "ito", "milstein"),
    ("geometric", "ito", "srk"),
    ("bounded", "ito", "milstein grad_free"),
    ("fading", "ito", "euler"),
    ("relaxing", "ito", "euler"),
    ("rotating", "ito", "euler"),
    ("geometric", "stratonovich", "heun"),
    ("bounded", "stratonovich", "midpoint"),
    ("rotating", "stratonovich", "euler_heun"),
]


@pytest.mark.parametrize(("name", "calculus", "solver"), QUICK)
def test_order_is_that_of_theory(name, calculus, solver):
    found = measured(name, calculus, solver)
    assert claim_of(found).verdict().outcome == "consistent"
    assert claim_of(found, 0.5).verdict().outcome == "refuted"
    low, high = found.order.interval()
    assert high - low < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("calculus", CALCULI)
def test_all_orders_are_those_of_theory(calculus):
    """One false-alarm rate for the whole table."""
    found = [
        measured(name, calculus, solver)
        for name, problem in sde_examples(calculus).items()
        for solver in problem.solvers
    ]
    assert len(found) == {"ito": 19, "stratonovich": 35}[calculus]
    outcomes = [verdict.outcome for verdict in judge([claim_of(study) for study in found])]
    assert outcomes == ["consistent"] * len(found)
    wrong = [verdict.outcome for verdict in judge([claim_of(study, 0.5) for study in found])]
    assert wrong == ["refuted"] * len(found)


# what torchsde's records do not say


def test_stratonovich_milstein_without_derivatives_loses_half_an_order():
    """Where g'' is not 0: torchsde says 1 for all noise it takes."""
    found = measured("bounded", "stratonovich", "milstein grad_free", expected=1.0)
    assert found.verdict == "refuted"
    assert found.order.value == pytest.approx(0.5, abs=0.05)
    assert measured("bounded", "stratonovich", "milstein").verdict == "consistent"
    # In Ito's calculus the same difference has the mean 0 and costs nothing.
    assert measured("bounded", "ito", "milstein grad_free").verdict == "consistent"


def test_what_it_loses_is_a_drift_by_the_curvature_of_the_noise():
    """The mean of one step from x is off by g'' g^2 h^(3/2)/4, by quadrature over dW."""
    problem, h, n = sde_examples("stratonovich")["bounded"], 1e-4, 4
    p, x = 0.7, 0.4
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    weights = weights / weights.sum()
    path = brownian_path(h, 1, n, seed=1)
    path.integrals[0] = np.sqrt(h) * nodes[None, :, None]
    start = torch.full((n, 1), x, dtype=torch.float64)
    ends = [
        weights
        @ states_along("milstein", problem.sde, path, start, n_steps=1, options=options)[0][
            -1
        ].numpy()
        for options in ({}, {"grad_free": True})
    ]
    g, second = p * np.cos(x) ** 2, -2 * p * np.cos(2 * x)
    assert (ends[1] - ends[0])[0] == pytest.approx(second * g**2 * h**1.5 / 4, rel=0.02)


def test_reversible_heun_keeps_order_one_where_columns_commute():
    """torchsde says 1/2, proved for any noise."""
    for name in ("geometric", "bounded", "rotating"):
        assert measured(name, "stratonovich", "reversible_heun").verdict == "consistent"
        found = measured(name, "stratonovich", "reversible_heun", expected=0.5)
        assert found.verdict == "refuted"


def test_another_calculus_is_refused():
    with pytest.raises(ValueError, match=r"sde_type='marcus' must be one of \['ito', 'strato"):
        sde_examples("marcus")
