"""The two experiments on momentum SGD: their own formulas, and claims that can fail."""

import dataclasses
import functools
import importlib

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.evidence.families import judge

saddle = importlib.import_module("experiments.msgd_diffusion")
pca = importlib.import_module("experiments.streaming_pca")

SMALL = saddle.Config(
    exit_rates=(0.05, 0.02), exit_replicas=20_000, well_replicas=4_000, annealed_replicas=4_000
)
SMALL_PCA = pca.Config(exit_replicas=4_000, phase_replicas=1_000, stationary_replicas=400)


@functools.cache
def exits():
    return saddle.run(SMALL)


@functools.cache
def phases():
    return pca.run(SMALL_PCA)


def verdicts(module, dataset):
    return {verdict.claim.statement: verdict for verdict in judge(module.claims(dataset))}


def outcome(module, dataset, beginning):
    found = verdicts(module, dataset)
    return next(v.outcome for statement, v in found.items() if statement.startswith(beginning))


def scaled(dataset, **factors):
    return dataset.assign({name: dataset[name] * factor for name, factor in factors.items()})


def test_small_runs_agree_with_exact_laws():
    """Rates are large here: what is a limit of small rates may fail, what is exact may not."""
    exact = (": mean", ": law", ": sampled", ": standard dev.")
    found = verdicts(saddle, exits())
    assert sum(name.endswith(exact) for name in found) >= 16
    for name, verdict in found.items():
        assert verdict.outcome != "refuted" or not name.endswith(exact), name
    assert not [name for name, v in verdicts(pca, phases()).items() if v.outcome == "refuted"]


def test_quick_presets_would_catch_three_percent():
    """Errors scaled to the replicas of the quick preset: what each claim resolves."""
    quick = saddle.Config()
    root = np.sqrt(SMALL.exit_replicas / quick.exit_replicas)
    dataset = scaled(exits(), exit_stderr=root, exit_spread_stderr=root)
    for statement, verdict in verdicts(saddle, dataset).items():
        if statement.startswith("N, ") and statement.endswith("mean"):
            assert verdict.detectable < saddle.RESOLUTION


@pytest.mark.parametrize("part", ["learning_rate", "gradient_noise", "momentum"])
def test_constants_three_percent_off_are_refuted(part):
    """The exact law of wrong constants in place of the right one, at the error of the preset."""
    rate, momentum = 0.01, 0.9
    right = {"learning_rate": rate, "momentum": momentum} | saddle.SADDLE
    wrong = right | {part: right[part] * (0.97 if part == "momentum" else 1.03)}
    exact, off = (saddle.exact_exit_law(**constants) for constants in (right, wrong))
    stderr = exact.standard_deviation / np.sqrt(saddle.Config().exit_replicas)
    detected = abs(off.mean - exact.mean) / stderr
    print(f"{part}: {off.mean:.3f} | {exact.mean:.3f} | {detected:.1f}")
    assert detected > 5.0


def test_wrong_values_turn_verdicts_red():
    dataset = exits()
    for beginning, wrong in (
        ("Var x, η = 0.1, μ = 0.5: law", {"well_law": 1.0001}),
        ("Var x, η = 0.1, μ = 0.5: sampled", {"well_sampled": 1.05}),
        ("N, η = 0.05, μ = 0: mean", {"exit_mean": 1.05}),
        ("N, η = 0.05, μ = 0.9: to 3 %", {"exit_mean": 1.3}),
        ("N, η = 0.05, μ = 0: standard", {"exit_spread": 1.1}),
        ("largest |recursion", {"exit_recursion": 1.2}),
        ("|diffusion/exact", {"exit_diffusion": 0.8}),
        ("N/N_SDE", {"exit_diffusion": 30.0}),
        ("N(μ)/N(0)", {"exit_recursion": np.array([[1, 1, 1.3], [1, 1, 1]])}),
        ("its ratio to the diffusion's", {"exit_diffusion": np.array([[1, 1, 30], [1, 1, 1]])}),
        ("its ratio to 1 - μ", {"exit_mean": np.array([[10, 1, 1], [1, 1, 1]])}),
        ("P(exit by N₁)", {"exit_left": 0.8}),
        ("promised, μ = 0", {"exit_exact_left": 0.9}),
        ("no annealing: Var", {"annealed_path": 1.02}),
        ("momentum annealed: Var", {"annealed_path": 1.02}),
        ("learning rate annealed: sampled", {"annealed_sampled": 1.3}),
    ):
        assert outcome(saddle, scaled(dataset, **wrong), beginning) == "refuted", beginning
    kept = dataset.assign(exit_left=dataset["exit_left"] * 0.0 + 0.5)
    assert outcome(saddle, kept, "promise broken") == "refuted"
    unseen = dataset.assign(control_mean=dataset["control_exact"])
    assert outcome(saddle, unseen, "control") == "refuted"


def test_wrong_values_turn_verdicts_of_pca_red():
    dataset = phases()
    for beginning, wrong in (
        ("exit, μ = 0", {"exit_mean": 1.2}),
        ("SDE refuted", {"exit_diffusion": 2.0}),
        ("P(exit by N₁)", {"exit_left": 0.8}),
        ("phase 1", {"phase_mean": 1.2}),
        ("phase 2, μ", {"phase_mean": 1.2}),
        ("phase 3, μ = 0", {"phase_mean": 1.4}),
        ("phase 3, μ = 0: P", {"phase_bounded": 0.5}),
        ("phase 2 / its quoted half", {"phase_predicted": 2.0}),
        ("all steps, μ = 0.9", {"phase_mean": np.array([[1.0], [1.0], [1.3]])}),
        ("Var v2, μ = 0", {"variance": 1.5}),
        ("Var v2 / leading", {"variance": 0.7}),
        ("control", {"control_mean": 1.03}),
    ):
        assert outcome(pca, scaled(dataset, **wrong), beginning) == "refuted", beginning


def test_covariance_path_is_the_law_of_the_package_where_nothing_is_scheduled():
    rate, momentum, n = 0.3, 0.6, 17
    path = saddle.covariance_path(
        lambda step: np.full(step.shape, rate), lambda step: np.full(step.shape, momentum), n, 0.4
    )
    method = ll.momentum.HeavyBall(learning_rate=rate, momentum=momentum)
    for step in (1, 2, 17):
        _, law = ll.exact.propagate(
            method, step, mean=[0.0, 0.0], covariance=np.diag([0.4, 0.0]), stiffness=1.0,
            gradient_noise=1.0,
        )  # fmt: skip
        assert path[step - 1] == pytest.approx(law[0, 0], rel=1e-12)


def test_covariance_path_of_a_schedule_is_that_of_single_steps():
    """Step by step through the package's method, its numbers frozen in each."""
    config = dataclasses.replace(saddle.Config(), ramp_steps=5, held_steps=5)
    for rate, momentum in saddle._schedules(config).values():
        path = saddle.covariance_path(rate, momentum, 15, 0.2)
        mean, law = [0.0, 0.0], np.diag([0.2, 0.0])
        for n in range(15):
            frozen = ll.momentum.HeavyBall(
                learning_rate=float(rate(n)), momentum=float(momentum(n))
            )
            mean, law = ll.exact.propagate(
                frozen, 1, mean=mean, covariance=law, stiffness=1.0, gradient_noise=1.0
            )
            assert path[n] == pytest.approx(law[0, 0], rel=1e-12)


def test_annealing_repairs_only_where_it_happens():
    ends = exits()["annealed_path"][:, -1].values / (SMALL.annealed_rate / 2)
    assert ends == pytest.approx([10.0, 1.0, 1.0], rel=0.01)


def test_variances_of_next_order_are_those_of_the_leading_for_small_rates():
    """And the moments by brute force: exact averages over the Gaussian data, no expansion."""
    variances = (4.0, 3.0, 2.0, 1.0)
    leading, following = pca.next_order_variances(variances, 1e-3)
    assert leading == pytest.approx([0.006, 0.002, 2e-3 / 3], rel=1e-12)
    assert following / leading - 1 == pytest.approx(1e-3 * np.array([9.0, 6.0, 17 / 3]), rel=1e-9)
    assert stationary_balance(np.array(variances), 1e-3, following) == pytest.approx(
        np.zeros(3), abs=5e-4
    )
    assert np.all(np.abs(stationary_balance(np.array(variances), 1e-3, leading)) > 4e-3)


def stationary_balance(lam, effective, square):
    """d<v_i^2>/dt over 2 k_i <v_i^2>, by sampling v and exact moments of X: no expansion in v."""
    rng = np.random.default_rng(0)
    others = rng.normal(size=(400_000, 3))
    others *= np.sqrt(square / (others**2).mean(axis=0))  # control of the second moment
    excess = effective * lam[1:].sum() / 2
    v = np.column_stack([np.sqrt(1 + excess - (others**2).sum(axis=1)), others])
    along = v**2 @ lam
    drift = 2 * v * (lam * v - along[:, None] * v)
    # Z = X_i - (X.v) v_i: Var Z and Cov(X.v, Z) from the covariance of X, then Isserlis.
    cov = lam * v - along[:, None] * v
    var = lam - 2 * lam * v**2 + along[:, None] * v**2
    noise = along[:, None] * var + 2 * cov**2
    rate = (drift + effective * noise).mean(axis=0)[1:]
    return rate / (2 * (lam[0] - lam[1:]) * square)


def test_statements_fit_their_rows():
    for module, dataset in ((saddle, exits()), (pca, phases())):
        found = [claim.statement for claim in module.claims(dataset)]
        assert max(map(len, found)) <= 38
        assert len(set(found)) == len(found)


def test_cost_grows_with_the_replicas():
    for module, name in ((saddle, "exit_replicas"), (pca, "phase_replicas")):
        quick = module.EXPERIMENT.presets["quick"]
        more = dataclasses.replace(quick, **{name: 100 * getattr(quick, name)})
        assert module.cost(more) > 2 * module.cost(quick)
        assert module.cost(module.EXPERIMENT.presets["paper"]) > 2 * module.cost(quick)
