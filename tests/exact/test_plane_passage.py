"""Passage times to a plane: the 1-D integral, L tau = -1, the spectrum, the theory sheet."""

import math

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.exact import generator, mean_first_passage_time, plane_passage_time
from langevin_lab.exact.finite_volume import automatic_domain, generator_in
from langevin_lab.exact.plane_passage import _aligned, _on_grid

TILTED = ll.potentials.tilted_double_well(tilt=0.25)
CHANNEL = ll.potentials.entropic_barrier()
LEFT = min(float(minimum.position[0]) for minimum in TILTED.minima)


def product(*, swapped=False):
    """Two independent coordinates, the well in one of them."""
    x, y = ("y", "x") if swapped else ("x", "y")
    return ll.Potential.from_expression(f"({x}**2 - 1)**2 + 0.25*{x} + 2*{y}**2", "x, y", {})


@pytest.mark.parametrize("temperature", [0.5, 0.1, 0.02])
@pytest.mark.parametrize(("start", "plane"), [(LEFT, 1.0), (1.0, -1.0), (LEFT, 0.0)])
def test_one_dimension_is_the_double_integral_up_to_e_60(temperature, start, plane):
    dynamics = ll.Overdamped(TILTED, temperature=temperature, friction=0.7)
    found = plane_passage_time(dynamics, start, plane)
    expected = mean_first_passage_time(dynamics, start, plane).value
    assert found.value == pytest.approx(expected, rel=1e-11)
    assert found.error < 1e-9 * expected


@pytest.mark.parametrize("swapped", [False, True])
def test_a_coordinate_on_its_own_passes_as_in_one_dimension(swapped):
    """Also with a friction for each coordinate: that of the other one plays no part."""
    friction = [3.0, 1.0] if swapped else [1.0, 3.0]
    dynamics = ll.Overdamped(product(swapped=swapped), temperature=0.15, friction=friction)
    start = [0.3, LEFT] if swapped else [LEFT, 0.3]
    found = plane_passage_time(dynamics, start, 1.0, axis=int(swapped), n=80)
    expected = mean_first_passage_time(ll.Overdamped(TILTED, temperature=0.15), LEFT, 1.0).value
    assert abs(found.value - expected) <= 2 * found.error + 1e-9 * expected
    assert found.error < 1e-4 * expected


def test_identity_is_the_solution_of_the_passage_equation_on_the_same_grid():
    dynamics, start = ll.Overdamped(CHANNEL, temperature=0.4), np.array([-1.0, 0.0])
    box, level = automatic_domain(dynamics)
    n_between, time = _on_grid(dynamics, start, 1.0, 0, (box, level), 40)
    aligned, same = _aligned(box, start, 1.0, 0, 40)
    grid = generator_in(dynamics, aligned, level, 40)
    beyond = np.abs(grid.points[:, 0] - 1.0) < 1e-9
    direct = grid.solve(beyond, np.zeros(len(grid.mass)), -1.0)
    here = int(np.argmin(np.sum((grid.points - start) ** 2, axis=1)))
    assert n_between == same
    assert time == pytest.approx(direct[here], rel=1e-11)


def test_centres_fall_on_start_and_plane_and_spacings_keep_their_ratio():
    box, start = ((-2.0, 2.3), (-1.5, 1.9)), np.array([-0.8, 0.37])
    for plane, axis in ((1.1, 0), (-1.2, 0), (1.4, 1)):
        ratios = []
        for n in (40, 56, 80):
            aligned, n_between = _aligned(box, start, plane, axis, n)
            spacings = [(high - low) / n for low, high in aligned]
            for (low, _), spacing, position in zip(aligned, spacings, start):
                cell = (position - low) / spacing - 0.5
                assert cell == pytest.approx(round(cell), abs=1e-9)
            assert abs(plane - start[axis]) == pytest.approx(n_between * spacings[axis], rel=1e-12)
            # The plane is on the last centres, all else of the box is covered.
            last = aligned[axis][1] if plane > start[axis] else aligned[axis][0]
            assert abs(last - plane) == pytest.approx(0.5 * spacings[axis], rel=1e-9)
            far = 0 if plane > start[axis] else 1
            other = 1 - axis
            assert (aligned[axis][far] - box[axis][far]) * (-1) ** far <= 0
            assert aligned[other][0] <= box[other][0]
            assert aligned[other][1] >= box[other][1]
            ratios.append(spacings[1] / spacings[0])
        assert np.ptp(ratios) < 1e-12


@pytest.mark.parametrize(("temperature", "gap"), [(0.1, 4.2312e-5), (0.15, 1.18699e-3)])
def test_symmetric_channel_takes_two_over_the_gap_of_the_theory_sheet(temperature, gap):
    """But for the time within a well, a few units."""
    dynamics = ll.Overdamped(CHANNEL, temperature=temperature)
    found = plane_passage_time(dynamics, [-1.0, 0.0], 1.0, n=100)
    assert found.value * gap / 2 == pytest.approx(1.0, abs=2.0 * gap + 2e-4)
    # The negative control: 3 % in the friction.
    slow = ll.Overdamped(CHANNEL, temperature=temperature, friction=1.03)
    slower = plane_passage_time(slow, [-1.0, 0.0], 1.0, n=100)
    assert slower.value == pytest.approx(1.03 * found.value, rel=1e-10)
    assert slower.value * gap / 2 != pytest.approx(1.0, abs=2.0 * gap + 2e-4)


def test_cold_times_approach_eyring_kramers_from_below():
    temperatures = np.array([0.04, 0.02, 0.01])
    ratios = []
    for T in temperatures:
        found = plane_passage_time(ll.Overdamped(CHANNEL, temperature=T), [-1.0, 0.0], 1.0, n=160)
        theory = ll.escape.eyring_kramers(CHANNEL, [-1.0, 0.0], [0.0, 0.0], T).mean_time
        ratios.append(found.value / theory - 1.0)
    slopes = np.diff(np.log(np.abs(ratios))) / np.diff(np.log(temperatures))
    assert np.all(np.array(ratios) < 0)
    assert slopes == pytest.approx(1.0, abs=0.15)


def test_error_holds_what_a_finer_grid_changes():
    dynamics = ll.Overdamped(ll.potentials.mueller_brown(), temperature=9.0)
    start = dynamics.potential.stationary_points[0].position
    coarse, fine = (plane_passage_time(dynamics, start, 0.6235, n=n) for n in (60, 160))
    assert abs(coarse.value - fine.value) < 3 * coarse.error
    assert fine.error < 1e-5 * fine.value < coarse.error < 0.05 * coarse.value


def test_deep_wells_do_not_spoil_a_committor_on_the_grid():
    """Scaled rows: at a barrier of 60 T the splitting probability keeps its digits."""
    dynamics = ll.Overdamped(TILTED, temperature=0.02)
    grid = generator(dynamics, n=1600)
    x = grid.points[:, 0]
    ends = np.array([np.argmin(np.abs(x - LEFT)), np.argmin(np.abs(x - 1.0))])
    fixed, values = np.zeros(x.size, bool), np.zeros(x.size)
    fixed[ends], values[ends[1]] = True, 1.0
    found = grid.solve(fixed, values)
    middle = int(np.argmin(np.abs(x + 0.5)))
    expected = ll.exact.splitting_probability(dynamics, x[middle], *x[ends]).value
    assert expected < 1e-7
    assert math.log(found[middle]) == pytest.approx(math.log(expected), abs=5e-3)


RIDGE = "0.5*(y**2 - 1)**2*(1 + 60/(1 + exp(20*(x - 1.5))))"
ALONG = "(0.3 - 0.28/(1 + exp(10*y)))*(x - 0.5)**4 + exp(-((x - 0.6)**2)/0.02)/(1 + exp(-10*y))"


def test_valleys_joined_only_beyond_the_plane_keep_the_one_that_holds_the_start():
    """The lower valley is longer, and without a bump: its time is 10 instead of 356."""
    two = ll.Potential.from_expression(f"{RIDGE} + {ALONG}", "x, y", {})
    one = ll.Potential.from_expression(f"60*(y - 1)**2 + {ALONG}", "x, y", {})
    found, expected = (
        plane_passage_time(ll.Overdamped(potential, temperature=0.15), [0.0, 1.0], 1.0, n=100)
        for potential in (two, one)
    )
    assert expected.value > 300
    assert found.value == pytest.approx(expected.value, rel=0.1)


def test_a_start_outside_of_the_kept_cells_is_refused():
    dynamics = ll.Overdamped(product(), temperature=0.15)
    with pytest.raises(ValueError, match=r"point \[0\. 9\.\] lies in no cell kept of this box"):
        generator_in(dynamics, ((-2.0, 2.0), (-2.0, 10.0)), 5.0, 40, holding=np.array([0.0, 9.0]))


def test_a_time_that_the_grids_do_not_agree_on_is_refused():
    """A thin wall of 2700 T across the upper valley, a ridge of 200 T beside it."""
    wall = "400*exp(-((x - 0.5)**2)/0.02)/(1 + exp(-10*y))"
    text = f"{RIDGE} + 0.3*(x - 0.5)**4 + {wall}"
    dynamics = ll.Overdamped(ll.Potential.from_expression(text, "x, y", {}), temperature=0.15)
    with pytest.raises(ValueError, match=r"n=60 cells .* \+- .*: the grids do not agree; raise n"):
        plane_passage_time(dynamics, [0.0, 1.0], 1.0, n=60)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axis": 2}, "axis=2 must be one of 0 to 1"),
        ({"start": -1.0}, r"start=-1\.0 must be a finite point with 2 coordinate\(s\)"),
        ({"start": [1.0, 0.0]}, r"off the plane 1\.0"),
        ({"start": [-1.0, 9.0]}, "lies above .*, which is never reached at this temperature"),
        ({"axis": True}, "axis=True must be one of 0 to 1"),
        ({"axis": 0.0}, r"axis=0\.0 must be one of 0 to 1"),
        ({"n": -30}, "n=-30 cells are too few .* at least 16"),
        ({"n": 32.5}, r"n=32\.5 cells are .* no whole number"),
        (
            {"plane": -0.99},
            "0 cells of the coarsest of three grids with up to n=32, at least 4 needed; raise n",
        ),
        ({"plane": 7.0}, r"no cell at plane=7\.0 is reached at this temperature; move it"),
    ],
)
def test_arguments_out_of_range_are_refused(changes, message):
    arguments = {"start": [-1.0, 0.0], "plane": 1.0, "axis": 0, "n": 32, **changes}
    dynamics = ll.Overdamped(CHANNEL, temperature=0.2)
    with pytest.raises(ValueError, match=message):
        plane_passage_time(
            dynamics, arguments["start"], arguments["plane"], axis=arguments["axis"],
            n=arguments["n"],
        )  # fmt: skip


def test_langevin_dynamics_is_refused():
    with pytest.raises(TypeError, match="the passage time to a plane"):
        plane_passage_time(ll.Langevin(TILTED, temperature=0.2, friction=1.0), LEFT, 1.0)
