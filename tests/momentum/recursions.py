"""The optimisers once more, in positions alone and from their papers: the tests' reference."""

import numpy as np

import langevin_lab as ll


def numbers(value, n_steps):
    """A number or a schedule as a list, one entry a step."""
    return [float(value(n)) if callable(value) else float(value) for n in range(n_steps)]


def two_points(x, gradient, n_steps, rate, momentum, look_ahead):
    """Polyak's recursion of three successive points, its gradient perhaps taken further on."""
    rates, momenta, aheads = (numbers(v, n_steps) for v in (rate, momentum, look_ahead))
    path = [x, x]
    for eta, mu, a in zip(rates, momenta, aheads):
        now, before = path[-1], path[-2]
        velocity = now - before
        path.append(now + mu * velocity - eta * gradient(now + a * velocity))
    return path[1:]


def extrapolated(x, gradient, n_steps, rate, resistance=3.0):
    """Su, Boyd and Candes: x_k = y_{k-1} - s grad f(y_{k-1}), y_k = x_k + (k-1)/(k+r-1) (...)."""
    path, y = [x], x
    for k in range(1, n_steps + 1):
        path.append(y - rate * gradient(y))
        y = path[-1] + (k - 1) / (k + resistance - 1) * (path[-1] - path[-2])
    return path


def buffered(
    x, gradient, n_steps, rate, momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0
):
    """The algorithm box of PyTorch's documentation."""
    rates, momenta = numbers(rate, n_steps), numbers(momentum, n_steps)
    path, buffer = [x], None
    for eta, mu in zip(rates, momenta):
        g = gradient(path[-1]) + weight_decay * path[-1]
        if momentum != 0:
            buffer = g if buffer is None else mu * buffer + (1 - dampening) * g
            g = g + mu * buffer if nesterov else buffer
        path.append(path[-1] - eta * g)
    return path


def stepped(optimiser, potential, x, n_steps):
    """Positions of the optimiser's own numpy steps, schedules read step by step."""
    method, descent = optimiser.method(), ll.momentum.Descent(potential, optimiser)
    state = {name: np.zeros_like(x) for name in method.state_names} | {"x": x}
    path = [x]
    for n in range(n_steps):
        values = method.coefficients(descent.at(float(n)), 1.0)
        none = np.zeros((method.n_normals, *x.shape))
        state = method.step(state, none, values, potential.gradient)
        path.append(state["x"])
    return path
