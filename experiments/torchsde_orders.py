"""Do torchsde's solvers have the strong orders of theory, on equations with known solutions?

Prediction. sqrt(E|x_h(T) - x(T)|^2) falls as h^p, p by solver and kind of noise: Euler-Maruyama
1/2, or 1 where the noise is additive; Milstein 1; SRK 3/2; Heun's methods and the midpoint rule 1,
or 1/2 where columns of the noise do not commute. On special equations p is higher: errors of order
1 or 3/2 vanish with linear drifts, or where the solution is a function of W(t) alone.

Two orders differ from what torchsde says of its solvers. Stratonovich Milstein without derivatives
is of order 1/2, not 1, where g'' is not 0: its difference quotient drifts by g'' g^2 h^(1/2)/4.
Reversible Heun is of order 1, not 1/2, where columns commute: the distance of its two states
changes sign at every step.

Source: Kloeden and Platen (1992), chapters 10 and 11; Roessler (2010) for SRK; Kidger, Foster, Li
and Lyons (2021) for reversible Heun. The equations: `langevin_lab.pytorch.sde_examples`.

Method. All steps of a solver follow the same Brownian paths. The error is the distance from the
solution, known as a function of the path, or from a run with steps 8 to 64 times finer.

Controls: every order half higher, and equations that are declared wrongly: noise wrong by 3 %, one
calculus for the other, noise called additive or diagonal that is not. All must be refuted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray

from langevin_lab.evidence import AtLeast, Claim, Order, OrderEstimate
from langevin_lab.lab import Experiment

CALCULI = ("ito", "stratonovich")
SHORT = {"ito": "Itô", "stratonovich": "Strat."}
STEPS = 2.0 ** -np.arange(4, 9)
COARSE = 2.0 ** -np.arange(2, 7)  # of "area", whose reference needs 64 cells a step
LAST_TERM = 0.01  # an expansion in the step has more terms than the fit of an order
CONTROL = "negative control"


@dataclass(frozen=True)
class Config:
    """Numbers of paths: against a solution, and against a finer run."""

    n_paths: int = 4000
    n_coupled_paths: int = 500
    seed: int = 20_260_101


def run(config: Config) -> xarray.Dataset:
    """Orders of every solver on every equation, and of equations that are declared wrongly."""
    from langevin_lab.pytorch import sde_convergence, sde_examples
    from langevin_lab.pytorch.sde_records import SOLVERS

    rows, studies = [], []
    for calculus in CALCULI:
        for name, problem in sde_examples(calculus).items():
            for solver in problem.solvers:
                record = SOLVERS[solver.split()[0]]
                study = sde_convergence(
                    **problem.settings(solver), steps=COARSE if name == "area" else STEPS,
                    n_paths=config.n_paths if problem.exact else config.n_coupled_paths,
                    seed=config.seed,
                )  # fmt: skip
                noise = problem.sde.noise_type
                advertised = record.strong_order[noise]
                rows.append((name, calculus, solver, noise, advertised, record.source))
                studies.append(study)
    wrong = _mistakes(config)
    data = _table(studies, "row") | _table(list(wrong.values()), "mistake")
    coordinates = {
        field: ("row", [row[k] for row in rows])
        for k, field in enumerate(("problem", "calculus", "solver", "noise", "recorded", "source"))
    }
    coordinates["mistake"] = ("mistake", list(wrong))
    return xarray.Dataset(data, coords=coordinates)


def _table(studies, dim: str) -> dict:
    """Orders and errors of studies, named with the dimension."""
    for study in studies:
        if study.order is None:
            raise ValueError(f"{study.method}: {study.reason}")
    found = {}
    for field in ("value", "stderr", "n_eff", "bias_bound"):
        found[f"{dim}_{field}"] = (dim, [getattr(study.order, field) for study in studies])
    found[f"{dim}_expected"] = (dim, [study.expected for study in studies])
    for field, values in (
        ("step", [study.steps for study in studies]),
        ("error", [[error.value for error in study.errors] for study in studies]),
        ("error_bar", [[error.stderr for error in study.errors] for study in studies]),
    ):
        found[f"{dim}_{field}"] = ((dim, "level"), np.array(values))
    return found


def _mistakes(config: Config) -> dict:
    """Studies of equations that are not what they are declared to be."""
    import torch

    from langevin_lab.pytorch import TorchEquation, sde_convergence, sde_examples

    right = sde_examples("ito")["geometric"]
    drift, noise = right.sde.drift, right.sde.noise

    def mixed(t, x):
        return torch.stack([x[:, 1], torch.ones_like(x[:, 1])], dim=-1)

    def still(t, x):
        return torch.zeros_like(x)

    declared = {
        "noise 3 % too strong": (
            "milstein",
            TorchEquation(drift, lambda t, x: 1.03 * noise(t, x), "ito", "diagonal"),
        ),
        "Ito declared Stratonovich": (
            "midpoint",
            TorchEquation(drift, noise, "stratonovich", "diagonal"),
        ),
        "Stratonovich declared Ito": (
            "milstein",
            TorchEquation(
                sde_examples("stratonovich")["geometric"].sde.drift, noise, "ito", "diagonal"
            ),
        ),
        "diagonal declared additive": (
            "euler",
            TorchEquation(drift, lambda t, x: noise(t, x)[..., None], "ito", "additive"),
        ),
        "general declared diagonal": ("milstein", TorchEquation(still, mixed, "ito", "diagonal")),
    }
    studies = {}
    for name, (solver, sde) in declared.items():
        known = name != "general declared diagonal"
        studies[name] = sde_convergence(
            solver, sde, start=1.0 if known else (0.0, 0.0), steps=STEPS if known else COARSE,
            exact=right.exact if known else None, seed=config.seed,
            n_paths=config.n_paths if known else config.n_coupled_paths,
        )  # fmt: skip
    return studies


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """An order a row, the controls, and what differs from torchsde's records."""
    rows = range(dataset.sizes["row"])
    found = [order_claim(dataset, k) for k in rows]
    level = 0.01 / len(found)
    higher = [_is_refuted(order_claim(dataset, k, 0.5), level) for k in rows]
    found.append(Claim("orders 1/2 higher: refuted", CONTROL, float(len(higher)), sum(higher)))
    for k, name in enumerate(dataset["mistake"].values):
        wrong = order_claim(dataset, k, dim="mistake")
        strength = abs(wrong.z) / wrong.critical_z(level)
        found.append(Claim(f"{name}: z/critical", CONTROL, AtLeast(1.0), strength))
    return found


def order_claim(dataset: xarray.Dataset, k: int, extra: float = 0.0, dim: str = "row") -> Claim:
    """The order number ``k``, ``extra`` added to what is expected."""
    cell = dataset.isel({dim: k})
    numbers = (float(cell[f"{dim}_{name}"]) for name in ("value", "stderr", "n_eff", "bias_bound"))
    predicted = Order(float(cell[f"{dim}_expected"]) + extra, spacing=0.5)
    statement, source = str(cell[dim].item()) if dim == "mistake" else "", CONTROL
    if dim == "row":
        solver = str(cell["solver"].item())
        statement = f"{cell['problem'].item()}, {SHORT[cell['calculus'].item()]}: {solver}"
        special = float(cell["row_expected"]) != float(cell["recorded"])
        source = "expansion of a step" if special else str(cell["source"].item())
    return Claim(statement, source, predicted, OrderEstimate(*numbers), bias_bound=LAST_TERM)


def _is_refuted(claim: Claim, level: float) -> bool:
    return abs(claim.z) > claim.critical_z(level)


def cost(config: Config) -> float:
    """Seconds on two cores: solvers' steps, and the numbers in them."""
    return 28.0 + 2e-3 * config.n_paths + 1.5e-2 * config.n_coupled_paths


EXPERIMENT = Experiment(
    name="torchsde_orders",
    presets={"quick": Config(), "paper": Config(n_paths=100_000, n_coupled_paths=5000)},
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()
