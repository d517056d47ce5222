"""ODEs near momentum 1: the experiment's own pieces, and wrong constants turning red."""

import dataclasses
import functools
import math

import numpy as np
import pytest
from shipped import experiment

import langevin_lab as ll

module = experiment("nag_resolution")
CONFIG = dataclasses.replace(module.Config(), exponents=(3, 4, 5, 6, 7, 8, 9))


@functools.cache
def dataset():
    return module.run(CONFIG)


def outcomes(data):
    """Verdicts at the level of a table of three hundred claims."""
    claims = module.claims(data)
    return {claim.statement: claim.verdict(false_alarm_rate=3e-5).outcome for claim in claims}


def test_claims_are_consistent_on_few_learning_rates():
    assert set(outcomes(dataset()).values()) == {"consistent"}


def test_extra_decay_is_that_of_the_moduli_of_the_roots():
    config = module.Config()
    s, step = config.decay_rate, math.sqrt(config.decay_rate)
    for curvature, found in zip(config.decay_curvatures, module._extra_decay(config)):
        # The product of the complex roots is momentum for one, momentum (1 - s k) for the other.
        expected = -0.5 * math.log(1 - s * curvature) / step / (0.5 * step * curvature)
        assert found == pytest.approx(expected, rel=1e-6)


def test_a_decay_wrong_by_3_percent_is_refuted():
    wrong = dataset().assign(extra_decay=1.03 * dataset()["extra_decay"])
    assert list(outcomes(wrong).values())[-5:] == ["refuted"] * 5


def test_a_hessian_damping_wrong_by_5_percent_is_refuted(monkeypatch):
    right = ll.limits.high_resolution

    def wrong(*arguments, **options):
        limit = right(*arguments, **options)
        flow = limit.dynamics
        if not hasattr(flow, "hessian_damping"):
            return limit
        changed = dataclasses.replace(flow, hessian_damping=1.05 * flow.hessian_damping)
        return dataclasses.replace(limit, dynamics=changed)

    monkeypatch.setitem(ll.limits.comparison.LIMITS, "high_resolution", wrong)
    config = dataclasses.replace(CONFIG, exponents=(7, 8, 9, 10, 11))
    name = "Nesterov, its high resolution"
    monkeypatch.setattr(module, "COMPARISONS", {name: module.COMPARISONS[name]})
    found = outcomes(module.run(config))[f"{name}: order"]
    assert found == "refuted"


def test_the_momentum_is_that_of_the_convexity():
    method = module.optimiser("NAG", 0.01, 0.25)
    assert method.momentum == pytest.approx((1 - 0.05) / (1 + 0.05))
    assert isinstance(
        module.optimiser("sequence", 0.01, 0.25).momentum, ll.momentum.NesterovSequence
    )


def test_the_late_clock_starts_at_the_first_point():
    method = module.optimiser("sequence", 0.01, 0.25)
    limit = module.late_clock(method, ll.potentials.harmonic())
    assert limit.times([0, 1]) == pytest.approx([0.15, 0.25])
    assert limit.path([1.0], [0])[0, 0] == 1.0


def test_distance_of_the_methods_is_measured_between_their_paths():
    config = dataclasses.replace(CONFIG, duration=0.25)
    loss = ll.potentials.harmonic()
    (found,) = module._apart(config, loss, [1.0], np.array([1 / 64]))
    heavy = ahead = np.array([1.0, 0.0])
    momentum = module.optimiser("HB", 1 / 64, config.convexity).momentum
    distances = []
    for _ in range(2):
        p = momentum * heavy[1] - heavy[0] / 64
        heavy = np.array([heavy[0] + p, p])
        p = momentum * ahead[1] - (ahead[0] + momentum * ahead[1]) / 64
        ahead = np.array([ahead[0] + p, p])
        distances.append(abs(heavy[0] - ahead[0]))
    assert found == pytest.approx(max(distances), rel=1e-12)
