"""What an observed order says about a record: too low refutes, too high does only where it may.

A special problem - harmonic, without noise, with a frozen thermostat - can hide a leading error, so
that a method converges there faster than its record states in general (BAODAB under a frozen
thermostat is BAOAB). A faster one refutes a record only if this is less than what the method is
known to reach on every problem:

    a word, a chain, blocks     the order that symmetry alone gives its letters
    a scheme with a name        any order: its leading error shows on these problems
    any other method            nothing
"""

from __future__ import annotations

import math

from langevin_lab.lab.certificate.record import Check, held
from langevin_lab.lab.certificate.reversal import word_of
from langevin_lab.lab.certificate.subject import Subject, blocks_of

ORDER_SLACK = 0.15  # an observed order may be off by this much at the steps of the checks


def known_orders(subject: Subject) -> tuple[float, float]:
    """Weak and configurational order that a record may not fall short of.

    Returns
    -------
    tuple of float
        inf where the record has to be met, -inf where nothing is known.
    """
    from langevin_lab.integrators import names, partitioned
    from langevin_lab.integrators.words import orders

    name = subject.method.name
    if subject.equation == "partitioned":
        coordinates, equations = zip(*blocks_of(subject.method), strict=True)
        record = partitioned(name, equations, coordinates).properties
        return record.weak_order, record.configurational_order
    if word_of(subject):
        return orders(name)
    return (math.inf, math.inf) if name in {known for known, _ in names()} else (-math.inf,) * 2


def judged_order(statement: str, stated: float, observed: float, text: str, known: float) -> Check:
    """The verdict on a stated order.

    Parameters
    ----------
    statement : str
    stated, observed : float
        inf if there is no error at all, -inf if there is no order.
    text : str
        How ``observed`` is shown.
    known : float
        Of `known_orders`.

    Returns
    -------
    Check
    """
    if observed > stated + ORDER_SLACK and stated >= known:
        return Check(statement, f"at least {stated:g}", text, "holds")
    return held(statement, f"{stated:g}", text, bool(abs(observed - stated) < ORDER_SLACK))
