"""The records: formulas that are evaluated, printed and set in LaTeX; one table of all."""

import inspect
import math
import re

import numpy as np
import pytest

from langevin_lab import limits
from langevin_lab.limits import CONVENTIONS, RULES, dictionary_table
from langevin_lab.limits.written_formula import SYMBOLS, WrittenFormula
from langevin_lab.potentials import expression

RECORDS = {**CONVENTIONS, **RULES}
VALUES = {
    "learning_rate": 0.11, "momentum": 0.7, "look_ahead": 0.3, "dampening": 0.2,
    "gradient_noise": 1.3, "batch_size": 5.0, "dt": 0.4, "friction": 0.6, "mass": 1.9,
    "temperature": 0.5, "curvature": 2.2,
}  # fmt: skip


def test_texts_of_baoab_and_bbk_are_the_functions_that_are_called():
    rng = np.random.default_rng(3)
    for name in ("BAOAB", "BBK"):
        record = CONVENTIONS[name]
        for result, function in record.functions.items():
            text = next(f for f in record.formulas if f.result == result)
            for _ in range(50):
                given = {"dt": rng.uniform(0.1, 1), "momentum": rng.uniform(0.01, 1),
                         "friction": rng.uniform(0.01, 1.9)}  # fmt: skip
                expected = function(given["momentum" if result == "friction" else "friction"],
                                    given["dt"])  # fmt: skip
                assert math.isclose(text(**given), expected, rel_tol=1e-12, abs_tol=1e-15)
                assert record.solve(result, **given) == expected
                assert not math.isclose(1.03 * text(**given), expected, rel_tol=1e-2)


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_momentum_and_friction_of_a_convention_invert_each_other(record):
    if not record.has("momentum"):
        return
    friction = record.solve("friction", momentum=0.7, dt=0.4)
    assert math.isclose(record.solve("momentum", friction=friction, dt=0.4), 0.7, rel_tol=1e-14)


FORMULAS = [
    formula
    for record in RECORDS.values()
    for formula in (*record.formulas, *(small for small, _ in record.small))
]


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_latex_says_what_the_text_says(formula):
    """The tree that is printed has the value of the text, and every constant is seen."""
    import sympy

    side = formula.latex.split(" = ", 1)[1]
    symbols = {sympy.Symbol(name, positive=True): value for name, value in VALUES.items()}
    shown = sympy.parse_expr(
        formula.text, local_dict={symbol.name: symbol for symbol in symbols}, evaluate=False
    )
    assert math.isclose(float(shown.subs(symbols)), formula(**VALUES), rel_tol=1e-12)
    for name in formula.names:
        assert re.search(rf"(?<![a-zA-Z\\]){re.escape(SYMBOLS[name])}(?![a-zA-Z])", side)
    assert side.count("{") == side.count("}")


def test_formula_is_set_in_latex():
    formula = WrittenFormula("learning_rate", "dt**2*(1 + momentum)/(2*mass)")
    assert formula.latex == r"\eta = \frac{h^{2} \left(1 + \mu\right)}{2 m}"
    words = WrittenFormula("position variance", "temperature/curvature")
    assert words.latex == r"\text{position variance} = \frac{T}{k}"
    assert words(temperature=3.0, curvature=2.0, mass=7.0) == 1.5


def test_misspelt_formula_fails_where_it_is_written():
    with pytest.raises(expression.ExpressionError, match="frictoin"):
        WrittenFormula("momentum", "1 - frictoin*dt")


def test_table_holds_every_record_formula_and_limit():
    heads, rows = dictionary_table()
    assert [row[0] for row in rows] == list(RECORDS)
    assert {len(row) for row in rows} == {len(heads)}
    for row, record in zip(rows, RECORDS.values()):
        assert row[1] == "; ".join(map(str, record.formulas))
        assert row[2] == record.exact
        for formula, limit in record.small:
            assert f"{formula} <= {limit:g}" in row[3]
        assert row[4] == record.source
        assert record.exact
        assert record.source
    assert rows[2][1] == (
        "learning_rate = dt**2/mass; momentum = 1 - friction*dt; friction = (1 - momentum)/dt"
    )
    _, printed = dictionary_table(latex=True)
    assert r"$\mu = 1 - \gamma h$" in printed[2][1]


def test_records_are_hashable_and_kept_under_their_names():
    assert len({hash(record) for record in RECORDS.values()}) == len(RECORDS)
    assert all(name == record.name for name, record in RECORDS.items())


def test_small_parameters_are_those_whose_constants_are_known():
    known = CONVENTIONS["BBK"].regime(friction=0.3, dt=0.5)
    assert [(small.name, small.value) for small in known] == [("friction per step", 0.15)]
    assert len(CONVENTIONS["BBK"].regime(friction=0.3, dt=0.5, curvature=1.0, mass=2.0)) == 2


def test_modules_and_functions_of_the_room_do_not_share_names():
    """`ll.limits.regime` is the module, whatever is exported."""
    for name in limits.__all__:
        assert not inspect.ismodule(getattr(limits, name))
    assert inspect.ismodule(limits.regime)
