"""The findings as documents: Markdown and a web page, with the figures linked."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langevin_lab.lab.report import HEADINGS, provenance, record, summary
from langevin_lab.lab.reproduction import Finding, Result, duration
from langevin_lab.lab.store import Store, write_file

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>langevin_lab: verdicts</title>
<style>
body {{ font: 16px/1.45 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; }}
table {{ border-collapse: collapse; width: 100%; font-size: 0.9rem; }}
th, td {{ text-align: left; vertical-align: top; padding: 0.3rem 0.6rem; }}
th, td {{ border-bottom: 1px solid #ddd; }}
td:nth-child(3), td:nth-child(4), td:nth-child(5) {{ white-space: nowrap; text-align: right; }}
td:nth-child(6) {{ font-weight: 600; }}
tr.consistent td:nth-child(6) {{ color: #1a7f37; }}
tr.refuted td:nth-child(6) {{ color: #b3261e; }}
tr.inconclusive td:nth-child(6) {{ color: #8a6100; }}
img {{ max-width: 100%; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def write_report(
    store: Store, results: Sequence[Result], findings: Sequence[Finding]
) -> list[Path]:
    """Write report.md, report.html and claims.json into the results folder.

    Raises
    ------
    LabError
        If the folder cannot be written.
    """
    files = {
        "report.md": markdown(store, results, findings),
        "report.html": web_page(store, results, findings),
        "claims.json": json.dumps(record(results, findings), indent=1, allow_nan=False),
    }
    for name, text in files.items():
        write_file(store.folder / name, (text.rstrip() + "\n").encode())
    return [store.folder / name for name in files]


def markdown(store: Store, results: Sequence[Result], findings: Sequence[Finding]) -> str:
    """Return the report as Markdown, figures linked from the folder beside it."""
    lines = ["# Verdicts", "", summary(findings) + ".", ""]
    for result in results:
        facts = provenance(result)
        lines += [f"## {facts['experiment']}", "", facts["question"], ""]
        lines += _markdown_table(_of(findings, result))
        if _has_figure(store, result):
            name = facts["experiment"]
            lines += [f"![{name}](figures/{name}.png)", ""]
        lines += [_provenance_line(facts), ""]
    return "\n".join(lines)


def web_page(store: Store, results: Sequence[Result], findings: Sequence[Finding]) -> str:
    """Return the report as one HTML page without scripts."""
    parts = [f"<h1>Verdicts</h1>\n<p>{html.escape(summary(findings))}</p>"]
    for result in results:
        facts = {key: html.escape(str(value)) for key, value in provenance(result).items()}
        name = facts["experiment"]
        parts.append(f"<h2>{name}</h2>\n<p>{facts['question']}</p>")
        parts.append(_html_table(_of(findings, result)))
        if _has_figure(store, result):
            parts.append(f'<p><img src="figures/{name}.png" alt="figure of {name}"></p>')
        parts.append(f"<p><small>{_provenance_line(facts)}</small></p>")
    return _PAGE.format(body="\n".join(parts))


def _of(findings: Sequence[Finding], result: Result) -> list[Finding]:
    return [f for f in findings if f.experiment == result.task.experiment.name]


def _has_figure(store: Store, result: Result) -> bool:
    return (store.folder / "figures" / f"{result.task.experiment.name}.png").is_file()


def _provenance_line(facts: dict[str, Any]) -> str:
    return (
        f"Preset {facts['preset']}, {duration(float(facts['wall_seconds']))} on "
        f"{facts['created']}, result {facts['digest']}, commit {facts['git_commit']}, "
        f"configuration {facts['config']}."
    )


def _cells(finding: Finding) -> list[str]:
    verdict = finding.verdict
    return [
        verdict.claim.statement,
        verdict.claim.source,
        verdict.predicted_text,
        verdict.measured_text.replace("\n", ", "),
        verdict.z_text,
        verdict.outcome,
        verdict.reason,
    ]


def _markdown_table(findings: Sequence[Finding]) -> list[str]:
    heads = [*HEADINGS, "because"]
    rows = [heads, ["---"] * len(heads)] + [
        [html.escape(cell, quote=False).replace("|", "\\|") for cell in _cells(finding)]
        for finding in findings
    ]
    return ["| " + " | ".join(row) + " |" for row in rows] + [""]


def _html_table(findings: Sequence[Finding]) -> str:
    heads = "".join(f"<th>{heading}</th>" for heading in (*HEADINGS, "because"))
    rows = [
        f'<tr class="{finding.verdict.outcome}">'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(finding))
        + "</tr>"
        for finding in findings
    ]
    return f"<table><tr>{heads}</tr>\n" + "\n".join(rows) + "\n</table>"
