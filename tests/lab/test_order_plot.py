"""The panel of orders: what it shows, and that it shows every study."""

import matplotlib
import numpy as np
import pytest

from langevin_lab.evidence import ConvergenceStudy, Estimate, order
from langevin_lab.lab.order_plot import draw_orders

matplotlib.use("Agg")
STEPS = (0.4, 0.2, 0.1, 0.05)


def study(name, kind, power, **changes):
    errors = tuple(Estimate(h**power, 0.02 * h**power, 100) for h in STEPS)
    fields = {
        "method": name, "kind": kind, "steps": STEPS, "errors": errors, "used": (True,) * 4,
        "order": order(STEPS, errors), "expected": float(power), "how": "made up", "source": "test",
    }  # fmt: skip
    return ConvergenceStudy(**(fields | changes))


@pytest.fixture(autouse=True)
def closed():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


def slopes_of_triangles(axes):
    """Slope of the long side of every closed line of four points."""
    for line in axes.lines:
        x, y = (np.log(np.asarray(data, dtype=float)) for data in line.get_data())
        if len(x) == 4 and x[0] == x[3] and y[0] == y[3]:
            yield (y[2] - y[0]) / (x[2] - x[0])


def test_one_panel_a_kind_and_one_triangle_an_expected_order():
    figure = draw_orders(
        study("one", "weak", 1), study("two", "weak", 2), study("three", "strong", 1)
    )
    weak, strong = figure.axes
    assert sorted(slopes_of_triangles(weak)) == pytest.approx([1, 2])
    assert list(slopes_of_triangles(strong)) == pytest.approx([1])
    assert [text.get_text() for text in weak.get_legend().get_texts()] == [
        "one: 1.000 ± 0.046",
        "two: 2.000 ± 0.046",
    ]
    assert [text.get_text() for text in weak.get_xticklabels()] == ["0.4", "0.2", "0.1", "0.05"]


def test_triangles_lie_below_the_errors():
    (axes,) = draw_orders(study("two", "weak", 2)).axes
    for line in axes.lines:
        x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        if len(x) == 4 and x[0] == x[3]:
            assert (y < x**2).all()


def test_missing_errors_and_orders_are_shown_as_such():
    errors = (None, *(Estimate(h**2, 2 * h**2, 30) for h in STEPS[1:]))
    poor = study("poor", "weak", 2, errors=errors, used=(False,) * 4, order=None)
    none = study("none", "weak", 2, errors=(None,) * 4, used=(False,) * 4, order=None)
    (axes,) = draw_orders(poor, none).axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["poor: no order", "none: no order"]
    assert axes.get_ylim()[0] > 0


def test_slopes_known_to_nothing_have_no_line():
    loud = tuple(Estimate(h, 0.4 * h, 10) for h in STEPS)
    (axes,) = draw_orders(study("loud", "weak", 1, order=order(STEPS, loud))).axes
    lines = [
        line for line in axes.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 2
    ]
    assert not lines


def test_no_study_and_mixed_kinds_are_refused():
    from langevin_lab.lab.order_plot import draw_order_panel

    with pytest.raises(ValueError, match="no studies: give one ConvergenceStudy or more"):
        draw_orders()
    with pytest.raises(ValueError, match=r"studies are of kinds \['strong', 'weak'\]"):
        draw_order_panel(None, study("a", "weak", 1), study("b", "strong", 1))
