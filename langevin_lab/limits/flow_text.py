"""How a modified equation is written: lines of text, and LaTeX."""

from __future__ import annotations

from langevin_lab.limits.elementary_differentials import TreeSum


def power_text(name: str, power: int) -> str:
    """``h**2``, and "" for the power 0."""
    return "" if power == 0 else name if power == 1 else f"{name}**{power}"


def lines(head: str, series: tuple[TreeSum, ...]) -> list[str]:
    """One line for each power of the step that occurs."""
    rows = [f"{head} {series[0].text}"]
    for power, total in enumerate(series[1:], start=1):
        if total:
            rows.append(f"   + {power_text('h', power).replace('**', '^')} ({total.text})")
    return rows


def sum_latex(series: tuple[TreeSum, ...], order: int) -> str:
    """A series in h with its remainder."""
    pieces = [series[0].latex()]
    for power, total in enumerate(series[1:], start=1):
        if total:
            step = "h" if power == 1 else f"h^{power}"
            pieces.append(rf"{step} \left({total.latex()}\right)")
    return " + ".join([*pieces, rf"O(h^{{{order + 1}}})"])


def aligned(rows: list[str]) -> str:
    """Rows in an ``aligned`` environment."""
    separator = " \\\\\n"
    return f"\\begin{{aligned}}\n{separator.join(rows)}\n\\end{{aligned}}"
