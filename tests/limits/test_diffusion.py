"""The diffusion approximation: its covariance from any gradient noise, its laws, its range."""

import dataclasses

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.limits import (
    OutsideRegimeWarning,
    diffusion,
    diffusion_covariance,
    linear_diffusion,
    noise_covariance,
)
from langevin_lab.momentum import HeavyBall, Nesterov
from langevin_lab.potentials.gradient_noise import drawn_gradient

METHOD = HeavyBall(learning_rate=0.01, momentum=0.5)
GENERATOR = np.random.default_rng(5)
A = GENERATOR.normal(size=8)
DATA = {"a": A, "y": 0.7 * A + 0.3 * GENERATOR.normal(size=8)}
POINT = np.array([0.3, -0.2])


def risk(**settings):
    return ll.potentials.empirical_risk(
        "(a*w + b*w**2 - y)**2/2", variables="w b", data=DATA, **settings
    )


DRAWN = {"batch_size": 2, "replacement": True}


def sampled_covariance(potential, count=200_000):
    """Covariance of drawn gradients at POINT, and the standard error of its entries."""
    generator, noise = np.random.default_rng(1), potential.gradient_noise
    normals = generator.normal(size=(count, noise.n_normals))
    indices = generator.integers(0, 8, size=(count, noise.n_indices))
    gradients = drawn_gradient(
        potential, np.broadcast_to(POINT, (count, 2)), normals=normals, indices=indices
    )
    centred = gradients - gradients.mean(axis=0)
    products = centred[:, :, None] * centred[:, None, :]
    return products.mean(axis=0), products.std(axis=0) / np.sqrt(count)


PLANE = ll.Potential.from_expression("x**2/2 + y**2", ("x", "y"), stationary_points=[(0.0, 0.0)])
NOISY = {
    "standard deviations": PLANE.with_gradient_noise(standard_deviation=[1.0, 2.0]),
    "covariance": PLANE.with_gradient_noise(covariance=[[1.0, 0.3], [0.3, 0.5]]),
    "factor": PLANE.with_gradient_noise(factor=[["0.3*x", "1.0"], ["0.2", "y**2"]]),
    "minibatch": risk(**DRAWN),
    "labels": risk(batch_size=None, label="y", label_noise=0.5),
    "both": risk(label="y", label_noise=0.5, **DRAWN),
}
each_noise = pytest.mark.parametrize("potential", NOISY.values(), ids=NOISY)


@each_noise
def test_covariance_is_that_of_drawn_gradients(potential):
    if potential is NOISY["labels"]:  # every example once
        potential = dataclasses.replace(
            potential,
            gradient_noise=dataclasses.replace(potential.gradient_noise, batch_size=8),
        )
        each = np.eye(8)[None] * 0.5
        base = potential.gradient(POINT)
        indices = np.broadcast_to(np.arange(8), (8, 8))
        shifted = drawn_gradient(
            potential, np.broadcast_to(POINT, (8, 2)), normals=each[0] / 0.5, indices=indices
        )
        slopes = shifted - base
        assert noise_covariance(potential, POINT) == pytest.approx(slopes.T @ slopes, rel=1e-8)
        return
    found, error = sampled_covariance(potential)
    z = (found - noise_covariance(potential, POINT)) / error
    assert np.abs(z).max() < 5
    # 5 % of the variance would be seen.
    assert np.abs((found - 1.05 * noise_covariance(potential, POINT)) / error).max() > 5


@each_noise
def test_noise_of_the_diffusion_is_a_factor_of_the_covariance(potential):
    dynamics = diffusion(METHOD, potential, curvature=1.0).dynamics
    functions = dynamics.functions(sorted(dynamics.function_names))
    columns = np.stack([functions[name](POINT) for name in sorted(functions)], axis=1)
    expected = 0.01 / 0.5**2 * noise_covariance(potential, POINT)
    assert columns @ columns.T == pytest.approx(expected, rel=1e-7)
    assert dynamics.mobility == 2.0
    assert dynamics.potential.gradient(POINT) == pytest.approx(potential.gradient(POINT), rel=1e-12)


def test_equal_noise_is_a_temperature():
    limit = diffusion(METHOD, ll.potentials.double_well(), gradient_noise=0.4, curvature=1.0)
    assert limit.dynamics.temperature == pytest.approx(0.01 * 0.16 / (2 * 0.5))
    assert limit.dynamics.friction == 0.5
    assert limit.time_per_step == 0.01


def test_stationary_covariance_is_the_small_rate_limit_of_the_exact_law():
    stiffness, noise = [[2.0, 0.3], [0.3, 1.0]], [[1.0, 0.2], [0.2, 0.5]]
    ratios = []
    for rate in (1e-3, 5e-4):
        method = Nesterov(learning_rate=rate, momentum=0.5)
        limit = diffusion_covariance(method, stiffness, gradient_noise=noise)
        exact = ll.exact.stationary_covariance(method, stiffness=stiffness, gradient_noise=noise)
        ratios.append((limit - exact[:2, :2]) / rate**2)
    assert np.abs(ratios[0]).max() < 10
    assert ratios[0] == pytest.approx(ratios[1], rel=0.02)


def test_linear_diffusion_has_the_stationary_covariance_in_its_numbers():
    method = HeavyBall(learning_rate=0.001, momentum=0.5)
    covariance = [[1.0, 0.3], [0.3, 0.5]]
    limit = linear_diffusion(method, PLANE, [0.0, 0.0], gradient_noise=covariance)
    drift = limit.dynamics.mobility * limit.dynamics.potential.hessian(np.zeros(2))
    noise = np.array(limit.dynamics.noise, dtype=float)
    found = diffusion_covariance(method, np.diag([1.0, 2.0]), gradient_noise=covariance)
    assert drift @ found + found @ drift.T == pytest.approx(noise @ noise.T, rel=1e-12)


def test_equal_noise_needs_no_formula():
    loops = ll.potentials.rosenbrock(dim=10)
    limit = diffusion(METHOD, loops, gradient_noise=0.4, curvature=1.0)
    assert limit.dynamics.temperature == pytest.approx(0.01 * 0.16 / (2 * 0.5))
    assert limit.dynamics.potential == loops


def test_linear_diffusion_has_hessian_and_covariance_of_the_point():
    well = ll.potentials.double_well()
    limit = linear_diffusion(
        HeavyBall(learning_rate=0.001, momentum=0.5), well, [-1.0], gradient_noise=0.3
    )
    assert limit.dynamics.potential.hessian([0.0])[0, 0] == pytest.approx(8.0)
    assert float(limit.dynamics.noise[0][0]) == pytest.approx(0.3 * np.sqrt(0.001) / 0.5)
    slow = HeavyBall(learning_rate=0.001, momentum=0.5)
    saddle = linear_diffusion(slow, well, [0.0], gradient_noise=0.3)
    assert saddle.dynamics.potential.hessian([0.0])[0, 0] == pytest.approx(-4.0)


def test_linear_diffusion_takes_potentials_of_any_form():
    loops = ll.potentials.rosenbrock(dim=10).with_gradient_noise(standard_deviation=0.1)
    with pytest.warns(OutsideRegimeWarning):
        limit = linear_diffusion(METHOD, loops, np.ones(10))
    assert limit.dynamics.dim == 10


def test_sampled_law_of_a_minibatch_diffusion_is_that_of_the_steps():
    line = ll.potentials.empirical_risk(
        "(a*w - y)**2/2", variables="w", data=DATA, batch_size=2, replacement=True
    )
    method = HeavyBall(learning_rate=0.005, momentum=0.5)
    limit = diffusion(method, line, curvature=1.0)
    best = float(A @ DATA["y"] / (A @ A))
    observe = {"w2": f"(w - {best!r})**2"}
    steps = ll.simulate(
        line, method, n_steps=6000, burn_in=3000, record_every=20, n_replicas=4000, seed=3,
        start=best, observe=observe,
    )  # fmt: skip
    flow = ll.simulate(
        limit.dynamics, "EulerMaruyama", dt=0.005, n_steps=6000, burn_in=3000, record_every=20,
        n_replicas=4000, seed=4, start=best, observe=observe,
    )  # fmt: skip
    difference = float(steps["w2"] / flow["w2"]) - 1.0
    error = np.hypot(float(steps["w2_stderr"] / steps["w2"]), float(flow["w2_stderr"] / flow["w2"]))
    assert error < 0.01
    assert abs(difference) < 0.02 + 4 * error  # O(learning rate) apart
    assert abs(difference - 0.5) > 0.3


def test_outside_the_regime_there_is_a_warning_with_the_number():
    well = ll.potentials.harmonic()
    with pytest.warns(OutsideRegimeWarning, match="= 0.95 is above 0.1") as caught:
        diffusion(HeavyBall(learning_rate=0.01, momentum=0.9), well, gradient_noise=1.0)
    assert caught[0].filename == __file__
    with pytest.warns(OutsideRegimeWarning, match="= 0.95 is above 0.1"):
        diffusion_covariance(HeavyBall(learning_rate=0.01, momentum=0.9), 1.0, gradient_noise=1.0)


def test_what_has_no_diffusion_is_refused():
    well = ll.potentials.harmonic()
    with pytest.raises(ValueError, match="has no gradient noise, so there is no diffusion"):
        diffusion(METHOD, well)
    with pytest.raises(ValueError, match=r"batches without replacement .* use replacement=True"):
        diffusion(METHOD, risk(batch_size=2))
    with pytest.raises(ValueError, match=r"x of shape \(2,\) must be one point, shape \(1,\)"):
        noise_covariance(well.with_gradient_noise(standard_deviation=1.0), [0.0, 1.0])
    with pytest.raises(ValueError, match="is made of loops"):
        diffusion(
            METHOD,
            ll.potentials.rosenbrock(dim=10).with_gradient_noise(
                standard_deviation=np.arange(1.0, 11.0)
            ),
        )
    many = {name: np.tile(column, 9) for name, column in DATA.items()}
    large = ll.potentials.empirical_risk("(a*w - y)**2/2", variables="w", data=many, **DRAWN)
    with pytest.raises(ValueError, match="72 examples make 72 noises"):
        diffusion(METHOD, large)
    noisy = well.with_gradient_noise(standard_deviation=1.0)
    for make in (diffusion, lambda *given, **noise: linear_diffusion(*given, 0.0, **noise)):
        with pytest.raises(TypeError, match="potential=None is no Potential"):
            make(METHOD, None, gradient_noise=1.0)
        with pytest.raises(ValueError, match=r"gradient_noise=-1.0: .* must be >= 0"):
            make(METHOD, well, gradient_noise=-1.0)
    with pytest.raises(ValueError, match=r"point=\[0.0, 1.0\] must be 1 finite numbers"):
        linear_diffusion(METHOD, noisy, [0.0, 1.0])
    with pytest.raises(ValueError, match=r"point=\[0.5\] has the gradient 0.5"):
        linear_diffusion(METHOD, noisy, [0.5])
    flat = ll.Potential.from_expression("x**4/4").with_gradient_noise(standard_deviation=1.0)
    with pytest.raises(ValueError, match=r"point=\[0\.0\] of .* has the Hessian 0"):
        linear_diffusion(METHOD, flat, 0.0)
    with pytest.raises(ValueError, match=r"stiffness=-1\.0 has the eigenvalue -1"):
        diffusion_covariance(METHOD, -1.0, gradient_noise=1.0)
