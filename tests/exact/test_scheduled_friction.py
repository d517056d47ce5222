"""Exact rates and laws of a friction that changes in time are refused, wherever they are asked."""

import pytest

import langevin_lab as ll

THINNING = ll.dynamics.Linear(start=1.0, stop=0.5, duration=10.0)
WELL = ll.potentials.double_well()
SLIDING = ll.Overdamped(WELL, temperature=0.3, friction=THINNING)
INERTIAL = ll.Langevin(WELL, temperature=0.3, friction=THINNING)


@pytest.mark.parametrize(
    "solve",
    [
        lambda: ll.exact.spectral_gap(SLIDING),
        lambda: ll.exact.spectral_gap(INERTIAL),
        lambda: ll.exact.escape_rate(INERTIAL),
        lambda: ll.exact.mean_first_passage_time(SLIDING, -1.0, 1.0),
        lambda: ll.exact.discrete_passage_moments("EulerMaruyama", SLIDING, -1.0, 1.0, 0.01),
        lambda: ll.exact.stationary_law("BAOAB", INERTIAL, 0.1),
        lambda: ll.exact.cooled_probability(SLIDING, (0.0, 2.0), 1.0),
    ],
    ids=["gap", "kinetic gap", "rate", "passage", "discrete passage", "law of a scheme", "cooling"],
)
def test_scheduled_friction_has_no_exact_rate_or_law(solve):
    message = r"friction=Linear\(start=1\.0.* is not a number; exact rates .* constant friction"
    with pytest.raises(ValueError, match=message):
        solve()
