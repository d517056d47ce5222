"""A loop cut in phases does what the single loop does."""

import math

import numpy as np

from langevin_lab.ensemble.phases import phases

LINES = [
    "x = x + 0.5 * p",
    "y = 0.3 * x",
    "u = exp(-y)",
    "s = sqrt(u)",
    "p = u * p + s * n",
    "y = p + y",
    "u = exp(-y)",
    "x = x + u",
]
PLACES = {name: f"work[{row}]" for row, name in enumerate("xpyus")} | {"n": "normals[0]"}


def run(bodies):
    work, normals = np.array([0.4, -0.7, np.nan, np.nan, np.nan]), np.array([1.3])
    for body in bodies:
        names = {"work": work, "normals": normals, "exp": math.exp, "sqrt": math.sqrt}
        exec("\n".join(body), names)  # a fresh namespace: what is not handed over is not there
    return work[:2]


def test_phases_hand_over_all_that_is_needed():
    whole = phases(LINES, PLACES, carried="xp", slow=())
    cut = phases(LINES, PLACES, carried="xp", slow="us")
    assert [len(whole), len(cut)] == [1, 5]
    np.testing.assert_array_equal(run(cut), run(whole))
    x, p = 0.4 + 0.5 * -0.7, -0.7
    u = math.exp(-0.3 * x)
    p = u * p + math.sqrt(u) * 1.3
    np.testing.assert_allclose(run(whole), [x + math.exp(-p - 0.3 * x), p], rtol=1e-15)


def test_phases_hand_over_nothing_else():
    first, second, *_ = phases(LINES, PLACES, carried="xp", slow="us")
    assert first[:2] == ["p = work[1]", "x = work[0]"]
    assert first[-2:] == ["work[0] = x", "work[2] = y"]  # p has not changed
    assert second == ["y = work[2]", "u = exp(-y)", "s = sqrt(u)", "work[4] = s", "work[3] = u"]
