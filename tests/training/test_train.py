"""The protocol: `simulate` bit for bit, stops that nobody else notices, checkpoints."""

import functools
import time

import numpy as np
import pytest
import xarray

import langevin_lab as ll
from langevin_lab.training import best_replica, per_epoch, train

TRAIN, VALIDATION, TEST = ll.training.stratified_split(
    ll.training.with_label_noise(ll.potentials.two_moons(60, seed=4, noise=0.3), 0.1, seed=1),
    (0.2, 0.4, 0.4), seed=5,
)  # fmt: skip
NETWORK = ll.potentials.multilayer_perceptron(
    TRAIN.inputs, TRAIN.targets, hidden=(2,), loss="binary_cross_entropy", batch_size=5,
    weight_decay=1e-3,
)  # fmt: skip
SGD = ll.momentum.SGD(learning_rate=0.4, momentum=0.9)
PARTS = {"validation": VALIDATION, "test": TEST}
SETTINGS = {"seed": 3, "n_replicas": 5, "n_threads": 1, "evaluate_every": 2} | PARTS


@functools.cache
def trained(n_epochs=40, **changes):
    return train(NETWORK, SGD, n_epochs=n_epochs, **(SETTINGS | changes))


def restarted(network, optimiser=SGD, **changes):
    return train(network, optimiser, **(SETTINGS | {"n_epochs": 4} | changes))


def test_it_is_simulate_from_the_starts_of_the_network():
    """12 examples in batches of 5: three steps an epoch."""
    run = ll.simulate(
        NETWORK, SGD, n_steps=120, n_replicas=5, seed=3, start=NETWORK.start(seed=3, n_replicas=5)
    )
    found = trained()
    assert found.attrs["steps_per_epoch"] == 3
    for name in ("x_final", "p_final", "diverged_step"):
        np.testing.assert_array_equal(found[name], run[name])
    assert {name: found.attrs[name] for name in run.attrs} == run.attrs


def test_losses_are_means_without_weight_decay_and_accuracies_shares():
    found = trained()
    x = found["x_final"].values
    assert found["epoch"].values.tolist() == list(range(0, 41, 2))
    for name, part in {"train": TRAIN, **PARTS}.items():
        chance = NETWORK.predict(x, part.inputs)[..., 0]
        losses = -np.log(np.where(part.targets == 1, chance, 1 - chance)).mean(axis=1)
        np.testing.assert_allclose(found[f"{name}_loss"][-1], losses, rtol=1e-12)
        right = ((chance > 0.5) == part.targets).mean(axis=1)
        np.testing.assert_array_equal(found[f"{name}_accuracy"][-1], right)
    start = NETWORK.start(seed=3, n_replicas=5)
    decay = 0.5e-3 * (start**2).sum(axis=1)
    np.testing.assert_allclose(found["train_loss"][0] + decay, NETWORK.energy(start), rtol=1e-12)


def test_best_weights_are_those_of_the_lowest_validation_loss():
    found = trained()
    values = found["validation_loss"].values
    np.testing.assert_array_equal(found["best_epoch"], 2 * np.argmin(values, axis=0))
    np.testing.assert_array_equal(found["best_validation_loss"], values.min(axis=0))
    validated = NETWORK.with_data(VALIDATION.inputs, VALIDATION.targets)
    again = validated.with_parameters(weight_decay=0.0).energy(found["x_best"].values)
    np.testing.assert_array_equal(again, found["best_validation_loss"])
    assert best_replica(found) == np.argmin(values.min(axis=0))
    assert len(set(found["best_epoch"].values)) > 1


def test_accuracy_may_decide():
    found = trained(monitor="validation_accuracy")
    values = found["validation_accuracy"].values
    np.testing.assert_array_equal(found["best_epoch"], 2 * np.argmax(values, axis=0))
    np.testing.assert_array_equal(found["best_validation_accuracy"], values.max(axis=0))
    assert best_replica(found) == np.argmax(values.max(axis=0))
    np.testing.assert_array_equal(found["x_final"], trained()["x_final"])


def test_a_stopped_replica_ends_there_and_the_others_do_not_notice():
    patience, whole, found = 8, trained(), trained(patience=8)
    stops = found["stopped_epoch"].values
    assert (stops >= 0).any()
    assert len(set(stops)) > 2
    for k, stop in enumerate(stops):
        values = whole["validation_loss"].values[:, k]
        # By hand: the first evaluation so many epochs after the best one before.
        waited = [2 * (i - np.argmin(values[: i + 1])) for i in range(len(values))]
        late = [2 * i for i, epochs in enumerate(waited) if epochs >= patience]
        assert stop == (late[0] if late else -1)
        last = stop if stop >= 0 else 40
        alone = trained(last)
        for name in ("x_final", "p_final"):
            np.testing.assert_array_equal(found[name][k], alone[name][k])
        np.testing.assert_array_equal(found["x_best"][k], alone["x_best"][k])
        n = last // 2 + 1
        np.testing.assert_array_equal(found["test_loss"][:n, k], whole["test_loss"][:n, k])
        assert np.isnan(found["test_loss"][n:, k]).all()
    assert (found["diverged_step"] == -1).all()


def test_training_ends_when_all_have_stopped():
    found = trained(400, patience=4)
    stops = found["stopped_epoch"].values
    assert (stops >= 0).all()
    assert found["epoch"].values[-1] == stops.max() < 400
    again = train(NETWORK, SGD, n_epochs=2, continue_from=found, **SETTINGS | {"patience": 4})
    assert again.identical(found)


def test_only_more_than_the_minimum_counts_as_better():
    found = trained(minimum_improvement=0.05)
    for k, values in enumerate(found["validation_loss"].values.T):
        best, where = np.inf, -1
        for i, value in enumerate(values):
            if value < best - 0.05:
                best, where = value, 2 * i
        assert found["best_epoch"].values[k] == where


@pytest.mark.parametrize("patience", [None, 8])
def test_a_continued_training_is_the_one_at_once(patience):
    settings = SETTINGS | {"patience": patience, "keep_every": 5, "burn_in": 3}
    first = train(NETWORK, SGD, n_epochs=14, **settings)
    found = train(NETWORK, SGD, n_epochs=26, continue_from=first, **settings)
    assert found.identical(trained(patience=patience, keep_every=5, burn_in=3))


def test_threads_chunks_and_parts_of_the_replicas_do_not_matter():
    found = trained(patience=8)
    other = trained(patience=8, n_threads=2, chunk_size=7)
    assert found.identical(other)
    part = trained(patience=8, n_replicas=2, first_replica=2)
    for name in ("x_final", "x_best", "stopped_epoch"):
        np.testing.assert_array_equal(part[name], found[name][2:4])
    np.testing.assert_array_equal(part["replica"], [2, 3])


def test_weights_are_kept_after_the_burn_in():
    found = trained(keep_every=5, burn_in=3)
    assert found["kept_epoch"].values.tolist() == [8, 13, 18, 23, 28, 33, 38]
    np.testing.assert_array_equal(found["x_kept"].sel(kept_epoch=8), trained(8)["x_final"])
    stopped = trained(patience=8, keep_every=5, burn_in=3)
    gone = stopped["kept_epoch"] > stopped["stopped_epoch"]
    gone &= stopped["stopped_epoch"] >= 0
    np.testing.assert_array_equal(np.isnan(stopped["x_kept"]).all("coordinate"), gone)


def test_a_killed_training_goes_on_from_its_file(tmp_path):
    file = tmp_path / "training.nc"
    settings = SETTINGS | {"patience": 8, "checkpoint": file, "checkpoint_seconds": 0.0}

    def kill(evaluation):
        if evaluation.epoch == 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(NETWORK, SGD, n_epochs=40, callbacks=kill, **settings)
    assert xarray.load_dataset(file, engine="h5netcdf")["epoch"][-1] == 14
    found, expected = train(NETWORK, SGD, n_epochs=40, **settings), trained(patience=8)
    for name in (*expected, *expected.coords):
        np.testing.assert_array_equal(found[name], expected[name])
    stored = xarray.load_dataset(file, engine="h5netcdf")
    np.testing.assert_array_equal(stored["x_final"], expected["x_final"])
    assert train(NETWORK, SGD, n_epochs=40, **settings).identical(stored)
    assert [path.name for path in tmp_path.iterdir()] == ["training.nc"]
    with pytest.raises(ValueError, match=r"ran with start=.*this one has start="):
        train(NETWORK, SGD, n_epochs=40, scheme="he_normal", **settings)


def test_files_that_are_no_training(tmp_path):
    file = tmp_path / "other.nc"
    settings = SETTINGS | {"checkpoint": file, "n_epochs": 2}
    file.write_text("nothing")
    with pytest.raises(ValueError, match=r"other.nc' cannot be read \(.*; delete it"):
        train(NETWORK, SGD, **settings)
    file.unlink()
    xarray.Dataset({"a": 1}).to_netcdf(file, engine="h5netcdf")
    with pytest.raises(ValueError, match=r"other.nc' holds no training; give another file name"):
        train(NETWORK, SGD, **settings)
    with pytest.raises(ValueError, match=r"other.nc' is given and so is continue_from"):
        train(NETWORK, SGD, continue_from=trained(), **settings)
    with pytest.raises(ValueError, match=r"checkpoint_seconds=-1 must be a finite number >= 0"):
        train(NETWORK, SGD, checkpoint_seconds=-1, **SETTINGS, n_epochs=2)


def test_callbacks_see_everything_and_may_stop():
    seen = []
    whole = trained()

    def first_below(evaluation):
        seen.append(evaluation)
        return evaluation.values["train_loss"] < 0.3

    found = restarted(NETWORK, n_epochs=40, callbacks=first_below)
    reached = whole["train_loss"].values < 0.3
    expected = np.where(reached.any(axis=0), 2 * reached.argmax(axis=0), -1)
    assert (expected > 0).any()
    np.testing.assert_array_equal(found["stopped_epoch"], expected)
    assert [entry.epoch for entry in seen] == list(range(0, 41, 2))[: len(seen)]
    np.testing.assert_array_equal(seen[3].weights, trained(6)["x_final"])
    np.testing.assert_array_equal(seen[-1].running, (expected < 0) | (expected >= seen[-1].epoch))
    with pytest.raises(ValueError, match=r"read-only"):
        seen[0].weights[0, 0] = 1.0
    everybody = restarted(NETWORK, n_epochs=40, callbacks=[lambda e: e.epoch == 6, lambda e: None])
    assert set(everybody["stopped_epoch"].values) == {6}
    np.testing.assert_array_equal(everybody["x_final"], trained(6)["x_final"])


def test_errors_of_callbacks_pass_and_wrong_answers_are_refused():
    def broken(evaluation):
        raise RuntimeError("of the user")

    with pytest.raises(RuntimeError, match=r"of the user"):
        restarted(NETWORK, callbacks=broken)
    with pytest.raises(TypeError, match=r"returned 'no'; it must return None, True, False or an"):
        restarted(NETWORK, callbacks=lambda e: "no")
    with pytest.raises(TypeError, match=r"array of bool of shape \(5,\)"):
        restarted(NETWORK, callbacks=lambda e: np.ones(3, bool))
    with pytest.raises(TypeError, match=r"callbacks holds 3, which cannot be called"):
        restarted(NETWORK, callbacks=[3])


def test_a_diverged_replica_is_reported_and_the_others_go_on():
    start = NETWORK.start(seed=3, n_replicas=5)
    start[1] = 1e12
    with pytest.warns(
        RuntimeWarning, match=r"1 of 5 replicas diverged, the first of them replica 1"
    ):
        found = restarted(NETWORK, n_epochs=40, start=start, patience=8)
    expected = trained(patience=8)
    others = [0, 2, 3, 4]
    np.testing.assert_array_equal(found["x_final"][others], expected["x_final"][others])
    assert (found["diverged_step"].values >= 0).tolist() == [False, True, False, False, False]
    assert np.isnan(found["train_loss"][1:, 1]).all()
    assert found["stopped_epoch"][1] == -1
    assert found["best_epoch"][1] == 0


def test_a_rate_by_epochs_is_the_rate_by_steps():
    by_epoch = per_epoch(ll.dynamics.Steps(times=(0, 3), values=(0.4, 0.1)), NETWORK)
    by_step = ll.dynamics.Steps(times=(0, 9), values=(0.4, 0.1))
    one, other = (
        restarted(NETWORK, ll.momentum.SGD(learning_rate=rate, momentum=0.9), n_epochs=6)
        for rate in (by_epoch, by_step)
    )
    np.testing.assert_array_equal(one["train_loss"], other["train_loss"])
    assert not np.array_equal(one["x_final"], trained(6)["x_final"])


def test_stopped_replicas_cost_nothing():
    """The kernel passes over a replica that is marked, so that time is that of the others."""
    n, settings = 64, {"n_replicas": 64, "seed": 1, "n_threads": 1}
    first = ll.simulate(NETWORK, SGD, n_steps=1, start=NETWORK.start(seed=1), **settings)
    marked = first.assign(diverged_step=("replica", np.where(np.arange(n) == 7, -1, 1)))

    def seconds(run):
        began = time.perf_counter()
        found = ll.simulate(NETWORK, SGD, n_steps=8000, continue_from=run, **settings)
        return time.perf_counter() - began, found

    with pytest.warns(RuntimeWarning, match=r"63 of 64 replicas diverged"):
        few, one = min((seconds(marked) for _ in range(3)), key=lambda pair: pair[0])
    many, all_of_them = seconds(first)
    np.testing.assert_array_equal(one["x_final"][7], all_of_them["x_final"][7])
    np.testing.assert_array_equal(one["x_final"][8], first["x_final"][8])
    assert few < 0.5 * many


def test_wrong_arguments():
    def refused(error, match, dynamics=NETWORK, **changes):
        with pytest.raises(error, match=match):
            restarted(dynamics, **changes)

    refused(TypeError, "is no network: give what ll.potentials", ll.potentials.harmonic())
    refused(TypeError, r"save_every=3 is no argument of train; of those of simulate", save_every=3)
    refused(TypeError, r"validation=3 must be ll.potentials.Examples or a pair", validation=3)
    refused(ValueError, r"test: inputs of shape \(2, 3\) must be", test=(np.ones((2, 3)), [0, 1]))
    refused(ValueError, "n_epochs must be|n_epochs=0 must be >= 1", n_epochs=0)
    refused(
        ValueError, "3 epochs with evaluate_every=2 end unevaluated; use n_epochs=4", n_epochs=3
    )
    refused(ValueError, "evaluate_every=0 must be >= 1", evaluate_every=0)
    refused(ValueError, "burn_in=3 has no effect without keep_every", burn_in=3)
    refused(ValueError, "keep_every=0 must be >= 1", keep_every=0)
    refused(ValueError, "minimum_improvement=-1 must be a finite number", minimum_improvement=-1)
    refused(ValueError, "monitor='loss' must be one of validation_loss, validat", monitor="loss")
    refused(ValueError, "patience=4 without validation: give", patience=4, validation=None)
    refused(
        ValueError, r"start has shape \(3,\), but must have \(9,\) or \(5, 9\)", start=[1, 2, 3]
    )
    refused(ValueError, "start is given and so is continue_from", start=1, continue_from=trained())
    refused(TypeError, "continue_from has no attribute 'training'", continue_from=xarray.Dataset())
    refused(
        ValueError, "ran with patience=None, this one has patience=6; a training continues",
        continue_from=trained(), patience=6,
    )  # fmt: skip
    refused(ValueError, "ran with test data=.*, this one has test data=None", test=None,
            continue_from=trained())  # fmt: skip
    with pytest.raises(ValueError, match=r"no best_validation_...: train with validation"):
        best_replica(xarray.Dataset())
    nobody = trained().assign(best_epoch=("replica", np.full(5, -1)))
    with pytest.raises(ValueError, match=r"no replica has a best value"):
        best_replica(nobody)


def test_a_regression_has_no_accuracy():
    values = ll.potentials.teacher_network(30, seed=1, widths=(2, 2, 1))
    network = ll.potentials.multilayer_perceptron(values.inputs, values.targets, hidden=(2,))
    evaluator = ll.training.evaluation.Evaluator.of(network, validation=values)
    assert evaluator.names == ("train_loss", "validation_loss")
    assert len(evaluator(0, np.arange(2), np.zeros((2, 9)), np.array([True, False])).values) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["AdLaLa", "SGNHT"])
def test_other_dynamics_are_continued_bit_for_bit(name):
    """Momenta, thermostats and drawn gradients are carried from epoch to epoch."""
    numbers = {"temperature": 1e-3}
    if name == "AdLaLa":
        dynamics = ll.dynamics.adlala(
            NETWORK, ("weights_1", "biases_1"), epsilon=0.1, applied_noise=0.05, friction=0.5,
            **numbers,
        )  # fmt: skip
    else:
        dynamics, name = ll.dynamics.sgnht(NETWORK, applied_noise=0.05, **numbers)
    settings = {"dt": 0.3, "seed": 2, "n_replicas": 3, "n_threads": 1}
    start = NETWORK.start(seed=2, n_replicas=3)
    run = ll.simulate(dynamics, name, n_steps=30, start=start, **settings)
    whole = train(dynamics, name, n_epochs=10, **settings)
    first = train(dynamics, name, n_epochs=4, **settings)
    found = train(dynamics, name, n_epochs=6, continue_from=first, **settings)
    assert found.identical(whole)
    for variable in run:
        np.testing.assert_array_equal(whole[variable], run[variable])
