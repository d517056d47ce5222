"""What `train` refuses before the first step, and what it shows while it runs."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.training import train

X = np.linspace(-1.0, 1.0, 6)
NETWORK = ll.potentials.multilayer_perceptron(X, X**2, hidden=(2,), batch_size=2)
SGD = ll.momentum.SGD(learning_rate=0.1)


def refused(error, match, dynamics=NETWORK, integrator=SGD, **changes):
    def never(evaluation):
        raise AssertionError("training has begun")

    with pytest.raises(error, match=match):
        train(dynamics, integrator, **{"n_epochs": 4, "seed": 1, "callbacks": never} | changes)


@pytest.mark.parametrize(
    ("integrator", "match"),
    [
        (ll.momentum.SGD, r"integrator=SGD is a class: give an instance, such as ll.momentum.SGD"),
        ("SGD", r"integrator='SGD' for a network itself must be an optimiser such as ll.momentum"),
        (0.1, r"integrator=0.1 must be the name of a method such as 'BAOAB', a Method or an opt"),
    ],
)
def test_what_is_no_integrator_is_named(integrator, match):
    refused(TypeError, match, integrator=integrator)


def test_callbacks_must_be_functions():
    refused(TypeError, r"callbacks=3 must be a function of an Evaluation, or several", callbacks=3)


def test_a_checkpoint_that_cannot_be_written_is_refused(tmp_path):
    missing = tmp_path / "nowhere" / "a.nc"
    refused(ValueError, r"a.nc': there is no directory '.*nowhere'; make it", checkpoint=missing)
    refused(ValueError, r"is a directory; give a file name in it", checkpoint=tmp_path)
