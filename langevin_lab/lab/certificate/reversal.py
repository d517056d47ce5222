"""Checks of time reversal: of the step without friction and noise, of the process with them.

Deterministic. Drift, kick and thermostat run backwards when p and xi change sign: with J that
flip, J step J = step^-1 for a palindrome, at friction and temperature 0 (under a thermostat:
without noise). A word that is none is not reversible on an anharmonic potential.

Stochastic. The stationary process on a harmonic well, with lag-one covariance C = M Sigma, looks
the same backwards if C = J C^T J: generalised detailed balance. Where it holds:

    a palindrome whose letters O stand in one gap between two drifts (the step repeats, so the end
    of a word and its beginning are one gap). With F the part of the step before the gap's middle,
    the measure exp(-P.P/(2 mass T)) f(X) at (X, P) = F(x, p) is reversible for any function f,
    and f can be chosen to cancel <x p>, so that the measure is stationary as well. On a harmonic
    well, f is a function of the stiffness: it works for any frictions and masses.

    a kick between two O, as in AOBOA: P is then distributed around a value that depends on X and
    on the friction. In one coordinate one number f still suffices, in several with different
    frictions it does not. The same for C and N in place of O, whose temperature depends on the
    friction. Nor does it where the end of the step cuts such a gap in two (BOAOB).

What the derivation does not reach is measured and not judged: most palindromes with O in two gaps
(BAOAOAB) or with U have no detailed balance, but BABOBABOBAB has; nor have most other words, but
AOBA has in one coordinate.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from langevin_lab.lab.certificate.record import Check, held
from langevin_lab.lab.certificate.subject import (
    FRICTIONS,
    MASSES,
    STIFFNESS,
    Subject,
    blocks_of,
    stationary,
)

_ROUNDING = 1e-11
_BROKEN = 1e-6  # a residual that is no rounding
_STEP = 0.3

# Named methods: (step, process). BBK is velocity Verlet without friction; the process of the
# overdamped ones has a covariance that is a function of stiffness/friction.
_NAMED = {
    "BBK": (True, True),
    "SemiImplicitEuler": (False, False),
    "RK4": (False, None),
    "EulerMaruyama": (None, True),
    "LeimkuhlerMatthews": (None, True),
    "StochasticHeun": (None, True),
    "SRA1": (None, True),
    "SGNHT": (False, False),
}


def step_reversal(subject: Subject) -> Iterator[Check]:
    """Step, flip momenta, step, flip: back at the start."""
    dynamics = subject.coupled_dynamics(temperature=0.0, friction=0.0)
    potential = dynamics.potential
    state = subject.start(potential)
    normals = np.zeros((subject.method.n_normals, dynamics.dim))
    there = subject.step(state, normals, dynamics, _STEP, potential.gradient)
    turned = _flipped(subject, there)
    back = _flipped(subject, subject.step(turned, normals, dynamics, _STEP, potential.gradient))
    names = subject.method.state_names
    residual = max(float(np.abs(back[name] - state[name]).max()) for name in names)
    statement = "step, flip p, step, flip p: distance"
    yield _judged(statement, step_is_reversible(subject), residual)


def _flipped(subject: Subject, state):
    odd = {"p", *subject.program.thermostats}
    return {name: -value if name in odd else value for name, value in state.items()}


def process_reversal(subject: Subject) -> Iterator[Check]:
    """|C - J C^T J| relative to C, for one coordinate and for two."""
    one, two = process_is_reversible(subject)
    yield _judged("detailed balance, 1 coordinate", one, lag_one_asymmetry(subject))
    equal = bool(subject.program.thermostats)
    friction = subject.friction if equal or not subject.friction else FRICTIONS
    residual = lag_one_asymmetry(
        subject, stiffness=STIFFNESS, friction=friction, mass=MASSES if not equal else 1.0
    )
    kind = "one friction" if equal else "two frictions"
    yield _judged(f"detailed balance, 2 coordinates, {kind}", one if equal else two, residual)


def lag_one_asymmetry(subject: Subject, dt: float = _STEP, **problem) -> float:
    """Largest entry of C - J C^T J over that of C, C the lag-one covariance of the state."""
    step = subject.linear(dt, **problem)
    covariance = (step.matrix @ stationary(step.matrix, step.noise))[: step.n_state, : step.n_state]
    sign = np.ones(step.n_state)
    sign[step.dim :] = -1.0
    reversed_ = sign[:, None] * covariance.T * sign
    return float(np.abs(covariance - reversed_).max() / np.abs(covariance).max())


def _judged(statement: str, expected: bool | None, residual: float) -> Check:
    found = f"{residual:.1e}"
    if expected is None:
        return Check(statement, "not stated", found, "measured")
    if expected:
        return held(statement, "0", found, residual < _ROUNDING)
    return held(statement, "> 0", found, residual > _BROKEN)


def word_of(subject: Subject) -> str | None:
    """The method's name if it is a splitting word, else None."""
    name = subject.method.name
    return name if set(name) <= set("ABCDNOU") and {"A", "U"} & set(name) else None


def step_is_reversible(subject: Subject) -> bool | None:
    """Whether the step without friction and noise is its own inverse under the flip, if known."""
    if subject.equation == "partitioned":
        return _blocks_are_reversible(subject)
    word = word_of(subject)
    if word is None:
        return _NAMED.get(subject.method.name, (None, None))[0]
    if subject.program.thermostats:
        letters = word.replace("N", "").replace("C", "O")
    else:
        letters = "".join(letter for letter in word.replace("U", "A") if letter in "AB")
    return _merged(letters) == _merged(letters[::-1])


def _blocks_are_reversible(subject: Subject) -> bool:
    """The same for letters with blocks; one that draws its momentum anew has no way back."""
    from langevin_lab.integrators.partitions import is_palindrome, parse

    equations = [equation for _, equation in blocks_of(subject.method)]
    if "overdamped" in equations:
        return False
    sequence = parse(subject.method.name, equations)
    idle = {"langevin": "OCN", "adaptive": "N"}  # letters that do nothing here
    return is_palindrome([(b, k) for b, k in sequence if k not in idle[equations[b]]])


def _merged(letters: str) -> list[tuple[str, float]]:
    """Letters and shares of dt: neighbours that commute (A and D) sorted, equal ones joined."""
    sequence = list(letters)
    for _ in sequence:
        for i in range(len(sequence) - 1):
            if sequence[i] == "D" and sequence[i + 1] == "A":
                sequence[i : i + 2] = ["A", "D"]
    counts = {letter: letters.count(letter) for letter in letters}
    merged: list[tuple[str, float]] = []
    for letter in sequence:
        share = 1.0 / counts[letter]
        if merged and merged[-1][0] == letter:
            share += merged.pop()[1]
        merged.append((letter, round(share, 12)))
    return merged


def process_is_reversible(subject: Subject) -> tuple[bool | None, bool | None]:
    """Whether detailed balance holds in one coordinate, and in several; None if nothing says."""
    word = word_of(subject)
    if word is None:
        known = _NAMED.get(subject.method.name, (None, None))[1]
        return known, known
    word = word.replace("D", "")  # a frozen thermostat does nothing
    if word != word[::-1] or "U" in word:
        return None, None
    start = word.index("A")
    gaps = [gap for gap in (word[start:] + word[:start]).split("A") if set(gap) & set("OCN")]
    if len(gaps) != 1:
        return None, None
    plain = set(gaps[0].strip("B")) == {"O"}
    cut = bool(set(word[:start]) & set("OCN"))
    return plain or not cut or None, plain or None
