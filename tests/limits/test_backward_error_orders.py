"""Methods against the flows that they are said to follow: kept to h^N, the error is h^(N + 1)."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

import langevin_lab as ll
from langevin_lab.evidence.observed_order import order
from langevin_lab.integrators import solve_flow
from langevin_lab.limits import TreeSum
from langevin_lab.limits.momentum_series import modified_flow_of_momentum
from langevin_lab.limits.splitting_series import modified_flow_of_word

# No symmetry, no vanishing derivative, two coordinates that pull at each other.
LANDSCAPE = ll.Potential.from_expression(
    "cosh(x)/2 + x*y/3 + y**2*(1 + sin(x)/2)/2 + k*y**3", ("x", "y"), {"k": 0.1}
)
START = np.array([0.8, -0.6])
VELOCITY = np.array([0.5, 0.3])
MASS = (1.0, 2.5)
FRICTION = 0.8
END = 1.0
METHODS = {
    "gradient descent": (0.0, 0.0),
    "heavy ball": (0.5, 0.0),
    "Nesterov": (0.5, 0.5),
    "momentum family": (0.4, -0.3),
}
WORDS = ["BAB", "ABA", "BAOAB", "OBABO", "ABOBA", "BAO", "OBA", "UBU", "BACNAB"]


def end_of(dynamics, start):
    path = solve_flow(dynamics, start, [END], rtol=1e-13, atol=1e-14)
    return path["x"].values[-1]


def end_of_values(rate):
    solution = solve_ivp(
        lambda t, x: rate(x), (0.0, END), START, method="DOP853", rtol=1e-13, atol=1e-14
    )
    return solution.y[:, -1]


def momentum_errors(flow, momentum, look_ahead, steps, *, has_formula=True):
    """Of the iteration that starts on the slow manifold, at the end."""
    errors = []
    for h in steps:
        x, velocity = START, flow.slow_velocity(LANDSCAPE, learning_rate=h)
        old = x - h * velocity(x)
        for _ in range(round(END / h)):
            move = x - old
            ahead = x + look_ahead * move
            old, x = x, x + momentum * move - h * LANDSCAPE.gradient(ahead)
        if has_formula:
            end = end_of(flow.dynamics(LANDSCAPE, learning_rate=h), START)
        else:
            end = end_of_values(flow.field(LANDSCAPE, learning_rate=h))
        errors.append(np.abs(x - end).max())
    return errors


def run_word(word, h):
    x, v, counts, mass = START, VELOCITY, Counter(word), np.array(MASS)
    for letter in word * round(END / h):
        t = h / counts[letter]
        if letter == "A":
            x = x + t * v
        elif letter == "B":
            v = v - t * LANDSCAPE.gradient(x) / mass
        elif letter in "OC":
            v = v * np.exp(-FRICTION * t)
        elif letter == "U":
            x = x + (1 - np.exp(-FRICTION * t)) / FRICTION * v
            v = v * np.exp(-FRICTION * t)
    return np.concatenate([x, v])


def word_errors(flow, word, steps):
    numbers = {"friction": FRICTION} if set(word) & set("OCU") else {}
    start = np.concatenate([START, VELOCITY])
    errors = []
    for h in steps:
        equation = flow.dynamics(LANDSCAPE, mass=MASS, dt=h, **numbers)
        errors.append(np.abs(run_word(word, h) - end_of(equation, start)).max())
    return errors


def assert_order(steps, errors, expected):
    observed = order(steps, errors)
    low, high = observed.interval()
    print(f"observed {observed}, interval [{low:.3f}, {high:.3f}], expected {expected}")
    assert abs(observed.value - expected) < 0.05
    assert low - 0.02 < expected < high + 0.02
    assert high - low < 0.3


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
@pytest.mark.parametrize("name", METHODS)
def test_momentum_method_follows_its_modified_flow(name, kept):
    momentum, look_ahead = METHODS[name]
    flow = modified_flow_of_momentum(kept, momentum=momentum, look_ahead=look_ahead)
    assert flow.name == name
    steps = 2.0 ** -np.arange(4 if kept == 3 else 5, 9)
    assert_order(steps, momentum_errors(flow, momentum, look_ahead, steps), kept + 1)


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
@pytest.mark.parametrize("word", WORDS)
def test_word_follows_its_modified_flow(word, kept):
    """A palindrome loses nothing where an odd power is left out."""
    steps = 2.0 ** -(np.arange(3, 7) if kept > 1 else np.arange(5, 9))
    errors = word_errors(modified_flow_of_word(word, kept), word, steps)
    palindrome = word.translate(str.maketrans("CN", "OO")).replace("OO", "O")
    is_even = palindrome == palindrome[::-1]
    assert_order(steps, errors, kept + 2 if is_even and kept % 2 == 0 else kept + 1)


def with_wrong_term(flow, component, power, index):
    """The flow with one coefficient 3 % too large."""
    drift = []
    for name, series in flow.drift:
        terms = list(series[power].terms)
        if name == component:
            tree, coefficient = terms[index]
            terms[index] = (tree, coefficient * sympy.Rational(103, 100))
        drift.append((name, (*series[:power], TreeSum(terms), *series[power + 1 :])))
    return dataclasses.replace(flow, drift=tuple(drift))


def assert_order_is_broken(steps, errors, expected, broken_at):
    """The finest pair of steps shows an order that is lower, as wrong terms of h^power give it."""
    slopes = np.diff(np.log(errors)) / np.diff(np.log(steps))
    print(f"slopes {slopes}, would be {expected}, wrong from {broken_at}")
    assert slopes[-1] < broken_at + 0.5


@pytest.mark.parametrize(
    ("power", "index"), [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2), (3, 3)]
)
def test_three_percent_in_one_momentum_coefficient_break_the_order(power, index):
    """Negative control: what is wrong in h^N shows in a flow that is kept to higher powers."""
    kept = power + 2
    right = modified_flow_of_momentum(kept, momentum=0.5, look_ahead=0.0)
    wrong = with_wrong_term(right, "x", power, index)
    steps = 2.0 ** -np.arange(8, 11) if power < 3 else 2.0 ** -np.arange(7, 10)
    errors = momentum_errors(wrong, 0.5, 0.0, steps, has_formula=False)
    assert_order_is_broken(steps, errors, kept + 1, power)


@pytest.mark.parametrize(
    ("word", "component", "power", "index"),
    [
        *(("BAOAB", "x", 2, index) for index in range(3)),
        *(("BAOAB", "v", 2, index) for index in range(4)),
        *(("BAO", "v", 3, index) for index in range(3)),
    ],
)
def test_three_percent_in_one_coefficient_of_a_word_break_the_order(word, component, power, index):
    kept = power + (2 if power == 2 else 1)
    wrong = with_wrong_term(modified_flow_of_word(word, kept), component, power, index)
    steps = 2.0 ** -np.arange(4, 7)
    assert_order_is_broken(steps, word_errors(wrong, word, steps), kept + 1, power)
