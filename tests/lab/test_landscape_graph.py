"""Disconnectivity graphs drawn, and the experiment that asks for them."""

import dataclasses
import functools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from shipped import experiment

from langevin_lab.lab.disconnectivity_plot import draw_disconnectivity

module = experiment("landscape_graph")
CONFIG = dataclasses.replace(
    module.Config(), n_hops=40, n_walks=2, n_random=30, n_explored=1, n_starts=32
)


@functools.cache
def dataset():
    return module.run(CONFIG)


def outcome(data, beginning):
    claims = [claim for claim in module.claims(data) if claim.statement.startswith(beginning)]
    return claims[0].verdict().outcome


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def segments(axes):
    return [np.array(line.get_xydata()) for line in axes.lines]


@pytest.mark.slow
def test_every_claim_holds_on_a_small_search():
    assert {claim.verdict().outcome for claim in module.claims(dataset())} == {"consistent"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("seven_i", "7 atoms: minima"),
        ("seven_j", "7 atoms: saddles of index 1 below"),
        ("network_point", "network: sum"),
        ("network_i", "network: copies"),
    ],
)
def test_one_missing_point_is_refuted(name, claim):
    assert outcome(dataset(), claim) == "consistent"
    assert outcome(dataset().isel({name: slice(1, None)}), claim) == "refuted"


def test_closed_form_of_the_icosahedron_is_the_published_energy():
    assert module.icosahedron() == pytest.approx(-44.326801, abs=1e-6)


def test_lines_rise_from_minima_to_the_saddles_that_join_them(axes):
    draw_disconnectivity(axes, [0.0, 1.0, 0.5], [2.0, 3.0], [(0, 2), (1, 2)])
    drawn = segments(axes)
    rises = sorted(tuple(part[:, 1]) for part in drawn if part[0, 0] == part[1, 0])
    assert rises == [(0.0, 2.0), (0.5, 2.0), (1.0, 3.0), (2.0, 3.0), (3.0, pytest.approx(3.15))]
    bars = sorted(part[0, 1] for part in drawn if part[0, 1] == part[1, 1])
    assert bars == [2.0, 3.0]
    feet = {part[0, 1]: part[0, 0] for part in drawn if part[0, 0] == part[1, 0]}
    assert (feet[0.0], feet[0.5], feet[1.0]) == (0.0, 1.0, 2.0)  # the lowest to the left


def test_minima_that_are_not_shown_still_join_others(axes):
    draw_disconnectivity(axes, [0.0, 1.0, 0.5], [2.0, 3.0], [(0, 1), (1, 2)], n_shown=2)
    tops = [part[1, 1] for part in segments(axes) if part[0, 1] in (0.0, 0.5)]
    assert tops == [3.0, 3.0]


def test_minima_that_nothing_joins_end_free(axes):
    draw_disconnectivity(axes, [0.0, 1.0], [], [])
    assert len(segments(axes)) == 2


def test_an_empty_graph_is_refused(axes):
    with pytest.raises(ValueError, match="minima is empty; give the energy of one"):
        draw_disconnectivity(axes, [], [], [])
