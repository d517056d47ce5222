"""Stationary variances against the law that is read off the step of the method."""

import pytest

import langevin_lab as ll
from langevin_lab.limits.regime import OutsideRegimeWarning
from langevin_lab.limits.stationary_variance import (
    diffusion_variance,
    heavy_ball_variance,
    variance_gain,
)


def law(rate, momentum, curvature=1.0, noise=1.0):
    method = ll.momentum.HeavyBall(learning_rate=rate, momentum=momentum)
    return ll.exact.stationary_covariance(method, stiffness=curvature, gradient_noise=noise)[0, 0]


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("step", [1e-3, 0.1, 1.0, 1.9])
def test_variance_is_the_law_of_the_step(step, momentum):
    curvature, noise = 2.5, 0.3
    rate = step / curvature
    variance = heavy_ball_variance(
        learning_rate=rate, momentum=momentum, curvature=curvature, gradient_noise=noise
    )
    assert variance == pytest.approx(law(rate, momentum, curvature, noise), rel=1e-10)
    assert abs(variance / law(1.03 * rate, momentum, curvature, noise) - 1) > 0.02
    gain = variance_gain(learning_rate=rate, momentum=momentum, curvature=curvature)
    assert gain == pytest.approx(law(rate, momentum, curvature) / law(rate, 0.0, curvature))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_relative_error_of_the_diffusion_is_its_small_parameter(momentum):
    asked = {"learning_rate": 0.02, "momentum": momentum, "curvature": 3.0, "gradient_noise": 0.7}
    ratio = diffusion_variance(**asked) / heavy_ball_variance(**asked)
    assert 1.0 - ratio == pytest.approx(0.06 / (2 * (1 + momentum)), rel=1e-9)


def test_diffusion_is_the_ornstein_uhlenbeck_process_of_the_package():
    """friction 1 - mu, temperature eta sigma^2/(2 (1 - mu)); this scheme is exact for it."""
    diffusion = diffusion_variance(
        learning_rate=0.01, momentum=0.9, curvature=2.0, gradient_noise=0.5
    )
    scheme = ll.exact.stationary_covariance(
        "LeimkuhlerMatthews", stiffness=2.0, friction=0.1, dt=1e-3,
        temperature=0.01 * 0.25 / (2 * 0.1),
    )  # fmt: skip
    assert diffusion == pytest.approx(scheme[0, 0], rel=1e-9)


def test_regime_and_wrong_input():
    common = {"momentum": 0.5, "curvature": 1.0, "gradient_noise": 1.0}
    with pytest.warns(OutsideRegimeWarning, match=r"= 0\.3333 is above 0\.1; use heavy_ball"):
        diffusion_variance(learning_rate=1.0, **common)
    with pytest.raises(ValueError, match=r"learning_rate=3\.0 is at or above .* = 3, where"):
        heavy_ball_variance(learning_rate=3.0, **common)
    with pytest.raises(ValueError, match=r"= 2, where momentum=0 is unstable"):
        variance_gain(learning_rate=2.5, momentum=0.5, curvature=1.0)
    with pytest.raises(ValueError, match=r"momentum=1\.0 must be"):
        diffusion_variance(learning_rate=1.0, **common | {"momentum": 1.0})
    with pytest.raises(ValueError, match="curvature="):
        heavy_ball_variance(learning_rate=1.0, **common | {"curvature": 0.0})
    with pytest.raises(ValueError, match="gradient_noise="):
        heavy_ball_variance(learning_rate=1.0, **common | {"gradient_noise": -1.0})
