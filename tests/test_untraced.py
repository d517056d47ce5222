"""What coverage sees around a function that it is kept out of."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
def inner(n):
    if n == 0:
        raise KeyError("no number")
    return n

def around(call, n):
    try:
        value = call(n)
    except KeyError:
        value = -1
    for i in range(3):
        value += i
    return value

def total(call):
    values = [around(call, n) for n in range(4)]
    return sum(values)
"""
INNER = {2, 3, 4, 5}
# A process of its own: coverage may be at work in this one.
SCRIPT = """
import json, sys
import coverage
from module import inner, total
from untraced import untraced
measured = coverage.Coverage(
    branch=True, include=["*module.py"], data_file=None, config_file=False
)
measured.start()
value = total(untraced(inner) if sys.argv[1] == "untraced" else inner)
measured.stop()
data = measured.get_data()
(file,) = data.measured_files()
print(json.dumps([value, sorted(data.arcs(file))]))
"""


def arcs(folder, which):
    """Arcs measured while the module runs: pairs of lines, negative where a function begins."""
    (folder / "module.py").write_text(MODULE)
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, which], cwd=folder, capture_output=True,
        text=True, check=True, env={"PYTHONPATH": f"{folder}:{Path(__file__).parent}"},
    )  # fmt: skip
    value, found = json.loads(finished.stdout)
    assert value == -1 + 1 + 2 + 3 + 4 * 3
    return {tuple(arc) for arc in found}


def test_everything_but_the_function_is_measured(tmp_path):
    pytest.importorskip("coverage")
    everything, around = arcs(tmp_path, "traced"), arcs(tmp_path, "untraced")
    inside = {arc for arc in everything if {abs(line) for line in arc} <= INNER}
    assert len(inside) == 5
    assert around == everything - inside
