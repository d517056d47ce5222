import ast

import mpmath
import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.escape.crossing import OVERSHOOT, shift_lengths, shifted_target
from langevin_lab.potentials import parse_region

LINE = ll.potentials.double_well()
PLANE = ll.Potential.from_expression("x**2 + k*y**2", variables=("x", "y"), parameters={"k": 2.0})


def test_overshoot_is_minus_zeta_of_a_half_over_root_two_pi():
    exact = -mpmath.zeta(mpmath.mpf(1) / 2) / mpmath.sqrt(2 * mpmath.pi)
    assert pytest.approx(float(exact), rel=1e-15) == OVERSHOOT


@pytest.mark.parametrize(
    ("target", "normals"),
    [
        ("x > 1", [[1, 0]]),
        ("x >= 1", [[1, 0]]),
        ("1 < x", [[1, 0]]),
        ("x < -1", [[-1, 0]]),
        ("-x > 1", [[-1, 0]]),
        ("x + 2*y > k", [[1, 2]]),
        ("k*x > y/2 - 3", [[2, -0.5]]),
        ("0.5 < x < 1", [[1, 0], [-1, 0]]),
        ("x > 1 and y < 2", [[1, 0], [0, -1]]),
        ("(x > 1) | (y < 2)", [[1, 0], [0, -1]]),
        ("x > 1 or y < 2 and x < 0", [[1, 0], [0, -1], [-1, 0]]),
        ("k > 1", [[0, 0]]),
    ],
)
def test_every_comparison_moves_outwards_by_its_own_shift(target, normals):
    text, found = shifted_target(target, PLANE)
    np.testing.assert_allclose(found, normals, atol=1e-12)
    shifts = [f"shift_{index}" for index in range(len(normals))]
    region = parse_region(text, ("x", "y", "k", *shifts))
    points = np.random.default_rng(0).uniform(-3, 3, (2, 500))
    values = {"x": points[0], "y": points[1], "k": 2.0}
    unmoved = region.evaluate(values | dict.fromkeys(shifts, 0.0))
    expected = parse_region(target, ("x", "y", "k")).evaluate(values)
    np.testing.assert_array_equal(unmoved, np.broadcast_to(expected, unmoved.shape))
    moved = region.evaluate(values | dict.fromkeys(shifts, 0.25))
    assert (moved >= unmoved).all()
    assert moved.any()


def test_shifted_text_is_as_documented():
    text, _ = shifted_target("x > 1", LINE)
    assert ast.dump(ast.parse(text)) == ast.dump(ast.parse("x - 1 + shift_0 > 0"))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "x**2 > 1",
            r"target='x\*\*2 > 1': .* is not linear in the variables, which .*use crossing",
        ),
        ("abs(x) > 1", "is not linear in the variables"),
        (
            "energy > 2",
            r"\(energy\) - \(2\) is not linear in the variables, .* use crossing='none'",
        ),
        ("not x > 1", "target='not x > 1': crossing='shift' needs a target without 'not'; turn"),
        ("~(x > 1)", "needs a target without 'not'; turn the comparison round, or use crossing="),
        ("not (x > 1 and x < 2)", "needs a target without 'not'"),
    ],
)
def test_boundaries_that_cannot_be_shifted_are_refused(target, message):
    with pytest.raises(ValueError, match=message):
        shifted_target(target, LINE)


def test_shift_is_the_overshoot_of_a_step_along_the_normal():
    dynamics = ll.Overdamped(PLANE, temperature=0.3, friction=(2.0, 0.5))
    lengths = shift_lengths(np.array([[1.0, 0.0], [3.0, 4.0]]), dynamics, dt=0.01)
    deviation = np.sqrt(2 * 0.3 * 0.01 / np.array([2.0, 0.5]))
    expected = [deviation[0], np.hypot(3 * deviation[0], 4 * deviation[1])]
    np.testing.assert_allclose(lengths, 0.5825971579390106 * np.array(expected), rtol=1e-14)
