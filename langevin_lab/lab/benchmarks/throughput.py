"""What a card can do at best: the cycles of a step by the rates of its units.

    cycles per step and processor = max over units of (its instructions per step)/(its rate)
    replica-steps per second      = processors * clock / cycles

Rates are results per cycle and multiprocessor. Those of classes of instructions stand in the CUDA
C++ Best Practices Guide, section 12.1.1, "Throughput of native arithmetic instructions" [NV25]
(until CUDA 12 in the Programming Guide, section 8.4.1). Which classes share a unit is in the Nsight
Compute Profiling Guide, "Pipelines" [NV25b]: FMA takes fp32 and integer products, ALU integers,
logic and compares, XU special functions and conversions. Four schedulers issue one instruction each
for 32 threads. It is a limit: latency, dependences, memory and the clock under load come on top.
"""

from __future__ import annotations

from dataclasses import dataclass

from langevin_lab.lab.benchmarks.instructions import CLASSES, StepCount

__all__ = ["CARDS", "RATES", "Card", "cycles", "limit", "reference_card"]

ISSUED = 128  # by four schedulers

# Compute capability -> class -> results per cycle and multiprocessor.
RATES: dict[tuple[int, int], dict[str, int]] = {
    (8, 0): {"fp64": 32, "fp32": 64, "multiply": 64, "integer": 64, "special": 16,
             "conversion": 16, "wide_conversion": 16},
    (8, 6): {"fp64": 2, "fp32": 128, "multiply": 64, "integer": 64, "special": 16,
             "conversion": 16, "wide_conversion": 2},
    (8, 9): {"fp64": 2, "fp32": 128, "multiply": 64, "integer": 64, "special": 16,
             "conversion": 16, "wide_conversion": 2},
    (9, 0): {"fp64": 64, "fp32": 128, "multiply": 64, "integer": 64, "special": 16,
             "conversion": 16, "wide_conversion": 16},
    (10, 0): {"fp64": 64, "fp32": 128, "multiply": 64, "integer": 64, "special": 16,
              "conversion": 16, "wide_conversion": 16},
}  # fmt: skip


@dataclass(frozen=True)
class Card:
    """What the limit depends on.

    Parameters
    ----------
    name : str
    capability : tuple of two int
    processors : int
        Streaming multiprocessors.
    clock : float
        Hz.
    """

    name: str
    capability: tuple[int, int]
    processors: int
    clock: float


# Full cards at their boost clocks, from NVIDIA's architecture papers: for counts without a card.
CARDS = {
    (8, 0): Card("A100", (8, 0), 108, 1.41e9),
    (8, 6): Card("GeForce RTX 3090", (8, 6), 82, 1.695e9),
    (8, 9): Card("GeForce RTX 4090", (8, 9), 128, 2.52e9),
    (9, 0): Card("H200", (9, 0), 132, 1.98e9),
    (10, 0): Card("B200", (10, 0), 148, 1.965e9),
}


def reference_card(capability: tuple[int, int]) -> Card:
    """The card that stands for a compute capability.

    Raises
    ------
    ValueError
        If its rates are not in the table.
    """
    if capability not in CARDS:
        known = ", ".join(f"sm_{major}{minor}" for major, minor in CARDS)
        raise ValueError(
            f"sm_{capability[0]}{capability[1]}: no table of rates for it; there is one for {known}"
        )
    return CARDS[capability]


def cycles(count: StepCount, capability: tuple[int, int]) -> dict[str, float]:
    """Cycles of a multiprocessor for one step of one replica, by the unit that they keep busy."""
    reference_card(capability)
    rates, number = RATES[capability], {name: count.per_step.get(name, 0.0) for name in CLASSES}
    return {
        "issue": count.total / ISSUED,
        "FP64": number["fp64"] / rates["fp64"],
        "FMA": (number["fp32"] + number["multiply"]) / rates["fp32"],
        "integer multiply": number["multiply"] / rates["multiply"],
        "ALU": number["integer"] / rates["integer"],
        "XU": (number["special"] + number["conversion"]) / rates["special"]
        + number["wide_conversion"] / rates["wide_conversion"],
    }


def limit(count: StepCount, card: Card) -> tuple[float, str]:
    """Replica-steps per second at best, and the unit that sets it."""
    busy = cycles(count, card.capability)
    unit = max(busy, key=lambda name: busy[name])
    return card.processors * card.clock / busy[unit], unit
