"""Targets of speed as claims: predicted, measured, verdict.

On a card of the H200's class 2e11 replica-steps/s in float32 and 5e10 in float64 on the double
well, half of the arithmetic limit, a thousand times torchsde, twenty times a JAX scan and diffrax
on the same card; 4,096 networks at once fifty times as fast as compiled code on the CPU.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from langevin_lab.lab.benchmarks.records import Measured, Results, median

if TYPE_CHECKING:
    from langevin_lab.evidence import Claim

__all__ = ["claims", "left_open"]

WORK = "double well"
OWN = "langevin_lab cuda"
SOURCE = "target"
REPLICAS = 10**7  # at once, in all but the networks; fewer do not fill a card
RATES = {"float32": 2e11, "float64": 5e10}
SHARE_OF_LIMIT = 0.5
RATIOS = {"torchsde": 1000.0, "jax": 20.0, "diffrax": 20.0}
NETWORKS = 50.0
# The rates are for a card with as many multiprocessors, of a kind with 64 FP64 units each.
H200_PROCESSORS, H200_KINDS = 132, ("9.0", "10.0")


def claims(results: Results) -> list[Claim]:
    """What can be judged from the results; nothing but networks without a card."""
    return [*_of_rates(results), *_of_limits(results), *_of_ratios(results), *_of_networks(results)]


def left_open(results: Results) -> list[str]:
    """One line for each target that these results cannot judge, with the reason."""
    lines = []
    if results.device != "cuda":
        lines.append("targets of a card: run langevin-lab bench --device cuda where one is")
    elif not _is_large(results):
        lines.append(f"rates are for an H200-class card, not {results.machine.get('card')}")
    if results.device == "cuda" and not any(m.task.work == WORK for m in results.measured):
        lines.append(f"{WORK}: not among the works")
    sizes = {m.task.n_replicas for m in results.measured if m.task.work == WORK}
    if results.device == "cuda" and min(sizes, default=REPLICAS) < REPLICAS:
        lines.append(f"{WORK}: targets are for {REPLICAS:,} replicas, not {min(sizes):,}")
    if results.device == "cuda" and not results.networks:
        lines.append("ensembles of networks: not among the works")
    lines += _not_measured(results)
    if "error" in results.networks:
        lines.append(f"ensembles of networks: {results.networks['error']}")
    rough = {count["precision"] for count in results.counts if count.get("language") == "PTX"}
    lines += [f"share of the limit, {precision}: counted in PTX, which is rough; install nvdisasm"
              for precision in sorted(rough)]  # fmt: skip
    lines += [f"share of the limit, {count['precision']}: {count['error']}"
              for count in results.counts if "error" in count]  # fmt: skip
    return lines


def _not_measured(results: Results) -> list[str]:
    """Reasons, each once, and the programs that gave them."""
    who: dict[str, dict[str, None]] = {}
    for measured in results.measured:
        if measured.error:
            who.setdefault(measured.error, {})[f"{measured.task.work}, {measured.task.name}"] = None
    return [f"{'; '.join(names)}: {error}" for error, names in who.items()]


def _is_large(results: Results) -> bool:
    machine = results.machine
    is_of_kind = machine.get("compute capability") in H200_KINDS
    return is_of_kind and int(machine.get("multiprocessors", 0)) >= H200_PROCESSORS


def _own(results: Results, precision: str) -> Measured | None:
    """What the package did on the card, if that was enough to judge."""
    found = results.find(WORK, OWN, precision)
    return None if found is None or found.task.n_replicas < REPLICAS else found


def _of_rates(results: Results) -> Iterable[Claim]:
    from langevin_lab.evidence import AtLeast, Claim

    for precision, rate in RATES.items() if _is_large(results) else ():
        own = _own(results, precision)
        if own is not None:
            statement = f"{WORK}, {precision}: replica-steps/s"
            yield Claim(statement, SOURCE, AtLeast(rate), own.rate)


def _of_limits(results: Results) -> Iterable[Claim]:
    from langevin_lab.evidence import AtLeast, Claim

    for count in results.counts:
        own = _own(results, count["precision"])
        if own is not None and count.get("language") == "SASS":
            statement = f"{WORK}, {count['precision']}: share of the arithmetic limit"
            share = own.rate / count["limit"]
            yield Claim(statement, SOURCE, AtLeast(SHARE_OF_LIMIT), share)


def _of_ratios(results: Results) -> Iterable[Claim]:
    from langevin_lab.evidence import AtLeast, Claim

    for peer, least in RATIOS.items() if results.device == "cuda" else ():
        for precision in RATES:
            own, other = _own(results, precision), results.find(WORK, peer, precision)
            if own is not None and other is not None:
                statement = f"{WORK}, {precision}: times {peer}"
                yield Claim(statement, SOURCE, AtLeast(least), own.rate / other.rate)


def _of_networks(results: Results) -> Iterable[Claim]:
    from langevin_lab.evidence import AtLeast, Claim

    rates: Any = results.networks.get("rates", {})
    if "cpu" in rates and results.device == "cuda":
        for precision in sorted(RATES.keys() & rates.keys()):
            ratio = median(rates[precision]) / median(rates["cpu"])
            statement = f"4,096 networks at once, {precision}: times the CPU"
            yield Claim(statement, SOURCE, AtLeast(NETWORKS), ratio)
