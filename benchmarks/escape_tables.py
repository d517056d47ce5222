"""Print the escape tables 7.3 and 7.4 of the theory sheet: digits, error bounds and seconds.

    python benchmarks/escape_tables.py

Mean passage times on (x^2 - 1)^2 by quadrature and by spectrum, spectral gaps, the ratio to
Eyring-Kramers in the plane, hop rates of Langevin dynamics at every friction, and the turnover.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

import langevin_lab as ll

TEMPERATURES = (0.1, 0.15, 0.2, 0.25, 0.3, 0.5)
FRICTIONS = (0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0)
ENTROPIC = "(x**2 - 1)**2 + (y**2/2)*(1 + 3*exp(-4*x**2))"


@contextmanager
def table(title: str) -> Iterator[None]:
    """Print a title, and the seconds that the table took."""
    print(f"\n{title}")
    started, processor = time.perf_counter(), time.process_time()
    yield
    wall, used = time.perf_counter() - started, time.process_time() - processor
    print(f"{wall:.1f} s ({used:.1f} s of processor)")


def passages() -> None:
    """Table 7.3, each time twice."""
    for temperature in TEMPERATURES:
        dynamics = ll.Overdamped(ll.potentials.double_well(), temperature=temperature)
        row = [f"T={temperature:<5g}"]
        for target in (0.0, 1.0):
            integral = ll.exact.mean_first_passage_time(dynamics, -1.0, target)
            spectral = ll.exact.first_passage_law(dynamics, -1.0, target).mean
            row.append(f"-1 -> {target:g}: {integral}, {spectral}")
        row.append(f"gap {ll.exact.spectral_gap(dynamics)}")
        print("  ".join(row))


def plane() -> None:
    """Gap over twice the Eyring-Kramers rate in two dimensions."""
    potential = ll.Potential.from_expression(ENTROPIC, variables=("x", "y"))
    for temperature in (0.1, 0.15, 0.2, 0.3):
        gap = ll.exact.spectral_gap(ll.Overdamped(potential, temperature=temperature))
        rate = ll.escape.eyring_kramers(potential, (-1, 0), (0, 0), temperature).value
        print(f"T={temperature:<5g} gap {gap}  gap/2k {gap.value / (2 * rate):.4f}")


def hop_rate(temperature: float, friction: float) -> ll.exact.Reference:
    """Exact hop rate of Langevin dynamics on the double well."""
    well = ll.potentials.double_well()
    return ll.exact.escape_rate(ll.Langevin(well, temperature=temperature, friction=friction))


def hops() -> None:
    """Table 7.4."""
    for friction in FRICTIONS:
        rates = "  ".join(f"T={t:g}: {hop_rate(t, friction)}" for t in (0.1, 0.2))
        print(f"friction {friction:<4g} {rates}")


def turnover() -> None:
    """Friction of the largest rate, from a quartic through five rates."""
    for temperature, middle in ((0.1, 0.45), (0.15, 0.6), (0.2, 0.72), (0.3, 0.9)):
        logs = np.log(middle) + np.linspace(-0.4, 0.4, 5)
        rates = [hop_rate(temperature, float(np.exp(x))).value for x in logs]
        fit = np.polynomial.Polynomial.fit(logs, rates, 4)
        top = max((x.real for x in fit.deriv().roots() if abs(x.real - logs[2]) < 0.4), key=fit)
        print(f"T={temperature:<5g} friction {np.exp(top):.4f}  rate {fit(top):.5g}")


TABLES: dict[str, Callable[[], None]] = {
    "7.3: mean passage times by quadrature and by spectrum, and gaps": passages,
    "7.3: entropic barrier in the plane": plane,
    "7.4: hop rates": hops,
    "7.4: turnover": turnover,
}

if __name__ == "__main__":
    with table("all tables"):
        for title, fill in TABLES.items():
            with table(title):
                fill()
