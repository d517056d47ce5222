import cases
import pytest

from langevin_lab.ensemble import Forecast, forecast

pytestmark = pytest.mark.slow


def cost_of(n_steps, **changes):
    dynamics, observe = cases.CASES["BAOAB"]
    settings = {"dt": 0.05, "seed": 1, "n_replicas": 300, "observe": observe, **changes}
    return forecast(dynamics, "BAOAB", n_steps=n_steps, **settings)


def test_time_grows_with_the_steps_and_memory_does_not():
    short, long = cost_of(10**7), cost_of(10**9)
    assert 20 < long.seconds / short.seconds < 500
    assert long.n_bytes == short.n_bytes


def test_saved_path_is_part_of_the_memory():
    path = cost_of(10**6, save_every=100).n_bytes - cost_of(10**6).n_bytes
    assert path == 10**4 * 300 * 2 * 8  # x and p


def test_wrong_arguments_are_refused_as_by_simulate():
    with pytest.raises(ValueError, match="n_steps=0 must be >= 1"):
        cost_of(0)
    with pytest.raises(ValueError, match="save_every=0 must be >= 1"):
        cost_of(1000, save_every=0)
    with pytest.raises(ValueError, match="n_replicas=0 must be >= 1"):
        cost_of(1000, n_replicas=0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.21, "about 3.21 s and 2.5 MB"), (300, "about 5.0 min"), (36_000, "about 10.0 h and")],
)
def test_cost_prints_in_sensible_units(seconds, text):
    assert text in str(Forecast(seconds, 2_500_000))
