"""Every method once more, written from the papers and not from its program: the tests' reference.

A splitting word is taken letter by letter; the named methods are a few lines each. ``normals`` has
shape (n_normals, ..., dim), states are dicts of arrays (..., dim).
"""

import numpy as np

# Beside `integrators.WORDS`: longer ones, unsymmetric ones, synonyms, no O, O alone at an end.
MORE_WORDS = (
    "V R O R V",
    "BOAB",
    "AOB",
    "OAB",
    "BOA",
    "AB",
    "BA",
    "OABOBAO",
    "BAOAOAB",
    "ABOBOBA",
    "BABOBAB",
    "OBABABO",
    "ABAOABA",
    "BOBAB",
)


def letters(word, state, normals, dynamics, dt, temperature, gradient):
    """One step of a splitting word."""
    word = word.replace(" ", "").translate(str.maketrans("VR", "BA"))
    x, p = state["x"], state["p"]
    mass, friction = np.asarray(dynamics.mass), np.asarray(dynamics.friction)
    part = {letter: dt / word.count(letter) for letter in set(word)}
    used = 0
    for letter in word:
        if letter == "A":
            x = x + part["A"] * p / mass
        elif letter == "B":
            p = p - part["B"] * gradient(x)
        else:
            c = np.exp(-friction * part["O"])
            p = c * p + np.sqrt((1 - c**2) * mass * temperature) * normals[used]
            used += 1
    return {"x": x, "p": p}


def euler_maruyama(state, normals, dynamics, dt, temperature, gradient):
    x, friction = state["x"], np.asarray(dynamics.friction)
    noise = np.sqrt(2 * temperature * dt / friction) * normals[0]
    return {"x": x - dt * gradient(x) / friction + noise}


def leimkuhler_matthews(state, normals, dynamics, dt, temperature, gradient):
    x, friction = state["x"], np.asarray(dynamics.friction)
    noise = np.sqrt(temperature * dt / (2 * friction)) * (state["r"] + normals[0])
    return {"x": x - dt * gradient(x) / friction + noise, "r": normals[0]}


def stochastic_heun(state, normals, dynamics, dt, temperature, gradient):
    x, friction = state["x"], np.asarray(dynamics.friction)
    noise = np.sqrt(2 * temperature * dt / friction) * normals[0]
    predicted = x - dt * gradient(x) / friction + noise
    return {"x": x - dt * (gradient(x) + gradient(predicted)) / (2 * friction) + noise}


def runge_kutta(y, dt, rate):
    """Classical Runge-Kutta for y' = rate(y)."""
    a = rate(y)
    b = rate(y + dt / 2 * a)
    c = rate(y + dt / 2 * b)
    d = rate(y + dt * c)
    return y + dt / 6 * (a + 2 * b + 2 * c + d)


def runge_kutta_gradient_flow(state, normals, dynamics, dt, temperature, gradient):
    friction = np.asarray(dynamics.friction)
    return {"x": runge_kutta(state["x"], dt, lambda x: -gradient(x) / friction)}


def runge_kutta_momentum_flow(state, normals, dynamics, dt, temperature, gradient):
    def rate(y):
        x, p = y
        return np.stack([p / np.asarray(dynamics.mass), -gradient(x) - dynamics.friction * p])

    x, p = runge_kutta(np.stack([state["x"], state["p"]]), dt, rate)
    return {"x": x, "p": p}


def semi_implicit_euler(state, normals, dynamics, dt, temperature, gradient):
    x, p = state["x"], state["p"]
    mass, friction = np.asarray(dynamics.mass), np.asarray(dynamics.friction)
    noise = np.sqrt(2 * friction * mass * temperature * dt) * normals[0]
    p = p - dt * gradient(x) - dt * friction * p + noise
    return {"x": x + dt * p / mass, "p": p}


def brunger_brooks_karplus(state, normals, dynamics, dt, temperature, gradient):
    x, p = state["x"], state["p"]
    mass, friction = np.asarray(dynamics.mass), np.asarray(dynamics.friction)
    force = np.sqrt(2 * friction * mass * temperature / dt)
    half = p + dt / 2 * (-gradient(x) - friction * p + force * state["r"])
    x = x + dt * half / mass
    p = (half + dt / 2 * (-gradient(x) + force * normals[0])) / (1 + friction * dt / 2)
    return {"x": x, "p": p, "r": normals[0]}


NAMED = {
    ("EulerMaruyama", "overdamped"): euler_maruyama,
    ("LeimkuhlerMatthews", "overdamped"): leimkuhler_matthews,
    ("StochasticHeun", "overdamped"): stochastic_heun,
    ("RK4", "overdamped"): runge_kutta_gradient_flow,
    ("RK4", "langevin"): runge_kutta_momentum_flow,
    ("SemiImplicitEuler", "langevin"): semi_implicit_euler,
    ("BBK", "langevin"): brunger_brooks_karplus,
}


def step(name, equation, state, normals, dynamics, dt, temperature, gradient):
    """One step of any method."""
    arguments = (state, normals, dynamics, dt, temperature, gradient)
    if (name, equation) in NAMED:
        return NAMED[name, equation](*arguments)
    return letters(name, *arguments)
