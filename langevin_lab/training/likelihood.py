"""The temperature at which a network's mean loss is a Bayesian posterior.

The energy of a network is a mean, U(x) = (1/n) sum_i loss_i + (weight_decay/2)|x|^2, so that at the
temperature T

    exp(-U(x)/T) = exp(-sum_i loss_i/(n T)) exp(-|x|^2/(2 T/weight_decay))

is the posterior of n independent examples where loss_i/(n T) is minus a log likelihood, under the
prior N(0, T/weight_decay) of every weight and bias. With m outputs, over which the losses but the
cross-entropy are means as well,

    cross_entropy             T = 1/n
    binary_cross_entropy      T = 1/(n m)
    mean_square               T = 2 s^2/(n m)      targets with Gaussian noise of variance s^2

Lower temperatures are "cold posteriors".
Source: Neal (1996) for likelihood and prior of networks; Wenzel et al. (2020) for cold posteriors.
"""

from __future__ import annotations

import math
from typing import Any

from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.potentials.network import Network

__all__ = ["check_network", "posterior_temperature", "prior_variance", "steps_per_epoch"]


def check_network(network: Any) -> Network:
    """The network itself; TypeError if it is none."""
    if not isinstance(network, Network):
        raise TypeError(
            f"{network!r:.80} is no network: give what ll.potentials.multilayer_perceptron returns"
        )
    return network


def posterior_temperature(network: Network, *, target_variance: float | None = None) -> float:
    """Return the temperature T at which exp(-U/T) is the posterior of the network's examples.

    Parameters
    ----------
    network : Network
        Of n examples, whatever the batch size.
    target_variance : float, optional
        s^2 > 0 of the noise of targets, for the loss mean_square only.

    Returns
    -------
    float
        [energy]

    Raises
    ------
    TypeError, ValueError
        If the argument is no network, or target_variance is missing, superfluous or not positive.

    Example
    -------
    >>> import langevin_lab as ll
    >>> moons = ll.potentials.two_moons(200, seed=1)
    >>> network = ll.potentials.multilayer_perceptron(
    ...     moons.inputs, moons.targets, loss="binary_cross_entropy", weight_decay=0.01)
    >>> posterior_temperature(network), prior_variance(network)
    (0.005, 0.5)
    """
    architecture = check_network(network).architecture
    assert network.data is not None
    n = network.data.n_examples
    if architecture.loss == "mean_square":
        if target_variance is None:
            raise ValueError(
                "target_variance is missing: the loss mean_square is a likelihood only for a given "
                "variance of the noise of targets"
            )
        check_positive("target_variance", target_variance)
        return 2.0 * target_variance / (n * architecture.widths[-1])
    if target_variance is not None:
        raise ValueError(
            f"target_variance={target_variance!r} belongs to the loss mean_square, not to "
            f"{architecture.loss}; leave it out"
        )
    return 1.0 / (n * (architecture.widths[-1] if "binary" in architecture.loss else 1))


def prior_variance(network: Network, *, target_variance: float | None = None) -> float:
    """Return the variance T/weight_decay of the Gaussian prior that the weight decay stands for.

    Arguments and errors are those of `posterior_temperature`.

    Returns
    -------
    float
        Of every weight and bias; infinite without weight decay.
    """
    temperature = posterior_temperature(network, target_variance=target_variance)
    decay = network.parameters["weight_decay"]
    return temperature / decay if decay > 0 else math.inf


def steps_per_epoch(network: Network) -> int:
    """Return the steps of an epoch, n_examples/batch_size rounded up; 1 for full batches.

    For methods with one gradient a step. Batches without replacement go through all examples
    before one comes twice, also across the ends of epochs.

    Raises
    ------
    TypeError
        If the argument is no network.
    """
    data, noise = check_network(network).data, network.gradient_noise
    assert data is not None
    size = getattr(noise, "batch_size", data.n_examples)
    return math.ceil(data.n_examples / size)
