import io
import json

import pytest
from rich.console import Console

from langevin_lab.evidence import AtMost, Claim, Estimate, Order, OrderEstimate, judge
from langevin_lab.lab import Store, discover
from langevin_lab.lab.documents import write_report
from langevin_lab.lab.report import remarks, summary, verdict_table
from langevin_lab.lab.reproduction import Finding, findings, obtain, plan


def judged():
    claims = [
        Claim(
            "mean first passage time from the left well to the right one at T = 0.2",
            "Kramers (1940), eq. (17), with the first correction",
            182.418,
            Estimate(182.61, 0.35, 5000),
        ),
        Claim("rate", "Langer (1969)", 1.0840e-5, Estimate(1.31e-5, 3e-8, 40)),
        Claim("harmonic variance", "table", 1.0, 1.0 + 3e-14),
        Claim("order", "theory", Order(2), OrderEstimate(2.0512, 0.031, 90, 0.02)),
        Claim("third moment", "textbook", 0.25, Estimate(0.26, 0.028)),
        Claim("bound", "theorem", AtMost(1.0), Estimate(0.5, 0.1)),
    ]
    names = ["escape", "escape", "bias", "bias", "bias", "bias"]
    return [Finding(name, verdict) for name, verdict in zip(names, judge(claims))]


def rendered(width, **options):
    file = io.StringIO()
    console = Console(file=file, width=width, **options)
    console.print(verdict_table(judged(), width), crop=False)
    return file.getvalue()


NUMBERS = [
    "182.418",
    "182.61 ± 0.35",
    "(1.3100 ± 0.0030)e-05",
    "1.084e-05",
    "Δ 3e-14",
    "order 2",
    "2.051 ± 0.031",
    "bias ≤ 0.02",
    "0.260 ± 0.028",
    "≤ 1",
    "consistent",
    "refuted",
    "inconclusive",
]


@pytest.mark.parametrize("width", [60, 80, 100, 112, 120, 140, 200])
def test_no_number_is_cut_at_any_width(width):
    text = rendered(width)
    for number in NUMBERS:
        assert number in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= max(width, 72)


@pytest.mark.parametrize("width", [80, 120])
def test_every_word_of_claim_and_source_is_printed(width):
    words = " ".join(rendered(width).split())
    for finding in judged():
        for word in f"{finding.verdict.claim.statement} {finding.verdict.claim.source}".split():
            assert word in words


def test_source_has_its_own_column_where_there_is_room():
    assert "source" in rendered(120).splitlines()[1]
    assert "source" not in rendered(80).splitlines()[1]
    assert "[theorem]" in rendered(80)


def test_colour_only_on_a_terminal():
    assert "\x1b" not in rendered(80)
    assert "\x1b[1;31m" in rendered(80, force_terminal=True, color_system="standard")


def test_summary_counts_and_remarks_explain():
    assert summary(judged()) == (
        "6 claims: 4 consistent, 1 refuted, 1 inconclusive (family-wise false-alarm rate 1 %)"
    )
    assert summary([]) == "0 claims: none (family-wise false-alarm rate 1 %)"
    first, second = remarks(judged())
    assert first.startswith("refuted: escape: rate: off by 20.8 %, p = ")
    assert second.startswith("inconclusive: bias: third moment: could not refute an error below")


@pytest.fixture
def written(laboratory):
    laboratory.add("good")
    laboratory.add_figure("good")
    text = laboratory.add("wrong", constant="0.55").read_text()
    laboratory.write("wrong", text.replace("mean of a uniform variable", "<x> | one"))
    results = Store(laboratory.results)
    collected = [obtain(results, task) for task in plan(results, discover()[0])]
    (laboratory.results / "figures").mkdir()
    (laboratory.results / "figures" / "good.png").write_bytes(b"")
    judged = findings(collected, false_alarm_rate=0.01)
    return {path.name: path.read_text() for path in write_report(results, collected, judged)}


def test_json_holds_every_claim_and_its_origin(written):
    record = json.loads(written["claims.json"])
    assert record["counts"] == {"consistent": 3, "refuted": 1, "inconclusive": 0}
    assert [claim["experiment"] for claim in record["claims"]] == ["good"] * 2 + ["wrong"] * 2
    wrong = record["claims"][2]
    assert wrong["verdict"] == "refuted"
    assert wrong["prediction"] == {"form": "Point", "value": 0.55, "stderr": 0.0}
    assert wrong["n_eff"] == 10_000
    assert record["experiments"][0]["config"]["n_samples"] == 10_000
    assert record["experiments"][0]["git_commit"] is None


def test_markdown_escapes_bars_and_tags(written):
    text = written["report.md"]
    assert "| &lt;x&gt; \\| one | textbook | 0.55 | " in text
    assert "![good](figures/good.png)" in text
    assert "figures/wrong.png" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.replace("\\|", "").count("|") for row in rows} == {8}


def test_web_page_is_escaped_and_coloured_by_verdict(written):
    text = written["report.html"]
    assert "<td>&lt;x&gt; | one</td>" in text
    assert text.count('<tr class="refuted">') == 1
    assert text.count('<tr class="consistent">') == 3
    assert '<img src="figures/good.png"' in text
    assert "<script" not in text


def test_report_depends_on_the_results_only(laboratory, written):
    results = Store(laboratory.results)
    collected = [obtain(results, task) for task in plan(results, discover()[0])]
    judged = findings(collected, false_alarm_rate=0.01)
    for path in write_report(results, collected, judged):
        assert path.read_text() == written[path.name]
