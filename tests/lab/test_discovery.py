import re

import pytest

from langevin_lab.lab import LabError, discover
from langevin_lab.lab.discovery import load_module


def test_experiments_are_found_by_their_files(laboratory):
    for name in ("second_ray", "first_ray"):
        laboratory.add(name)
    laboratory.write("_shared", "raise RuntimeError('never loaded')")
    found, broken = discover()
    assert [item.name for item in found] == ["first_ray", "second_ray"]
    assert broken == []


def test_selection_keeps_its_order_and_loads_nothing_else(laboratory):
    for name in ("first_ray", "second_ray"):
        laboratory.add(name)
    laboratory.write("broken", "1/0")
    found, broken = discover("experiments", ["second_ray", "first_ray", "second_ray"])
    assert [item.name for item in found] == ["second_ray", "first_ray"]
    assert broken == []


BROKEN = {
    "divides": ("x = 1\n1/0", "experiments/divides.py:2: ZeroDivisionError: division by zero"),
    "grammar": ("x = 1\ndef (", "experiments/grammar.py:2: SyntaxError: invalid syntax"),
    "imports": (
        "import no_such_module",
        "experiments/imports.py:1: ModuleNotFoundError: No module",
    ),
    "empty": ("x = 1", "experiments/empty.py: defines no EXPERIMENT = Experiment(...)"),
    "exits": ("raise SystemExit(0)", "experiments/exits.py: exits when imported; guard main() by"),
    "silent": ("raise ValueError", "experiments/silent.py:1: ValueError"),
}


def test_broken_files_are_named_and_hide_no_other(laboratory):
    laboratory.add("good")
    for name, (text, _) in BROKEN.items():
        laboratory.write(name, text)
    laboratory.add("misnamed").rename(laboratory.experiments / "renamed.py")
    found, broken = discover()
    assert [item.name for item in found] == ["good"]
    messages = sorted(str(error) for error in broken)
    expected = sorted(
        [message for _, message in BROKEN.values()]
        + ["experiments/renamed.py: name='misnamed' must be that of the file, 'renamed'"]
    )
    for message, start in zip(messages, expected, strict=True):
        assert message.startswith(start)
        assert "\n" not in message


def test_unknown_name_suggests_a_close_one(laboratory):
    laboratory.add("integrator_bias")
    with pytest.raises(
        LabError, match=re.escape("no experiment 'integrator_bais' in experiments; ")
    ):
        discover(selected=["integrator_bais"])
    with pytest.raises(LabError, match=r"did you mean integrator_bias\?"):
        discover(selected=["integrator_bais"])
    with pytest.raises(LabError, match="there are integrator_bias"):
        discover(selected=["zzz"])


def test_missing_and_empty_folders_are_named(laboratory):
    with pytest.raises(LabError, match="experiments folder nowhere does not exist; run in the"):
        discover("nowhere")
    with pytest.raises(LabError, match=re.escape("experiments folder experiments holds no exp")):
        discover("experiments")


def test_what_is_no_python_file_is_refused(laboratory):
    with pytest.raises(LabError, match=r"notes.txt: is no Python file"):
        load_module(laboratory.folder / "notes.txt", "room")
