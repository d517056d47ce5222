"""The experiment on digits: which rate is chosen, paired differences, wrong results refuted."""

import numpy as np
import pytest
import xarray
from shipped import experiment

module = experiment("adaptive_digits")


def made(**changes):
    """A dataset as `run` returns it, from made-up accuracies; no network is trained."""
    rng = np.random.default_rng(4)
    shape = (5, 4, 16)
    replica = 0.01 * rng.standard_normal(16)  # shared by all optimisers
    level = np.array([0.80, 0.92, 0.95, 0.94])[:, None]
    test = level + replica + 0.001 * rng.standard_normal(shape)
    rates = [module.Config().rates(name) for name in module.OPTIMISERS]
    data = {
        "test": (("optimiser", "place", "replica"), test),
        "validation": (("optimiser", "place", "replica"), test),
        "learning_rate": (("optimiser", "place"), np.array(rates)),
        "momentum": (("optimiser", "place"), np.full(shape[:2], 0.1)),
        "momentum_stderr": (("optimiser", "place"), np.full(shape[:2], 1e-3)),
    }
    dataset = xarray.Dataset(data, coords={"optimiser": list(module.OPTIMISERS)})
    return dataset.assign({name: change(dataset) for name, change in changes.items()})


def outcomes(dataset):
    return {
        claim.statement: claim.verdict(false_alarm_rate=1e-3).outcome
        for claim in module.claims(dataset)
    }


def shifted(name, by):
    """Accuracies of one optimiser changed."""
    return lambda dataset: dataset["test"] + by * (dataset["optimiser"] == name)


def test_what_is_as_predicted_is_consistent():
    assert set(outcomes(made()).values()) == {"consistent"}


@pytest.mark.parametrize(
    ("changes", "refuted"),
    [
        ({"test": shifted("ARSGD", -0.03)}, "ARSGD minus SGD, test accuracy, learning rate 0.3"),
        ({"test": shifted("SGD", -0.03)}, "ARSGD minus SGD, test accuracy, learning rate 0.3"),
        ({"test": shifted("Adam", -0.08)}, "Adam learns: test accuracy"),
        ({"momentum": lambda d: d["momentum"] + 0.25}, "momentum of ARSGD, learning rate 1"),
    ],
)
def test_what_is_not_is_refuted(changes, refuted):
    found = outcomes(made(**changes))
    assert found[refuted] == "refuted"


def test_the_rate_is_chosen_by_validation_not_by_the_test():
    dataset = made()
    assert float(module.chosen(dataset, "Adam")["learning_rate"]) == 0.01
    better = dataset["validation"] + 0.5 * (dataset["place"] == 0)
    chosen = module.chosen(dataset.assign(validation=better), "Adam")
    assert float(chosen["learning_rate"]) == 0.001
    assert float(chosen["test"].mean()) == pytest.approx(0.8, abs=0.02)


def test_differences_are_paired():
    """Replicas scatter by 1 %, their differences by 0.14 %: unpaired bars would be far wider."""
    statement = "ARSGD minus SGD, test accuracy, learning rate 0.1"
    (claim,) = (claim for claim in module.claims(made()) if claim.statement == statement)
    assert claim.measured.stderr == pytest.approx(0.0014 / 4, rel=0.4)
