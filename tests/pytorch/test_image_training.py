"""Training from a preset: resumption, penalty, log, figure, every optimiser, the script."""

import dataclasses
import importlib.util
import json
import math
import runpy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as functional

from langevin_lab.pytorch import optim
from langevin_lab.pytorch.image_figure import draw_training, read_log
from langevin_lab.pytorch.image_presets import PRESETS, ImagePreset
from langevin_lab.pytorch.image_training import _Run, train_images
from langevin_lab.pytorch.images import synthetic_images

SMALL = ImagePreset(
    model="small_cnn", optimiser="SGD", options={"lr": 0.1, "momentum": 0.5}, batch_size=16,
    epochs=3, weight_decay=1e-3,
)  # fmt: skip
TORCHS = {
    "Adam": {}, "AdamW": {}, "RMSprop": {}, "Adagrad": {}, "Adadelta": {}, "NAdam": {}, "SGD": {},
}  # fmt: skip
OURS = {
    "ARAdam": {},
    "AdLaLa": {},
    "AdaptiveHeavyBall": {"lr": 0.05},
    "AdaptiveLangevin": {"lr": 0.05, "temperature": 1e-6, "thermal_mass": 1.0},
    "CoolMomentum": {},
    "LOL": {"lr": 0.05, "temperature": 1e-6, "friction": 1.0},
    "Langevin": {"lr": 0.05, "temperature": 1e-6, "friction": 1.0},
    "SGHMC": {"lr": 0.001, "temperature": 1e-6, "friction": 1.0},
    "SGLD": {"lr": 0.001, "temperature": 1e-6},
    "SGNHT": {"lr": 0.001, "temperature": 1e-6, "thermal_mass": 1.0},
}


@pytest.fixture(scope="module")
def data():
    return synthetic_images(48, seed=1), synthetic_images(20, seed=2)


def resulting(folder):
    """Tensors of the checkpoint and its records without the clock."""
    content = torch.load(folder / "checkpoint.pt", weights_only=True)
    timeless = [{k: v for k, v in record.items() if "second" not in k} for record in
                content["records"]]  # fmt: skip
    return content["model"], str(timeless)


@pytest.mark.parametrize("name", ["SGD", "Adam", "CoolMomentum", "ARAdam", "Langevin"])
def test_a_resumed_run_has_the_same_bits(tmp_path, data, name):
    preset = dataclasses.replace(SMALL, optimiser=name, options={**TORCHS, **OURS}[name])
    train_images(preset, *data, folder=tmp_path / "whole")
    first = train_images(preset, *data, folder=tmp_path / "parts", stop_after=1)
    assert len(first) == 1
    records = train_images(preset, *data, folder=tmp_path / "parts", resume=True)
    assert [record.epoch for record in records] == [1, 2, 3]
    (model, log), (other, its_log) = resulting(tmp_path / "whole"), resulting(tmp_path / "parts")
    assert all(torch.equal(model[key], other[key]) for key in model)
    assert log == its_log
    assert str(read_log(tmp_path / "parts" / "log.csv")) == str(records)


@pytest.mark.parametrize("name", [*OURS, *TORCHS])
def test_every_optimiser_takes_steps(tmp_path, data, name):
    assert set(OURS) == set(optim.__all__)
    options = {**TORCHS, **OURS}[name]
    preset = dataclasses.replace(SMALL, optimiser=name, options=options, epochs=1)
    run = _Run(preset, *data, torch.device("cpu"), False)
    before = [p.detach().clone() for p in run.model.parameters()]
    (record,) = train_images(preset, *data, folder=tmp_path)
    assert record.n_steps == 3
    after = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["model"].values()
    assert all(not torch.equal(old, new) for old, new in zip(before, after))


def test_cooled_training_learns_and_measures_its_temperature(tmp_path):
    train, test = synthetic_images(320, seed=1), synthetic_images(100, seed=2)
    preset = dataclasses.replace(
        SMALL, optimiser="CoolMomentum", options={"lr": 0.05, "start_momentum": 0.9}, epochs=4
    )
    records = train_images(preset, train, test, folder=tmp_path)
    assert records[-1].test_accuracy > 0.9
    assert [record.momentum for record in records][-1] == 0.0
    assert records[0].temperature > 10 * records[-1].temperature > 0
    assert {record.learning_rate for record in records} == {0.05}


def test_penalty_reaches_the_kernels_alone(data):
    """One step of gradient descent against the loss with its penalty, by autograd."""
    preset = dataclasses.replace(
        SMALL, options={"lr": 0.1}, batch_size=48, weight_decay=0.3, augment=False
    )
    run, twin = (_Run(preset, *data, torch.device("cpu"), False) for _ in range(2))
    run.epoch(0)
    images = twin.normalisation(twin.train.images)
    loss = functional.cross_entropy(twin.model(images), twin.train.labels)
    loss = loss + 0.15 * sum(m.weight.square().sum() for m in (twin.model[0], twin.model[3]))
    gradients = torch.autograd.grad(loss, list(twin.model.parameters()))
    for new, old, gradient in zip(run.model.parameters(), twin.model.parameters(), gradients):
        torch.testing.assert_close(new, old - 0.1 * gradient, rtol=1e-5, atol=1e-6)
    everything = dataclasses.replace(preset, decayed="all")
    assert len(_Run(everything, *data, torch.device("cpu"), False).decayed) == 6


def test_evaluation_counts_right_answers(data):
    run = _Run(SMALL, *data, torch.device("cpu"), False)
    loss, accuracy = run._evaluate(run.test)
    with torch.no_grad():
        scores = run.model(run.test.images / 255.0 - run.normalisation.mean)
    chance = scores.softmax(dim=1)[torch.arange(20), run.test.labels]
    assert loss == pytest.approx(-chance.log().mean().item(), rel=1e-5)
    assert accuracy == (scores.argmax(1) == run.test.labels).double().mean().item()
    assert not run.model.training


def test_rates_fall_as_the_preset_says(tmp_path, data):
    preset = dataclasses.replace(SMALL, epochs=4, rate_steps=((2, 0.01), (1, 0.1), (3, 0.0)))
    records = train_images(preset, *data, folder=tmp_path)
    rates = [record.learning_rate for record in records]
    assert rates == pytest.approx([0.1, 0.01, 0.001, 0.0], rel=1e-15)


def test_the_log_of_a_killed_run_is_made_good(tmp_path, data):
    """Killed after the last checkpoint, before its line of the log."""
    train_images(SMALL, *data, folder=tmp_path)
    whole = (tmp_path / "log.csv").read_text()
    (tmp_path / "log.csv").write_text("".join(whole.splitlines(keepends=True)[:-1]))
    train_images(SMALL, *data, folder=tmp_path, resume=True)
    assert (tmp_path / "log.csv").read_text() == whole


@pytest.mark.parametrize("bfloat16", [False, True])
def test_resnet20_takes_a_step(tmp_path, bfloat16):
    preset = dataclasses.replace(PRESETS["coolmomentum-resnet20"], batch_size=4, epochs=1)
    few = synthetic_images(4, seed=1)
    (record,) = train_images(preset, few, few, folder=tmp_path, bfloat16=bfloat16)
    assert 1.0 < record.train_loss < 10.0
    assert record.n_steps == 1
    held = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    tensors = [v for state in held["optimiser"]["state"].values() for v in state.values()]
    assert {tensor.dtype for tensor in tensors} == {torch.float32}


def test_what_cannot_be_trained_is_refused(tmp_path, data):
    with pytest.raises(FileNotFoundError, match="there is nothing to resume"):
        train_images(SMALL, *data, folder=tmp_path, resume=True)
    train_images(SMALL, *data, folder=tmp_path, stop_after=1)
    with pytest.raises(FileExistsError, match="is there already; resume it, or give another"):
        train_images(SMALL, *data, folder=tmp_path)
    other = dataclasses.replace(SMALL, options={"lr": 0.2})
    with pytest.raises(ValueError, match=r"with options=\{'lr': 0.1, .*, not \{'lr': 0.2\}"):
        train_images(other, *data, folder=tmp_path, resume=True)
    with pytest.raises(ValueError, match=r"do not fit Langevin: missing a required .*'lr'; it tak"):
        train_images(dataclasses.replace(SMALL, optimiser="Langevin", options={}), *data,
                     folder=tmp_path / "other")  # fmt: skip
    wild = dataclasses.replace(SMALL, options={"lr": 1e30})
    with pytest.raises(FloatingPointError, match=r"epoch 1 is nan.*smaller lr than 1e\+30"):
        train_images(wild, *data, folder=tmp_path / "wild")
    large = dataclasses.replace(SMALL, batch_size=64, drop_last=True)
    with pytest.raises(ValueError, match="train holds 48 images and test 20: an epoch needs a"):
        train_images(large, *data, folder=tmp_path / "large")


def test_a_run_goes_on_with_its_own_data_and_precision(tmp_path, data):
    """Else the steps that the schedule knows are not those of the log."""
    train_images(SMALL, *data, folder=tmp_path, stop_after=1)
    more, same_number = synthetic_images(64, seed=1), synthetic_images(20, seed=3)
    with pytest.raises(ValueError, match=r"train='48 images, md5 .*', not '64 images, md5 .* data"):
        train_images(SMALL, more, data[1], folder=tmp_path, resume=True)
    with pytest.raises(ValueError, match=r"test='20 images, md5 .*', not '20 images, md5"):
        train_images(SMALL, data[0], same_number, folder=tmp_path, resume=True)
    with pytest.raises(ValueError, match="with bfloat16=False, not True"):
        train_images(SMALL, *data, folder=tmp_path, resume=True, bfloat16=True)


def test_a_run_says_what_it_is(tmp_path, data):
    train_images(SMALL, *data, folder=tmp_path, stop_after=1)
    train_images(SMALL, *data, folder=tmp_path, resume=True)
    told = json.loads((tmp_path / "run.json").read_text())
    assert told["run"]["train"].startswith("48 images, md5 ")
    assert (told["run"]["seed"], told["run"]["options"]["lr"]) == (1, 0.1)
    assert [part["first_epoch"] for part in told["parts"]] == [1, 2]
    assert {part["torch"] for part in told["parts"]} == {torch.__version__}


@pytest.mark.parametrize("stop_after", [0, -1])
def test_a_last_epoch_before_the_first_is_refused(tmp_path, data, stop_after):
    with pytest.raises(ValueError, match=f"stop_after={stop_after} must be an epoch, counted from"):
        train_images(SMALL, *data, folder=tmp_path, stop_after=stop_after)


def test_a_folder_that_cannot_be_written_to_costs_no_epoch(tmp_path, data, monkeypatch):
    (tmp_path / "run.json").mkdir()  # as root, a folder without permission can be written to
    monkeypatch.setattr(_Run, "epoch", lambda *given: pytest.fail("an epoch was trained"))
    with pytest.raises(OSError, match=r"run\.json"):
        train_images(SMALL, *data, folder=tmp_path)


def test_log_of_another_program_is_refused(tmp_path):
    (tmp_path / "log.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"has the columns \['a', 'b'\], not"):
        read_log(tmp_path / "log.csv")
    with pytest.raises(ValueError, match="records is empty: train at least one epoch"):
        draw_training([], tmp_path / "figure.png")


def script():
    path = Path(__file__).parents[2] / "examples" / "cifar10.py"
    spec = importlib.util.spec_from_file_location("cifar10_script", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_script_trains_resumes_and_draws(tmp_path, capsys):
    common = [
        "--synthetic", "40", "--model", "small_cnn", "--epochs", "2", "--batch-size", "20",
        "--weight-decay", "0", "--option", "schedule=linear", "--out", str(tmp_path),
    ]  # fmt: skip
    main = script().main
    main([*common, "--stop-after", "1"])
    main([*common, "--resume"])
    printed = capsys.readouterr().out
    assert "small_cnn, CoolMomentum, 4 steps of 20 images on cpu" in printed
    assert printed.count("epoch   ") == 2
    assert (tmp_path / "training.png").stat().st_size > 5_000
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["preset"]
    assert saved["options"] == {"lr": 0.01, "start_momentum": 0.99, "schedule": "linear"}
    with pytest.raises(SystemExit, match="--option lr: write NAME=VALUE"):
        main(["--synthetic", "--option", "lr"])
    with pytest.raises(FileNotFoundError, match="kriz/cifar"):
        main(["--data", str(tmp_path)])
    with pytest.raises(ValueError, match="train holds 0 images"):
        main(["--synthetic", "0", "--out", str(tmp_path / "none")])
    assert script()._value("0.1") == 0.1
    assert script()._value("true") is True


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--device", "abacus"], r"^--device abacus: torch .* CUDA devices, can not use"),
        (["--device", "cuda:99"], r"^--device cuda:99: .* sees \d+ CUDA devices.*-device cpu$"),
        (["--synthetic", "-5"], r"^--synthetic -5: give a number of images"),
        (["--option", "lr=abc"], r"^cifar10\.py: options=.*abc.* do not fit CoolMomentum: lr"),
        (["--optimiser", "SGD", "--option", "lr=abc"], r"^cifar10\.py: .*'abc'.* do not fit SGD"),
    ],
)  # fmt: skip
def test_script_refuses_what_was_typed_in_one_line(tmp_path, monkeypatch, given, told):
    path = Path(__file__).parents[2] / "examples" / "cifar10.py"
    common = ["--synthetic", "40", "--model", "small_cnn", "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["cifar10.py", *common, *given])
    with pytest.raises(SystemExit, match=told) as left:
        runpy.run_path(str(path), run_name="__main__")
    assert "\n" not in str(left.value)


def test_what_an_optimiser_does_not_measure_is_an_empty_cell(tmp_path, data):
    preset = dataclasses.replace(SMALL, optimiser="SGLD", options=OURS["SGLD"], epochs=1)
    train_images(preset, *data, folder=tmp_path)
    names, cells = (line.split(",") for line in (tmp_path / "log.csv").read_text().splitlines())
    empty = [name for name, cell in zip(names, cells) if cell in ("", "nan")]
    assert empty == ["momentum", "temperature"]
    assert "nan" not in cells
    (record,) = read_log(tmp_path / "log.csv")
    assert math.isnan(record.temperature)


def test_script_says_what_is_wrong_without_a_traceback(tmp_path, monkeypatch):
    path = Path(__file__).parents[2] / "examples" / "cifar10.py"
    monkeypatch.setattr("sys.argv", ["cifar10.py", "--data", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit, match=r"^cifar10\.py: .*nowhere holds neither .*kriz/cifar"):
        runpy.run_path(str(path), run_name="__main__")
