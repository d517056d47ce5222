"""Brownian motion as a function of (seed, replica, step)."""

import re

import numpy as np
import pytest
import torch

from langevin_lab import noise
from langevin_lab.pytorch import brownian, brownian_motion

pytest.importorskip("torchsde")


def motion(**settings):
    return brownian_motion(**{"seed": 7, "n_replicas": 5, "n_channels": 3, "dt": 0.25, **settings})


@pytest.mark.parametrize(("area", "count"), [("none", 3), ("space-time", 6), ("davie", 9)])
def test_increments_are_the_normals_of_the_stream(area, count):
    path = motion(levy_area=area)
    assert path.normals_per_step == count
    for step in (0, 1, 130, 4097):
        drawn = noise.normals(7, range(5), step * count, count)
        w = path(0.25 * step, 0.25 * (step + 1))
        assert np.array_equal(w.numpy(), 0.5 * drawn[:, :3])


def test_integral_and_area_are_made_of_the_next_normals():
    drawn = noise.normals(7, range(5), 2 * 9, 9)
    w, u, a = map(np.asarray, motion(levy_area="davie")(0.5, 0.75, return_U=True, return_A=True))
    h = np.sqrt(0.25 / 12) * drawn[:, 3:6]
    assert np.allclose(u, 0.25 * (0.5 * w + h), rtol=1e-14)
    # Pairs of channels in the order (0, 1), (0, 2), (1, 2).
    expected = h[:, 0] * w[:, 2] - w[:, 0] * h[:, 2] + 0.25 / 12**0.5 * drawn[:, 7]
    assert np.allclose(a[:, 0, 2], expected, rtol=1e-13)
    assert np.array_equal(a, -a.transpose(0, 2, 1))


def test_rows_alone_are_those_of_the_batch():
    whole, part = motion(levy_area="space-time"), motion(
        levy_area="space-time", first_replica=3, n_replicas=2
    )  # fmt: skip
    for one, other in zip(whole(1.0, 2.5, return_U=True), part(1.0, 2.5, return_U=True)):
        assert torch.equal(one[3:], other)


def test_order_of_queries_and_the_generator_of_torch_have_no_part_in_it():
    torch.manual_seed(1)
    path = motion()
    forwards = [path(0.25 * k, 0.25 * (k + 1)) for k in range(300)]
    torch.manual_seed(2)
    path = motion()
    backwards = [path(0.25 * k, 0.25 * (k + 1)) for k in range(299, -1, -1)]
    assert all(map(torch.equal, forwards, backwards[::-1]))
    assert torch.equal(path(1.0), sum(forwards[1:4], forwards[0]))
    assert torch.equal(path(2.0, 2.0), torch.zeros(5, 3, dtype=torch.float64))


def test_increments_of_other_precision_are_rounded():
    exact, rounded = motion(), motion(dtype=torch.float32)
    assert torch.allclose(rounded(0.0, 0.25), exact(0.0, 0.25).float(), rtol=1e-6)
    assert rounded(0.0, 0.5).dtype == torch.float32


def test_a_card_draws_the_same_by_torch_operations():
    compiled, by_torch = (motion(levy_area="space-time", first_replica=2**40) for _ in range(2))
    by_torch._noise.by_torch = True
    for one, other in zip(
        compiled(12.5, 14.0, return_U=True), by_torch(12.5, 14.0, return_U=True), strict=True
    ):
        assert torch.allclose(one, other, rtol=1e-13, atol=1e-14)


def covariance(monkeypatch, n_steps, dt, scales=None):
    """Exact covariance of (W, U) over n_steps, from unit vectors in the place of normals."""
    path = motion(n_replicas=2 * n_steps, n_channels=1, dt=dt, levy_area="space-time")
    basis = torch.eye(2 * n_steps, dtype=torch.float64).view(2 * n_steps, n_steps, 2)
    monkeypatch.setattr(brownian.CounterBrownianMotion, "_normals", lambda _, k: basis[:, k])
    if scales:
        path._scales = scales
    both = torch.cat(path(0.0, n_steps * dt, return_U=True), dim=1)
    return (both.T @ both).numpy()


@pytest.mark.parametrize("n_steps", [1, 2, 7])
def test_increment_and_integral_have_their_exact_joint_law(monkeypatch, n_steps):
    # int_0^t W ds has variance t^3/3 and covariance t^2/2 with W(t).
    t = n_steps * 0.3
    exact = np.array([[t, t**2 / 2], [t**2 / 2, t**3 / 3]])
    assert np.allclose(covariance(monkeypatch, n_steps, 0.3), exact, rtol=1e-12)
    wrong = (0.3**0.5, (0.3 / 11.5) ** 0.5, 0.0)
    assert not np.allclose(covariance(monkeypatch, n_steps, 0.3, wrong), exact, rtol=1e-6)


@pytest.mark.parametrize("n_steps", [1, 4])
def test_areas_have_their_variance(n_steps):
    n = 100_000
    path = motion(n_replicas=n, n_channels=2, dt=0.5, levy_area="davie")
    area = path(0.0, 0.5 * n_steps, return_A=True)[1][:, 0, 1].numpy()
    expected = (0.5 * n_steps) ** 2 / 4  # of Levy's area of a planar Brownian motion
    squares = area**2
    stderr = squares.std() / n**0.5
    z = (squares.mean() - expected) / stderr
    print(f"{squares.mean():.5f} +- {stderr:.5f} | {expected:.5f} | z={z:.2f} | n_eff={n}")
    assert abs(z) < 5
    assert abs(squares.mean() - 1.05 * expected) / stderr > 5
    assert abs(area.mean()) < 5 * area.std() / n**0.5


@pytest.mark.parametrize(("n_steps", "intercept", "slope"), [(1, 1 / 12, 0.0), (40, 1 / 20, 0.2)])
def test_areas_of_one_step_are_davie_s_and_of_many_the_exact_ones(n_steps, intercept, slope):
    """Given W and H, var A is h^2/12 in one step and h^2/20 + h (H_1^2 + H_2^2)/5 in truth."""
    n = 60_000
    path = motion(n_replicas=n, n_channels=2, dt=1.0 / n_steps, levy_area="davie")
    w, u, a = (value.numpy() for value in path(0.0, 1.0, return_U=True, return_A=True))
    h = u - 0.5 * w
    rest = (a[:, 0, 1] - h[:, 0] * w[:, 1] + w[:, 0] * h[:, 1]) ** 2
    known = np.column_stack([np.ones(n), (h**2).sum(1)])
    inverse = np.linalg.inv(known.T @ known)
    found = inverse @ known.T @ rest
    errors = known * (rest - known @ found)[:, None]
    stderr = np.sqrt(np.diag(inverse @ errors.T @ errors @ inverse))
    z = (found - (intercept, slope)) / stderr
    print(f"{found} +- {stderr} | {intercept:.4f}, {slope} | z={z} | n_eff={n}")
    assert (abs(z) < 5).all()
    assert (stderr < (0.001, 0.01)).all()  # the two laws are 0.03 and 0.2 apart


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"seed": 1.5}, TypeError, "seed=1.5 must be an integer >= 0"),
        ({"first_replica": -1}, ValueError, "first_replica=-1 must be >= 0"),
        ({"n_replicas": 0}, ValueError, "n_replicas=0 must be >= 1"),
        ({"n_channels": 0}, ValueError, "n_channels=0 must be >= 1"),
        ({"dt": 0.0}, ValueError, "dt=0.0 must be a finite number > 0"),
        ({"levy_area": "foster"}, ValueError, "levy_area='foster' must be one of"),
    ],
)
def test_bad_arguments_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        motion(**settings)


def test_what_is_not_known_is_refused():
    path = motion()
    with pytest.raises(ValueError, match=re.escape("time 0.3 is 1.2 steps of dt=0.25")):
        path(0.0, 0.3)
    with pytest.raises(ValueError, match=r"time -0.25 is -1 steps"):
        path(-0.25, 0.0)
    with pytest.raises(ValueError, match=r"ta=0.5 is later than tb=0.25; ask for ta <= tb"):
        path(0.5, 0.25)
    with pytest.raises(ValueError, match=r"U is not known: .*levy_area='space-time'"):
        path(0.0, 0.25, return_U=True)
    with pytest.raises(ValueError, match=r"A is not known: .*levy_area='davie'"):
        motion(levy_area="space-time")(0.0, 0.25, return_A=True)


def test_it_says_what_it_is():
    path = motion(dtype=torch.float32, levy_area="space-time")
    assert path.shape == path.size() == (5, 3)
    assert (path.dtype, path.device.type) == (torch.float32, "cpu")
    assert path.levy_area_approximation == "space-time"
    assert repr(path).startswith("CounterBrownianMotion(seed=7, shape=(5, 3), dt=0.25")
