"""Ways in which plain torchsde misleads, shown, and that none of them is left in a run of ours."""

import math
import warnings

import numpy as np
import pytest
import torch

import langevin_lab as ll
from langevin_lab.pytorch import as_torchsde, brownian_motion

torchsde = pytest.importorskip("torchsde")

HARMONIC = ll.Overdamped(ll.potentials.harmonic(), temperature=1.0)


class Diffusing(torch.nn.Module):
    """dy = dW."""

    noise_type, sde_type = "additive", "ito"

    def f(self, t, y):
        return torch.zeros_like(y)

    def g(self, t, y):
        return torch.ones(len(y), 1, 1, dtype=y.dtype)


def zeros(n):
    return torch.zeros(n, 1, dtype=torch.float64)


def run(**settings):
    given = {"dt": 0.1, "n_steps": 20, "n_replicas": 8, "seed": 1, "start": [1.0], **settings}
    return ll.simulate(HARMONIC, "EulerMaruyama", backend="torchsde", **given)


def test_output_off_the_grid_is_interpolated_and_ours_is_on_it():
    n = 20_000
    path = brownian_motion(3, n_replicas=n, n_channels=1, dt=1.0)
    plain = torchsde.sdeint(
        Diffusing(), zeros(n), [0.0, 0.5, 1.0], bm=path, dt=1.0, method="euler"
    )[1].numpy()
    # Half of an increment has variance 1/4, a Brownian motion 1/2 at that time.
    assert abs(plain.var() - 0.25) < 5 * 0.25 * math.sqrt(2 / n)
    flat = ll.Overdamped(ll.Potential.from_expression("0*x", variables=("x",)), temperature=0.5)
    ours = ll.simulate(
        flat, "EulerMaruyama", dt=0.5, n_steps=2, n_replicas=n, seed=3, start=[0.0], save_every=1,
        backend="torchsde",
    )  # fmt: skip
    assert ours["time"].values.tolist() == [0.5, 1.0]
    variance = float((ours["x"][0] ** 2).mean())
    z = (variance - 0.5) / (0.5 * math.sqrt(2 / n))
    print(f"{variance:.4f} | 0.5 | z={z:.2f} | n_eff={n}")
    assert abs(z) < 5
    assert abs(variance - 0.475) / (0.5 * math.sqrt(2 / n)) > 5


def test_the_default_noise_ignores_manual_seed_and_ours_has_a_seed():
    results = []
    for _ in range(2):
        torch.manual_seed(0)
        results.append(torchsde.sdeint(Diffusing(), zeros(1), [0.0, 1.0], dt=0.5, method="euler"))
    assert not torch.equal(*results)
    first = run()
    torch.manual_seed(0)
    assert (first["x_final"] == run()["x_final"]).all()


def test_the_generator_of_torch_is_left_alone():
    sde = as_torchsde(HARMONIC)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    torchsde.sdeint(sde, zeros(1), [0.0, 1.0], dt=0.5, method="euler")
    assert torch.rand(1) != expected
    torch.manual_seed(0)
    run()
    assert torch.rand(1) == expected


def test_many_steps_exceed_the_recursion_limit_and_ours_do_not():
    with pytest.raises(RecursionError):
        torchsde.sdeint(Diffusing(), zeros(1), [0.0, 25_000.0], dt=1.0, method="euler")
    path = brownian_motion(1, n_replicas=1, n_channels=1, dt=1.0)
    last = path(24_999.0, 25_000.0)
    assert float(last) == ll.noise.normals(1, 0, 24_999, 1)[0, 0]
    assert run(n_steps=25_000, n_replicas=1).attrs["n_steps"] == 25_000


def test_refining_steps_changes_the_path_of_the_default_and_not_ours():
    def half(motion, n_steps):
        dt = 1.0 / n_steps
        return sum(motion(k * dt, (k + 1) * dt) for k in range(n_steps // 2))

    def interval():
        return torchsde.BrownianInterval(0.0, 1.0, (1, 1), dtype=torch.float64, entropy=5)

    assert abs(half(interval(), 2) - half(interval(), 8)) > 1e-3
    path = brownian_motion(5, n_replicas=1, n_channels=1, dt=0.125)
    assert abs(half(path, 2) - half(path, 8)) < 1e-14


def test_adaptive_steps_couple_replicas_and_are_refused():
    def first(other, motion):
        y = torch.tensor([[1.0], [other]], dtype=torch.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = torchsde.sdeint(
                Steep(), y, [0.0, 1.0], bm=motion, dt=0.25, method="euler", adaptive=True,
                rtol=1e-2, atol=1e-2,
            )  # fmt: skip
        return float(path[-1, 0])

    class Steep(Diffusing):
        def f(self, t, y):
            return -(y**3)

    def tree():
        return torchsde.BrownianInterval(
            0.0, 1.0, (2, 1), dtype=torch.float64, entropy=5, tol=1e-6, halfway_tree=True
        )

    assert abs(first(0.0, tree()) - first(4.0, tree())) > 1e-6
    with pytest.raises(ValueError, match="adaptive steps depend on all replicas at once"):
        first(0.0, brownian_motion(5, n_replicas=2, n_channels=1, dt=0.25))
    alone = run(n_replicas=2, first_replica=3, save_every=1)
    together = run(save_every=1)
    assert (alone["x"].values == together["x"].values[:, 3:5]).all()


def test_a_replica_that_diverges_is_named_and_leaves_the_others_alone():
    quartic = ll.Overdamped(ll.Potential.from_expression("x**4/4"), temperature=0.1)
    settings = {"dt": 0.1, "n_steps": 200, "seed": 1, "n_replicas": 6, "save_every": 10}
    start = np.array([[0.0], [9.0], [0.5], [1.0], [8.0], [-1.0]])
    with pytest.warns(RuntimeWarning, match="2 of 6 replicas diverged, the first of them replica"):
        both = {
            name: ll.simulate(quartic, "EulerMaruyama", start=start, backend=name, **settings)
            for name in ("cpu", "torchsde")
        }
    assert both["cpu"]["diverged_step"].values.tolist()[0] == -1
    for name in ("diverged_step", "x_final", "x"):
        one, other = both["cpu"][name].values, both["torchsde"][name].values
        assert np.allclose(one, other, rtol=1e-11, atol=1e-13)
    sde = as_torchsde(quartic)
    plain = torchsde.sdeint(
        sde, torch.tensor([[9.0]], dtype=torch.float64), [0.0, 20.0], dt=0.1, method="euler"
    )
    assert plain[-1].isnan().all()


def test_times_that_add_up_to_no_whole_number_cost_a_step():
    class Counted(Diffusing):
        calls = 0

        def f(self, t, y):
            self.calls += 1
            return torch.zeros_like(y)

    sde, times = Counted(), torch.tensor([0.0, 1.0], dtype=torch.float64)
    torchsde.sdeint(sde, zeros(1), times, dt=0.1, method="euler")
    assert sde.calls == 1 + 11  # one to look at its shape, ten, and one of length 1e-16
    # The sliver has no increment of its own.
    path = brownian_motion(1, n_replicas=1, n_channels=1, dt=0.1)
    y = torchsde.sdeint(sde, zeros(1), times, dt=0.1, method="euler", bm=path)
    assert torch.allclose(y[-1], path(0.0, 1.0), rtol=1e-13)
    assert run(n_steps=10, save_every=10)["time"].values.tolist() == [1.0]


def test_one_noise_on_two_coordinates_needs_the_jacobian_not_its_transpose():
    eq = ll.ItoDiffusion.from_drift(
        ["-x", "-y"], noise=[["0.3 + 0.5*y"], ["0.4"]], variables=("x", "y")
    )
    settings = {"dt": 0.1, "n_steps": 30, "n_replicas": 4, "seed": 2, "start": [1.0, 1.0]}
    with_derivative = ll.simulate(eq, "Milstein", **settings)["x_final"].values
    without = ll.simulate(eq, "Platen", **settings)["x_final"].values
    ours = ll.simulate(eq, "Milstein", backend="torchsde", **settings)
    assert np.allclose(ours["x_final"], without, rtol=1e-12)
    assert abs(without - with_derivative).max() < 0.01
    assert ours.attrs["method"] == "torchsde:milstein without derivatives"
    sde = as_torchsde(eq, time_unit=0.1)
    path = brownian_motion(2, n_replicas=4, n_channels=1, dt=1.0)
    y = torch.ones(4, 2, dtype=torch.float64)
    plain = torchsde.sdeint(sde, y, [0.0, 30.0], bm=path, dt=1.0, method="milstein")[-1]
    assert abs(plain.detach().numpy() - with_derivative).max() > 0.03


def test_areas_of_torchsde_have_the_wrong_variance():
    # Levy's area over unit time has variance 1/4; `test_areas_have_their_variance` has ours.
    n = 50_000
    path = torchsde.BrownianInterval(
        0.0, 1.0, (n, 2), dtype=torch.float64, entropy=1, levy_area_approximation="davie"
    )
    squares = (path(0.0, 1.0, return_A=True)[1][:, 0, 1] ** 2).numpy()
    assert squares.mean() - 0.25 > 20 * squares.std() / math.sqrt(n)
