"""Every wrong argument gives one line: argument, value, remedy."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.ensemble import (
    AutocorrelationTime,
    ConfigurationalTemperature,
    CoordinateMean,
    Covariance,
    Histogram,
    KineticTemperature,
    Mean,
    UnstableStepError,
    Variance,
)

WELL = ll.potentials.double_well()
HOT = ll.Langevin(WELL, temperature=0.5, friction=1.0)
OVERDAMPED = ll.Overdamped(WELL, temperature=0.5)
PLANE = ll.Langevin(ll.potentials.entropic_barrier(), temperature=0.5, friction=1.0)
CHAIN = ll.Langevin(ll.potentials.phi4_chain(n_sites=3), temperature=0.5, friction=1.0)


def simulate(dynamics=HOT, method="BAOAB", **changes):
    settings = {"dt": 0.05, "n_steps": 64, "seed": 1, "n_replicas": 40, **changes}
    return ll.simulate(dynamics, method, **settings)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"dt": 0.0}, ValueError, r"dt=0\.0 must be finite and > 0"),
        ({"dt": "0.1"}, TypeError, "dt='0.1' must be a number"),
        ({"n_steps": 0}, ValueError, "n_steps=0 must be >= 1"),
        ({"n_steps": 10.0}, TypeError, r"n_steps=10\.0 must be an integer: write 10"),
        ({"n_steps": 10.5}, TypeError, r"n_steps=10\.5 must be an integer >= 1"),
        ({"n_replicas": 0}, ValueError, "n_replicas=0 must be >= 1"),
        ({"n_replicas": -3}, ValueError, "n_replicas=-3 must be >= 1"),
        ({"n_replicas": True}, TypeError, "n_replicas=True must be an integer"),
        ({"seed": -1}, ValueError, "seed=-1 must be >= 0"),
        ({"seed": 2**64}, ValueError, r"seed=18446744073709551616 must be < 2\*\*64"),
        ({"seed": 1.5}, TypeError, r"seed=1\.5 must be an integer"),
        ({"seed": 1.0}, TypeError, r"seed=1\.0 must be an integer: write 1"),
        ({"seed": None}, TypeError, "seed=None must be an integer"),
        ({"burn_in": -1}, ValueError, "burn_in=-1 must be >= 0"),
        ({"record_every": 0}, ValueError, "record_every=0 must be >= 1"),
        ({"save_every": 0}, ValueError, "save_every=0 must be >= 1"),
        ({"save_every": 65}, ValueError, "save_every=65 saves nothing in n_steps=64; use .* <= 64"),
        ({"chunk_size": 0}, ValueError, "chunk_size=0 must be >= 1"),
        ({"n_threads": 0}, ValueError, "n_threads=0 must be >= 1"),
        ({"first_replica": -1}, ValueError, "first_replica=-1 must be >= 0"),
        ({"first_replica": 2**63}, ValueError, "first_replica=9223372036854775808 and n_replicas"),
        ({"divergence_bound": 0}, ValueError, "divergence_bound=0 must be > 0"),
        ({"divergence_bound": np.nan}, ValueError, "divergence_bound=nan must be > 0"),
        ({"divergence_bound": "far"}, TypeError, "divergence_bound='far' must be a number > 0"),
        ({"method": "BAXAB"}, ValueError, "method='BAXAB': letter 'X' at position 3 is unknown"),
        ({"method": "BB"}, ValueError, "method='BB' is no integrator: it has no A"),
        ({"method": "EulerMaruyama"}, ValueError, "is for overdamped dynamics, not for Langevin"),
        ({"dynamics": WELL}, TypeError, "is a potential: wrap it in ll.Langevin"),
        ({"start": [1.0, 2.0]}, ValueError, r"start has shape \(2,\), but must have shape \(1,\)"),
        ({"start": np.zeros((39, 1))}, ValueError, r"start has shape \(39, 1\), .* or \(40, 1\)"),
        ({"start": np.nan}, ValueError, "start is nan at replica 0, coordinate 0; every number"),
        ({"start": [[0.0]] * 39 + [[np.inf]]}, ValueError, "start is inf at replica 39"),
        ({"start": "left"}, TypeError, "start='left' must be numbers"),
        ({"start_momentum": "cold"}, ValueError, "start_momentum='cold' must be 'thermal' or num"),
        ({"start_momentum": [0, 1]}, ValueError, r"start_momentum has shape \(2,\)"),
        ({"start_momentum": np.nan}, ValueError, "start_momentum is nan at replica 0"),
    ],
)
def test_wrong_argument_is_named_with_its_value(changes, kind, message):
    with pytest.raises(kind, match=message) as caught:
        simulate(**changes)
    assert "\n" not in str(caught.value)


def test_seed_must_be_given():
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'seed'"):
        ll.simulate(HOT, "BAOAB", dt=0.05, n_steps=10)


@pytest.mark.parametrize("dt", [np.sqrt(0.5), 0.75, 3.0])
def test_unstable_step_is_refused_with_its_limit(dt):
    message = (
        r"dt=.* is at or above the stability limit 0\.70710\d of BAOAB for double_well .*use dt"
    )
    with pytest.raises(UnstableStepError, match=message) as caught:
        simulate(dt=dt)
    assert caught.value.dt == dt
    assert caught.value.limit == pytest.approx(np.sqrt(0.5), rel=1e-6)


def test_stability_looks_at_friction_and_mass():
    heavy = ll.Langevin(WELL, temperature=0.5, friction=1.0, mass=4.0)
    with pytest.raises(UnstableStepError, match=r"limit 1\.4142.* curvature/mass 2 at its minima"):
        simulate(heavy, dt=1.42)
    rubbing = ll.Overdamped(WELL, temperature=0.5, friction=3.0)
    with pytest.raises(UnstableStepError, match=r"limit 0\.75 of EulerMaruyama"):
        simulate(rubbing, "EulerMaruyama", dt=0.75)


ROUND = ll.potentials.harmonic(stiffness=(1.0, 1.0))
TILTED = ll.Potential.from_expression(
    "x**2 + x*y + y**2", variables=("x", "y"), stationary_points=[[0.0, 0.0]]
)


@pytest.mark.parametrize(
    ("dynamics", "method", "limit"),
    [
        (ll.Langevin(ROUND, temperature=1.0, friction=1.0, mass=(1.0, 100.0)), "BAOAB", 2.0),
        (ll.Langevin(ROUND, temperature=1.0, friction=(0.1, 10.0)), "BAOAB", 2.0),
        (ll.Overdamped(ROUND, temperature=1.0, friction=(0.1, 10.0)), "EulerMaruyama", 0.2),
        (ll.Overdamped(ROUND, temperature=1.0, friction=(10.0, 0.1)), "LeimkuhlerMatthews", 0.2),
    ],
)
def test_stability_is_that_of_the_fastest_coordinate(dynamics, method, limit):
    with pytest.raises(UnstableStepError, match=r"dt=.* limit .* use dt < ") as caught:
        simulate(dynamics, method, dt=1.01 * limit)
    assert caught.value.limit == pytest.approx(limit, rel=1e-5)
    simulate(dynamics, method, dt=0.99 * limit, n_steps=2)


@pytest.mark.parametrize("method", ["BAOAB", "OBABO", "BBK"])
def test_stability_limit_of_coupled_coordinates_parts_growth_from_decay(method):
    """At temperature 0 the energy itself shows on which side of the limit a step lies."""
    dynamics = ll.Langevin(TILTED, temperature=0.0, friction=(0.2, 4.0), mass=(1.0, 3.0))
    with pytest.raises(UnstableStepError) as caught:
        simulate(dynamics, method, dt=5.0)
    scheme = ll.integrators.method(method)
    for factor, grows in ((0.99, False), (1.01, True)):
        coefficients = scheme.coefficients(dynamics, factor * caught.value.limit)
        state = scheme.carried_state({"x": [1.0, 0.3], "p": [0.1, 0.2]}, TILTED.gradient)
        for _ in range(2000):
            normals = np.zeros((scheme.n_normals, 2))
            state = scheme.step(state, normals, coefficients, TILTED.gradient)
        assert (np.abs(state["x"]).max() > 1.0) == grows


def test_start_without_known_minimum_must_be_given():
    slope = ll.Potential.from_expression("x + x**4")
    dynamics = ll.Overdamped(slope, temperature=0.5)
    with pytest.raises(ValueError, match=r"start=None, but no minimum .* give start=.* \(1,\)"):
        simulate(dynamics, "EulerMaruyama")


def test_start_without_finite_gradient_is_refused():
    singular = ll.Overdamped(ll.Potential.from_expression("log(x)**2"), temperature=0.5)
    with pytest.raises(ValueError, match=r"start=\[0\.0\] has no finite gradient in log"):
        simulate(singular, "EulerMaruyama", start=0.0)


def test_momenta_for_dynamics_without_them_are_refused():
    with pytest.raises(ValueError, match=r"start_momentum=1\.0, but Overdamped has no momenta"):
        simulate(OVERDAMPED, "EulerMaruyama", start_momentum=1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"burn_in": 64}, "burn_in=64 and record_every=1 leave nothing .*use burn_in <= 63"),
        ({"record_every": 65}, "record_every=65 leave nothing to record in n_steps=64"),
        (
            {"n_replicas": 1, "n_steps": 31},
            "n_replicas=1 and 31 recorded steps give no error bar; ",
        ),
        ({"n_replicas": 2, "n_steps": 15}, "15 recorded steps give no error bar; record >= 16"),
    ],
)
def test_nothing_to_average_is_refused_before_the_run(changes, message, monkeypatch):
    monkeypatch.setattr("langevin_lab.ensemble.run.Run.advance", None)
    with pytest.raises(ValueError, match=message):
        simulate(observe={"x2": "x**2"}, **changes)


def test_histogram_of_one_replica_is_refused_before_the_run(monkeypatch):
    monkeypatch.setattr("langevin_lab.ensemble.run.Run.advance", None)
    with pytest.raises(ValueError, match=r"n_replicas=1: Histogram\(text='x'.* no error bar; use"):
        simulate(observe={"h": Histogram("x", 5, -1, 1)}, n_replicas=1)


@pytest.mark.parametrize(
    ("observe", "kind", "message"),
    [
        ({"z": "z**2"}, ValueError, "expression 'z..2': unknown name 'z' at position 1; known nam"),
        ({"evil": "__import__('os').system('true')"}, ValueError, 'expression "__import__'),
        ({"evil": "x.real"}, ValueError, "expression 'x.real': an attribute"),
        ({"q": "x**"}, ValueError, r"expression 'x\*\*'"),
        (["x**2"], TypeError, r"observe=\['x\*\*2'\] must be a dict"),
        ("x**2", TypeError, r"observe='x\*\*2' must be a dict"),
        ({"x2": 3}, TypeError, r"observe\['x2'\]=3 must be an expression in a string or a recor"),
        ({"x2": ""}, TypeError, "observable='' must be an expression in a string"),
        ({"x 2": "x**2"}, ValueError, "observe has the name 'x 2': it must be an identifier"),
        ({3: "x**2"}, ValueError, "observe has the name 3"),
        ({"p": "x"}, ValueError, r"observe uses \['p'\], which the result needs itself; choose"),
        ({"x_final": "x"}, ValueError, r"observe uses \['x_final'\]"),
        ({"batch_sum": "x"}, ValueError, r"observe uses \['batch_sum'\]"),
        ({"moment": "x"}, ValueError, r"observe uses \['moment'\]"),
        ({"a": "x", "a_stderr": "x"}, ValueError, r"observe uses \['a_stderr'\]"),
        ({"h": Histogram("x", 2, 0, 1), "h_bin": "x"}, ValueError, r"observe uses \['h_bin'\]"),
        ({"m": CoordinateMean("y")}, ValueError, "unknown name 'y'"),
        ({"m": CoordinateMean("x**")}, ValueError, r"expression 'x\*\*'"),
        ({"m": CoordinateMean("energy")}, ValueError, "unknown name 'energy'"),
    ],
)
@pytest.mark.parametrize("dynamics", [HOT, CHAIN], ids=["lanes", "rows"])
def test_wrong_observable_is_refused(dynamics, observe, kind, message):
    if dynamics is CHAIN and observe == {"h": Histogram("x", 2, 0, 1), "h_bin": "x"}:
        observe = {"h": Histogram("x0", 2, 0, 1), "h_bin": "x0"}
    with pytest.raises(kind, match=message):
        simulate(dynamics, observe=observe)


def test_other_coordinates_are_unknown_to_a_coordinate_mean():
    with pytest.raises(ValueError, match="unknown name 'y'"):
        simulate(PLANE, observe={"m": CoordinateMean("x*y")})


def test_momentum_is_unknown_to_overdamped_dynamics():
    with pytest.raises(ValueError, match="unknown name 'p'"):
        simulate(OVERDAMPED, "EulerMaruyama", observe={"p2": "p**2"})
    with pytest.raises(ValueError, match="KineticTemperature needs momenta, which Overdamped has"):
        simulate(OVERDAMPED, "EulerMaruyama", observe={"kinetic": KineticTemperature()})


@pytest.mark.parametrize("method", ["ABOBA", "BAOA", "OBABO", "BBK", "OAB", "BABAOABAB"])
def test_half_step_momentum_needs_a_half_kick_at_the_end(method):
    observe = {"kinetic": KineticTemperature(half_step=True)}
    message = rf"half_step=True\): a step of {method} does not end .*half_step=False, or a word"
    with pytest.raises(ValueError, match=message):
        simulate(method=method, observe=observe)


@pytest.mark.parametrize("method", ["BAOAB", "OBAB"])
def test_half_step_momentum_is_accepted_after_a_half_kick(method):
    run = simulate(method=method, observe={"kinetic": KineticTemperature(half_step=True)})
    assert float(run["kinetic"]) > 0


def test_laplacian_of_a_potential_from_loops_is_refused():
    observe = {"t": ConfigurationalTemperature("laplacian")}
    with pytest.raises(ValueError, match=r"form='laplacian' needs a Hessian .*use form='virial'"):
        simulate(CHAIN, observe=observe)


@pytest.mark.parametrize("name", ["dt", "energy", "laplacian", "grad_x", "mass_x"])
def test_parameter_with_the_name_of_an_observable_is_refused(name):
    potential = ll.Potential.from_expression(f"{name}*x**2", parameters={name: 1.0})
    dynamics = ll.Langevin(potential, temperature=1.0, friction=1.0)
    with pytest.raises(ValueError, match=f"variable or parameter named '{name}', which obse.*rena"):
        simulate(dynamics, start=0.0, observe={"m": "x**2"})


@pytest.mark.parametrize("kind", [Mean, CoordinateMean, Variance, AutocorrelationTime])
@pytest.mark.parametrize("text", [None, "  ", 3])
def test_recorders_need_a_text(kind, text):
    with pytest.raises(TypeError, match=f"observable={text!r} must be an expression in a string"):
        kind(text)
    with pytest.raises(TypeError, match="observable="):
        Covariance("x", text)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("x", 0, 0.0, 1.0), ValueError, "bins=0 must be an integer >= 1"),
        (("x", 2.5, 0.0, 1.0), ValueError, r"bins=2\.5 must be an integer"),
        (("x", True, 0.0, 1.0), ValueError, "bins=True must be an integer"),
        (("x", 5, 1.0, 1.0), ValueError, r"low=1\.0, high=1\.0: need finite low < high"),
        (("x", 5, 0.0, np.inf), ValueError, r"low=0\.0, high=inf: need finite"),
        (("x", 5, "a", 1.0), TypeError, r"low='a', high=1\.0 must be numbers"),
    ],
)
def test_wrong_histogram_is_refused(arguments, kind, message):
    with pytest.raises(kind, match=message):
        Histogram(*arguments)


def test_unknown_form_of_temperature_is_refused():
    with pytest.raises(ValueError, match="form='hessian' must be 'virial' or 'laplacian'"):
        ConfigurationalTemperature("hessian")


def test_accepted_steps_need_the_true_gradient():
    noisy = ll.Langevin(
        WELL.with_gradient_noise(standard_deviation=0.1), temperature=0.5, friction=1.0
    )
    message = "'GHMC' accepts or rejects by the true energy, but the gradient is drawn"
    with pytest.raises(ValueError, match=message):
        simulate(noisy, "GHMC")
    target = {"start": -1.0, "target": "x > 0", "n_replicas": 8}
    with pytest.raises(ValueError, match=message):
        ll.escape.first_passage(noisy, "GHMC", dt=0.05, seed=1, **target)
