"""Every method once more, written from the papers and not from its program: the tests' reference.

A splitting word is taken letter by letter; the named methods are a few lines each. ``normals`` has
shape (n_normals, ..., dim), states are dicts of arrays (..., dim).
"""

import numpy as np

import langevin_lab as ll
from langevin_lab.integrators import ADAPTIVE_WORDS, WORDS

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
    "BACNCAB",
    "ACNB",
    "BU",
    "UBUBU",
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


def adaptive_letters(word, state, normals, dynamics, dt, temperature, gradient):
    """One step of a word for adaptive Langevin dynamics."""
    x, p, xi = state["x"], state["p"], state["xi"]
    mass, noise = np.asarray(dynamics.mass), dynamics.applied_noise
    part = {letter: dt / word.count(letter) for letter in set(word)}
    used = 0
    for letter in word:
        h = part[letter]
        if letter == "A":
            x = x + h * p / mass
        elif letter == "B":
            p = p - h * gradient(x)
        elif letter == "D":
            kinetic = (p**2 / mass).sum(axis=-1, keepdims=True)
            xi = xi + h * (kinetic - x.shape[-1] * temperature) / dynamics.thermal_mass
        elif letter == "C":
            p = np.exp(-dynamics.coupling * xi * h) * p
        else:
            scale = noise**2 * h
            if letter == "O":
                rate = dynamics.coupling * xi
                p = np.exp(-rate * h) * p
                scale = noise**2 * (1 - np.exp(-2 * rate * h)) / (2 * rate)
            p = p + np.sqrt(mass * scale) * normals[used]
            used += 1
    return {"x": x, "p": p, "xi": xi}


def joint_letters(word, state, normals, dynamics, dt, temperature, gradient):
    """One step of a word with U: the covariance of (p, x) from its integrals, then Cholesky."""
    x, p = state["x"], state["p"]
    # 64 bits of mantissa: the textbook covariance cancels to the third order of rate h.
    mass, rate = np.longdouble(dynamics.mass), np.longdouble(dynamics.friction)
    used = 0
    for letter in word:
        h = np.longdouble(dt) / word.count(letter)
        if letter == "B":
            p = p - h * gradient(x)
            continue
        e = np.exp(-rate * h)
        cov_pp = mass * temperature * (1 - e**2)
        cov_xp = temperature / rate * (1 - e) ** 2
        cov_xx = temperature / (mass * rate**2) * (2 * rate * h - 3 + 4 * e - e**2)
        first = np.sqrt(cov_pp)
        slope = cov_xp / first if temperature else 0.0
        x = x + (1 - e) / (rate * mass) * p + slope * normals[used]
        x = x + np.sqrt(cov_xx - slope**2) * normals[used + 1]
        p = e * p + first * normals[used]
        used += 2
    return {"x": x, "p": p}


def split_noise(word, state, normals, dynamics, dt, temperature, gradient):
    """One step of a word for Langevin dynamics with C and N in place of O."""
    x, p = state["x"], state["p"]
    mass, friction = np.asarray(dynamics.mass), np.asarray(dynamics.friction)
    part = {letter: dt / word.count(letter) for letter in set(word)}
    used = 0
    for letter in word:
        h = part[letter]
        if letter == "A":
            x = x + h * p / mass
        elif letter == "B":
            p = p - h * gradient(x)
        elif letter == "C":
            p = np.exp(-friction * h) * p
        else:
            p = p + np.sqrt(2 * friction * mass * temperature * h) * normals[used]
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


def rossler_additive(state, normals, dynamics, dt, temperature, gradient):
    """SRA1 from its tableau: increment I1 and double integral I10 of the Wiener process."""
    x, friction = state["x"], np.asarray(dynamics.friction)
    amplitude = np.sqrt(2 * temperature / friction)
    i1 = np.sqrt(dt) * normals[0]
    i10 = dt / 2 * (i1 + np.sqrt(dt / 3) * normals[1])
    first = -gradient(x) / friction
    second = -gradient(x + 3 / 4 * first * dt + 3 / 2 * amplitude * i10 / dt) / friction
    return {"x": x + dt * (first / 3 + 2 / 3 * second) + amplitude * i1}


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


def nose_hoover_euler(state, normals, dynamics, dt, temperature, gradient):
    x, p, xi = state["x"], state["p"], state["xi"]
    mass = np.asarray(dynamics.mass)
    noise = dynamics.applied_noise * np.sqrt(mass * dt) * normals[0]
    p = p - dynamics.coupling * xi * p * dt - gradient(x) * dt + noise
    x = x + p / mass * dt
    excess = (p**2 / mass).sum(axis=-1, keepdims=True) - x.shape[-1] * temperature
    return {"x": x, "p": p, "xi": xi + excess * dt / dynamics.thermal_mass}


def euler_with_acceptance(state, normals, dynamics, dt, temperature, gradient, scalar_normals):
    """MALA from its transition density: Gaussian proposals, Metropolis-Hastings ratio."""
    x, friction, energy = state["x"], np.asarray(dynamics.friction), dynamics.potential.energy
    h = dt / friction
    proposal = x - h * gradient(x) + np.sqrt(2 * temperature * h) * normals[0]

    def log_density(start, end):
        return -((end - start + h * gradient(start)) ** 2 / (4 * temperature * h)).sum(axis=-1)

    log_ratio = (energy(x) - energy(proposal)) / temperature
    log_ratio = log_ratio + log_density(proposal, x) - log_density(x, proposal)
    accepted = log_of_uniform(scalar_normals) <= log_ratio[..., None]
    return {"x": np.where(accepted, proposal, x), "accepted": accepted.astype(float)}


def obabo_with_acceptance(state, normals, dynamics, dt, temperature, gradient, scalar_normals):
    """GHMC: half an O, velocity Verlet with the Metropolis test on the energy, half an O."""
    mass, energy = np.asarray(dynamics.mass), dynamics.potential.energy
    c = np.exp(-np.asarray(dynamics.friction) * dt / 2)
    spread = np.sqrt((1 - c**2) * mass * temperature)
    x, p = state["x"], c * state["p"] + spread * normals[0]
    middle = p - dt / 2 * gradient(x)
    y = x + dt * middle / mass
    q = middle - dt / 2 * gradient(y)

    def total(x, p):
        return energy(x) + (p**2 / mass).sum(axis=-1) / 2

    log_ratio = (total(x, p) - total(y, q)) / temperature
    accepted = log_of_uniform(scalar_normals) <= log_ratio[..., None]
    x, p = np.where(accepted, y, x), np.where(accepted, q, -p)
    p = c * p + spread * normals[1]
    return {"x": x, "p": p, "accepted": accepted.astype(float)}


def log_of_uniform(scalar_normals):
    """Box and Muller: -(s0^2 + s1^2)/2 is the logarithm of a uniform number."""
    return -(scalar_normals[0] ** 2 + scalar_normals[1] ** 2) / 2


METROPOLIS = {
    ("MALA", "overdamped"): euler_with_acceptance,
    ("GHMC", "langevin"): obabo_with_acceptance,
}
NAMED = {
    ("EulerMaruyama", "overdamped"): euler_maruyama,
    ("LeimkuhlerMatthews", "overdamped"): leimkuhler_matthews,
    ("StochasticHeun", "overdamped"): stochastic_heun,
    ("SRA1", "overdamped"): rossler_additive,
    ("RK4", "overdamped"): runge_kutta_gradient_flow,
    ("RK4", "langevin"): runge_kutta_momentum_flow,
    ("SemiImplicitEuler", "langevin"): semi_implicit_euler,
    ("BBK", "langevin"): brunger_brooks_karplus,
    ("SGNHT", "adaptive"): nose_hoover_euler,
}

MORE_ADAPTIVE_WORDS = ("BADOAB", "BACDCAB", "OABDABO", "DBAOABD")
METHODS = [
    *NAMED,
    *METROPOLIS,
    *((word, "langevin") for word in (*WORDS, *MORE_WORDS)),
    *((word, "adaptive") for word in (*ADAPTIVE_WORDS, *MORE_ADAPTIVE_WORDS)),
]


def dynamics_for(scheme, potential, *, friction, mass, temperature=0.7):
    """Dynamics that the method can solve, with the given numbers as far as it may have them."""
    temperature = 0.0 if scheme.noiseless else temperature
    if scheme.properties.equation == "overdamped":
        return ll.Overdamped(potential, temperature=temperature, friction=friction)
    if scheme.properties.equation == "adaptive":
        return ll.AdaptiveLangevin(
            potential, temperature=temperature, thermal_mass=2.5, coupling=1.3, mass=mass,
            applied_noise=0.9 if scheme.n_normals else 0.0,
        )  # fmt: skip
    friction = friction if scheme.thermostatted else 0.0
    return ll.Langevin(potential, temperature=temperature, friction=friction, mass=mass)


def linear_dynamics(scheme, potential, *, temperature, friction):
    """Dynamics under which a step is linear: a thermostat is frozen at the friction."""
    if scheme.properties.equation == "adaptive":
        return ll.AdaptiveLangevin(
            potential, temperature=max(temperature, 1e-3), thermal_mass=np.inf,
            applied_noise=np.sqrt(2 * friction * temperature),
        )  # fmt: skip
    if scheme.properties.equation == "overdamped":
        return ll.Overdamped(potential, temperature=temperature, friction=friction)
    friction = friction if scheme.thermostatted else 0.0
    return ll.Langevin(potential, temperature=temperature, friction=friction)


def linear_keys(scheme):
    """Names whose entries a linear step maps: vectors of the state, and the last normal."""
    return [*scheme.program.state_vectors, *(key for key in scheme.stored if key == "r")]


def frozen_thermostats(scheme, friction, n):
    """Thermostats for `linear_dynamics`, shape (n, 1) each."""
    return {name: np.full((n, 1), friction) for name in scheme.program.thermostats}


def split(drawn, scheme, dim):
    """Numbers (..., n) of one step as normals (n_normals, ..., dim) and scalars (n, ..., 1)."""
    count = scheme.n_normals * dim
    normals = drawn[..., :count].reshape(*drawn.shape[:-1], scheme.n_normals, dim)
    return np.moveaxis(normals, -2, 0), np.moveaxis(drawn[..., count:, None], -2, 0)


def numbers_per_step(scheme, dim):
    """Standard normals that one replica draws a step."""
    return scheme.n_normals * dim + scheme.program.n_scalar_normals


def step(name, equation, state, normals, dynamics, dt, temperature, gradient, scalar_normals=()):
    """One step of any method."""
    if (name, equation) in METROPOLIS:
        return METROPOLIS[name, equation](
            state, normals, dynamics, dt, temperature, gradient, scalar_normals
        )
    arguments = (state, normals, dynamics, dt, temperature, gradient)
    if (name, equation) in NAMED:
        return NAMED[name, equation](*arguments)
    if equation == "adaptive":
        return adaptive_letters(name, *arguments)
    if "U" in name:
        return joint_letters(name, *arguments)
    return (split_noise if "C" in name else letters)(name, *arguments)
