"""Train a network on CIFAR-10 with one of the published settings, or with your own.

    python examples/cifar10.py --data PATH --preset coolmomentum-resnet20 --device cuda
    python examples/cifar10.py --data PATH --preset coolmomentum-resnet34 --option schedule=linear
    python examples/cifar10.py --synthetic --model small_cnn --epochs 2 --batch-size 64

PATH holds cifar-10-binary.tar.gz or its files; nothing is downloaded. log.csv, run.json (what was
run on what), checkpoint.pt and training.png go to --out; --resume continues there.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from langevin_lab.pytorch.image_figure import draw_training
from langevin_lab.pytorch.image_presets import PRESETS, ImagePreset
from langevin_lab.pytorch.image_training import EpochRecord, train_images
from langevin_lab.pytorch.images import load_images, synthetic_images
from langevin_lab.pytorch.models import MODELS


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    given = _parser().parse_args(arguments)
    preset = _preset(given)
    _check_device(given.device)
    if given.synthetic is not None and given.synthetic < 0:
        raise SystemExit(f"--synthetic {given.synthetic}: give a number of images, such as 2000")
    if given.synthetic is not None:
        train, test = synthetic_images(given.synthetic, seed=1), synthetic_images(500, seed=2)
    else:
        train, test = (load_images(given.data, part=part) for part in ("train", "test"))
    print(
        f"{preset.model}, {preset.optimiser}, {preset.total_steps(len(train))} steps of "
        f"{preset.batch_size} images on {given.device}, into {given.out}"
    )
    records = train_images(
        preset, train, test, folder=given.out, device=given.device, resume=given.resume,
        stop_after=given.stop_after, bfloat16=given.bfloat16, on_epoch=_report,
    )  # fmt: skip
    title = f"{preset.model}, {preset.optimiser}" + (
        " (synthetic data)" * (given.synthetic is not None)
    )
    draw_training(records, given.out / "training.png", title=title)


def _parser() -> argparse.ArgumentParser:
    described = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=described)
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--data", type=Path, help="folder of CIFAR-10's binary version")
    data.add_argument(
        "--synthetic", type=int, nargs="?", const=2_000, metavar="N",
        help="N images made up, of the same shape: a smoke test",
    )  # fmt: skip
    parser.add_argument("--preset", choices=PRESETS, default="coolmomentum-resnet20")
    parser.add_argument("--out", type=Path, default=Path("results/cifar10"))
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_argument("--stop-after", type=int, metavar="EPOCH", help="leave the rest for later")
    parser.add_argument("--bfloat16", action="store_true", help="evaluate under autocast")
    change = parser.add_argument_group("changes of the preset")
    change.add_argument("--model", choices=sorted(MODELS))
    change.add_argument("--optimiser", help="of langevin_lab.pytorch.optim or torch.optim")
    change.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE",
        help="of the optimiser; with --optimiser the preset's own are dropped",
    )  # fmt: skip
    for name, kind in (("epochs", int), ("batch-size", int), ("weight-decay", float),
                       ("seed", int)):  # fmt: skip
        change.add_argument(f"--{name}", type=kind)
    return parser


def _preset(given: argparse.Namespace) -> ImagePreset:
    """The preset with the changes that were given."""
    preset = PRESETS[given.preset]
    names = ("model", "optimiser", "epochs", "batch_size", "weight_decay", "seed")
    changes: dict[str, Any] = {
        name: getattr(given, name) for name in names if getattr(given, name) is not None
    }
    options = {} if given.optimiser else dict(preset.options)
    for option in given.option:
        name, found, value = option.partition("=")
        if not found:
            raise SystemExit(f"--option {option}: write NAME=VALUE, such as lr=0.01")
        options[name] = _value(value)
    return dataclasses.replace(preset, options=options, **changes)


def _check_device(name: str) -> None:
    """Leave with one line unless torch can hold a tensor there."""
    try:
        torch.empty(1, device=name).cpu()
    # Of a name that is none, of a torch without CUDA, of a device without numbers ("meta").
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise SystemExit(
            f"--device {name}: torch {torch.__version__}, which sees {torch.cuda.device_count()} "
            f"CUDA devices, can not use it ({reason}); use --device cpu"
        ) from None


def _value(text: str) -> Any:
    """A number, true, false, a list, or the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _report(record: EpochRecord) -> None:
    print(
        f"epoch {record.epoch:3d}  loss {record.train_loss:.4f} / {record.test_loss:.4f}  accuracy "
        f"{100 * record.train_accuracy:.2f} / {100 * record.test_accuracy:.2f} %  "
        f"{record.images_per_second:.0f} images/s",
        flush=True,
    )


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, FloatingPointError) as error:
        raise SystemExit(f"cifar10.py: {error}") from None
