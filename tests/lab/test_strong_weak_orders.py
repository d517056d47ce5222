"""The parts of the order atlas that nothing is sampled in, each by a second way."""

import numpy as np
import pytest
import xarray
from shipped import experiment

import langevin_lab as ll
from langevin_lab.evidence import AtLeast
from langevin_lab.integrators import method, registry

atlas = experiment("strong_weak_orders")


def test_every_method_of_the_registry_has_a_row():
    rows = {(m.name, m.properties.equation) for m in atlas.methods()}
    assert rows >= set(registry.names())
    assert len({atlas.label(m) for m in atlas.methods()}) == len(rows)


def test_generator_series_of_the_momentum_by_hand():
    """L p and L^2 p by hand, at the start (1/2, 1/2)."""
    module = atlas
    dynamics = module._dynamics(method("GHMC"), "quartic")
    terms = module._generator_series(["x", "p"], dynamics, lambda state: state["p"], 3)
    x = p = 0.5
    force, slope = -x - x**3, -1 - 3 * x**2
    rate = force - module.FRICTION * p
    assert terms == pytest.approx([p, rate, slope * p - module.FRICTION * rate], rel=1e-12)


def test_quadrature_over_a_step_has_the_mean_of_free_momenta():
    """BADODAB without a force, thermostat held at 1/2: p^2 decays towards T."""
    module = atlas
    scheme = method("BADODAB")
    dynamics = ll.AdaptiveLangevin(
        ll.Potential.from_expression("0*x"), temperature=1.0, thermal_mass=np.inf, applied_noise=1.0
    )
    mean = module._mean_after_step(
        scheme, dynamics, 0.3, ["x", "p", "xi"], lambda state: state["p"] ** 2
    )
    decay = np.exp(-2 * 0.5 * 0.3)
    assert mean == pytest.approx(decay * 0.25 + (1 - decay), rel=1e-9)


def test_slow_thermostat_on_the_harmonic_well_of_the_euler_step():
    """SGNHT: <p^2> = T, which leaves positions at T (1 - friction dt/2)."""
    module, dt = atlas, 0.05
    well = ll.potentials.harmonic()
    friction, law = module._at_rest("SGNHT", well, dt, module.FRICTION * 1.02)
    assert law.average(lambda p: p**2).value == pytest.approx(1.0, abs=1e-7)
    expected = 1 - friction * dt / 2
    assert law.average(lambda x: x**2).value == pytest.approx(expected, abs=1e-6)
    assert abs(law.average(lambda x: x**2).value - 1) > 0.02


def test_words_find_the_momenta_where_the_thermostat_acts():
    """BADODAB on the harmonic well: after BA, p' = p - dt x/2; after O, decayed and refreshed."""
    module, dt = atlas, 0.2
    well = ll.potentials.harmonic()
    friction, law = module._at_rest("BADODAB", well, dt, module.FRICTION * 1.02)
    xx, xp, pp = (law.average(f).value for f in (lambda x: x**2, lambda x, p: x * p,
                                                 lambda p: p**2))  # fmt: skip
    first = pp - dt * xp + dt**2 / 4 * xx
    decay = np.exp(-2 * friction * dt)
    second = decay * first + (1 - decay) * module.FRICTION / friction
    assert (first + second) / 2 == pytest.approx(1.0, abs=1e-7)


def test_moments_of_the_ito_schemes_by_hand():
    """Euler-Maruyama: <x^2> = shift^2/(-2 mu - sigma^2 - mu^2 dt) in the stationary state."""
    module = atlas
    scheme = module.ito_scheme("EulerMaruyama", own_drift=True)
    _, steps, errors, _ = module._ito_moments(scheme, "averages")
    mu, sigma, shift = module.DRIFT, module.VOLATILITY, module.SHIFT
    exact = shift**2 / (-2 * mu - sigma**2)
    found = shift**2 / (-2 * mu - sigma**2 - mu**2 * steps)
    np.testing.assert_allclose(errors, np.abs(found - exact), rtol=1e-9)


def one_order(value, expected, stderr=0.01):
    """A dataset with one measured order."""
    fields = {"order": value, "expected": expected, "stderr": stderr, "n_eff": 100.0}
    data = {name: (("scheme", "kind"), [[v]]) for name, v in fields.items()}
    data["bias_bound"] = (("scheme", "kind"), [[0.0]])
    data["gibbs_change"] = ("scheme", [np.nan])
    coordinates = {"scheme": ["BAOAB, langevin"], "kind": ["strong"], "source": ("scheme", ["x"])}
    return xarray.Dataset(data, coords=coordinates)


@pytest.mark.parametrize(("value", "outcome"), [(1.01, "consistent"), (1.5, "refuted")])
def test_claim_of_an_order_can_fail(value, outcome):
    claim = atlas.order_claim(one_order(value, 1.0), "BAOAB, langevin", "strong")
    assert claim.verdict().outcome == outcome
    higher = atlas.order_claim(one_order(value, 1.0), "BAOAB, langevin", "strong", 0.5)
    assert higher.verdict().outcome != "consistent" or value == 1.5


def test_control_counts_what_is_not_refuted():
    module = atlas
    name = ["BAOAB, langevin", "EulerMaruyama, ito"]
    for value, outcome in ((1.0, "consistent"), (1.5, "refuted")):
        rows = [one_order(value, 1.0).assign_coords(scheme=[n]) for n in name]
        dataset = xarray.concat(rows, "scheme").assign(wrong_gibbs_change=0.01)
        count, *others, change = module._controls(dataset, [(n, "strong") for n in name])
        assert count.verdict().outcome == outcome
        assert all(isinstance(claim.predicted, AtLeast) for claim in (*others, change))


def test_metropolis_keeps_the_gibbs_law_and_acceptance_of_all_does_not():
    module = atlas
    assert abs(module._change_of_gibbs(method("GHMC"))) < 1e-5
    assert abs(module._change_of_gibbs(method("GHMC"), accept_all=True)) > 1e-3


def test_statements_fit_their_rows():
    module = atlas
    names = [module.short(module.label(m)) for m in module.methods()]
    assert max(len(f"{name}: averages exact") for name in names if "HMC" in name) <= 38
    assert max(len(f"{name}: averages") for name in names) <= 38
