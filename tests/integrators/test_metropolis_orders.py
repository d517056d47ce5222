"""Orders in dt of the Metropolis methods: paths on a common Brownian path, laws by quadrature.

Strong. Rejections are rare, dt^(3/2) (MALA) or dt^3 (GHMC) a step, so many paths are needed, taken
in groups.

Weak. On U = x^2/2 the average of f after a step, as a function of the start, is interpolated by
Chebyshev polynomials and stepped on: no sampling.
"""

import numpy as np
import pytest
from numpy.polynomial import chebyshev
from scipy.linalg import expm, solve_continuous_lyapunov

import langevin_lab as ll
from langevin_lab.integrators import method
from langevin_lab.integrators.metropolis import outcomes

FRICTION = 1.3
N_FINE, N_PATHS, N_GROUPS = 2048, 2000, 8
LEVELS = np.arange(4, 9)


class Quartic:
    """U = x^2/2 + x^4/4."""

    dim = 1

    def energy(self, x):
        return (x**2 / 2 + x**4 / 4).sum(axis=-1)

    def gradient(self, x):
        return x + x**3


class Harmonic:
    """U = x^2/2."""

    dim = 1

    def energy(self, x):
        return (x**2).sum(axis=-1) / 2

    def gradient(self, x):
        return x


def dynamics_for(name, potential, friction=FRICTION):
    kind = ll.Langevin if name in ("GHMC", "BAOAB") else ll.Overdamped
    return kind(potential, temperature=1.0, friction=friction)


def path_end(name, increments, n_steps, rng):
    """State at time 1, shape (n_state, N_PATHS), driven by sums of the fine increments."""
    scheme, potential = method(name), Quartic()
    m = scheme.n_normals
    parts = increments.reshape(n_steps, m, -1, N_PATHS).sum(axis=2) * np.sqrt(n_steps * m)
    coefficients = scheme.coefficients(dynamics_for(name, potential), 1.0 / n_steps)
    state = {key: np.full((N_PATHS, 1), 0.5) for key in ("x", "p")}
    state = scheme.carried_state(state, potential.gradient, potential.energy)
    for normals in parts[..., None]:
        scalars = rng.normal(size=(scheme.program.n_scalar_normals, N_PATHS, 1))
        state = scheme.step(
            state, normals, coefficients, potential.gradient,
            energy=potential.energy, scalar_normals=scalars,
        )  # fmt: skip
    return np.stack([state[key][:, 0] for key in scheme.program.state_vectors])


def strong_slope(name, accurate):
    rng = np.random.default_rng(11)
    squares = np.zeros(len(LEVELS))
    for _ in range(N_GROUPS):
        increments = rng.standard_normal((N_FINE, N_PATHS)) / np.sqrt(N_FINE)
        exact = path_end(accurate, increments, N_FINE, rng)
        for i, level in enumerate(LEVELS):
            squares[i] += np.mean((path_end(name, increments, 2**level, rng) - exact) ** 2)
    return np.polyfit(np.log(2.0**-LEVELS), 0.5 * np.log(squares), 1)[0]


def test_strong_order_of_mala_on_common_brownian_paths():
    claimed = method("MALA").properties.strong_order
    assert strong_slope("MALA", "StochasticHeun") == pytest.approx(claimed, abs=0.1)


def test_ghmc_accepted_is_obabo():
    """The strong order of OBABO is 1; what rejections do to it is in the next test."""
    rng = np.random.default_rng(1)
    potential, other = Quartic(), method("OBABO")
    dynamics = dynamics_for("GHMC", potential)
    state = {"x": rng.normal(size=(50, 1)), "p": rng.normal(size=(50, 1))}
    normals = rng.normal(size=(2, 50, 1))
    ends = both("GHMC", dynamics, 0.3, state, normals).accepted
    coefficients = other.coefficients(dynamics, 0.3)
    start = other.carried_state(state, potential.gradient)
    expected = other.step(start, normals, coefficients, potential.gradient)
    for key in ("x", "p"):
        np.testing.assert_allclose(ends[key], expected[key], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("name", "power"), [("MALA", 1.5), ("GHMC", 3.0)])
def test_share_of_rejected_steps(name, power):
    """By quadrature from the Gibbs law; dt^3 a step is dt^2 a time unit, dt in the mean square."""
    x, weight = np.polynomial.legendre.leggauss(400)
    x, weight = 4 * x[:, None], weight * np.exp(-Quartic().energy(4 * x[:, None]))
    n, normal_weight = np.polynomial.legendre.leggauss(400)
    n, normal_weight = 7 * n, normal_weight * np.exp(-((7 * n) ** 2) / 2)
    friction = np.inf if name == "GHMC" else FRICTION
    dynamics = dynamics_for(name, Quartic(), friction)
    normals = np.broadcast_to(n[None, None, :, None], (2, 400, 400, 1))
    where = np.broadcast_to(x[:, None], (400, 400, 1))
    rates = []
    for level in LEVELS:
        ends = both(name, dynamics, 2.0**-level, {"x": where, "p": 0 * where}, normals)
        rejected = -np.expm1(-np.maximum(ends.energy_error[..., 0], 0.0))
        rates.append(weight @ rejected @ normal_weight / weight.sum() / normal_weight.sum())
    assert np.log2(rates[-2] / rates[-1]) == pytest.approx(power, abs=0.1)


def both(name, dynamics, dt, state, normals):
    scheme, potential = method(name), dynamics.potential
    coefficients = scheme.coefficients(dynamics, dt)
    return outcomes(scheme, state, normals, coefficients, potential.gradient, potential.energy)


class Interpolation:
    """Functions of (x, p) on a square as Chebyshev polynomials: their averages, step by step."""

    low = 7.0

    def __init__(self, functions, sizes):
        nodes = [chebyshev.chebpts1(size) for size in sizes]
        self.sizes = sizes
        self.inverses = [np.linalg.inv(chebyshev.chebvander(z, len(z) - 1)) for z in nodes]
        grid = np.meshgrid(*(self.low * z for z in nodes), indexing="ij")
        self.x, self.p = (axis.reshape(-1, 1) for axis in grid)
        self.values = np.stack([f(self.x, self.p)[:, 0] for f in functions])

    def at(self, x, p):
        """Values (n_functions, ...) at points of the same shape, put back on the square's edge."""
        shape = x.shape
        rows, columns = (
            chebyshev.chebvander(np.clip(z.ravel() / self.low, -1, 1), len(inverse) - 1) @ inverse
            for z, inverse in zip((x, p), self.inverses)
        )
        table = self.values.reshape(-1, *self.sizes)
        partial = np.einsum("ni,fij->fnj", rows, table, optimize=True)
        return np.einsum("fnj,nj->fn", partial, columns).reshape(-1, *shape)

    def refresh(self, decay):
        """Average over an O."""
        normal, weight = np.polynomial.hermite_e.hermegauss(16)
        p = decay * self.p + np.sqrt(1 - decay**2) * normal
        values = self.at(np.broadcast_to(self.x, p.shape), p)
        self.values = values @ (weight / weight.sum())

    def move(self, name, dynamics, dt, normal, weight):
        """Average over proposals, accepted or rejected."""
        state = {"x": self.x[:, None], "p": self.p[:, None]}
        normals = np.broadcast_to(normal[:, None], (2, len(self.x), len(normal), 1))
        state = {k: np.broadcast_to(v, normals.shape[1:]) for k, v in state.items()}
        ends = both(name, dynamics, dt, state, normals)
        accept = np.exp(-np.maximum(ends.energy_error[..., 0], 0.0))
        after = [
            self.at(end["x"][..., 0], end.get("p", state["p"])[..., 0])
            for end in (ends.accepted, ends.rejected)
        ]
        self.values = (accept * after[0] + (1 - accept) * after[1]) @ weight


def averages_after(name, n_steps, functions):
    """E f at time 1 from (0.5, 0.5), for functions of (x, p)."""
    dt = 1.0 / n_steps
    found = Interpolation(functions, (41, 41 if name == "GHMC" else 1))
    if name == "GHMC":
        dynamics = dynamics_for(name, Harmonic(), friction=0.0)
        for _ in range(n_steps):
            found.refresh(np.exp(-FRICTION * dt / 2))
            found.move(name, dynamics, dt, np.zeros(1), np.ones(1))
            found.refresh(np.exp(-FRICTION * dt / 2))
    else:
        normal, weight = np.polynomial.legendre.leggauss(60)
        weight = weight * np.exp(-((7 * normal) ** 2) / 2)
        for _ in range(n_steps):
            found.move(name, dynamics_for(name, Harmonic()), dt, 7 * normal, weight / weight.sum())
    return found.at(np.array([0.5]), np.array([0.5]))[:, 0]


def exact_averages(name):
    """<x>, <x^2> (and <p>, <p^2>) at time 1 of the equation itself."""
    if name == "GHMC":
        drift, noise = np.array([[0.0, 1.0], [-1.0, -FRICTION]]), np.diag([0.0, 2 * FRICTION])
    else:
        drift, noise = np.array([[-1 / FRICTION]]), np.array([[2 / FRICTION]])
    mean = expm(drift) @ np.full(len(drift), 0.5)
    final = solve_continuous_lyapunov(drift, -noise)
    square = np.diag(final - expm(drift) @ final @ expm(drift).T) + mean**2
    return np.stack([mean, square], axis=1).ravel()


FUNCTIONS = (lambda x, p: x, lambda x, p: x**2, lambda x, p: p, lambda x, p: p**2)


@pytest.mark.parametrize(("name", "levels"), [("MALA", range(4, 7)), ("GHMC", range(1, 5))])
def test_weak_order_by_interpolated_averages(name, levels):
    exact = exact_averages(name)
    functions = FUNCTIONS[: len(exact)]
    errors = [np.abs(averages_after(name, 2**k, functions) - exact).max() for k in levels]
    slopes = -np.diff(np.log2(errors))
    assert slopes[-1] == pytest.approx(method(name).properties.weak_order, abs=0.15)
