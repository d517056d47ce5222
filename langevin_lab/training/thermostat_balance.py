"""Where the thermostat of AdLa settles: the balance of kinetic energy over one step.

Word "A C N D N C A B", half steps of A, C and N, the gradient G drawn once. With r the momentum
before the kick, p that after it, u that which the thermostat reads, all per coordinate,

    <p^2> = <r^2> + dt^2 (V + M) - 2 dt <r G>          B
    <r^2> = a (<u^2> + s),   <u^2> = a <p^2> + s       N, C and C, N;  a = exp(-xi dt)

where s = applied_noise^2 dt/2, V and M are the variance of G and the square of its mean, and
<r G> = P + dt M with the power P = <p grad U>. The thermostat holds <u^2> at T, so

    2 T sinh(xi dt) = dt^2 (V - M) - 2 dt P + 2 s cosh(xi dt)

For small steps it is xi = (applied_noise^2 + dt V - 2 P)/(2 T), and at rest, P = 0, the law
xi = (applied_noise^2 + dt V)/(2 T) of Leimkuhler and Shang (2016).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from langevin_lab.potentials import Minibatch, Network
from langevin_lab.potentials.network_evaluation import Passes

__all__ = ["gradient_moments", "settled_thermostat"]


def settled_thermostat(
    *,
    temperature: float,
    dt: float,
    applied_noise: float,
    gradient_variance: float,
    squared_gradient: float = 0.0,
    power: float = 0.0,
) -> float:
    """Return the mean friction at which a thermostat of AdLaLa or AdLa comes to rest.

    Parameters
    ----------
    temperature : float
        > applied_noise^2 dt/2: what the thermostat holds, per coordinate.
    dt : float
        > 0.
    applied_noise : float
        >= 0: sigma.
    gradient_variance : float
        >= 0: of one drawn gradient, per coordinate [energy^2/length^2].
    squared_gradient : float, optional
        >= 0: of the mean gradient, per coordinate.
    power : float, optional
        Mean of momentum times mean gradient after a kick, per coordinate; negative while a training
        goes downhill.

    Returns
    -------
    float
        [1/time], in the convention "code" of `dynamics.adla`.

    Raises
    ------
    ValueError
        If a number is out of its range, or the applied noise alone is hotter than the temperature.

    Source
    ------
    The balance at the head of this file; Leimkuhler and Shang (2016) for small steps at rest.

    Examples
    --------
    >>> numbers = {"temperature": 1e-4, "applied_noise": 0.01, "gradient_variance": 0.0}
    >>> round(settled_thermostat(dt=1e-6, **numbers), 6)          # sigma^2/(2 T)
    0.5
    """
    given = {
        "applied_noise": applied_noise, "gradient_variance": gradient_variance,
        "squared_gradient": squared_gradient,
    }  # fmt: skip
    if not (math.isfinite(dt) and dt > 0):
        raise ValueError(f"dt={dt} must be > 0 and finite")
    for name, value in given.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name}={value} must be >= 0 and finite")
    if not math.isfinite(power):
        raise ValueError(f"power={power} must be finite")
    noise = 0.5 * applied_noise**2 * dt
    if not (math.isfinite(temperature) and temperature > noise):
        raise ValueError(
            f"temperature={temperature} must be above applied_noise^2 dt/2={noise:.4g}, which the "
            "noise of half a step alone makes"
        )
    kick = dt**2 * (gradient_variance - squared_gradient) - 2.0 * dt * power
    hot, cold = temperature + noise, temperature - noise
    root = math.sqrt(kick**2 + 4.0 * hot * cold)
    # Of the two forms of the root the one in which nothing cancels.
    kept = 2.0 * cold / (kick + root) if kick > 0 else (root - kick) / (2.0 * hot)
    return -math.log(kept) / dt


def gradient_moments(network: Network, x: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the variance of one minibatch gradient.

    Parameters
    ----------
    network : Network
        With a batch size.
    x : array_like of shape (..., dim)

    Returns
    -------
    (mean, variance) : ndarrays of shape (..., dim)
        [energy/length] and its square. Without replacement the variance is that of a batch drawn
        by itself; that of an epoch's last batches, given the earlier ones, is another.

    Raises
    ------
    ValueError
        If the network has no batches, or x has a wrong last axis.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> network = ll.potentials.multilayer_perceptron([1.0, 2.0], [0.0, 1.0], hidden=(),
    ...                                               batch_size=1)
    >>> mean, variance = gradient_moments(network, [0.0, 0.0])
    >>> mean, variance                     # examples pull by (0, 0) and (-4, -2)
    (array([-2., -1.]), array([4., 1.]))
    """
    noise = network.gradient_noise
    if not isinstance(noise, Minibatch):
        raise ValueError(f"{network!r} draws no examples; give it a batch_size")
    mean = network.gradient(x)
    n, size = noise.n_examples, noise.batch_size
    # Of n examples without replacement: the correction of a finite population.
    share = 1.0 if noise.replacement else (n - size) / max(n - 1, 1)
    points = np.asarray(x, dtype=float).reshape(-1, network.dim)
    squares = np.array([_mean_square(network, point) for point in points]).reshape(mean.shape)
    loss = mean - network.parameters["weight_decay"] * np.asarray(x, dtype=float)
    return mean, (squares - loss**2) * share / size


def _mean_square(network: Network, x: np.ndarray) -> np.ndarray:
    """Mean over examples of the squares of their losses' gradients, shape (dim,).

    An example's gradient of a layer is the product of its slopes and its inputs, so sums of squares
    are one matrix product.
    """
    assert network.data is not None
    width = network.architecture.widths[0]
    inputs, targets = network.data.values[:, :width], network.data.values[:, width:]
    passes, out = Passes(network.architecture, x[None], inputs), np.zeros(network.dim)
    slopes = passes.output_slopes(targets)[0]
    for number in range(len(network.architecture.layers) - 1, -1, -1):
        layer = network.architecture.layers[number]
        values = passes.values[number].reshape(len(inputs), -1)
        out[layer.weights] = (slopes.T**2 @ values**2).ravel()
        out[layer.biases] = np.sum(slopes**2, axis=0)
        if number > 0:
            slopes = slopes @ passes.matrices[number][0][0] * passes.slopes[number - 1][0]
    return out / len(inputs)
