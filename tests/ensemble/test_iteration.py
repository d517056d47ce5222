"""What a run is made of: dynamics under a method with dt, or an optimiser on a potential."""

import re

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.dynamics import Linear
from langevin_lab.ensemble import KineticTemperature, UnstableStepError
from langevin_lab.momentum import SGD, Descent, GradientDescent, HeavyBall, Nesterov, StreamingPCA
from langevin_lab.potentials.stationary import Start

WELL = ll.potentials.harmonic(stiffness=2.0)
FLOW = ll.GradientFlow(WELL)
BALL = HeavyBall(learning_rate=0.1, momentum=0.5)
DATA = StreamingPCA(learning_rate=0.1, momentum=0.5, variances=(2.0, 1.0))


def run(what=WELL, how=BALL, **changes):
    settings = {"n_steps": 20, "seed": 1, "n_replicas": 3, "start": 1.0} | changes
    return ll.simulate(what, how, **settings)


def passage(what=WELL, how=BALL, **changes):
    settings = {"target": "x > 2", "seed": 1, "n_replicas": 3, "start": 1.0} | changes
    return ll.escape.first_passage(what, how, **settings)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((FLOW, BALL), TypeError, r"dynamics=GradientFlow\(.*an optimiser works on a Potential"),
        ((WELL, BALL, 0.1), ValueError, r"dt=0\.1 with HeavyBall.*time counts steps; leave dt out"),
        ((WELL, "BAOAB", 0.1), TypeError, "is a potential: wrap it in ll.Langevin.*HeavyBall"),
        ((WELL, HeavyBall), TypeError, "is a potential: .* or give an optimiser such as"),
        ((FLOW, "EulerMaruyama"), TypeError, "dt is missing: give the time step, > 0"),
        ((Descent(WELL, BALL), "RK4", 0.1), TypeError, "'RK4' for a Descent: give ll.simulate"),
        ((Descent(WELL, BALL), BALL), TypeError, r"dynamics=Descent\(.*give the potential itself"),
    ],
)
@pytest.mark.parametrize("use", [run, passage])
def test_pairs_that_do_not_fit_are_named(use, arguments, kind, message):
    what, how, *dt = arguments
    with pytest.raises(kind, match=message):
        use(what, how, **({"dt": dt[0]} if dt else {}))


@pytest.mark.parametrize("use", [run, passage])
def test_gradient_noise_is_for_an_optimiser_and_has_a_shape(use):
    with pytest.raises(ValueError, match=r"gradient_noise=0\.3 is for an optimiser on a potential"):
        use(FLOW, "EulerMaruyama", dt=0.1, gradient_noise=0.3)
    with pytest.raises(ValueError, match=r"gradient_noise=-1\.0: standard_deviation=-1\.0 must be"):
        use(gradient_noise=-1.0)
    with pytest.raises(TypeError, match=r"gradient_noise='a': .* must be a number"):
        use(gradient_noise="a")
    with pytest.raises(ValueError, match=r"gradient_noise=\[0.1, 0.2\]: .* of shape \(2,\)"):
        use(gradient_noise=[0.1, 0.2])
    noisy = WELL.with_gradient_noise(standard_deviation=0.1)
    with pytest.raises(ValueError, match=r"gradient_noise=0\.2: the gradient .* is drawn already"):
        use(noisy, gradient_noise=0.2)


def test_data_and_potential_must_fit():
    with pytest.raises(ValueError, match=r"variances=\(2\.0, 1\.0\) has 2 entries for 1 coordinat"):
        run(WELL, DATA)
    with pytest.raises(ValueError, match=r"the gradient is drawn, .* draws its own data; use the"):
        run(DATA.potential, DATA, gradient_noise=0.1, start=[1.0, 0.0])


@pytest.mark.parametrize(
    "make",
    [
        lambda eta: GradientDescent(learning_rate=eta),
        lambda eta: HeavyBall(learning_rate=eta, momentum=0.9),
        lambda eta: Nesterov(learning_rate=eta, momentum=0.9),
        lambda eta: SGD(learning_rate=eta, momentum=0.9, dampening=0.5),
        lambda eta: SGD(learning_rate=eta, momentum=0.9, nesterov=True, weight_decay=1.0),
    ],
)
def test_learning_rate_at_the_limit_is_refused_and_below_it_runs(make, plain_python):
    decay = getattr(make(0.1), "weight_decay", 0.0)
    limit = make(0.1).stability_limit / (2.0 + decay)
    for factor in (1.0, 1.01):
        message = rf"learning_rate={factor * limit:g} is at or above the stability limit {limit:g}"
        with pytest.raises(UnstableStepError, match=message) as error:
            run(how=make(factor * limit))
        assert error.value.limit == pytest.approx(limit)
        assert error.value.dt == pytest.approx(factor * limit)
    final = run(how=make(0.99 * limit), n_steps=3000)["x_final"]
    assert np.abs(final).max() < 1e-6


def test_message_names_curvature_minimum_and_step():
    rising = Linear(start=0.1, stop=3.1, duration=30.0)
    ball = HeavyBall(learning_rate=rising, momentum=0.5)
    message = re.escape(
        "learning_rate=2 is at or above the stability limit 1.5 of HeavyBall(learning_rate=2.0, "
        "momentum=0.5) for harmonic in step 19 (largest curvature 2 at its minima); use "
        "learning_rate < 1.5"
    )
    with pytest.raises(UnstableStepError, match=message):
        run(how=ball)
    with pytest.raises(UnstableStepError, match="in step"):
        passage(how=ball, gradient_noise=0.1)


def test_first_step_alone_makes_nothing_unstable(plain_python):
    """It is not dampened: its own limit is lower than that of all the others."""
    sgd = SGD(learning_rate=2.0, momentum=0.5, dampening=0.5)
    assert sgd.at(0).stability_limit / 2.0 < 2.0 < sgd.stability_limit / 2.0
    assert np.abs(run(how=sgd, n_steps=400)["x_final"]).max() < 1e-6
    assert run(how=sgd, n_steps=1)["x_final"].values == pytest.approx(-3.0)


def test_directions_without_curvature_are_stable(plain_python):
    valley = ll.Potential.from_expression(
        "x**2/2 + 0*y", ("x", "y"), stationary_points=lambda _: [Start(np.zeros(2), "minimum")]
    )
    assert valley.minima[0].curvatures.min() == 0
    final = run(valley, how=BALL, start=[1.0, 1.0], n_steps=200)["x_final"].values
    np.testing.assert_allclose(final, [[0.0, 1.0]] * 3, atol=1e-12)


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered")
def test_divergence_asks_for_a_smaller_learning_rate(plain_python):
    start = [[100.0], *[[1.0]] * 11]
    quartic = ll.potentials.double_well()
    with pytest.warns(RuntimeWarning, match="1 of 12 .* use a smaller learning_rate"):
        run(quartic, n_replicas=12, start=start)
    with pytest.raises(ll.ensemble.DivergenceError, match="use a smaller learning_rate or another"):
        run(quartic, n_replicas=12, start=100.0, observe={"square": "x**2"})
    with pytest.warns(RuntimeWarning, match="diverged; use a smaller learning_rate"):
        passage(quartic, n_replicas=12, start=start, target="x < -1e9", max_time=20)


def test_p_of_an_optimiser_is_no_momentum(plain_python):
    with pytest.raises(ValueError, match="p of an optimiser is no momentum; observe 'p\\*\\*2'"):
        run(observe={"kinetic": KineticTemperature()})
    observed = run(observe={"p2": "p**2"}, n_replicas=8)
    assert observed["p2"] > 0


def test_passage_without_noise_needs_an_end():
    with pytest.raises(ValueError, match="no noise and max_time=None: without noise a replica may"):
        passage()
    with pytest.raises(ValueError, match=r"crossing='shift' is for overdamped dynamics .* Descent"):
        passage(gradient_noise=1.0, crossing="shift")


def test_forecast_of_a_saved_descent(plain_python):
    cost = ll.ensemble.forecast(
        WELL, BALL, n_steps=10, seed=1, n_replicas=2, start=1.0, save_every=1
    )
    alone = ll.ensemble.forecast(WELL, BALL, n_steps=10, seed=1, n_replicas=2, start=1.0)
    assert cost.n_bytes - alone.n_bytes == 10 * 2 * 2 * 8
