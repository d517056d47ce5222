"""Orders of torchsde solvers on an SDE of the user, and what is wrong in it where they fail."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torchsde = pytest.importorskip("torchsde")
from z_test import assert_agrees, assert_refutes  # noqa: E402

from langevin_lab.dynamics import ItoDiffusion  # noqa: E402
from langevin_lab.evidence import brownian_path  # noqa: E402
from langevin_lab.pytorch import (  # noqa: E402
    PathNoise,
    TorchEquation,
    as_torchsde,
    sde_convergence,
    sde_examples,
)
from langevin_lab.pytorch import sde_evidence as module  # noqa: E402
from langevin_lab.pytorch.sde_paths import states_along  # noqa: E402
from langevin_lab.pytorch.sde_records import SOLVERS  # noqa: E402

GROWTH, VOLATILITY = 0.2, 0.4


def growth(sde_type="ito", noise_type="diagonal", volatility=VOLATILITY):
    """The same drift and noise whatever calculus is declared."""
    many = noise_type != "diagonal"
    return TorchEquation(
        lambda t, x: GROWTH * x,
        lambda t, x: volatility * (x[..., None] if many else x),
        sde_type,
        noise_type,
    )


def grown(path):
    total = path.coarser(1).functional("increment")[0]
    return np.exp(GROWTH - VOLATILITY**2 / 2 + VOLATILITY * total)


def study(solver="euler", sde=None, **settings):
    settings = {"start": 1.0, "exact": grown, "n_paths": 2000, "seed": 2} | settings
    return sde_convergence(solver, sde or growth(), **settings)


# the path as torchsde's Brownian motion


def test_increments_and_areas_over_many_intervals_are_those_of_the_parts():
    path = brownian_path(2.0, 8, 3, seed=5, dim=2)
    noise = PathNoise(path, 1.0)
    whole, area = noise(1.5, 2.25, return_U=True)
    parts = [noise(1.5 + k / 4, 1.75 + k / 4, return_U=True) for k in range(3)]
    torch.testing.assert_close(whole, sum(w for w, _ in parts), rtol=1e-13, atol=1e-14)
    # int (W(s) - W(0)) ds: what is gained in a part counts for all the time that is left.
    expected = sum(u + w * (0.5 - k / 4) for k, (w, u) in enumerate(parts))
    torch.testing.assert_close(area, expected, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(noise(2.25), noise(1.0, 2.25))
    assert (noise.shape, noise.dtype, noise.device.type) == ((3, 2), torch.float64, "cpu")
    assert repr(noise) == "PathNoise(n_intervals=8, shape=(3, 2))"


def test_increments_and_areas_have_the_law_of_torchsdes_own():
    """E W^2 = h, E W U = h^2/2, E U^2 = h^3/3, of both."""
    h, n = 0.5, 100_000
    own = PathNoise(brownian_path(h, 1, n, seed=5))(0.0, h, return_U=True)
    theirs = torchsde.BrownianInterval(
        0.0, h, size=(n, 1), dtype=torch.float64, entropy=5, levy_area_approximation="space-time"
    )(0.0, h, return_U=True)
    for name, (w, u) in {"path": own, "torchsde": theirs}.items():
        for samples, exact in ((w * w, h), (w * u, h**2 / 2), (u * u, h**3 / 3)):
            stderr = samples.std() / n**0.5
            assert_agrees(samples.mean(), stderr, exact, n, name)
            assert_refutes(samples.mean(), stderr, 1.05 * exact, n, name)


def test_steps_that_add_up_with_rounding_run_on_the_same_path():
    """Ten steps of 0.1 end short of 1 in floating point: the rest has no noise."""
    path = brownian_path(1.0, 10, 4, seed=3)
    start = torch.ones(4, 1, dtype=torch.float64)
    for solver in ("euler", "milstein", "srk"):
        states, _ = states_along(solver, growth(), path, start, n_steps=10)
        assert torch.isfinite(states).all()
    by_hand = np.ones((4, 1))
    for increment in path.functional("increment"):
        by_hand = by_hand * (1 + GROWTH * 0.1 + VOLATILITY * increment)
    states, _ = states_along("euler", growth(), path, start, n_steps=10)
    np.testing.assert_allclose(states[-1].numpy(), by_hand, rtol=1e-12)


def test_a_run_in_two_pieces_is_the_run_in_one():
    """The second state of reversible_heun goes on too."""
    path = brownian_path(1.0, 8, 4, seed=3)
    sde, start = growth("stratonovich"), torch.ones(4, 1, dtype=torch.float64)
    whole, _ = states_along("reversible_heun", sde, path, start, n_steps=8, n_saved=2)
    halves = [
        type(path)(path.interval, path.friction, path.integrals[:, k : k + 4]) for k in (0, 4)
    ]
    first, carried = states_along("reversible_heun", sde, halves[0], start, n_steps=4)
    second, _ = states_along(
        "reversible_heun", sde, halves[1], first[-1], n_steps=4, first_time=0.5,
        solver_state=carried,
    )  # fmt: skip
    torch.testing.assert_close(second[-1], whole[-1], rtol=1e-13, atol=0)
    torch.testing.assert_close(first[-1], whole[0], rtol=1e-13, atol=0)


# orders


@pytest.mark.parametrize(
    ("solver", "calculus", "options"),
    [
        ("euler", "ito", None),
        ("milstein", "ito", {"grad_free": True}),
        ("srk", "ito", None),
        ("midpoint", "stratonovich", None),
    ],
)
def test_order_on_an_equation_of_the_user(solver, calculus, options):
    sde = growth(calculus) if calculus == "ito" else sde_examples(calculus)["geometric"].sde
    found = study(solver, sde, options=options)
    print(found)
    assert found.verdict == "consistent"
    assert found.expected == SOLVERS[solver].strong_order["diagonal"]
    assert found.how == "2000 paths, exact solution"
    if options:
        assert found.method == "milstein, grad_free=True, ito, diagonal noise"
    # Half an order more is refuted: the interval is narrow enough.
    assert study(solver, sde, options=options, expected=found.expected + 0.5).verdict == "refuted"


def test_weak_orders():
    assert study("milstein", kind="weak").verdict == "consistent"
    found = study("milstein", kind="weak", observable=lambda x: x[:, 0], n_paths=4000)
    assert found.verdict == "consistent"
    assert study("milstein", kind="weak", expected=1.5).verdict == "refuted"


def test_weak_error_is_that_of_the_mean():
    """E x after n steps of Milstein is (1 + a h)^n; the exact mean is exp(a)."""
    found = study("milstein", kind="weak", observable=lambda x: x[:, 0], n_paths=4000)

    def bias(step, rate):
        return np.exp(rate) - (1 + GROWTH * step) ** round(1 / step)

    for step, error in zip(found.steps, found.errors):
        assert_agrees(error.value, error.stderr, bias(step, GROWTH), 4000, f"step {step:g}")
        assert_refutes(error.value, error.stderr, bias(step, 1.03 * GROWTH), 4000)


def test_euler_error_is_the_exact_one():
    """E|x_h - x|^2 of Euler in closed form from the moments of one step."""
    found = study("euler", n_paths=20_000)

    def root(step, a, b):
        n = round(1 / step)
        square = ((1 + a * step) ** 2 + b**2 * step) ** n
        # E of one step times exp((a - b^2/2) h + b W): E W e^(bW) = b h E e^(bW).
        mixed = (np.exp(a * step) * (1 + a * step + b**2 * step)) ** n
        return np.sqrt(square - 2 * mixed + np.exp(2 * a + b**2))

    for step, error in zip(found.steps, found.errors):
        exact, wrong = (root(step, GROWTH, b * VOLATILITY) for b in (1.0, 1.03))
        assert_agrees(error.value, error.stderr, exact, 20_000, f"step {step:g}")
        assert_refutes(error.value, error.stderr, wrong, 20_000)


def test_reference_gives_the_errors_that_the_exact_solution_gives():
    exact = study("euler", n_paths=300)
    for reference, cells in ((None, "srk with steps 8"), ("milstein", "milstein with steps 16")):
        coupled = study("euler", exact=None, n_paths=300, reference=reference)
        assert cells in coupled.how
        # Other cells are other paths: both errors are sampled.
        for one, two in zip(exact.errors, coupled.errors):
            assert abs(one.value - two.value) < 5 * np.hypot(one.stderr, two.stderr)
            assert one.value == pytest.approx(two.value, rel=0.3)
        assert coupled.verdict == "consistent"


def test_without_levy_areas_the_reference_is_as_slow_and_finer():
    problem = sde_examples("ito")["area"]
    found = sde_convergence(
        "euler", problem.sde, start=problem.start, steps=2.0 ** -np.arange(1, 5), n_paths=400
    )
    assert "coupled to euler with steps 64 times finer" in found.how
    # Exactly: the areas of all steps together have the variance T h/2, less that of the cells.
    for step, error in zip(found.steps, found.errors):
        exact = np.sqrt((step - 1 / 1024) / 2)
        assert abs(error.value - exact) < 5 * error.stderr


def test_paths_made_in_pieces_are_the_same(monkeypatch):
    whole = study(n_paths=50)
    monkeypatch.setattr(module, "_CHUNK", 3 * 256 * 20)
    assert study(n_paths=50).errors == whole.errors
    assert study(n_paths=50, seed=3).errors != whole.errors


class Neural(torch.nn.Module):
    """A drift and a diagonal noise, both small networks."""

    sde_type, noise_type = "ito", "diagonal"

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.drift, self.scale = torch.nn.Linear(2, 2), torch.nn.Linear(1, 1)

    def f(self, t, x):
        return torch.tanh(self.drift(x)) - x

    def g(self, t, x):
        return 0.3 + 0.5 * torch.sigmoid(self.scale(x[..., None])[..., 0])


def test_order_on_a_neural_equation():
    sde, steps = Neural().double(), 2.0 ** -np.arange(3, 7)
    settings = {"start": (0.1, -0.2), "steps": steps, "n_paths": 300}
    found = sde_convergence("milstein", sde, **settings)
    assert found.verdict == "consistent"
    assert found.how == "300 paths, coupled to srk with steps 8 times finer"


def test_steps_at_which_runs_diverge_are_left_out():
    sde = TorchEquation(
        lambda t, x: -(x**3), lambda t, x: torch.ones_like(x)[..., None], "ito", "additive"
    )
    steps = 2.0 ** -np.arange(2, 10)
    found = sde_convergence("euler", sde, start=5.0, steps=steps, n_paths=30)
    print(found)
    assert found.errors[1] is None
    assert not any(found.used[:2])
    assert found.verdict != "refuted"


# mistakes


def test_ito_declared_as_stratonovich_is_refuted():
    """Solved in the other calculus, the error does not fall below the change of the drift."""
    found = study("midpoint", growth("stratonovich"))
    print(found)
    assert found.verdict == "refuted"
    change = np.exp(GROWTH) * np.expm1(VOLATILITY**2 / 2)
    assert found.errors[-1].value > 0.9 * change


@pytest.mark.parametrize("wrong", [0.97, 1.03])
def test_noise_that_is_wrong_by_three_per_cent_is_refuted(wrong):
    for solver in ("milstein", "srk"):
        found = study(solver, growth(volatility=wrong * VOLATILITY))
        assert found.verdict == "refuted", solver


def test_noise_declared_additive_that_is_not_is_refuted():
    """Euler loses half an order, seen without knowing the solution."""
    found = study("euler", growth(noise_type="additive"), exact=None, n_paths=300)
    assert found.expected == 1.0
    assert found.verdict == "refuted"
    assert study("euler", growth(noise_type="scalar"), n_paths=4000).verdict == "consistent"


def test_noise_declared_diagonal_that_mixes_coordinates_is_refuted():
    """g_1 = x_2: Milstein's correction would need an area."""

    def noise(t, x):
        return torch.stack([x[:, 1], torch.ones_like(x[:, 1])], dim=-1)

    sde = TorchEquation(lambda t, x: torch.zeros_like(x), noise, "ito", "diagonal")
    found = sde_convergence(
        "milstein", sde, start=(0.0, 0.0), steps=2.0 ** -np.arange(2, 7), n_paths=300
    )
    print(found)
    assert found.verdict == "refuted"
    assert found.order.value == pytest.approx(0.5, abs=0.2)


def test_milstein_of_one_noise_on_two_coordinates_is_refuted_and_needs_no_derivatives():
    """torchsde takes the transposed Jacobian; of a dynamics of the package, as the user has it."""
    eq = ItoDiffusion.from_drift(
        ["-x", "-y"], noise=[["0.3 + 0.5*y"], ["0.4"]], variables=("x", "y")
    )
    settings = {"start": (1.0, 1.0), "n_paths": 300, "steps": 2.0 ** -np.arange(3, 8), "seed": 2}
    sde = as_torchsde(eq)
    wrong = sde_convergence("milstein", sde, **settings)
    right = sde_convergence("milstein", sde, options={"grad_free": True}, **settings)
    print(wrong, right, sep="\n")
    assert wrong.verdict == "refuted"
    assert wrong.order.value == pytest.approx(0.5, abs=0.15)
    assert right.order.value == pytest.approx(1.0, abs=0.15)


# wrong input


class Bare:
    sde_type, noise_type = "ito", "general"

    def f_and_g_prod(self, t, x, v):
        return x, x


class Together:
    sde_type, noise_type = "ito", "general"

    def f_and_g(self, t, x):
        return GROWTH * x, VOLATILITY * x[..., None]


def test_channels_are_seen_from_f_and_g():
    assert study("euler", Together(), n_paths=4000).verdict == "consistent"


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"sde": object()}, TypeError, "sde=object has no sde_type; give an object as torchsde"),
        ({"sde": Neural()}, TypeError, "sde=Neural has parameters in torch.float32, .*double"),
        ({"sde": Bare()}, TypeError, "sde=Bare has neither g nor f_and_g"),
        ({"solver": "rk4"}, ValueError, "solver='rk4' must be one of .*'euler'"),
        ({"solver": "log_ode"}, ValueError, "it needs Levy areas, which these paths do not hold"),
        ({"solver": "heun"}, ValueError, r"sde_type='ito', .*use one of \['euler', 'milstein'"),
        ({"reference": "heun", "exact": None}, ValueError, "solver='heun' is not made for"),
        ({"kind": "invariant"}, ValueError, "kind='invariant' must be 'strong' or 'weak'"),
        ({"start": [[1.0]]}, ValueError, r"start=\[\[1.0\]\] must be a finite number or of"),
        ({"start": np.inf}, ValueError, "start=inf must be a finite number"),
        ({"exact": lambda path: 1.0}, ValueError, r"exact\(path\) has shape \(\); give .* \(30, 1"),
        ({"n_paths": 0}, ValueError, "n_paths=0 must be >= 1"),
        ({"expected": -1.0}, ValueError, "expected=-1.0"),
        ({"steps": (0.3, 0.2, 0.1)}, ValueError, "must each divide duration=1"),
        (
            {"kind": "weak", "observable": lambda x: x},
            ValueError,
            r"observable\(x\) has shape \(30, 1\); give one number a path, shape \(30,\)",
        ),
    ],
)
def test_wrong_arguments_are_refused(changes, kind, message):
    settings = {"solver": "euler", "sde": growth(), "start": 1.0, "exact": grown, "n_paths": 30}
    with pytest.raises(kind, match=message):
        sde_convergence(**(settings | changes))


def test_times_between_the_ends_of_intervals_are_refused():
    noise = PathNoise(brownian_path(1.0, 4, 2, seed=1))
    with pytest.raises(ValueError, match=r"time=0\.3 is no end of the path's 4 intervals"):
        noise(0.0, 0.3)
    with pytest.raises(ValueError, match=r"time=1\.25 is no end"):
        noise(1.0, 1.25)
    with pytest.raises(ValueError, match="holds no Levy areas"):
        noise(0.0, 0.25, return_A=True)
