import math

import numpy as np
import pytest

from langevin_lab.dynamics import (
    CoolingMomentum,
    MomentumFriction,
    baoab_friction,
    baoab_momentum,
    bbk_friction,
    bbk_momentum,
)

FORMS = ("published", "exponential", "linear")


def temperature_ratio(momentum, start):
    """T/T_0 at constant gradient noise, T ~ (1 + momentum)/(1 - momentum)."""
    return (1 + momentum) / (1 - momentum) * (1 - start) / (1 + start)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("start", [0.0, 0.5, 0.99])
def test_momentum_falls_from_the_start_to_zero_and_stays(form, start):
    momentum = CoolingMomentum(start=start, duration=400.0, form=form)
    values = momentum(np.linspace(-100.0, 800.0, 10))
    np.testing.assert_allclose(values[:2], start, rtol=1e-14)
    assert values[5:].tolist() == [0.0] * 5
    assert (np.diff(values) <= 0).all()
    assert float(momentum(123.0)) == momentum(np.array([123.0]))[0]


@pytest.mark.parametrize("form", FORMS)
def test_forms_obey_the_recursions_of_the_authors(form):
    """The published program multiplies step by step; the later ones cool another quantity."""
    start, n_steps = 0.99, 200
    values = CoolingMomentum(start=start, duration=n_steps, form=form)(np.arange(n_steps + 1))
    if form == "published":
        inverse, alpha = 1.0 - start, (1.0 - start) ** (1 / n_steps)
        expected = []
        for _ in range(n_steps + 1):
            expected.append(max(0.0, 1.0 - inverse))
            inverse /= alpha
        np.testing.assert_allclose(values, expected, atol=1e-12)
    elif form == "exponential":
        logs = np.log((1 + values) / (1 - values))
        np.testing.assert_allclose(np.diff(logs), logs[-1] / n_steps - logs[0] / n_steps, rtol=1e-9)
    else:
        held = values / (1 - values)
        np.testing.assert_allclose(np.diff(held), -held[0] / n_steps, rtol=1e-9)


def test_cooling_factor_is_199_and_not_100():
    momentum = CoolingMomentum(start=0.99, duration=1.0)
    assert 1 / temperature_ratio(float(momentum(1.0)), 0.99) == pytest.approx(199, rel=1e-12)
    table = {0.25: (0.9684, 0.313), 0.5: (0.9, 0.0955), 0.75: (0.684, 0.0268), 0.9: (0.369, 0.0109)}
    for fraction, (value, ratio) in {**table, 1.0: (0.0, 0.00503)}.items():
        found = float(momentum(fraction))
        assert found == pytest.approx(value, abs=1e-4 if fraction < 0.3 else 5e-4)
        assert temperature_ratio(found, 0.99) == pytest.approx(ratio, rel=5e-3)
    wrong = CoolingMomentum(start=0.98, duration=1.0)
    assert 1 / temperature_ratio(float(wrong(1.0)), 0.98) == pytest.approx(99, rel=1e-12)


@pytest.mark.parametrize(
    ("n_iterations", "alpha"),
    [(312_400, 0.999985258847), (78_200, 0.999941112090), (218_948, 0.999978967053)],
)
def test_alpha_is_that_of_the_published_runs(n_iterations, alpha):
    momentum = CoolingMomentum(start=0.99, duration=n_iterations)
    assert momentum.alpha == pytest.approx(alpha, abs=6e-13)
    assert CoolingMomentum(start=0.99, duration=1.03 * n_iterations).alpha != pytest.approx(
        alpha, abs=6e-13
    )


def test_conversions_invert_each_other():
    momentum = np.linspace(0.01, 1.0, 34).reshape(2, 17)
    for there, back in ((bbk_friction, bbk_momentum), (baoab_friction, baoab_momentum)):
        friction = there(momentum, 0.3)
        np.testing.assert_allclose(back(friction, 0.3), momentum, rtol=1e-13)
        assert there(0.5, 0.3) == there(np.array([0.5]), 0.3)[0]
        assert there(1.0, 0.3) == 0.0


def test_conversions_are_the_decay_of_the_methods():
    import langevin_lab as ll

    for word, convert in (("BBK", bbk_friction), ("BAOAB", baoab_friction)):
        dynamics = ll.Langevin(
            ll.potentials.harmonic(), temperature=1.0, friction=convert(0.7, dt=0.3)
        )
        numbers = ll.integrators.method(word).coefficients(dynamics, 0.3)
        decay = numbers["decay"] if word == "BAOAB" else numbers["before"] * numbers["after"]
        assert decay == pytest.approx(0.7, rel=1e-14)


@pytest.mark.parametrize("reading", ["BBK", "BAOAB"])
def test_friction_of_a_scheduled_momentum(reading):
    momentum = CoolingMomentum(start=0.9, duration=10.0)
    friction = MomentumFriction(momentum=momentum, dt=0.1, reading=reading)
    convert = {"BBK": bbk_friction, "BAOAB": baoab_friction}[reading]
    times = np.linspace(0.0, 9.9, 7)
    np.testing.assert_array_equal(friction(times), convert(momentum(times), 0.1))
    assert hash(friction) == hash(MomentumFriction(momentum=momentum, dt=0.1, reading=reading))


def test_momentum_of_zero_has_a_friction_as_bbk_only():
    momentum = CoolingMomentum(start=0.9, duration=10.0)
    assert float(MomentumFriction(momentum=momentum, dt=0.1)(11.0)) == pytest.approx(20.0)
    with pytest.raises(ValueError, match=r"momentum=0\.0 has an infinite friction .* as BBK"):
        MomentumFriction(momentum=momentum, dt=0.1, reading="BAOAB")(11.0)


@pytest.mark.parametrize(
    ("function", "value", "message"),
    [
        (bbk_friction, 1.1, r"momentum=1\.1 must be a momentum coefficient in \[0, 1\]"),
        (baoab_friction, -0.1, r"momentum=-0\.1 must be a momentum coefficient in \[0, 1\]"),
        (bbk_momentum, [1.0, 20.5], r"friction=20\.5 must lie between 0 and 2/dt=20, .*dt"),
        (baoab_momentum, [1.0, math.inf], "friction=inf must be finite and >= 0"),
        (baoab_momentum, -1.0, r"friction=-1\.0 must be finite and >= 0"),
    ],
)
def test_values_out_of_range_are_refused(function, value, message):
    with pytest.raises(ValueError, match=message):
        function(value, dt=0.1)
    with pytest.raises(ValueError, match="dt=0 must be a finite number > 0"):
        function(0.5, dt=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": 1.0}, r"start=1\.0 must be a momentum coefficient in \[0, 1\)"),
        ({"start": math.nan}, r"start=nan must be a momentum coefficient"),
        ({"duration": 0}, "duration=0 must be a finite number > 0"),
        ({"form": "cosine"}, r"form='cosine' must be one of \('published', 'exponential'"),
    ],
)
def test_bad_momentum_schedules_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        CoolingMomentum(**{"start": 0.9, "duration": 10.0, **changes})


def test_bad_readings_are_refused():
    momentum = CoolingMomentum(start=0.9, duration=10.0)
    with pytest.raises(ValueError, match=r"reading='Verlet' must be one of \('BBK', 'BAOAB'\)"):
        MomentumFriction(momentum=momentum, dt=0.1, reading="Verlet")
    with pytest.raises(TypeError, match=r"momentum=0\.9 must be a schedule, such as Cooling"):
        MomentumFriction(momentum=0.9, dt=0.1)
    with pytest.raises(TypeError, match="start='big' must be a number"):
        CoolingMomentum(start="big", duration=1.0)
