"""Every dynamics as f and g of torchsde, against its equations in numpy."""

import math

import numpy as np
import pytest
import torch

import langevin_lab as ll
from langevin_lab.pytorch import as_torchsde
from langevin_lab.pytorch.sde import DynamicsSDE

WELL = ll.potentials.mueller_brown()
RNG = np.random.default_rng(3)
X = RNG.normal([-0.5, 0.7], 0.2, (4, 2))
P = RNG.normal(size=(4, 2))
UNIT = 0.25


def column(values):
    return np.asarray(values)[:, None]


def drift(eq, t=0.0, **parts):
    """f for a unit of time other than 1, divided by it, by names of the parts."""
    sde = as_torchsde(eq, time_unit=UNIT)
    f = sde.f(torch.tensor(t / UNIT), sde.pack(**parts)).numpy() / UNIT
    assert f.shape == (4, sde.n_state)
    sizes = np.cumsum([2 if name in ("x", "p") else 1 for name in sde.names])[:-1]
    return dict(zip(sde.names, np.split(f, sizes, axis=1)))


def covariance(eq, t=0.0, **parts):
    """g g^T of the first replica over the unit of time; and that g_prod is g times a vector."""
    sde = as_torchsde(eq, time_unit=UNIT)
    time, y = torch.tensor(t / UNIT), sde.pack(**parts)
    g = sde.g(time, y)
    v = torch.arange(1.0, 4 * sde.n_channels + 1, dtype=torch.float64).reshape(4, -1)
    if sde.noise_type == "diagonal":
        g = torch.diag_embed(g)
    if hasattr(sde, "g_prod"):
        assert torch.allclose(sde.g_prod(time, y, v), torch.einsum("nij,nj->ni", g, v))
    return (g @ g.transpose(1, 2))[0].numpy() / UNIT


def diagonal(*entries):
    return np.diag(np.array(entries, dtype=float))


def check(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert np.allclose(found[name], value, rtol=1e-12, atol=1e-12), name


def test_overdamped_dynamics_and_gradient_flow():
    g = WELL.gradient(X)
    eq = ll.Overdamped(WELL, temperature=0.7, friction=(2.0, 5.0))
    check(drift(eq, x=X), {"x": -g / [2.0, 5.0]})
    assert np.allclose(covariance(eq, x=X), diagonal(0.7, 0.28))
    flow = ll.GradientFlow(WELL)
    check(drift(flow, x=X), {"x": -g})
    assert not covariance(flow, x=X).any()


def test_langevin_dynamics():
    eq = ll.Langevin(WELL, temperature=0.7, friction=(2.0, 5.0), mass=(3.0, 0.5))
    friction, mass = np.array([2.0, 5.0]), np.array([3.0, 0.5])
    check(drift(eq, x=X, p=P), {"x": P / mass, "p": -WELL.gradient(X) - friction * P})
    # 2 friction mass T
    assert np.allclose(covariance(eq, x=X, p=P), diagonal(0, 0, 8.4, 3.5))


def test_schedules_are_taken_at_the_time():
    eq = ll.Langevin(WELL, temperature=lambda t: 1.0 + t, friction=lambda t: 2.0 + 0 * t, mass=3.0)
    assert np.allclose(covariance(eq, t=0.5, x=X, p=P), diagonal(0, 0, 18, 18))
    assert np.allclose(covariance(eq, t=2.0, x=X, p=P), diagonal(0, 0, 36, 36))
    overdamped = ll.Overdamped(WELL, temperature=1.0, friction=lambda t: 1.0 + t)
    check(drift(overdamped, t=3.0, x=X), {"x": -WELL.gradient(X) / 4.0})


def test_adaptive_langevin_dynamics():
    xi = np.array([0.3, -0.2, 1.0, 2.0])
    eq = ll.AdaptiveLangevin(
        WELL, temperature=0.7, thermal_mass=4.0, applied_noise=1.5, coupling=0.5, mass=(3.0, 0.5)
    )
    mass = np.array([3.0, 0.5])
    rate = ((P**2 / mass).sum(axis=1) - 2 * 0.7) / 4.0
    expected = {
        "x": P / mass,
        "p": -WELL.gradient(X) - 0.5 * column(xi) * P,
        "xi": column(rate),
    }
    check(drift(eq, x=X, p=P, xi=xi), expected)
    # applied_noise^2 mass
    assert np.allclose(covariance(eq, x=X, p=P, xi=xi), diagonal(0, 0, 6.75, 1.125, 0))


def test_nose_hoover_chains():
    one, two, three = RNG.normal(size=(3, 4))
    eq = ll.NoseHooverChain(WELL, temperature=0.7, thermal_masses=(4.0, 2.0, 3.0), mass=3.0)
    expected = {
        "x": P / 3.0,
        "p": -WELL.gradient(X) - column(one) * P,
        "xi_1": column(((P**2).sum(axis=1) / 3.0 - 1.4) / 4.0 - one * two),
        "xi_2": column((4.0 * one**2 - 0.7) / 2.0 - two * three),
        "xi_3": column((2.0 * two**2 - 0.7) / 3.0),
    }
    check(drift(eq, x=X, p=P, xi_1=one, xi_2=two, xi_3=three), expected)
    alone = ll.NoseHooverChain(WELL, temperature=0.7, thermal_masses=(4.0,))
    assert as_torchsde(alone).names == ("x", "p", "xi_1")


def test_inertial_flow():
    eq = ll.dynamics.InertialFlow(
        WELL, friction=0.4, hessian_damping=0.1, force_scale=1.3, mass=2.0
    )
    g = WELL.gradient(X)
    check(drift(eq, x=X, p=P), {"x": P / 2.0 - 0.1 * g, "p": -1.3 * g - 0.4 * P})


def test_partitions_take_each_block_its_own_equation():
    U = ll.potentials.harmonic(dim=4)
    rng = np.random.default_rng(4)
    x, p = rng.normal(size=(2, 4, 4))
    xi = rng.normal(size=4)
    eq = ll.Partitioned(
        [
            ([3], ll.Overdamped(U, temperature=0.5, friction=2.0)),
            ([0, 2], ll.AdaptiveLangevin(U, temperature=0.7, thermal_mass=4.0, applied_noise=1.5)),
            ([1], ll.Langevin(U, temperature=0.9, friction=0.3, mass=2.0)),
        ]
    )
    sde = as_torchsde(eq)
    assert sde.names == ("x", "p", "xi_2")
    f = sde.f(torch.tensor(0.0), sde.pack(x=x, p=p, xi_2=xi)).numpy()
    g = U.gradient(x)
    dx = np.stack([p[:, 0], p[:, 1] / 2.0, p[:, 2], -g[:, 3] / 2.0], axis=1)
    dp = np.stack(
        [
            -g[:, 0] - xi * p[:, 0],
            -g[:, 1] - 0.3 * p[:, 1],
            -g[:, 2] - xi * p[:, 2],
            np.zeros(4),
        ],
        axis=1,
    )
    dxi = (p[:, 0] ** 2 + p[:, 2] ** 2 - 1.4) / 4.0
    assert np.allclose(f, np.concatenate([dx, dp, column(dxi)], axis=1), rtol=1e-12, atol=1e-14)
    noise = covariance(eq, x=x, p=p, xi_2=xi)
    assert np.allclose(np.diag(noise), [0, 0, 0, 0.5, 2.25, 2 * 0.3 * 2 * 0.9, 2.25, 0, 0])
    # Of one block the thermostat has no number.
    whole = ll.Partitioned([([0, 1, 2, 3], eq.blocks[1].dynamics)])
    assert as_torchsde(whole).names == ("x", "p", "xi")


def ito(noise, **settings):
    return ll.ItoDiffusion(
        ll.Potential.from_expression("(x**2 + 2*y**2)/2", variables=("x", "y")),
        noise=noise, **settings,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("noise", "kind", "factor"),
    [
        (["0.3*x", "sin(y)"], "diagonal", lambda x, y: [[0.3 * x, 0], [0, math.sin(y)]]),
        (["0.3*y", "0.4"], "general", lambda x, y: [[0.3 * y, 0], [0, 0.4]]),
        ([["0.3*y"], ["x*y"]], "scalar", lambda x, y: [[0.3 * y], [x * y]]),
        ([["x", "1"], ["0", "x"]], "general", lambda x, y: [[x, 1], [0, x]]),
    ],
)
def test_noise_of_diffusions_and_its_type(noise, kind, factor):
    eq = ito(noise, mobility=(1.0, 3.0))
    assert as_torchsde(eq).noise_type == kind
    factor = np.array(factor(*X[0]))
    assert np.allclose(covariance(eq, x=X), factor @ factor.T, rtol=1e-12)
    check(drift(eq, x=X), {"x": -X * [1.0, 6.0]})


@pytest.mark.parametrize(
    "noise", [["0.3*x", "sin(y)"], ["x*y", "0.4*y"], [["0.3*y"], ["x*y"]], [["x", "1"], ["0", "x"]]]
)
def test_stratonovich_drift_is_that_of_differences(noise):
    eq = ito(noise)
    sde, other = as_torchsde(eq, sde_type="stratonovich"), as_torchsde(eq)
    y, step = torch.as_tensor(X), 1e-5

    def factor(y):
        g = other.g(0.0, y)
        return torch.diag_embed(g) if g.dim() == 2 else g

    b, expected = factor(y), other.f(0.0, y)
    for j in range(2):
        shift = torch.zeros_like(y)
        shift[:, j] = step
        slope = (factor(y + shift) - factor(y - shift)) / (2 * step)
        expected = expected - 0.5 * torch.einsum("nk,nik->ni", b[:, j], slope)
    with torch.no_grad():
        assert torch.allclose(sde.f(0.0, y), expected, rtol=1e-8, atol=1e-9)
    assert not torch.allclose(other.f(0.0, y), expected, rtol=1e-3)


def test_the_limit_of_stochastic_gradient_descent_has_its_covariance():
    U = ll.Potential.from_expression("(x**2 + x*y + y**2)/2", variables=("x", "y"))
    sgd = ll.momentum.GradientDescent(learning_rate=0.1)
    covariances = np.array([[1.0, 0.3], [0.3, 0.5]])
    limit = ll.limits.diffusion(sgd, U, gradient_noise=covariances)
    sde = as_torchsde(limit.dynamics)
    g = sde.g(0.0, torch.as_tensor(X))
    assert sde.noise_type == "general"
    assert np.allclose(g @ g.transpose(1, 2), 0.1 * covariances, rtol=1e-12)


def test_other_precision():
    sde = as_torchsde(ll.Langevin(WELL, temperature=1.0, friction=1.0), dtype=torch.float32)
    y = sde.pack(x=X, p=P)
    assert y.dtype == sde.f(0.0, y).dtype == sde.g(0.0, y).dtype == torch.float32


def test_bad_arguments_are_refused():
    eq = ll.Overdamped(WELL, temperature=1.0)
    with pytest.raises(ValueError, match="sde_type='Ito' must be one of"):
        as_torchsde(eq, sde_type="Ito")
    with pytest.raises(ValueError, match="time_unit=0 must be a finite number > 0"):
        as_torchsde(eq, time_unit=0)
    with pytest.raises(TypeError, match="is no dynamics: wrap a potential"):
        as_torchsde(WELL)
    descent = ll.momentum.Descent(WELL, ll.momentum.HeavyBall(learning_rate=1e-4, momentum=0.5))
    with pytest.raises(ValueError, match=r"takes discrete steps .* ll.limits.diffusion"):
        as_torchsde(descent)
    drawn = WELL.with_gradient_noise(standard_deviation=1.0)
    with pytest.raises(ValueError, match=r"is drawn, step by step, .* use backend='torch'"):
        as_torchsde(ll.Overdamped(drawn, temperature=1.0))
    stiff = ll.Langevin(WELL, temperature=1.0, friction=math.inf)
    with pytest.raises(ValueError, match="friction=inf has no equation with momenta"):
        as_torchsde(stiff)


def test_states_are_checked():
    sde = as_torchsde(ll.Langevin(WELL, temperature=1.0, friction=1.0))
    assert torch.equal(sde.pack(x=X)[:, 2:], torch.zeros(4, 2, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"the state has the parts \['x', 'p'\], not \['x', 'xi'"):
        sde.pack(x=X, xi=X[:, 0])
    with pytest.raises(ValueError, match=r"p has shape \(4, 1\), but must have \(4, 2\)"):
        sde.pack(x=X, p=P[:, :1])


def test_the_base_class_is_no_equation():
    eq = ll.Overdamped(WELL, temperature=1.0)
    base = DynamicsSDE(eq, "ito", 1.0, torch.float64, torch.device("cpu"))
    for name in ("f", "g"):
        with pytest.raises(NotImplementedError):
            getattr(base, name)(0.0, torch.as_tensor(X))
