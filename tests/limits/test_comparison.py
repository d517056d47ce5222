"""`compare`: its errors by hand, its clock, its text, what it refuses."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.limits import OutsideRegimeWarning, compare, diffusion, gradient_flow, iterate
from langevin_lab.momentum import HeavyBall, StreamingPCA

WELL = ll.potentials.harmonic()


def family(h):
    return HeavyBall(learning_rate=h, momentum=0.5)


def test_errors_on_a_quadratic_are_those_of_the_closed_forms():
    rates = [0.04, 0.02, 0.01]
    result = compare(family, "gradient_flow", WELL, start=[2.0], duration=1.0, learning_rates=rates)
    for rate, sup, late, terminal in zip(rates, result.sup, result.late, result.terminal):
        x, p, distances = 2.0, 0.0, [0.0]
        for n in range(1, round(1.0 / rate) + 1):
            p = 0.5 * p - rate * x
            x += p
            distances.append(abs(x - 2.0 * np.exp(-2.0 * rate * n)))
        half = round(0.5 / rate)
        assert sup == pytest.approx(max(distances), abs=1e-10)
        assert late == pytest.approx(max(distances[half:]), abs=1e-10)
        assert terminal == pytest.approx(distances[-1], abs=1e-10)


def test_a_number_is_a_start_in_one_dimension():
    rates = [0.04, 0.02, 0.01]
    found = [
        compare(family, "modified_flow", WELL, start=start, learning_rates=rates).sup
        for start in (1.0, [1.0])
    ]
    assert (found[0] == found[1]).all()


def test_paths_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="n_steps=-1 must be >= 0"):
        iterate(family(0.1), WELL, 1.0, -1)
    pca = StreamingPCA(learning_rate=0.1, momentum=0.0, variances=(2.0, 1.0))
    with pytest.raises(ValueError, match="draws its own data, so its path is random"):
        iterate(pca, pca.potential, [1.0, 0.0], 3)


def test_norms_differ_by_what_they_are():
    plane = ll.Potential.from_expression("x**2/2 + y**2/2", ("x", "y"), stationary_points=[(0, 0)])
    settings = {"start": [1.0, 1.0], "learning_rates": [0.02, 0.01, 0.005]}
    length = compare(family, "gradient_flow", plane, **settings)
    largest = compare(family, "gradient_flow", plane, norm="largest", **settings)
    assert length.sup == pytest.approx(np.sqrt(2) * largest.sup)


def test_the_text_states_clock_layer_and_order():
    text = str(compare(family, "modified_flow", WELL, start=[1.0]))
    for part in (
        "HeavyBall against modified_flow",
        "clock: 0.000976562 a step",
        "late: from 0.5",
        "initial layer: the displacement grows",
        "after the initial layer",
        "expected 2",
    ):
        assert part in text


def test_the_order_is_taken_where_the_limit_holds():
    everywhere = compare(family, "gradient_flow", WELL, start=[1.0])
    assert everywhere.order is everywhere.sup_order
    late = compare(family, "modified_flow", WELL, start=[1.0])
    assert late.order is late.late_order
    assert late.terminal_order.value == pytest.approx(2.0, abs=0.1)


def test_coarse_learning_rates_alone_do_not_warn_but_all_of_them_do():
    settings = {"start": [1.0], "curvature": 1.0}
    compare(family, "gradient_flow", WELL, learning_rates=[0.1, 0.03, 0.01], **settings)
    with pytest.warns(OutsideRegimeWarning, match="even at the smallest learning rate 0.1") as seen:
        compare(family, "gradient_flow", WELL, learning_rates=[0.4, 0.2, 0.1], **settings)
    assert seen[0].filename == __file__


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": "diffusion"}, "limit='diffusion' must be one of 'gradient_flow'.*in law"),
        ({"duration": 0.0}, "duration=0.0 must be a finite number > 0"),
        ({"late_from": 1.0}, "late_from=1.0 must be >= 0 and < duration=1.0"),
        ({"norm": "l1"}, "norm='l1' must be one of 'euclidean', 'largest'"),
        ({"learning_rates": [0.1, 0.05]}, "must be three or more different numbers > 0"),
        ({"learning_rates": [0.1, 0.1, 0.05]}, "must be three or more different"),
        ({"learning_rates": [0.1, 0.05, -0.1]}, "must be three or more different numbers > 0"),
        ({"learning_rates": [2.0, 0.02, 0.01]}, "duration=1.0 is shorter than a step of 2"),
        ({"limit": ["gradient_flow"]}, r"limit=\['gradient_flow'\] must be one of"),
        (
            {"late_from": 0.999, "learning_rates": [0.3, 0.1, 0.03]},
            "late_from=0.999 is after the last whole step of 0.3 in duration=1",
        ),
        ({"start": [1.0, 2.0]}, r"start=\[1.0, 2.0\] must be 1 finite numbers"),
        ({"velocity": "matched"}, "unexpected keyword argument 'velocity'"),
    ],
)
def test_wrong_settings_are_named(changes, message):
    settings = {"limit": "gradient_flow", "potential": WELL, "start": [1.0], "duration": 1.0,
                "learning_rates": [0.04, 0.02, 0.01]} | changes  # fmt: skip
    limit, potential = settings.pop("limit"), settings.pop("potential")
    error = TypeError if "velocity" in changes else ValueError
    with pytest.raises(error, match=message):
        compare(family, limit, potential, **settings)


def test_a_path_that_leaves_all_bounds_is_named():
    steep = ll.Potential.from_expression("x**4/4")
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="left all bounds before step"):
        compare(family, "gradient_flow", steep, start=[20.0], duration=1.0,
                learning_rates=[0.1, 0.05, 0.025])  # fmt: skip


def test_a_limit_with_noise_has_no_path():
    def noisy(optimiser, potential):
        return diffusion(optimiser, potential, gradient_noise=0.1)

    with pytest.raises(ValueError, match="limit='diffusion' holds in law, not along paths"):
        compare(family, noisy, WELL, start=[1.0], learning_rates=[0.04, 0.02, 0.01])


@pytest.mark.parametrize("wrong", [HeavyBall, family(0.1), "HeavyBall"])
def test_a_family_is_a_function_of_the_learning_rate(wrong):
    with pytest.raises(TypeError, match=r"family=.* must be a function of the learning rate"):
        compare(wrong, "gradient_flow", WELL, start=1.0)


def test_a_family_that_ignores_the_learning_rate_has_no_order():
    with pytest.raises(ValueError, match=r"gives HeavyBall\(learning_rate=0.01.* at all learning"):
        compare(lambda rate: family(0.01), "gradient_flow", WELL, start=1.0)


def test_what_a_function_returns_is_a_limit():
    with pytest.raises(TypeError, match="limit returned 3, which is no Limit"):
        compare(family, lambda optimiser, potential: 3, WELL, start=1.0)


def test_the_remedy_is_for_the_number_that_is_too_large():
    with pytest.warns(OutsideRegimeWarning, match="= 0.5 is above 0.3; give momenta nearer to 1"):
        compare(family, "low_resolution", WELL, start=1.0)
    with pytest.warns(OutsideRegimeWarning, match="above 0.3; use a momentum nearer to 1"):
        ll.limits.low_resolution(family(0.01), WELL)


def test_limits_and_comparisons_state_their_range():
    plain = ll.Potential.from_expression("x**2/2")
    assert "range: not checked, for no minimum" in str(gradient_flow(family(0.01), plain))
    assert "(1 - momentum)**2)) = 0.03, limit 0.1" in str(gradient_flow(family(0.01), WELL))
    found = compare(family, "gradient_flow", WELL, start=1.0)
    assert "range at the smallest learning rate: ratio of clocks" in str(found)


def test_a_function_serves_as_a_limit():
    result = compare(family, gradient_flow, WELL, start=[1.0])
    assert result.limits[-1].name == "gradient_flow"


@pytest.mark.parametrize(("limit", "expected"), [("low_resolution", 0.5), ("high_resolution", 1.0)])
def test_the_order_in_the_root_clock_is_narrow_by_default(limit, expected):
    # At rates that are not powers of 4 runs end at different times: intervals of +- 0.6.
    def near_one(rate):
        return HeavyBall(learning_rate=rate, momentum=1.0 - np.sqrt(rate) / 3)

    low, high = compare(near_one, limit, WELL, start=0.5).order.interval()
    assert low < expected < high
    assert high - low < 0.1


def test_without_known_minima_the_range_is_judged_at_the_start():
    loss = ll.Potential.from_expression("2*x**2 + x**4")
    assert loss.max_curvature() is None
    result = compare(
        family, "gradient_flow", loss, start=[0.5], learning_rates=[0.01, 0.005, 0.002]
    )
    (small,) = result.limits[-1].small_parameters
    assert small.value == pytest.approx(0.002 * (4.0 + 12.0 * 0.25) * 0.75 / 0.25)
    with pytest.warns(OutsideRegimeWarning, match="even at the smallest learning rate 0.01"):
        compare(family, "gradient_flow", loss, start=[0.5], learning_rates=[0.03, 0.02, 0.01])
