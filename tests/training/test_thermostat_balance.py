"""The balance of AdLa's thermostat: exact covariances, the word itself, brute force, refusals."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.training import gradient_moments, settled_thermostat

NUMBERS = {"temperature": 1e-4, "dt": 0.25, "applied_noise": 0.01, "gradient_variance": 0.006}


def stationary(matrix, noise):
    """Solve S = matrix S matrix^T + noise."""
    n = len(matrix)
    flat = np.linalg.solve(np.eye(n * n) - np.kron(matrix, matrix), noise.ravel())
    return flat.reshape(n, n)


def harmonic_balance(k, xi, h, sigma, spread):
    """What the thermostat reads, M and P on k x^2/2 at a frozen thermostat, letter by letter."""
    c = np.exp(-0.5 * h * xi)
    drift = np.array([[1.0, 0.5 * h], [0.0, 1.0]])
    brake, kick = np.diag([1.0, c]), np.array([[1.0, 0.0], [-h * k, 1.0]])
    momentum = np.diag([0.0, 1.0])
    half = sigma**2 * h / 2 * momentum
    first = brake @ drift  # A C, then N
    second = drift @ brake  # then N C A, then B
    # From after B to after B.
    matrix = kick @ second @ first
    carried = kick @ second @ (2 * half) @ (kick @ second).T
    after = stationary(matrix, carried + h**2 * spread * momentum)
    read = first @ after @ first.T + half
    return read[1, 1], k**2 * after[0, 0], k * after[0, 1]


@pytest.mark.parametrize("k", [0.0001, 0.5, 6.0])
@pytest.mark.parametrize("xi", [0.3, 8.0])
def test_balance_is_that_of_the_exact_covariance_of_a_well(k, xi):
    read, squared, power = harmonic_balance(k, xi, 0.25, 0.01, 0.006)
    found = settled_thermostat(
        temperature=read, dt=0.25, applied_noise=0.01, gradient_variance=0.006,
        squared_gradient=squared, power=power,
    )  # fmt: skip
    assert found == pytest.approx(xi, rel=1e-10)
    wrong = settled_thermostat(
        temperature=read, dt=0.25, applied_noise=0.01, gradient_variance=1.03 * 0.006,
        squared_gradient=squared, power=power,
    )  # fmt: skip
    assert wrong != pytest.approx(xi, rel=2e-3)


def test_small_steps_have_the_law_of_the_continuous_equation():
    errors = []
    for dt in (1e-3, 5e-4):
        found = settled_thermostat(
            temperature=0.5, dt=dt, applied_noise=0.7, gradient_variance=0.3 / dt, power=-0.1
        )
        errors.append(found - (0.7**2 + 0.3 + 0.2) / (2 * 0.5))
    assert abs(errors[1]) < 1e-3
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.01)  # of second order


@pytest.mark.slow
def test_word_settles_where_the_balance_says():
    """Free particles with noisy kicks, steps as long as the thermostat's own time."""
    dim, h, variance = 4, 0.25, 0.006
    names = [f"x{i}" for i in range(dim)]
    free = ll.Potential.from_expression("+".join(f"0*{name}" for name in names), names)
    dynamics = ll.dynamics.adla(
        free.with_gradient_noise(standard_deviation=variance**0.5), temperature=1e-4, epsilon=100.0,
        applied_noise=0.01,
    )  # fmt: skip
    run = ll.simulate(
        dynamics, "ACNDNCAB", dt=h, n_steps=20_000, n_replicas=64, seed=3, burn_in=2_000,
        start=np.zeros(dim), start_momentum=np.zeros(dim), start_thermostat=6.0,
        observe={"xi": "xi"},
    )  # fmt: skip
    measured, stderr = float(run["xi"]), float(run["xi_stderr"])
    expected = settled_thermostat(**NUMBERS)
    linear = (1e-4 + h * variance) / 2e-4
    print(f"{measured:.5f} +- {stderr:.5f} | {expected:.5f} | small steps {linear:.5f}")
    assert abs(measured - expected) < 5 * stderr + 0.002 * expected
    assert abs(
        measured - settled_thermostat(**NUMBERS | {"gradient_variance": 1.03 * variance})
    ) > (5 * stderr + 0.002 * expected)
    assert abs(measured - linear) > 20 * stderr


def network(**given):
    rng = np.random.default_rng(0)
    return ll.potentials.multilayer_perceptron(
        rng.normal(size=(6, 2)), [0, 1, 0, 1, 1, 0],
        **{"hidden": (3,), "loss": "binary_cross_entropy"} | given,
    )  # fmt: skip


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "cross_entropy"])
@pytest.mark.parametrize("hidden", [(), (3,), (4, 3)])
@pytest.mark.parametrize("replacement", [False, True])
def test_moments_are_those_of_all_batches(replacement, hidden, loss):
    net = network(batch_size=2, replacement=replacement, hidden=hidden, weight_decay=0.3, loss=loss)
    points = net.start(seed=1, n_replicas=2)
    pairs = [(i, j) for i in range(6) for j in range(6) if replacement or i != j]
    mean, variance = gradient_moments(net, points)
    for place, x in enumerate(points):
        drawn = ll.potentials.drawn_gradient(
            net, np.broadcast_to(x, (len(pairs), net.dim)), indices=np.array(pairs)
        )
        np.testing.assert_allclose(mean[place], net.gradient(x), rtol=1e-12, atol=1e-16)
        np.testing.assert_allclose(variance[place], drawn.var(axis=0), rtol=1e-10, atol=1e-17)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dt": 0.0}, "dt=0.0 must be > 0"),
        ({"applied_noise": -1.0}, "applied_noise=-1.0 must be >= 0"),
        ({"gradient_variance": np.nan}, "gradient_variance=nan must be >= 0"),
        ({"squared_gradient": -0.1}, "squared_gradient=-0.1 must be >= 0"),
        ({"power": np.inf}, "power=inf must be finite"),
        (
            {"temperature": 1.25e-5},
            "must be above applied_noise.2 dt/2=1.25e-05",
        ),
    ],
)
def test_numbers_out_of_range_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        settled_thermostat(**NUMBERS | changed)


def test_points_and_networks_without_batches_are_refused():
    with pytest.raises(ValueError, match="draws no examples; give it a batch_size"):
        gradient_moments(network(), np.zeros(13))
    with pytest.raises(ValueError, match="12"):
        gradient_moments(network(batch_size=2), np.zeros((2, 12)))
