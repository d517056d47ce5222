"""The table of torchsde's orders: every solver on every equation, and claims that can fail."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray
from shipped import experiment

pytest.importorskip("torchsde")

module = experiment("torchsde_orders")


@pytest.fixture(scope="module")
def dataset():
    """Few paths and large steps: orders are in tests/pytorch, here is what becomes of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STEPS", 2.0 ** -np.arange(2, 6))
        patch.setattr(module, "COARSE", 2.0 ** -np.arange(1, 5))
        return module.run(module.Config(n_paths=400, n_coupled_paths=40))


def test_every_solver_has_a_row_on_every_equation_that_it_fits(dataset):
    from langevin_lab.pytorch import sde_examples
    from langevin_lab.pytorch.sde_records import SOLVERS

    rows = set(zip(*(dataset[name].values for name in ("problem", "calculus", "solver"))))
    assert len(rows) == dataset.sizes["row"]
    for calculus in module.CALCULI:
        for name, problem in sde_examples(calculus).items():
            for solver in problem.solvers:
                assert (name, calculus, solver) in rows
    assert {solver.split()[0] for _, _, solver in rows} == set(SOLVERS) - {"log_ode"}


def test_orders_that_differ_from_the_records_are_the_stated_ones(dataset):
    special = dataset["row_expected"].values != dataset["recorded"].values
    lower = dataset["row_expected"].values < dataset["recorded"].values
    assert set(dataset["solver"].values[lower]) == {"milstein grad_free"}
    assert set(dataset["problem"].values[lower]) == {"bounded"}
    raised = dataset.isel(row=special & (dataset["solver"].values == "reversible_heun"))
    assert set(raised["problem"].values) == {"geometric", "bounded", "fading", "rotating"}


def test_claims_of_a_small_run(dataset):
    found = module.claims(dataset)
    assert len(found) == dataset.sizes["row"] + 1 + dataset.sizes["mistake"]
    statements = [claim.statement for claim in found]
    assert len(set(statements)) == len(statements)
    assert max(map(len, statements)) <= 38
    by_name = {claim.statement: claim for claim in found}
    assert by_name["geometric, Itô: milstein"].verdict().outcome == "consistent"
    assert by_name["orders 1/2 higher: refuted"].measured.value > len(statements) / 2


@pytest.mark.parametrize(("value", "outcome"), [(1.01, "consistent"), (0.5, "refuted")])
def test_claim_of_an_order_can_fail(value, outcome):
    fields = {"value": value, "stderr": 0.01, "n_eff": 100.0, "bias_bound": 0.0, "expected": 1.0}
    names = {"problem": "bounded", "calculus": "ito", "solver": "milstein"}
    names |= {"recorded": 1.0, "source": "a book"}
    dataset = xarray.Dataset(
        {f"row_{name}": ("row", [number]) for name, number in fields.items()},
        coords={name: ("row", [value]) for name, value in names.items()},
    )
    claim = module.order_claim(dataset, 0)
    assert claim.statement == "bounded, Itô: milstein"
    assert claim.source == "a book"
    assert claim.verdict().outcome == outcome
    assert module._is_refuted(module.order_claim(dataset, 0, 0.5), 1e-3)


def test_a_study_without_an_order_is_named():
    study = SimpleNamespace(order=None, method="heun", reason="give more paths")
    with pytest.raises(ValueError, match="heun: give more paths"):
        module._table([study], "row")


def test_figure_has_a_panel_an_equation(dataset):
    import matplotlib.pyplot as plt
    from shipped import FOLDER

    from langevin_lab.lab.discovery import load_module

    drawing = load_module(FOLDER.parent / "figures" / "torchsde_orders.py", "drawn")
    assert set(drawing.SOLVERS) == set(dataset["solver"].values)
    figure = drawing.draw(dataset)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:7] == list(dict.fromkeys(dataset["problem"].values))
    assert all(np.isfinite(axes.get_ylim()).all() for axes in figure.axes)
    plt.close(figure)
