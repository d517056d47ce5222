"""Training of an image model from a preset: epochs, log, checkpoint and resumption.

    python examples/cifar10.py --data PATH --preset coolmomentum-resnet20 --device cuda

A checkpoint is written after every epoch. On a CPU a run that is continued from it gives the bits
of the run that was never stopped; on a GPU sums may change their order from run to run. run.json
says what was run on what: the preset, the data, and for each part of the run device and versions.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import inspect
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from langevin_lab._version import __version__
from langevin_lab.pytorch import optim
from langevin_lab.pytorch.image_presets import ImagePreset
from langevin_lab.pytorch.images import ImageSet, Normalisation, epoch_batches
from langevin_lab.pytorch.models import MODELS

__all__ = ["EpochRecord", "make_optimiser", "train_images"]

CHECKPOINT, LOG, DESCRIPTION = "checkpoint.pt", "log.csv", "run.json"


@dataclasses.dataclass(frozen=True)
class EpochRecord:
    """What the log says of one epoch; losses are mean cross-entropies, without the penalty.

    ``momentum`` is that of the next step and ``temperature`` the mean square displacement of the
    last step over lr; both are nan for an optimiser that does not measure them, and empty cells of
    log.csv, which says nothing of the temperature of the noise. Training figures are means over the
    epoch, while the model changes; test figures are those after it.
    """

    epoch: int
    n_steps: int
    seconds: float
    images_per_second: float
    learning_rate: float
    momentum: float
    temperature: float
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float


def train_images(
    preset: ImagePreset,
    train: ImageSet,
    test: ImageSet,
    *,
    folder: str | Path,
    device: torch.device | str = "cpu",
    resume: bool = False,
    stop_after: int | None = None,
    bfloat16: bool = False,
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> list[EpochRecord]:
    """Train a model as a preset says; write log.csv, run.json and checkpoint.pt.

    Parameters
    ----------
    preset : ImagePreset
    train, test : ImageSet
        Moved to the device as a whole, as bytes: 154 MB and 31 MB for CIFAR-10.
    folder : path
        Made if it is missing.
    device : optional
    resume : bool, optional
        Continue from the folder's checkpoint.
    stop_after : int, optional
        Leave the run after this epoch, counted from 1, to be resumed; schedules are those of the
        whole run.
    bfloat16 : bool, optional
        Evaluate the model under autocast; parameters and the optimiser's state stay float32.
    on_epoch : callable, optional
        Called with the record of each epoch.

    Returns
    -------
    list of EpochRecord
        Of all epochs, those before the resumption included.

    Raises
    ------
    FileExistsError
        If the folder holds a checkpoint and resume is False.
    FileNotFoundError
        If there is nothing to resume.
    ValueError
        If the checkpoint is that of another preset, other data or another precision, if there are
        no images for a step, or stop_after is less than 1.
    FloatingPointError
        If the loss of an epoch is not finite; the last checkpoint is the one before.
    """
    folder = Path(folder)
    last = preset.epochs if stop_after is None else min(stop_after, preset.epochs)
    if last < 1:
        raise ValueError(f"stop_after={stop_after} must be an epoch, counted from 1, or None")
    if not resume and (folder / CHECKPOINT).exists():
        raise FileExistsError(
            f"{folder / CHECKPOINT} is there already; resume it, or give another folder"
        )
    run = _Run(preset, train, test, torch.device(device), bfloat16)
    records = run.load(folder / CHECKPOINT) if resume else []
    folder.mkdir(parents=True, exist_ok=True)
    # Before the first epoch: a folder that cannot be written to is noticed now.
    run.describe(folder / DESCRIPTION, len(records))
    if records:  # a run that was killed may have its last epoch in the checkpoint alone
        _write_log(folder / LOG, records)
    for epoch in range(len(records), last):
        records.append(run.epoch(epoch))
        run.save(folder / CHECKPOINT, records)
        _write_log(folder / LOG, records)
        if on_epoch is not None:
            on_epoch(records[-1])
    return records


def make_optimiser(
    preset: ImagePreset, model: nn.Module, *, n_images: int
) -> torch.optim.Optimizer:
    """Return the preset's optimiser, of `langevin_lab.pytorch.optim` or of `torch.optim`.

    AdLaLa and LOL get the model's first layer under their first equation, each of its parameters a
    group, and the rest as one group under the second, as published.

    Parameters
    ----------
    preset : ImagePreset
    model : Module
    n_images : int
        Images of the training set, which decide ``total_steps``.

    Raises
    ------
    ValueError
        If there is no such optimiser, it wants to evaluate the loss again (LBFGS), or the options
        are not its own.
    """
    kind: Any = getattr(optim if preset.optimiser in optim.__all__ else torch.optim,
                        preset.optimiser, None)  # fmt: skip
    fits = inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer)
    if not fits or preset.optimiser in ("Optimizer", "LBFGS", "SparseAdam"):
        raise ValueError(
            f"optimiser={preset.optimiser!r} must be one of {optim.__all__} or a class of "
            "torch.optim that steps on dense gradients without a closure"
        )
    known = inspect.signature(kind).parameters
    options = dict(preset.options)
    if "total_steps" in known and not {"total_steps", "alpha"} & set(options):
        options["total_steps"] = preset.total_steps(n_images)
    if "seed" in known:
        options.setdefault("seed", preset.seed)
    groups = _groups(model, kind)
    try:
        inspect.signature(kind).bind(groups, **options)
    except TypeError as error:
        raise ValueError(
            f"options={options} do not fit {preset.optimiser}: {error}; it takes {list(known)[1:]}"
        ) from None
    try:
        made: torch.optim.Optimizer = kind(groups, **options)
    except TypeError as error:  # also torch's own, of comparing a text with a number
        raise ValueError(f"options={options} do not fit {preset.optimiser}: {error}") from None
    return made


def _groups(model: nn.Module, kind: Any) -> list[Any]:
    """All parameters, or the groups of an optimiser that wants an equation for each."""
    equations = getattr(kind, "equations", ())
    if not equations:
        return list(model.parameters())
    first = next(list(m.parameters()) for m in model.modules() if list(m.parameters(recurse=False)))
    rest = list(model.parameters())[len(first) :]
    groups: list[Any] = [{"params": [p], "equation": equations[0]} for p in first]
    return [*groups, {"params": rest, "equation": equations[1]}]


class _Run:
    """Model, optimiser and data of one run."""

    def __init__(
        self,
        preset: ImagePreset,
        train: ImageSet,
        test: ImageSet,
        device: torch.device,
        bfloat16: bool,
    ) -> None:
        if preset.steps_per_epoch(len(train)) == 0 or len(test) == 0:
            raise ValueError(
                f"train holds {len(train)} images and test {len(test)}: an epoch needs a batch of "
                f"{preset.batch_size}, an evaluation one image; give more, or a smaller batch_size"
            )
        self.preset, self.device, self.bfloat16 = preset, device, bfloat16
        self.description = _plain(preset) | {
            "bfloat16": bfloat16, "train": _fingerprint(train), "test": _fingerprint(test),
        }  # fmt: skip
        self.train, self.test = train.to(device), test.to(device)
        self.normalisation = Normalisation.of(self.train.images, preset.normalisation)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(preset.seed)
            self.model = MODELS[preset.model]().to(device)
        parameters = list(self.model.parameters())
        self.optimiser = make_optimiser(preset, self.model, n_images=len(train))
        kernels = [p for p in parameters if p.ndim == 4]
        self.decayed = parameters if preset.decayed == "all" else kernels
        self.rates = [group["lr"] for group in self.optimiser.param_groups]

    def epoch(self, number: int) -> EpochRecord:
        """Train one epoch, counted from 0, and evaluate."""
        began = time.perf_counter()
        for group, rate in zip(self.optimiser.param_groups, self.rates):
            group["lr"] = rate * self.preset.rate_factor(number)
        loss, accuracy, n_seen = self._train(number)
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the loss of epoch {number + 1} is {loss}: the run diverged; use a smaller lr "
                f"than {self.rates[0]:g}"
            )
        seconds = time.perf_counter() - began
        test_loss, test_accuracy = self._evaluate(self.test)
        momenta = getattr(self.optimiser, "momenta", lambda: [math.nan])()
        square = getattr(self.optimiser, "mean_square_displacement", lambda: math.nan)()
        rate = self.optimiser.param_groups[0]["lr"]
        return EpochRecord(
            epoch=number + 1,
            n_steps=(number + 1) * self.preset.steps_per_epoch(len(self.train)),
            seconds=seconds, images_per_second=n_seen / seconds,
            learning_rate=rate, momentum=momenta[0],
            temperature=square / rate if rate else math.nan,
            train_loss=loss, train_accuracy=accuracy,
            test_loss=test_loss, test_accuracy=test_accuracy,
        )  # fmt: skip

    def _train(self, number: int) -> tuple[float, float, int]:
        """Mean loss, accuracy and count of the images of an epoch; the device is asked once."""
        preset = self.preset
        self.model.train()
        loss_sum = torch.zeros((), device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        n_seen = 0
        for images, labels in epoch_batches(
            self.train, self.normalisation, batch_size=preset.batch_size, seed=preset.seed,
            epoch=number, augment=preset.augment, drop_last=preset.drop_last,
        ):  # fmt: skip
            self.optimiser.zero_grad(set_to_none=True)
            scores = self._scores(images)
            loss = functional.cross_entropy(scores, labels)
            loss.backward()
            self._decay()
            self.optimiser.step()
            loss_sum += loss.detach() * len(labels)
            correct += (scores.argmax(dim=1) == labels).sum()
            n_seen += len(labels)
        return float(loss_sum) / n_seen, int(correct) / n_seen, n_seen

    def _decay(self) -> None:
        """Add the gradient of the penalty, whatever the optimiser makes of its own weight_decay."""
        if self.preset.weight_decay == 0:
            return
        held = [(p.grad, p.detach()) for p in self.decayed if p.grad is not None]
        if held:
            gradients, weights = map(list, zip(*held))
            torch._foreach_add_(gradients, weights, alpha=self.preset.weight_decay)

    def _scores(self, images: Tensor) -> Tensor:
        """Scores in float32, computed in bfloat16 where that is wanted."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            scores: Tensor = self.model(images)
        return scores.float()

    @torch.no_grad()
    def _evaluate(self, images: ImageSet) -> tuple[float, float]:
        """Mean loss and accuracy of a set, not augmented, in the order it has."""
        self.model.eval()
        loss, correct = 0.0, 0
        for start in range(0, len(images), 500):
            labels = images.labels[start : start + 500]
            scores = self._scores(self.normalisation(images.images[start : start + 500]))
            loss += float(functional.cross_entropy(scores, labels, reduction="sum"))
            correct += int((scores.argmax(dim=1) == labels).sum())
        return loss / len(images), correct / len(images)

    def save(self, path: Path, records: list[EpochRecord]) -> None:
        """Write a checkpoint; the one before stays until this one is complete."""
        content = {
            "preset": self.description, "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "records": [dataclasses.asdict(record) for record in records],
        }  # fmt: skip
        part = path.with_suffix(".part")
        torch.save(content, part)
        os.replace(part, path)

    def load(self, path: Path) -> list[EpochRecord]:
        """Take over a checkpoint and return its records."""
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist: there is nothing to resume")
        # To the CPU first: Adam's step counts stay where they are loaded, and belong there.
        content = torch.load(path, map_location="cpu", weights_only=True)
        wanted = self.description
        different = [name for name in wanted if wanted[name] != content["preset"].get(name)]
        if different:
            name = different[0]
            raise ValueError(
                f"{path} is that of a run with {name}={content['preset'].get(name)!r}, not "
                f"{wanted[name]!r}; resume it with its own preset and data, or give another folder"
            )
        self.model.load_state_dict(content["model"])
        self.optimiser.load_state_dict(content["optimiser"])
        return [EpochRecord(**record) for record in content["records"]]

    def describe(self, path: Path, n_done: int) -> None:
        """Write what is run; of a run that goes on, keep what was said of its earlier parts."""
        part = {
            "first_epoch": n_done + 1, "device": str(self.device),
            "langevin_lab": __version__, "torch": torch.__version__,
        }  # fmt: skip
        before = json.loads(path.read_text())["parts"] if n_done and path.is_file() else []
        content = {"run": self.description, "parts": [*before, part]}
        path.write_text(json.dumps(content, indent=2, default=str) + "\n")


def _plain(preset: ImagePreset) -> dict[str, Any]:
    """A preset as a checkpoint holds it: no class but Python's own."""
    values = dict(vars(preset))
    return values | {"options": dict(preset.options), "rate_steps": list(preset.rate_steps)}


def _write_log(path: Path, records: list[EpochRecord]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(EpochRecord)])
        writer.writeheader()
        writer.writerows(_cells(record) for record in records)


def _cells(record: EpochRecord) -> dict[str, Any]:
    """A line of the log; what the optimiser does not measure is left empty."""
    values = dataclasses.asdict(record)
    unknown = [name for name in ("momentum", "temperature") if math.isnan(values[name])]
    return values | dict.fromkeys(unknown, "")


def _fingerprint(images: ImageSet) -> str:
    """Two sets with the same text are the same images and labels."""
    digest = hashlib.md5(usedforsecurity=False)
    for tensor in (images.images, images.labels):
        digest.update(tensor.cpu().contiguous().numpy().data)
    return f"{len(images)} images, md5 {digest.hexdigest()}"
