"""The spectrum of adaptive Langevin dynamics: its generator, limits, and a simulation."""

import math

import numpy as np
import pytest
from numpy.polynomial import hermite_e

import langevin_lab as ll
from langevin_lab.exact import adaptive_langevin_spectrum, spectral_gap, thermostat_spectrum


def thermostat(stiffness=1.0, **changes):
    settings = {"temperature": 1.0, "thermal_mass": 11.0, "applied_noise": 1.0, **changes}
    return ll.AdaptiveLangevin(ll.potentials.harmonic(stiffness=stiffness), **settings)


def waves(text):
    potential = ll.Potential.from_expression(f"x**2/2 + {text}", variables=("x",))
    return ll.AdaptiveLangevin(potential, temperature=1.0, thermal_mass=11.0)


def galerkin_matrix(dynamics, degree, parity):
    """The truncated generator, from the inverse that the solver applies; even: no constants."""
    rates = thermostat_spectrum._three_rates(dynamics)
    inverse = thermostat_spectrum._Inverse(rates, degree, parity, 0.0)
    dense = np.stack([inverse(unit) for unit in np.eye(inverse.shape[0])], axis=1)
    return np.linalg.inv(dense[1:, 1:] if parity == 0 else dense)


def functions(degree, parity):
    """Degrees (q, u, z) in the solver's order."""
    return [
        (m - j, j, k)
        for k in range(degree)
        for m in range(parity, degree - k + 1, 2)
        for j in range(m + 1)
    ]


@pytest.mark.parametrize("parity", [0, 1])
def test_matrix_is_that_of_the_stochastic_equation_by_quadrature(parity):
    """<phi_a, L phi_b> with L from the drift and the noise in x, p, xi, by Gauss-Hermite nodes."""
    k, m, temperature, mu, sigma, c = 2.3, 1.7, 0.6, 0.9, 1.3, 0.8
    dynamics = thermostat(k, temperature=temperature, thermal_mass=mu, applied_noise=sigma,
                          coupling=c, mass=m)  # fmt: skip
    scales = np.sqrt([temperature / k, m * temperature, dynamics.thermostat_variance])
    nodes, weights = hermite_e.hermegauss(10)
    weights = weights / weights.sum()
    q, u, z = np.meshgrid(nodes, nodes, nodes, indexing="ij")
    weight = np.einsum("i,j,k->ijk", weights, weights, weights)
    x, p, xi = scales[0] * q, scales[1] * u, dynamics.thermostat_mean + scales[2] * z

    def hermite(n, derivative, scale):
        series = np.eye(n + 1)[n] / math.sqrt(math.factorial(n))
        return hermite_e.hermeval(nodes, hermite_e.hermeder(series, derivative)) / scale**derivative

    def product(degrees, derivatives=(0, 0, 0)):
        parts = [hermite(*arguments) for arguments in zip(degrees, derivatives, scales)]
        return np.einsum("i,j,k->ijk", *parts)

    def image(f):
        return (
            p / m * product(f, (1, 0, 0))
            - (k * x + c * xi * p) * product(f, (0, 1, 0))
            + 0.5 * sigma**2 * m * product(f, (0, 2, 0))
            + (p**2 / m - temperature) / mu * product(f, (0, 0, 1))
        )

    basis = functions(5, parity)[1 - parity :]
    expected = [[np.sum(weight * product(a) * image(b)) for b in basis] for a in basis]
    np.testing.assert_allclose(galerkin_matrix(dynamics, 5, parity), expected, atol=1e-11)
    # The invariant law: the mean of L f vanishes for every f.
    np.testing.assert_allclose([np.sum(weight * image(b)) for b in basis], 0.0, atol=1e-12)


@pytest.mark.parametrize(("stiffness", "noise"), [(1.0, 1.0), (4.0, 2.0)])
def test_heavy_thermostat_is_as_slow_as_first_order_says(stiffness, noise):
    """nu^2 times 2 int rho(t)^2 dt = 1/gamma, rho the momentum's correlation: nu^2/gamma."""
    friction = noise**2 / 2
    ratios = []
    for thermal_mass in (200.0, 400.0):
        mode = adaptive_langevin_spectrum(
            thermostat(stiffness, thermal_mass=thermal_mass, applied_noise=noise)
        )[0]
        ratios.append(mode.rate.value * thermal_mass * friction - 1)
        assert mode.parity == "even"
        assert mode.frequency.value == 0.0
        assert mode.rate.error < 1e-6 * mode.rate.value
    assert abs(ratios[1]) < 0.03
    # The next order is 1/thermal_mass.
    assert ratios[0] / ratios[1] == pytest.approx(2.0, rel=0.1)


def test_units_of_time_mass_and_temperature():
    """Only omega, gamma and nu count: another mass, temperature and coupling, same rates."""
    one = adaptive_langevin_spectrum(thermostat(thermal_mass=8.0, applied_noise=1.6), 2)
    # stiffness/mass = 1, noise^2/2T = 1.28, coupling T/thermal_mass = 1/8, all times 9 or 3.
    other = adaptive_langevin_spectrum(
        thermostat(18.0, mass=2.0, temperature=0.5, coupling=0.7, thermal_mass=0.35 / (9 / 8),
                   applied_noise=math.sqrt(3.84)), 2,
    )  # fmt: skip
    for a, b in zip(one, other):
        assert b.rate.value == pytest.approx(3 * a.rate.value, rel=1e-8)
        assert b.frequency.value == pytest.approx(3 * a.frequency.value, rel=1e-8)
        assert a.parity == b.parity
    gap = spectral_gap(thermostat(thermal_mass=8.0, applied_noise=1.6))
    assert abs(gap.value - one[0].rate.value) <= gap.error + one[0].rate.error


def test_a_smaller_basis_is_within_its_error(monkeypatch):
    exact = adaptive_langevin_spectrum(thermostat())[0]
    monkeypatch.setattr(thermostat_spectrum, "_DEGREES", (8, 11))
    coarse = adaptive_langevin_spectrum(thermostat())[0]
    assert exact.rate.error < abs(coarse.rate.value - exact.rate.value) < 3 * coarse.rate.error


def test_modes_at_the_edge_of_the_basis_are_left_out():
    """At high friction truncation makes a slower mode, near 0.15, that wanders with the degree."""
    mode = adaptive_langevin_spectrum(thermostat(thermal_mass=1.0, applied_noise=math.sqrt(10.0)))[
        0
    ]
    assert mode.parity == "odd"
    # Without the thermostat's motion x relaxes at 0.2087 = 5/2 - (25/4 - 1)^(1/2).
    assert mode.rate.value == pytest.approx(2.5 - math.sqrt(5.25), rel=2e-3)
    assert mode.rate.error < 1e-6


def relaxed_thermostat(dynamics, start, t):
    """E z(t) from a fixed z and Gibbs q, u: exp(t L) z in Hermite functions of z."""
    from scipy.linalg import expm

    degree = 14
    basis = functions(degree, 0)[1:]
    image = expm(t * galerkin_matrix(dynamics, degree, 0))[:, basis.index((0, 0, 1))]
    only_z = {k: image[i] for i, (q, u, k) in enumerate(basis) if q == u == 0}
    return sum(
        value * hermite_e.hermeval(start, np.eye(k + 1)[k]) / math.sqrt(math.factorial(k))
        for k, value in only_z.items()
    )


def test_simulated_thermostat_relaxes_as_the_generator_says():
    """Mean of xi at t = 3 from one standard deviation above; 5 % more thermal mass is refuted."""
    dynamics, n, dt, t = thermostat(applied_noise=1.2), 200_000, 0.02, 3.0
    friction, spread = dynamics.thermostat_mean, math.sqrt(dynamics.thermostat_variance)
    rng = np.random.default_rng(20)
    x, p = rng.standard_normal((2, n))
    xi = np.full(n, friction + 1.5 * spread)
    for _ in range(round(t / dt)):  # BADODAB
        p -= 0.5 * dt * x
        x += 0.5 * dt * p
        xi += 0.5 * dt * (p**2 - 1.0) / dynamics.thermal_mass
        decay = np.exp(-xi * dt)
        p = decay * p + 1.2 * np.sqrt(-np.expm1(-2 * xi * dt) / (2 * xi)) * rng.standard_normal(n)
        xi += 0.5 * dt * (p**2 - 1.0) / dynamics.thermal_mass
        x += 0.5 * dt * p
        p -= 0.5 * dt * x
    z = (xi - friction) / spread
    error = z.std() / math.sqrt(n)
    expected = relaxed_thermostat(dynamics, 1.5, t)
    wrong = relaxed_thermostat(thermostat(applied_noise=1.2, thermal_mass=11.55), 1.5, t)
    print(f"{z.mean():.5f} +- {error:.5f} | {expected:.5f} | z {(z.mean() - expected) / error:.2f}")
    assert abs(z.mean() - expected) < 4 * error
    assert abs(z.mean() - wrong) > 6 * error


@pytest.mark.parametrize(
    ("dynamics", "message"),
    [
        (thermostat(applied_noise=0.0), "applied_noise=0 leaves Nosé-Hoover"),
        (thermostat(thermal_mass=math.inf), r"thermal_mass=inf freezes .* friction=0\.5"),
        (
            ll.AdaptiveLangevin(ll.potentials.double_well(), temperature=1.0, thermal_mass=1.0),
            "needs a harmonic well",
        ),
        (thermostat(thermal_mass=1e12), "do not converge for the rates .* use a lighter"),
        (waves("0.3*cos(4*pi*x)"), "second derivatives from -.* to .* needs a harmonic well"),
        (waves("1e-6*cos(12*pi*x)"), "needs a harmonic well"),
        (waves("-x**2"), "second derivatives from -1 to -1: .* needs a harmonic well"),
        (
            ll.AdaptiveLangevin(ll.potentials.harmonic(dim=2), temperature=1.0, thermal_mass=1.0),
            "dimension 1, not 2",
        ),
    ],
)
def test_what_has_no_such_spectrum_is_refused(dynamics, message):
    with pytest.raises(ValueError, match=message):
        adaptive_langevin_spectrum(dynamics)


def test_other_wrong_input_is_refused(monkeypatch):
    for n_modes in (0, 9, 2.5, True):
        with pytest.raises(ValueError, match=f"n_modes={n_modes} must be a whole number between 1"):
            adaptive_langevin_spectrum(thermostat(), n_modes)
    with pytest.raises(TypeError, match="AdaptiveLangevin, not Langevin"):
        adaptive_langevin_spectrum(
            ll.Langevin(ll.potentials.harmonic(), temperature=1.0, friction=1.0)
        )
    monkeypatch.setattr(thermostat_spectrum, "_DEGREES", (8, 10))
    with pytest.raises(ValueError, match="of the n_modes=1 slowest modes stand still"):
        adaptive_langevin_spectrum(thermostat(thermal_mass=0.1, applied_noise=0.5))
