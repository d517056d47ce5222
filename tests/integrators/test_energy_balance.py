"""Heat and shadow work: an identity path by path, and their means in the stationary state."""

import dataclasses

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.integrators import NotSeparableError, energy_balance, method


class Anharmonic:
    """U = |x|^4/4 + x_0^2 + x_0 x_1/2 + x_1^2."""

    dim = 2

    def energy(self, x):
        return ((x**2).sum(-1)) ** 2 / 4 + (x**2).sum(-1) + x[..., 0] * x[..., 1] / 2

    def gradient(self, x):
        return (x**2).sum(-1, keepdims=True) * x + 2 * x + x[..., ::-1] / 2


EQUATION = ll.Langevin(Anharmonic(), temperature=0.8, friction=(0.5, 2.0), mass=(0.7, 1.6))
ADAPTIVE = ll.AdaptiveLangevin(
    Anharmonic(), temperature=0.8, thermal_mass=3.0, applied_noise=1.1, mass=(0.7, 1.6)
)
N_STEPS = 300
N_REPLICAS = 4000


def balance_of(word, equation=EQUATION, *, dt=0.15, n_steps=N_STEPS, n_replicas=3, start=None):
    scheme = method(word, equation=equation.equation)
    generator = np.random.Generator(np.random.Philox(5))
    normals = generator.standard_normal((n_steps, scheme.n_normals, n_replicas, 2))
    if start is None:
        start = {"x": np.full((n_replicas, 2), 0.4), "p": np.full((n_replicas, 2), -0.6)}
        start |= {name: np.full((n_replicas, 1), 0.5) for name in scheme.program.thermostats}
    return energy_balance(scheme, equation, dt, start=start, normals=normals)


@pytest.mark.parametrize("word", ["BAOAB", "ABOBA", "OBABO", "AOBOA", "ABO", "BACNCAB", "ACNB"])
def test_heat_and_shadow_work_are_the_change_of_energy(word):
    balance = balance_of(word)
    assert balance.residual < 1e-13
    assert np.abs(balance.heat).mean() > 0.01
    assert np.abs(balance.shadow_work).mean() > 1e-4


@pytest.mark.parametrize("word", ["BADODAB", "BACNDNCAB"])
def test_balance_holds_under_a_thermostat(word):
    assert balance_of(word, ADAPTIVE).residual < 1e-13


def test_balance_is_lost_if_a_part_is_wrong_by_two_percent():
    balance = balance_of("BAOAB")
    for name in ("heat", "shadow_work"):
        wrong = dataclasses.replace(balance, **{name: 1.02 * getattr(balance, name)})
        assert wrong.residual > 1e-6


def test_run_is_that_of_the_method():
    """Energies after each step against the energies of `Method.step`."""
    scheme = method("BAOAB")
    normals = np.random.Generator(np.random.Philox(5)).standard_normal((20, 1, 2))
    state = {"x": np.array([0.4, 0.1]), "p": np.array([-0.6, 0.3])}
    balance = energy_balance(scheme, EQUATION, 0.15, start=state, normals=normals)
    numbers, potential = scheme.coefficients(EQUATION, 0.15), EQUATION.potential
    state = scheme.carried_state(state, potential.gradient)
    for n in range(20):
        state = scheme.step(state, normals[n], numbers, potential.gradient)
        kinetic = (state["p"] ** 2 / (2 * np.array([0.7, 1.6]))).sum()
        assert balance.energy[n + 1] == pytest.approx(kinetic + potential.energy(state["x"]))


def test_no_heat_without_friction_and_no_work_without_force():
    frozen = ll.Langevin(Anharmonic(), temperature=0.8, friction=0.0, mass=1.0)
    balance = balance_of("BAOAB", frozen)
    assert np.all(balance.heat == 0)
    assert np.abs(balance.shadow_work).max() > 0

    class Flat(Anharmonic):
        def energy(self, x):
            return np.zeros(x.shape[:-1])

        def gradient(self, x):
            return np.zeros_like(x)

    free = ll.Langevin(Flat(), temperature=0.8, friction=1.0, mass=1.0)
    assert np.all(balance_of("BAOAB", free).shadow_work == 0)


def z_of(values):
    return values.mean() / (values.std(ddof=1) / np.sqrt(len(values)))


def stationary_means(word):
    """Heat and shadow work a step of many replicas, averaged over 400 steps."""
    start = balance_of_states(word, N_REPLICAS)
    balance = balance_of(word, dt=0.2, n_steps=400, n_replicas=N_REPLICAS, start=start)
    return balance.heat.mean(axis=0), balance.shadow_work.mean(axis=0)


def test_mean_heat_is_minus_mean_shadow_work_in_the_stationary_state():
    heat, work = stationary_means("ABO")
    z = z_of(heat + work)
    print(f"{heat.mean():+.5f} | {-work.mean():+.5f} | z = {z:.2f} | n_eff = {N_REPLICAS}")
    assert abs(z) < 5
    # Negative control: heat wrong by 5 % is seen.
    assert abs(z_of(1.05 * heat + work)) > 5


def test_mean_shadow_work_vanishes_with_detailed_balance():
    """Before and after the O of BAOAB the momenta have one law; ABO is the negative control."""
    _, work = stationary_means("BAOAB")
    print(f"{work.mean():+.6f} | 0 | z = {z_of(work):.2f} | n_eff = {N_REPLICAS}")
    assert abs(z_of(work)) < 5
    assert abs(z_of(stationary_means("ABO")[1])) > 30


def balance_of_states(word, n):
    """States of many replicas after 200 steps."""
    scheme = method(word)
    numbers = scheme.coefficients(EQUATION, 0.2)
    generator = np.random.Generator(np.random.Philox(6))
    state = {"x": np.zeros((n, 2)), "p": np.zeros((n, 2))}
    state = scheme.carried_state(state, EQUATION.potential.gradient)
    for _ in range(200):
        normals = generator.standard_normal((1, n, 2))
        state = scheme.step(state, normals, numbers, EQUATION.potential.gradient)
    return {name: state[name] for name in ("x", "p")}


def test_blocks_are_balanced_line_by_line():
    potential = Anharmonic()
    potential.variables = ("x", "y")
    equation = ll.Partitioned(
        [
            ([0], ll.Langevin(potential, temperature=0.8, friction=0.5, mass=0.7)),
            ([1], ll.AdaptiveLangevin(
                potential, temperature=0.8, thermal_mass=3.0, applied_noise=1.1, mass=1.6)),
        ]
    )  # fmt: skip
    scheme = ll.integrators.method_for("A1 A2 D2 O1 O2 D2 A2 A1 B1 B2", equation)
    start = {"x": np.full(2, 0.4), "p": np.full(2, -0.6)}
    start |= {name: np.full(1, 0.5) for name in scheme.program.thermostats}
    normals = np.random.Generator(np.random.Philox(7)).standard_normal((200, 1, 2))
    balance = energy_balance(scheme, equation, 0.1, start=start, normals=normals)
    assert balance.residual < 1e-13
    assert np.abs(balance.heat).mean() > 0.01


@pytest.mark.parametrize("name", ["SemiImplicitEuler", "BBK"])
def test_lines_that_mix_force_and_friction_are_refused(name):
    with pytest.raises(NotSeparableError, match=rf"method='{name}': the line p = .* mixes"):
        balance_of(name)


def test_runge_kutta_is_refused():
    cold = ll.Langevin(Anharmonic(), temperature=0.0, friction=1.0)
    scheme = method("RK4", equation="langevin")
    start = {"x": np.ones(2), "p": np.ones(2)}
    with pytest.raises(NotSeparableError, match=r"the line x = .* mixes the force"):
        energy_balance(scheme, cold, 0.1, start=start, normals=np.zeros((1, 0, 2)))


def test_methods_without_momenta_are_refused():
    equation = ll.Overdamped(Anharmonic(), temperature=1.0)
    with pytest.raises(ValueError, match="method='EulerMaruyama' has no momenta"):
        energy_balance(
            method("EulerMaruyama"), equation, 0.1, start={"x": np.ones(2)},
            normals=np.zeros((1, 1, 2)),
        )  # fmt: skip


def test_normals_per_replica_are_refused():
    scheme = method("BAOAB")
    program = dataclasses.replace(
        scheme.program,
        text=(*scheme.program.text, "k = s0"),
        scalars=("k",),
        n_scalar_normals=1,
    )
    with pytest.raises(ValueError, match="draws 1 normals per replica"):
        energy_balance(
            dataclasses.replace(scheme, program=program), EQUATION, 0.1,
            start={"x": np.ones(2), "p": np.ones(2)}, normals=np.zeros((1, 1, 2)),
        )  # fmt: skip
