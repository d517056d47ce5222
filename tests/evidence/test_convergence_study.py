"""Orders measured: coverage of the intervals, verdicts, negative controls, exact laws."""

import dataclasses
import math

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.evidence import Claim, Order, PathNormal, convergence
from langevin_lab.evidence.coupled_runs import (
    CoupledDifferences,
    coupled_differences,
    squared_distance,
)
from langevin_lab.evidence.sampled_errors import longest_run, measured_errors
from langevin_lab.integrators import Method, Program, method, properties

QUARTIC = ll.Potential.from_expression("x**2/2 + x**4/4")
SHIFTED = ll.Potential.from_expression("x**2 - x")
WARM = ll.Overdamped(QUARTIC, temperature=1.0, friction=1.3)
HOT = ll.Langevin(QUARTIC, temperature=1.0, friction=1.3)
COLD = ll.Langevin(QUARTIC, temperature=0.2, friction=1.0)
N_REPEATS = 200


def equation(name):
    return HOT if properties(name).equation == "langevin" else WARM


def outcome(estimate, expected):
    claim = Claim("order", "test", Order(expected, spacing=0.5), estimate)
    return claim.verdict(false_alarm_rate=0.05).outcome


def assert_covers(estimates, truth, wrong):
    """92-98 % of the 95 % intervals hold the truth; another order is refuted 95 % of the time."""
    covered = np.mean([e.interval()[0] <= truth <= e.interval()[1] for e in estimates])
    refuted = np.mean([outcome(e, wrong) == "refuted" for e in estimates])
    false = sum(outcome(e, wrong) == "consistent" for e in estimates)
    width = np.median([np.ptp(e.interval()) for e in estimates])
    print(f"{len(estimates)} repeats: covered {covered:.3f}, median width {width:.3f}")
    print(f"presented as order {wrong}: refuted {refuted:.3f}, consistent {false}")
    assert 0.92 <= covered <= 0.98
    assert refuted >= 0.95
    assert false == 0


@pytest.fixture(scope="module")
def repeats():
    """Squared end distances of Euler-Maruyama, 100 paths a repeat."""
    counts = (8, 16, 32, 64, 128)
    data = coupled_differences(
        method("EulerMaruyama"), WARM, squared_distance, counts=counts, duration=1.0,
        start={"x": np.array([0.5])}, n_paths=100 * N_REPEATS, seed=1, cells_per_step=4,
    )  # fmt: skip
    return 1.0 / np.array(counts), data


def split(data, size):
    for first in range(0, data.fine.shape[1], size):
        part = slice(first, first + size)
        yield CoupledDifferences(data.fine[:, part], data.coarse[:, part])


@pytest.mark.slow
def test_interval_of_the_strong_order_covers_it(repeats):
    steps, data = repeats
    studies = [measured_errors(steps, part, squared=True) for part in split(data, 100)]
    assert len(studies) == N_REPEATS
    assert_covers([study.order for study in studies], 1.0, 2.0)


@pytest.mark.slow
def test_errors_taken_as_independent_would_cover_too_much(repeats):
    """Negative control of the correlations: the interval gets too wide to be honest."""
    steps, data = repeats
    orders = []
    for part in split(data, 100):
        study = measured_errors(steps, part, squared=True)
        orders.append((ll.evidence.order(steps, study.errors), study.order))
    covered = np.mean([a.interval()[0] <= 1 <= a.interval()[1] for a, _ in orders])
    ratio = np.median([a.stderr / b.stderr for a, b in orders])
    print(f"covered {covered:.3f}, {ratio:.2f} times as wide")
    assert ratio > 1.2
    assert covered > 0.97


def test_too_few_paths_are_never_consistent(repeats):
    steps, data = repeats
    few = [measured_errors(steps, part, squared=True) for part in split(data, 10)][:N_REPEATS]
    assert all(study.order is None for study in few)
    some = [measured_errors(steps, part, squared=True) for part in split(data, 25)][:N_REPEATS]
    verdicts = [outcome(study.order, 2.0) for study in some]
    print({v: verdicts.count(v) for v in set(verdicts)})
    assert verdicts.count("consistent") == 0


def weak_differences(rng, order, n_paths):
    """Signed differences as of a weak study: a mean of C h^p, a noise of size h in common."""
    h = 0.25 / np.array([1.0, 1.5, 2.0, 3.0, 4.0])
    common = rng.standard_normal((1, n_paths))
    own = rng.standard_normal((5, n_paths))
    data = (h**order * (1 + 0.5 * h))[:, None] + h[:, None] * (0.2 * common + 0.05 * own)
    return h, CoupledDifferences(data, data)


@pytest.mark.parametrize("order", [1, 2])
def test_interval_of_a_weak_order_covers_it(order):
    rng = np.random.default_rng(order)
    estimates = []
    for _ in range(N_REPEATS):
        h, data = weak_differences(rng, order, 100 if order == 1 else 20_000)
        estimates.append(measured_errors(h, data, squared=False).order)
    assert_covers(estimates, order, 3 - order)


def test_errors_drowned_in_noise_give_no_order():
    rng = np.random.default_rng(3)
    for _ in range(N_REPEATS):
        h, data = weak_differences(rng, 3, 30)
        study = measured_errors(h, data, squared=False)
        assert study.order is None or outcome(study.order, 2.0) != "consistent"


@pytest.mark.parametrize(
    "name", ["EulerMaruyama", "LeimkuhlerMatthews", "StochasticHeun", "BAOAB", "OBABO", "BBK"]
)
def test_strong_orders_of_the_records(name):
    study = convergence(name, equation(name), n_paths=400)
    print(study)
    assert study.verdict == "consistent"
    assert study.expected == properties(name).strong_order
    wrong = dataclasses.replace(study, expected=study.expected + 1)
    assert wrong.verdict == "refuted"


@pytest.mark.parametrize(
    ("name", "dynamics", "start", "observable", "n_paths"),
    [
        ("ABOBA", COLD, 1.5, "x**2", 4000),
        ("BAO", COLD, 1.5, "x**2", 4000),
        ("BAOAB", COLD, 1.5, lambda x: x, 16_000),
        ("EulerMaruyama", ll.Overdamped(QUARTIC, temperature=0.2), 0.5, "x**2", 4000),
    ],
    ids=["ABOBA", "BAO", "BAOAB", "EulerMaruyama"],
)
def test_weak_orders_of_the_records_on_a_nonlinear_problem(
    name, dynamics, start, observable, n_paths
):
    study = convergence(name, dynamics, "weak", start=start, observable=observable, n_paths=n_paths)
    print(study)
    assert study.verdict == "consistent"
    assert "paths" in study.how
    assert dataclasses.replace(study, expected=3 - study.expected).verdict == "refuted"


def test_noise_that_is_no_sum_of_the_fine_noise_destroys_the_strong_order():
    """Negative control: coarse steps take the increment of their first half only."""
    half = {"n0": PathNormal(part=(0, 2))}
    study = convergence("EulerMaruyama", WARM, n_paths=400, noise=half)
    assert study.verdict == "refuted"
    assert study.order.value < 0.2


def test_a_drift_wrong_by_three_percent_is_noticed():
    scheme = method("EulerMaruyama")

    def rule(*arguments):
        numbers = scheme.coefficient_rule(*arguments)
        return numbers | {"drift": 1.03 * numbers["drift"]}

    wrong = Method(scheme.name, scheme.program, rule, scheme.properties)
    assert convergence(wrong, WARM, n_paths=400).verdict == "refuted"


def strong_order_three_halves():
    """The additive scheme of strong order 3/2 with dZ = dt^(3/2) (n0 + n1/sqrt 3)/2."""
    program = Program(
        text=(
            "g = gradient(x)",
            "z = fma(lean, n1, n0)",
            "y = fma(area, z, fma(-0.75 * drift, g, x))",
            "k = gradient(y)",
            "x = fma(noise, n0, fma(-drift / 3.0, fma(2.0, k, g), x))",
        ),
        state=("x",),
        coefficients=("drift", "noise", "area", "lean"),
        n_normals=2,
    )

    def rule(dynamics, dt, temperature):
        drift = dt / np.asarray(dynamics.friction)
        noise = np.sqrt(2 * temperature * drift)
        return {"drift": drift, "noise": noise, "area": 0.75 * noise, "lean": 3**-0.5}

    record = dataclasses.replace(
        properties("EulerMaruyama"), name="three halves", strong_order=1.5, normals_per_step=2
    )
    return Method("three halves", program, rule, record)


def test_path_serves_a_scheme_of_strong_order_three_halves():
    pair = {"n0": PathNormal(), "n1": PathNormal("area", given=("increment",))}
    scheme, steps = strong_order_three_halves(), 1.0 / 2.0 ** np.arange(4, 9)
    study = convergence(scheme, WARM, steps=steps, n_paths=1000, noise=pair)
    print(study)
    assert study.verdict == "consistent"
    # Negative control: increments of half steps in place of the area lose the half order.
    halves = {f"n{j}": PathNormal(part=(j, 2)) for j in (0, 1)}
    assert convergence(scheme, WARM, n_paths=400, noise=halves).verdict == "refuted"
    with pytest.raises(ValueError, match="draws 2 normals and does not say what they stand for"):
        convergence(scheme, WARM, n_paths=400)


def test_flow_without_noise_needs_one_path():
    flow = ll.Langevin(QUARTIC, temperature=0.0, friction=1.0)
    study = convergence("RK4", flow, n_paths=1)
    assert study.verdict == "consistent"
    assert study.expected == 4
    assert convergence("RK4", flow, "weak", n_paths=1).verdict == "consistent"


def test_paths_without_noise_are_all_the_same_and_have_no_error_bar():
    frozen = ll.Overdamped(QUARTIC, temperature=0.0)
    one, many = (convergence("EulerMaruyama", frozen, n_paths=n) for n in (1, 30))
    assert one.verdict == many.verdict == "consistent"
    assert one.order.value == pytest.approx(many.order.value, rel=1e-9)
    assert all(error.is_exact for error in many.errors)


def test_weak_errors_on_a_linear_force_are_exact():
    """Euler-Maruyama on U = x^2 - x: mean and variance by hand."""
    dynamics = ll.Overdamped(SHIFTED, temperature=0.7)
    study = convergence("EulerMaruyama", dynamics, "weak", start=1.5)
    n = np.array([4, 6, 8, 12, 16])
    factor = 1 - 2.0 / n
    scheme = (0.5 + factor**n) ** 2 + 1.4 / n * (1 - factor ** (2 * n)) / (1 - factor**2)
    exact = (0.5 + np.exp(-2)) ** 2 + 0.35 * (1 - np.exp(-4))
    np.testing.assert_allclose([e.value for e in study.errors], np.abs(scheme - exact), rtol=1e-11)
    assert study.how == "Gaussian laws, without sampling"
    assert all(e.is_exact for e in study.errors)


def test_sampled_and_exact_weak_errors_agree():
    """A quartic of size 1e-9 makes the problem nonlinear, so that it is sampled."""
    bent = ll.Potential.from_expression("x**2 - x + x**4/1000000000")
    cases = [
        convergence(
            "OBABO",
            ll.Langevin(u, temperature=0.5, friction=1.0),
            "weak",
            start=1.5,
            n_paths=16_000,
        )
        for u in (bent, SHIFTED)
    ]
    assert "paths" in cases[0].how
    sampled, exact = cases[0].errors[0], cases[1].errors[0]
    assert_agrees(sampled.value, sampled.stderr, exact.value, 16_000, "weak error")
    assert_refutes(sampled.value, sampled.stderr, 1.5 * exact.value, 16_000, "weak error")


def test_langevin_law_of_a_linear_force_is_that_of_the_ode_for_the_moments():
    from scipy.integrate import solve_ivp

    dynamics = ll.Langevin(SHIFTED, temperature=0.7, friction=0.8, mass=2.0)
    study = convergence("BAOAB", dynamics, "weak", start=0.3, observable=lambda x, p: x * p)

    def rate(_, y):
        x, p, xx, xp, pp = y
        force, spread = 1 - 2 * x, 2 * 0.8 * 2.0 * 0.7
        cov = (xp, pp / 2 - 2 * xx - 0.8 * xp, -4 * xp - 1.6 * pp + spread)
        return [p / 2, force - 0.8 * p, 2 * cov[0] / 2, cov[1], cov[2]]

    end = solve_ivp(rate, (0, 1), [0.3, 0.3, 0, 0, 0], rtol=1e-12, atol=1e-13).y[:, -1]
    mean, covariance = ll.exact.propagate(
        "BAOAB",
        4,
        mean=[-0.2, 0.3],
        stiffness=2.0,
        temperature=0.7,
        friction=0.8,
        mass=2.0,
        dt=0.25,
    )
    scheme = (mean[0] + 0.5) * mean[1] + covariance[0, 1]
    expected = abs(scheme - end[0] * end[1] - end[3])
    assert study.errors[0].value == pytest.approx(expected, rel=1e-8)
    assert study.verdict == "consistent"


def test_invariant_bias_of_a_linear_force_is_exact():
    """Euler-Maruyama: variance T/(k (1 - dt k/2))."""
    dynamics = ll.Overdamped(SHIFTED, temperature=0.7)
    study = convergence("EulerMaruyama", dynamics, "invariant", steps=[0.2, 0.1, 0.05, 0.025])
    dt = np.array(study.steps)
    np.testing.assert_allclose([e.value for e in study.errors], 0.35 * dt / (1 - dt), rtol=1e-10)
    assert study.verdict == "consistent"


def test_exact_method_has_no_order_to_measure():
    """BAOAB's positions on a harmonic well have no bias."""
    dynamics = ll.Langevin(SHIFTED, temperature=0.7, friction=1.0)
    study = convergence("BAOAB", dynamics, "invariant")
    assert study.verdict == "inconclusive"
    assert study.order is None
    with pytest.raises(ValueError, match="BAOAB, invariant: only 0 of 5 steps have an error"):
        study.claim  # noqa: B018
    assert convergence("BAOAB", dynamics, "invariant", observable="p**2").verdict == "consistent"


def test_unstable_steps_are_left_out():
    dynamics = ll.Overdamped(SHIFTED, temperature=0.7)
    steps = [2.0, 0.2, 0.1, 0.05, 0.025]
    study = convergence("EulerMaruyama", dynamics, "invariant", steps=steps, duration=2.0)
    assert study.errors[0] is None
    assert study.used == (False, True, True, True, True)
    assert study.verdict == "consistent"
    assert "none" in str(study)


def test_invariant_bias_from_the_transfer_operator():
    """Theory sheet 7.2: exact biases of <x^2> on the quartic well, T = 1."""
    dynamics = ll.Overdamped(QUARTIC, temperature=1.0)
    study = convergence("EulerMaruyama", dynamics, "invariant", steps=[0.04, 0.02, 0.01])
    found = [e.value for e in study.errors]
    np.testing.assert_allclose(found, [1.119e-2, 5.440e-3, 2.685e-3], rtol=1e-3)
    assert "transfer operator" in study.how
    unstable = convergence("EulerMaruyama", dynamics, "invariant", steps=[0.5, 0.04, 0.02, 0.01])
    assert unstable.errors[0] is None


def test_momenta_enter_the_transfer_operator():
    """<p^2 x^2> of BAOAB, against the same law averaged by hand: Gibbs gives T <x^2>."""
    study = convergence(
        "BAOAB", COLD, "invariant", steps=[0.25, 0.2, 0.125], observable="p**2 * x**2"
    )
    law = ll.exact.stationary_law("BAOAB", COLD, 0.25)
    gibbs = COLD.temperature * ll.exact.gibbs_average(COLD, lambda x: x**2).value
    bias = law.average(lambda x, p: p**2 * x**2).value - gibbs
    assert study.errors[0].value == pytest.approx(abs(bias), rel=1e-9)
    assert "transfer operator" in study.how
    assert dataclasses.replace(study, expected=1.0).verdict != "consistent"


def test_sampled_invariant_bias_agrees_with_the_transfer_operator():
    """A separable potential: the second coordinate only forbids the exact way."""
    steps = [0.25, 0.2, 0.125]
    both = ll.Potential.from_expression("x**2/2 + x**4/4 + y**2/2", variables=("x", "y"))
    sampled = convergence(
        "EulerMaruyama", ll.Overdamped(both, temperature=0.2), "invariant", steps=steps,
        duration=10.0, n_paths=1000,
    )  # fmt: skip
    exact = convergence(
        "EulerMaruyama", ll.Overdamped(QUARTIC, temperature=0.2), "invariant", steps=steps,
        duration=10.0,
    )  # fmt: skip
    assert "paths" in sampled.how
    for one, other in zip(sampled.errors, exact.errors):
        assert_agrees(one.value, one.stderr, other.value, 1000, "bias")
        assert_refutes(one.value, one.stderr, 1.5 * other.value, 1000, "bias")


def test_claim_and_table():
    study = convergence("EulerMaruyama", WARM, n_paths=100)
    assert study.claim.predicted == Order(1.0, spacing=0.5)
    assert study.claim.source == properties("EulerMaruyama").source
    text = str(study)
    assert text.startswith("EulerMaruyama: strong order (100 paths coupled to a reference)")
    assert "expected 1: consistent; the interval" in text
    few = convergence("EulerMaruyama", WARM, n_paths=10)
    assert few.verdict == "inconclusive"
    assert few.reason == "an interval needs n_paths >= 20: give more paths"


def test_same_seed_gives_the_same_study_and_another_seed_another():
    one, two, other = (
        convergence("EulerMaruyama", WARM, n_paths=50, seed=seed) for seed in (5, 5, 6)
    )
    assert one == two
    assert one.errors != other.errors


def test_longest_run_keeps_one_sign():
    seen = np.array([True, True, True, False, True, True, True, True])
    sign = np.array([1, 1, 1, 1, -1, 1, 1, 1])
    assert longest_run(seen, sign).tolist() == [False] * 5 + [True] * 3
    assert not longest_run(np.zeros(3, dtype=bool), np.ones(3)).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "strange"}, "kind='strange' must be one of 'strong', 'weak', 'invariant'"),
        ({"n_paths": 0}, "n_paths=0 must be >= 1"),
        ({"seed": -1}, "seed=-1 must be >= 0"),
        ({"expected": math.inf}, "expected=inf must be a finite number > 0"),
        ({"duration": -1.0}, "duration=-1.0 must be a finite number > 0"),
        ({"steps": [0.1, 0.0]}, "must be numbers > 0"),
        ({"steps": [0.3, 0.1, 0.05]}, "must each divide duration=1"),
        ({"steps": [0.1, 0.1, 0.05]}, "give 3 or more different steps"),
        ({"start": {"p": 1.0}}, r"start names \['p'\], but the state is \['x'\]"),
        ({"start": [0.1, 0.2]}, r"start of x is \[0.1, 0.2\]: give a finite number or shape"),
        ({"kind": "weak", "observable": lambda y: y}, r"observable takes \('y',\); name its"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        convergence("EulerMaruyama", WARM, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_paths": 1.5}, "n_paths=1.5 must be an integer >= 1"),
        ({"n_paths": True}, "n_paths=True must be an integer >= 1"),
        ({"expected": "2"}, "expected='2' must be a number"),
        ({"duration": "1"}, "duration='1' must be a number"),
    ],
)
def test_arguments_of_another_type_are_refused(change, message):
    with pytest.raises(TypeError, match=message):
        convergence("EulerMaruyama", WARM, **change)


@pytest.mark.parametrize("kind", ["strong", "weak", "invariant"])
def test_dynamics_without_a_reference_are_refused(kind):
    noisy = QUARTIC.with_gradient_noise(standard_deviation=0.5)
    with pytest.raises(ValueError, match=r"the gradient is drawn, GaussianNoise.*true gradient"):
        convergence("EulerMaruyama", ll.Overdamped(noisy, temperature=1.0), kind)
    redrawn = ll.Langevin(QUARTIC, temperature=1.0, friction=(math.inf,))
    with pytest.raises(ValueError, match=r"friction=\(inf,\) has no path to compare with"):
        convergence("BAOAB", redrawn, kind)
    thinning = ll.Overdamped(QUARTIC, temperature=1.0, friction=lambda time: 1.0 + 0 * time)
    with pytest.raises(ValueError, match=r"^friction is a schedule: orders are measured"):
        convergence("EulerMaruyama", thinning, kind)
    both = dataclasses.replace(thinning, temperature=thinning.friction)
    with pytest.raises(ValueError, match=r"^temperature and friction are schedules: orders"):
        convergence("EulerMaruyama", both, kind)


def test_other_refusals():
    with pytest.raises(TypeError, match="observable=3 must be an expression such as"):
        convergence("EulerMaruyama", WARM, "weak", observable=3)
    with pytest.raises(TypeError, match="dynamics=object has no reference solution here"):
        convergence("BAOAB", object())
    flow = ll.GradientFlow(QUARTIC)
    with pytest.raises(ValueError, match="RK4 records no configurational_order: give expected="):
        convergence("RK4", flow, "invariant")
    hill = ll.Overdamped(ll.Potential.from_expression("-x**2"), temperature=1.0)
    with pytest.raises(ValueError, match="no stationary law: stiffness has eigenvalue -2 <= 0"):
        convergence("EulerMaruyama", hill, "invariant")
    cooling = ll.Overdamped(QUARTIC, temperature=lambda time: 1.0 + 0 * time)
    with pytest.raises(ValueError, match="temperature is a schedule: orders are measured"):
        convergence("EulerMaruyama", cooling)
    with pytest.raises(ValueError, match=r"spacing=0\.3 must be 1"):
        Order(1.0, spacing=0.3)
