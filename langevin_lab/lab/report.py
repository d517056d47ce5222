"""The verdict table for terminals of any width, its summary, and the same findings as JSON."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langevin_lab.lab.reproduction import Finding, Result

if TYPE_CHECKING:
    from rich.table import Table

    from langevin_lab.evidence.families import Outcome, Verdict

FALSE_ALARM_RATE = 0.01
_WIDE = 112  # columns from which the source has a column of its own
_STYLES: dict[Outcome, str] = {
    "consistent": "green",
    "refuted": "bold red",
    "inconclusive": "yellow",
}
HEADINGS = ("claim", "source", "predicted", "measured", "z", "verdict")


def verdict_table(findings: Sequence[Finding], width: int) -> Table:
    """Return the table of all claims, by experiment; numbers are never cut.

    Parameters
    ----------
    findings : sequence of Finding
    width : int
        Columns of the terminal; below 112 the source stands under the claim.
    """
    from rich.text import Text

    from langevin_lab.lab.messages import table

    wide = width >= _WIDE
    numbers = [_number_cells(finding.verdict) for finding in findings]
    sheet = table(padding=(0, 1, 0, 0))
    sheet.add_column("claim", overflow="fold")
    if wide:
        sheet.add_column("source", overflow="fold")
    for index, heading in enumerate(HEADINGS[2:]):
        # A column as wide as its widest entry is never shrunk, so no digit is lost.
        lines = [line for cells in numbers for line in cells[index].split("\n")]
        needed = max(map(len, [heading, *lines]))
        right = heading != "verdict"
        sheet.add_column(heading, justify="right" if right else "left", min_width=needed)
    grouped = itertools.groupby(zip(findings, numbers), lambda pair: pair[0].experiment)
    for name, group in grouped:
        sheet.add_row(Text(name, style="bold"))
        for finding, cells in group:
            claim = finding.verdict.claim
            words = [Text(claim.statement), Text(claim.source, style="dim")]
            if not wide:
                words = [Text.assemble(claim.statement, "\n", (f"[{claim.source}]", "dim"))]
            outcome = Text(cells[-1], style=_STYLES[finding.verdict.outcome])
            sheet.add_row(*words, *cells[:-1], outcome)
        sheet.add_section()
    return sheet


def summary(findings: Sequence[Finding]) -> str:
    """One line with the counts."""
    counts = Counter(finding.verdict.outcome for finding in findings)
    parts = [f"{counts[outcome]} {outcome}" for outcome in _STYLES if counts[outcome]]
    rate = f"family-wise false-alarm rate {100 * FALSE_ALARM_RATE:g} %"
    return f"{len(findings)} claims: {', '.join(parts) or 'none'} ({rate})"


def remarks(findings: Sequence[Finding]) -> list[str]:
    """Why each claim that is not consistent is not."""
    return [
        f"{finding.verdict.outcome}: {finding.experiment}: {finding.verdict.claim.statement}: "
        f"{finding.verdict.reason}"
        for finding in findings
        if finding.verdict.outcome != "consistent"
    ]


def record(results: Sequence[Result], findings: Sequence[Finding]) -> dict[str, Any]:
    """Return everything in the report as plain JSON values."""
    counts = Counter(finding.verdict.outcome for finding in findings)
    return {
        "false_alarm_rate": FALSE_ALARM_RATE,
        "counts": {outcome: counts[outcome] for outcome in _STYLES},
        "experiments": [provenance(result) for result in results],
        "claims": [
            {"experiment": finding.experiment} | finding.verdict.record() for finding in findings
        ],
    }


def provenance(result: Result) -> dict[str, Any]:
    """Return what the stored file says about itself."""
    attributes = result.dataset.attrs
    return {
        "experiment": result.task.experiment.name,
        "question": attributes["question"],
        "preset": result.task.preset,
        "config": json.loads(attributes["config"]),
        "digest": attributes["digest"],
        "created": attributes["created"],
        "wall_seconds": float(attributes["wall_seconds"]),
        "versions": json.loads(attributes["versions"]),
        "git_commit": attributes["git_commit"] or None,
    }


def _number_cells(verdict: Verdict) -> list[str]:
    return [verdict.predicted_text, verdict.measured_text, verdict.z_text, verdict.outcome]
