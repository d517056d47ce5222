"""Results as tables: who was how fast, what limits a card, which targets hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langevin_lab.lab.benchmarks.instructions import CLASSES
from langevin_lab.lab.benchmarks.records import Measured, Results, median
from langevin_lab.lab.benchmarks.verdicts import claims, left_open
from langevin_lab.lab.messages import table

__all__ = ["show", "show_counts"]

_MACHINE = ("card", "driver", "compute capability", "multiprocessors", "clock", "processor",
            "cores", "load before", "created", "commit")  # fmt: skip


def show(results: Results, out: Any) -> bool:
    """Print everything; return whether a target is missed."""
    facts = results.machine
    known = [f"{name}: {facts[name]}" for name in _MACHINE if name in facts]
    known += [f"{name} {value}" for name, value in facts.items() if name not in _MACHINE]
    out.print("; ".join(known), markup=False, highlight=False)
    for work in dict.fromkeys(measured.task.work for measured in results.measured):
        out.print(_speeds([m for m in results.measured if m.task.work == work]), crop=False)
    if results.counts:
        show_counts(results.counts, out)
    for name, rates in results.networks.get("rates", {}).items():
        rate = median(rates)
        text = f"networks, {name}: {power(rate.value, rate.stderr)} network-steps/s"
        out.print(text, markup=False, highlight=False)
    return _judge(results, out)


def _speeds(rows: Sequence[Measured]) -> Any:
    """One work: replica-steps per second, and how many times slower than the first.

    Programs that were not measured have a row, and their reason below all tables.
    """
    sheet = table(title=f"{rows[0].task.work}, {rows[0].task.n_replicas:,} replicas")
    sheet.add_column("program", overflow="fold")
    for heading in ("steps/s alone", "whole call", "slower by", "mean"):
        sheet.add_column(heading, justify="right", no_wrap=True)
    first = next((row for row in rows if not row.error), None)
    for row in rows:
        if row.error or first is None:
            sheet.add_row(row.task.name, *["-"] * 4)
            continue
        sheet.add_row(
            row.task.name, power(row.rate.value, row.rate.stderr), power(row.whole_rate),
            f"{first.rate.value / row.rate.value:.3g}", f"{row.mean:.4g}",
        )  # fmt: skip
    return sheet


def power(value: float, error: float | None = None) -> str:
    """A rate as 2.31e+11, with its error in per cent."""
    scatter = "" if error is None else f" ± {100 * error / value:.1f} %"
    return f"{value:.2e}{scatter}"


def show_counts(counts: Sequence[dict[str, Any]], out: Any) -> None:
    """Print instructions per replica-step, cycles by unit, and the limit: counted, not measured."""
    for count in counts:
        if "error" in count:
            text = f"{count['precision']}: not counted: {count['error']}"
            out.print(text, markup=False, soft_wrap=True)
    rows = [count for count in counts if "error" not in count]
    if not rows:
        return
    out.print(f"double well, BAOAB: one step of one replica, counted for {rows[0]['card']}")
    sheet = table()
    sheet.add_column("instructions")
    for count in rows:
        sheet.add_column(f"{count['precision']}, {count['language']}", justify="right")
    for name in CLASSES:
        values = [count["per_step"].get(name, 0.0) for count in rows]
        if any(values):
            sheet.add_row(name, *(f"{value:.1f}" for value in values))
    sheet.add_section()
    for unit in rows[0]["cycles"]:
        sheet.add_row(f"cycles, {unit}", *(f"{count['cycles'][unit]:.3f}" for count in rows))
    sheet.add_section()
    ptx = any(count["language"] == "PTX" for count in rows)
    rough = "; PTX is not what runs, nvdisasm would show that" if ptx else ""
    limits = [f"{power(count['limit'])} ({count['unit']})" for count in rows]
    sheet.add_row("limit, replica-steps/s", *limits)
    out.print(sheet, crop=False)
    out.print(
        f"limit = {rows[0]['processors']} multiprocessors x {rows[0]['clock'] / 1e9:g} GHz / "
        "cycles of the busiest unit, rates per cycle from NVIDIA's table; counted, not measured"
        + rough,
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


def _judge(results: Results, out: Any) -> bool:
    from langevin_lab.evidence import judge
    from langevin_lab.lab.report import FALSE_ALARM_RATE, remarks, summary, verdict_table
    from langevin_lab.lab.reproduction import Finding

    verdicts = judge(claims(results), false_alarm_rate=FALSE_ALARM_RATE)
    found = [Finding("bench", verdict) for verdict in verdicts]
    if found:
        out.print(verdict_table(found, out.width), crop=False)
        for line in [*remarks(found), summary(found)]:
            out.print(line, markup=False, highlight=False, soft_wrap=True)
    for line in left_open(results):
        out.print(f"open: {line}", markup=False, highlight=False, soft_wrap=True)
    return any(finding.verdict.outcome == "refuted" for finding in found)
