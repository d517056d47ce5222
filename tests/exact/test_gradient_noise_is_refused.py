"""Exact results of dynamics are for the true gradient; with a drawn one they are refused."""

import pytest

import langevin_lab as ll

NOISY = ll.potentials.double_well().with_gradient_noise(standard_deviation=0.5)
SLIDING = ll.Overdamped(NOISY, temperature=0.3)
INERTIAL = ll.Langevin(NOISY, temperature=0.3, friction=1.0)


@pytest.mark.parametrize(
    "solve",
    [
        lambda: ll.exact.stationary_law("BAOAB", INERTIAL, 0.1),
        lambda: ll.exact.stationary_average("EulerMaruyama", SLIDING, lambda x: x, 0.1),
        lambda: ll.exact.discrete_passage_time("EulerMaruyama", SLIDING, -1.0, 1.0, 0.01),
        lambda: ll.exact.discrete_passage_moments("EulerMaruyama", SLIDING, -1.0, 1.0, 0.01),
        lambda: ll.exact.mean_first_passage_time(SLIDING, -1.0, 1.0),
        lambda: ll.exact.splitting_probability(SLIDING, 0.0, -1.0, 1.0),
        lambda: ll.exact.generator(SLIDING),
        lambda: ll.exact.spectrum(SLIDING),
        lambda: ll.exact.committor(SLIDING, lambda x: x[..., 0] < -1, lambda x: x[..., 0] > 1),
        lambda: ll.exact.spectral_gap(SLIDING),
        lambda: ll.exact.spectral_gap(INERTIAL),
        lambda: ll.exact.escape_rate(SLIDING),
        lambda: ll.exact.escape_rate(INERTIAL),
        lambda: ll.exact.cooled_probability(SLIDING, (0.0, 2.0), 1.0),
    ],
)
def test_dynamics_of_a_drawn_gradient_have_no_exact_result(solve):
    message = r"the gradient is drawn, GaussianNoise.* true gradient; .*stationary_covariance"
    with pytest.raises(ValueError, match=message):
        solve()


def test_gibbs_averages_know_energies_alone():
    true = ll.Overdamped(ll.potentials.double_well(), temperature=0.3)
    found, expected = (ll.exact.gibbs_average(eq, lambda x: x**2) for eq in (SLIDING, true))
    assert found == expected
