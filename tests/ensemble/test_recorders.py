"""Recorders against numpy over the saved path, and against exact laws."""

import cases
import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.ensemble import (
    AutocorrelationTime,
    ConfigurationalTemperature,
    CoordinateMean,
    Covariance,
    Histogram,
    KineticTemperature,
    Mean,
    Variance,
)
from langevin_lab.ensemble.recorders import Recorder

pytestmark = pytest.mark.slow

DT = 0.1
PLANE = ll.potentials.entropic_barrier()
CHAIN = ll.potentials.phi4_chain(n_sites=3)


def recorders(u, v, *, laplacian):
    """One recorder of each kind over the coordinates u and v."""
    observe = {
        "mean": Mean(f"{u}**2*{v} + p_{u}/mass_{u} + grad_{v}*dt"),
        "total": Mean("energy"),
        "coordinates": CoordinateMean("x**2 + p*grad*dt - mass"),
        "variance": Variance(f"{u} - {v}"),
        "covariance": Covariance(u, f"p_{v}"),
        "kinetic": KineticTemperature(),
        "half": KineticTemperature(half_step=True),
        "virial": ConfigurationalTemperature(),
        "tau": AutocorrelationTime(u),
        "density": Histogram(f"{u}*{v}", 7, -0.8, 0.9),
    }
    if laplacian:
        observe["rugh"] = ConfigurationalTemperature("laplacian")
    return observe


def by_numpy(dynamics, x, p):
    """The same numbers from arrays (..., dim) of positions and momenta."""
    potential, mass = dynamics.potential, np.asarray(dynamics.mass)
    g = potential.gradient(x)
    u, v = x[..., 0], x[..., 1]
    duration = len(x) * DT
    scatter = u.mean(axis=0).var(ddof=1)
    expected = {
        "mean": (u**2 * v + p[..., 0] / mass[0] + g[..., 1] * DT).mean(),
        "total": potential.energy(x).mean(),
        "coordinates": (x**2 + p * g * DT - mass).mean(),
        "variance": (u - v).var(),
        "covariance": (u * p[..., 1]).mean() - u.mean() * p[..., 1].mean(),
        "kinetic": (p**2 / mass).mean(),
        "half": ((p - DT / 2 * g) ** 2 / mass).mean(),
        "virial": (x * g).mean(),
        "tau": 0.5 * duration * scatter / u.var(),
    }
    laplacian = np.trace(potential.hessian(x), axis1=-2, axis2=-1)
    expected["rugh"] = (g**2).sum(axis=-1).mean() / laplacian.mean()
    return expected


@pytest.mark.parametrize(
    ("potential", "u", "v"), [(PLANE, "x", "y"), (CHAIN, "x0", "x1")], ids=["lanes", "rows"]
)
def test_recorders_are_the_averages_of_the_path(potential, u, v):
    mass = tuple(np.linspace(1.0, 2.0, potential.dim))
    dynamics = ll.Langevin(potential, temperature=0.5, friction=1.0, mass=mass)
    observe = recorders(u, v, laplacian=potential is PLANE)
    run = ll.simulate(
        dynamics, "BAOAB", dt=DT, n_steps=90, seed=3, n_replicas=50, burn_in=10, save_every=1,
        observe=observe,
    )  # fmt: skip
    x, p = run["x"].values[10:], run["p"].values[10:]
    expected = by_numpy(dynamics, x, p)
    for name, recorder in observe.items():
        if not isinstance(recorder, Histogram):
            assert float(run[name]) == pytest.approx(expected[name], rel=1e-10, abs=1e-12)
    values = x[..., 0] * x[..., 1]
    counts, edges = np.histogram(values, bins=7, range=(-0.8, 0.9))
    width = edges[1] - edges[0]
    np.testing.assert_allclose(run["density"], counts / values.size / width, rtol=1e-12)
    np.testing.assert_allclose(run["density_bin"], (edges[1:] + edges[:-1]) / 2, rtol=1e-12)
    about = run["density"].attrs
    assert about["fraction_below"] == pytest.approx((values < -0.8).mean(), abs=1e-15)
    assert about["fraction_above"] == pytest.approx((values > 0.9).mean(), abs=1e-15)


def test_recorded_steps_are_every_third_after_those_burnt_in():
    run = cases.simulate("BAOAB", save_every=1)  # burn_in=10, record_every=3: steps 13, 16, ... 130
    recorded = run["x"].values[12::3, :, 0]
    assert len(recorded) == 40
    np.testing.assert_allclose(run["moment_sum"][0], (recorded**2).sum(axis=0), rtol=1e-12)
    assert float(run["x2"]) == pytest.approx((recorded**2).mean(), rel=1e-12)


@pytest.fixture(scope="module")
def langevin():
    """BAOAB on a stiff harmonic well at (omega dt)^2 = 1/4: everything known and far from naive."""
    well = ll.Potential.from_expression("k*x**2/2", parameters={"k": 4.0}, stationary_points=[[0]])
    dynamics = ll.Langevin(well, temperature=0.7, friction=2.0, mass=1.0)
    return ll.simulate(
        dynamics, "BAOAB", dt=0.25, n_steps=1100, seed=11, n_replicas=4000, burn_in=100,
        observe={
            "x2": "x**2", "xs": CoordinateMean("x**2"), "variance": Variance("x"),
            "xp": Covariance("x", "p"), "on": KineticTemperature(),
            "half": KineticTemperature(half_step=True), "virial": ConfigurationalTemperature(),
            "rugh": ConfigurationalTemperature("laplacian"),
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("x2", 0.7 / 4),
        ("xs", 0.7 / 4),
        ("variance", 0.7 / 4),
        ("on", 0.7 * (1 - 0.25**2 * 4 / 4)),
        ("half", 0.7),
        ("virial", 0.7),
        ("rugh", 0.7),
    ],
)
def test_harmonic_averages_of_baoab_are_the_exact_ones(langevin, name, exact):
    value, error, n = langevin[name], langevin[f"{name}_stderr"], langevin[name].attrs["n_groups"]
    assert_agrees(value, error, exact, n, name)
    assert_refutes(value, error, 1.02 * exact, n, name)


def test_positions_and_momenta_are_uncorrelated(langevin):
    scale = 0.7 / 2
    assert_agrees(langevin["xp"], langevin["xp_stderr"], 0.0, 4000, "covariance x p")
    assert_refutes(langevin["xp"], langevin["xp_stderr"], 0.02 * scale, 4000, "covariance x p")


@pytest.fixture(scope="module")
def overdamped():
    well = ll.Potential.from_expression("k*x**2/2", parameters={"k": 4.0}, stationary_points=[[0]])
    dynamics = ll.Overdamped(well, temperature=0.7, friction=2.0)
    return ll.simulate(
        dynamics, "EulerMaruyama", dt=0.1, n_steps=260, seed=12, n_replicas=60_000, burn_in=60,
        observe={"tau": AutocorrelationTime("x"), "density": Histogram("x", 10, -1.0, 1.0)},
    )  # fmt: skip


def test_autocorrelation_time_is_that_of_the_recorded_chain(overdamped):
    # x' = a x + noise: sum of a^|k| dt/2 over all lags, less the end effect of a finite run.
    a, dt, n_steps = 1 - 0.1 * 4 / 2, 0.1, 200
    lags = np.arange(1, n_steps)
    exact = dt * (0.5 + ((1 - lags / n_steps) * a**lags).sum())
    assert exact == pytest.approx((1 / 2) * (1 - 0.1), rel=0.03)  # friction/k, less dt/2
    value, error = overdamped["tau"], overdamped["tau_stderr"]
    assert_agrees(value, error, exact, 60_000, "autocorrelation time")
    assert_refutes(value, error, 1.05 * exact, 60_000, "autocorrelation time")


def test_autocorrelation_time_shorter_than_the_spacing_warns(overdamped):
    """Ornstein-Uhlenbeck with tau = 1 seen every 2: (2/2) coth(2/2) = 1.313 and a warning."""
    well = ll.Overdamped(ll.potentials.harmonic(), temperature=1.0)
    with pytest.warns(RuntimeWarning, match=r"estimate 1\.\d+ is below twice the spacing 2 of rec"):
        run = ll.simulate(
            well, "LeimkuhlerMatthews", dt=0.02, n_steps=20_000, seed=5, n_replicas=2000,
            record_every=100, start=0.0, observe={"tau": AutocorrelationTime("x")},
        )  # fmt: skip
    exact = 1 / np.tanh(1.0) * (1 - 0.003)  # the end effect of 200 records
    assert_agrees(run["tau"], run["tau_stderr"], exact, 2000, "sampled chain")
    assert_refutes(run["tau"], run["tau_stderr"], 1.0, 2000, "process")


@pytest.mark.parametrize(
    ("dynamics", "start"),
    [
        (ll.Overdamped(ll.potentials.harmonic(), temperature=1.0), 0.0),
        (ll.Overdamped(CHAIN, temperature=1.0), np.zeros(3)),
    ],
    ids=["lanes", "rows"],
)
def test_nan_of_an_observable_is_named(dynamics, start):
    name = dynamics.potential.variables[0]
    settings = {"dt": 0.05, "n_steps": 200, "seed": 1, "n_replicas": 100, "start": start}
    text = f"sqrt({name})"
    with pytest.warns(
        RuntimeWarning, match=rf"observable 'root', Mean\(text='sqrt\({name}\)'\), wa"
    ):
        run = ll.simulate(dynamics, "LeimkuhlerMatthews", observe={"root": text}, **settings)
    assert np.isnan(run["root"])
    observe = {"roots": Histogram(text, 4, 0.5, 1.0), "all": Histogram(name, 4, -0.1, 9.0)}
    with pytest.warns(RuntimeWarning, match=r"observable 'roots', .* NaN in 0\.\d+ of the samples"):
        run = ll.simulate(dynamics, "LeimkuhlerMatthews", observe=observe, **settings)
    about = run["roots"].attrs
    assert 0.3 < about["fraction_nan"] < 0.7
    inside = float(run["roots"].sum()) * 0.125
    parts = about["fraction_nan"] + about["fraction_below"] + about["fraction_above"]
    assert parts + inside == pytest.approx(1.0, abs=1e-12)
    assert about["fraction_below"] < 0.5
    assert "fraction_nan" not in run["all"].attrs


def test_histogram_is_the_exact_density(overdamped):
    from scipy import stats

    spread = np.sqrt(0.7 / 4 / (1 - 0.1 * 4 / 2 / 2))  # Euler-Maruyama's own variance
    edges = np.linspace(-1.0, 1.0, 11)
    exact = np.diff(stats.norm.cdf(edges, scale=spread)) / 0.2
    wrong = np.diff(stats.norm.cdf(edges, scale=1.03 * spread)) / 0.2
    density, error = overdamped["density"].values, overdamped["density_stderr"].values
    for index, value in enumerate(density):
        assert_agrees(value, error[index], exact[index], 32, f"bin {index}")
    assert np.abs((density - wrong) / error).max() > 5
    assert overdamped["density"].attrs["n_groups"] == 32


def test_a_recorder_without_moments_or_estimate_cannot_be_made():
    class Forgetful(Recorder):
        def moments(self, dynamics):
            return ()

    with pytest.raises(TypeError, match=r"abstract class Forgetful .*estimate"):
        Forgetful()
    with pytest.raises(TypeError, match=r"abstract class Recorder .*estimate.*moments"):
        Recorder()
