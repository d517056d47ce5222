"""What float32 does to averages: `python benchmarks/single_precision.py [--replicas N]`.

The text of a float32 kernel runs over numpy arrays with the bits of a card, beside the float64
ensemble with the same normals: what is left is rounding. One core, a few minutes; the table goes
to benchmarks/results/single_precision.json and stands in docs/how-to/gpu.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import numpy as np

import langevin_lab as ll
from langevin_lab.cuda import single_steps
from langevin_lab.cuda.single_normals import circle, radius

RESULTS = Path(__file__).with_name("results") / "single_precision.json"


def mean_with_error(values: np.ndarray) -> tuple[float, float]:
    """Mean over replicas and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size))


def moments_of_normals(bits: int = 22) -> dict[str, float]:
    """E n^2 - 1 and E n^4 - 3 by quadrature over the words, radius and angle apart."""
    count = 2**bits
    middle = (np.arange(count, dtype=np.uint64) << np.uint64(32 - bits)) + np.uint64(
        1 << (31 - bits)
    )
    words, zeros = middle.astype(np.uint32), np.zeros(count, np.uint32)
    u = middle * 2.0**-32
    squares = radius(words, zeros).astype(float) ** 2
    cosines = circle(np.float32(1.0), words, zeros)[0].astype(float) ** 2
    exact = -2.0 * np.log1p(-u), np.cos(2.0 * np.pi * u) ** 2
    # Only the differences are summed: of the functions themselves the midpoint rule is too coarse.
    second = 0.5 * (squares - exact[0]).mean() + 2.0 * (cosines - exact[1]).mean()
    fourth = (squares**2 - exact[0] ** 2).mean() * 0.375 + 8.0 * (cosines**2 - exact[1] ** 2).mean()
    return {"second": second, "fourth": fourth}


def stationary_bias(
    dynamics: ll.Langevin, dt: float, start: float, n_replicas: int, n_steps: int, centre: float
) -> dict[str, tuple[float, float]]:
    """(x - centre)^2 and p^2 over the later half: float32 minus float64, and float64."""
    every = 10
    run = ll.simulate(
        dynamics, "BAOAB", dt=dt, n_steps=n_steps, n_replicas=n_replicas, seed=1,
        start=start, start_momentum=0.0, save_every=every,
    )  # fmt: skip
    steps = single_steps(dynamics, "BAOAB", dt=dt, start=np.full((n_replicas, 1), start), seed=1)
    sums = np.zeros((4, n_replicas))
    for number, state in enumerate(itertools.islice(steps, n_steps), 1):
        if number % every == 0 and number > n_steps // 2:
            for row, (name, zero) in enumerate((("x", centre), ("p", 0.0))):
                reference = run[name].values[number // every - 1, :, 0] - zero
                single = state[name][:, 0].astype(float) - zero
                sums[2 * row] += single**2 - reference**2
                sums[2 * row + 1] += reference**2
    sums /= n_steps // every - n_steps // 2 // every
    names = ("x2_bias", "x2", "p2_bias", "p2")
    return {name: mean_with_error(row) for name, row in zip(names, sums)}


def passage_bias(n_replicas: int) -> dict[str, tuple[float, float]]:
    """Mean first-passage time of the double well, float32 minus float64, and float64."""
    motion = ll.Langevin(ll.potentials.double_well(), temperature=0.6, friction=1.0)
    dt, limit = 0.05, 6000
    arrivals = []
    reference = ll.simulate(
        motion, "BAOAB", dt=dt, n_steps=limit, n_replicas=n_replicas, seed=2, start=-1.0,
        start_momentum=0.0, save_every=1,
    )["x"].values[:, :, 0]  # fmt: skip
    arrivals.append(1 + (reference > 0.9).argmax(axis=0))
    assert (reference > 0.9).any(axis=0).all()
    first = np.zeros(n_replicas, int)
    steps = single_steps(motion, "BAOAB", dt=dt, start=np.full((n_replicas, 1), -1.0), seed=2)
    for number, state in enumerate(itertools.islice(steps, limit), 1):
        first[(first == 0) & (state["x"][:, 0] > np.float32(0.9))] = number
        if first.all():
            break
    times = dt * first, dt * arrivals[0]
    return {"bias": mean_with_error(times[0] - times[1]), "time": mean_with_error(times[1])}


def run(n_replicas: int) -> dict:
    """All figures."""
    well = ll.Langevin(ll.potentials.double_well(), temperature=0.2, friction=1.0)
    figures: dict = {"normals": moments_of_normals()}
    figures["double_well"] = stationary_bias(well, 0.05, 1.0, n_replicas, 4000, 0.0)
    figures["passage"] = passage_bias(n_replicas // 2)
    figures["far_from_zero"] = {}
    spring = ll.Potential.from_expression("(x - c)**2/2", variables=("x",), parameters={"c": 0.0})
    for exponent in (0, 8, 12, 14, 16, 17, 18, 19):
        centre = 2.0**exponent * 1.5 if exponent else 0.0
        motion = ll.Langevin(spring.with_parameters(c=centre), temperature=1.0, friction=1.0)
        figures["far_from_zero"][str(centre)] = stationary_bias(
            motion, 0.1, centre, n_replicas, 400, centre
        )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, default=4000)
    figures = run(parser.parse_args().replicas)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
