"""What `train` refuses before the first step, and what it shows while it runs."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.dynamics import Block
from langevin_lab.training import per_epoch, train
from langevin_lab.training.epoch_schedule import check_epoch_clocks

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


COOLING = ll.dynamics.Linear(start=0.1, stop=0.0, duration=4)


def test_the_clock_of_a_schedule_must_be_that_of_the_training():
    """Three steps an epoch; of dt=0.1 they last 0.3."""
    forgotten = ll.Langevin(NETWORK, temperature=per_epoch(COOLING, NETWORK), friction=1.0)
    refused(
        ValueError,
        r"temperature has a schedule whose epoch lasts 3, an epoch of this training lasts 0.3 "
        r"\(3 steps of dt=0.1\); use ll.training.per_epoch\(schedule, network, dt=0.1\)",
        forgotten, "BAOAB", dt=0.1,
    )  # fmt: skip
    larger = ll.potentials.multilayer_perceptron(X, X**2, hidden=(2,), batch_size=1)
    rate = ll.momentum.SGD(learning_rate=per_epoch(COOLING, larger))
    refused(
        ValueError,
        r"learning_rate has a schedule whose epoch lasts 6, .* lasts 3 \(3 steps\); use "
        r"ll.training.per_epoch\(schedule, network\) with",
        integrator=rate,
    )


def test_a_clock_that_fits_is_accepted():
    fitting = per_epoch(COOLING, NETWORK, dt=0.1)
    dynamics = ll.Langevin(NETWORK, temperature=fitting, friction=1.0)
    check_epoch_clocks(dynamics, 3, 0.1)
    with pytest.raises(ValueError, match=r"temperature has a schedule whose epoch lasts 0.3"):
        check_epoch_clocks(dynamics, 3, 0.101)
    half = NETWORK.dim // 2
    blocks = ll.Partitioned(
        [
            Block(range(half), ll.Langevin(NETWORK, temperature=0.1, friction=1.0)),
            Block(range(half, NETWORK.dim), dynamics),
        ]
    )
    check_epoch_clocks(blocks, 3, 0.1)
    with pytest.raises(ValueError, match=r"temperature has a schedule whose epoch lasts 0.3"):
        check_epoch_clocks(blocks, 4, 0.1)


@pytest.mark.parametrize("keeping", [{"keep_every": 5}, {"keep_every": 1, "burn_in": 4}])
def test_weights_that_would_never_be_kept_are_refused(keeping):
    match = (
        r"keep_every=\d after burn_in=\d keeps nothing in n_epochs=4; use n_epochs >= 5, or give "
        r"checkpoint=... if this is the first part"
    )
    refused(ValueError, match, **keeping)


def test_the_first_part_of_a_training_may_keep_nothing_yet(tmp_path):
    file, settings = tmp_path / "a.nc", {"seed": 1, "n_replicas": 2, "burn_in": 4, "keep_every": 1}
    first = train(NETWORK, SGD, n_epochs=2, checkpoint=file, **settings)
    assert first["x_kept"].shape == (0, 2, NETWORK.dim)
    assert first["kept_epoch"].dtype == np.int64
    whole = train(NETWORK, SGD, n_epochs=6, **settings)
    assert whole["kept_epoch"].values.tolist() == [5, 6]
    second = train(NETWORK, SGD, n_epochs=2, continue_from=first, **settings)
    assert second["x_kept"].shape == (0, 2, NETWORK.dim)
    assert train(NETWORK, SGD, n_epochs=2, continue_from=second, **settings).identical(whole)
    from_file = train(NETWORK, SGD, n_epochs=6, checkpoint=file, **settings)
    np.testing.assert_array_equal(from_file["x_kept"], whole["x_kept"])
    np.testing.assert_array_equal(from_file["kept_epoch"], whole["kept_epoch"])


def test_the_axes_end_where_all_have_stopped():
    found = train(
        NETWORK, SGD, n_epochs=6, seed=1, burn_in=4, keep_every=1, callbacks=lambda e: e.epoch == 2
    )
    assert found["epoch"].values.tolist() == [0, 1, 2]
    assert found["x_kept"].shape == (0, 1, NETWORK.dim)


def test_one_bar_shows_all_epochs_and_changes_nothing(capsys, monkeypatch):
    settings = {"n_epochs": 4, "seed": 1}
    quick = train(NETWORK, SGD, progress=True, **settings)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("langevin_lab.ensemble.progress.BAR_SECONDS", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, as far as rich can see
    quiet = train(NETWORK, SGD, progress=False, **settings)
    assert capsys.readouterr() == ("", "")
    shown = train(NETWORK, SGD, progress=True, **settings)
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("SGD on multilayer_perceptron: about") == 1
    assert "100%" in error
    assert shown.identical(quiet)
    assert shown.identical(quick)
