"""The README's table and example are what the package prints."""

import json
import re
from pathlib import Path

import pytest

from langevin_lab.evidence import Estimate

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CLAIMS = ROOT / "results" / "claims.json"


def quoted_rows():
    table = README.split("| claim | source |")[1].split("\n\n")[0]
    rows = [line for line in table.splitlines()[2:] if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.skipif(not CLAIMS.is_file(), reason="make reproduce writes results/claims.json")
def test_quoted_claims_are_those_of_the_last_reproduction():
    findings = json.loads(CLAIMS.read_text(encoding="utf-8"))["claims"]
    printed = {finding["statement"]: finding for finding in findings}
    assert f"a table of {len(findings)} claims" in README
    assert len(quoted_rows()) == 4
    for statement, source, predicted, measured, _, verdict in quoted_rows():
        finding = printed[statement]
        assert (source, predicted, verdict) == (
            finding["source"], finding["predicted"], finding["verdict"],
        )  # fmt: skip
        assert measured.split(",")[0] == str(Estimate(finding["measured"], finding["stderr"]))


@pytest.mark.slow
def test_python_example_runs_as_printed(capsys):
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code) == 1
    exec(compile(code[0], "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert re.search(r"^0\.93\d+ ± 0\.0\d+", printed, re.MULTILINE)
    assert re.search(r"exact: 69\.26", printed)
