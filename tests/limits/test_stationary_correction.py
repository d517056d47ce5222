"""Predicted biases against the transfer operator, exact covariances and closed forms."""

import functools

import numpy as np
import pytest
import sympy
from one_step import is_of_order

import langevin_lab as ll
from langevin_lab.evidence import order
from langevin_lab.limits.weak_equation import weak_modified_equation

QUARTIC = ll.potentials.quartic_well()
HARMONIC = ll.potentials.harmonic(stiffness=1.7)
NUMBERS = {"temperature": 1.0, "friction": 1.0}


def square(x):
    return x**2


def quartic_correction(name, order_kept=2, **changes):
    equation = weak_modified_equation(name, order_kept)
    return equation.stationary_correction(QUARTIC, **(NUMBERS | changes))


def steps_of(name):
    return (0.02 if name == "EulerMaruyama" else 0.2) * 2.0 ** (-0.5 * np.arange(5))


@functools.cache
def true_biases(name):
    """Bias of <x^2> on the quartic well, from the transfer operator of the real step."""
    kind = ll.Overdamped if name == "EulerMaruyama" else ll.Langevin
    dynamics = kind(QUARTIC, **NUMBERS)
    exact = ll.exact.gibbs_average(dynamics, square).value
    # Coarser than the default, for OBABO has two normals; good to 1e-9 all the same.
    size = {"degree": 20, "n_normal_nodes": 8}
    averages = [
        ll.exact.stationary_average(name, dynamics, square, dt, **size).value
        for dt in steps_of(name)
    ]
    return np.subtract(averages, exact)


def orders_before_and_after(name, order_kept, scale=1.0):
    """Observed order of the bias, and of what is left when the predicted part is taken off."""
    correction = quartic_correction(name, order_kept)
    steps = steps_of(name)
    predicted = [scale * correction.bias(square, dt).value for dt in steps]
    before = order(steps, np.abs(true_biases(name)))
    return before, order(steps, np.abs(true_biases(name) - predicted))


@pytest.mark.parametrize("word", ["BAOAB", "ABOBA", "OBABO"])
def test_predicted_bias_raises_the_order_from_two_to_four(word):
    before, after = orders_before_and_after(word, 2)
    assert is_of_order(before, 2, width=0.2)
    assert is_of_order(after, 4, width=0.3)
    _, wrong = orders_before_and_after(word, 2, scale=1.03)
    assert not is_of_order(wrong, 4, width=0.3)


@pytest.mark.parametrize("kept", [1, 2])
def test_predicted_bias_of_euler_maruyama_raises_the_order(kept):
    before, after = orders_before_and_after("EulerMaruyama", kept)
    assert is_of_order(before, 1)
    assert is_of_order(after, kept + 1)
    _, wrong = orders_before_and_after("EulerMaruyama", kept, scale=1.03)
    assert not is_of_order(wrong, kept + 1)


def test_predicted_bias_of_an_unsymmetric_word():
    """Of BAO the first power is removed, then the second; the third vanishes for positions."""
    steps = steps_of("BAO")
    left = [
        np.abs(
            true_biases("BAO")
            - [quartic_correction("BAO", k).bias(square, dt).value for dt in steps]
        )
        for k in (1, 2)
    ]
    assert is_of_order(order(steps, left[0]), 2, width=0.2)
    assert is_of_order(order(steps, left[1]), 4, width=0.4)


def test_baoab_leaves_every_position_of_the_harmonic_well_alone():
    correction = weak_modified_equation("BAOAB").stationary_correction(HARMONIC, **NUMBERS)
    size = np.sqrt(correction.profiles**2 @ correction.weights)
    assert size.max() < 1e-10
    near = np.abs(correction.nodes) < 2
    assert np.abs(correction.profiles[:, near]).max() < 1e-8
    assert correction.coefficient(square, 2).value == pytest.approx(0, abs=1e-12)
    assert correction.coefficient(lambda p: p**2, 2).value == pytest.approx(-1.7 / 4, abs=1e-12)


@pytest.mark.parametrize("word", ["ABOBA", "OBABO", "OABAO", "AOBOA", "BAOA"])
def test_coefficients_on_a_harmonic_well_are_those_of_the_exact_covariance(word):
    numbers = {"temperature": 0.6, "friction": 0.8, "mass": 1.4}
    correction = weak_modified_equation(word).stationary_correction(HARMONIC, **numbers)
    for row, f, limit in ((0, square, 0.6 / 1.7), (1, lambda p: p**2, 0.6 * 1.4)):
        exact = [
            ll.exact.stationary_covariance(word, stiffness=1.7, dt=dt, **numbers)[row, row]
            for dt in (0.02, 0.01)
        ]
        coarse, fine = ((value - limit) / dt**2 for value, dt in zip(exact, (0.02, 0.01)))
        # All odd powers vanish, also for BAOA, which is a palindrome but for half a kick.
        extrapolated = (4 * fine - coarse) / 3
        assert correction.coefficient(f, 2).value == pytest.approx(extrapolated, rel=1e-5, abs=1e-8)


def test_profile_of_ubu_is_its_closed_form():
    """Mean over p of the local g_2: U''/24 - U'^2/12 at m = T = 1, less its average."""
    correction = quartic_correction("UBU")
    x = correction.nodes
    profile = (3 * x**2 + 1) / 24 - (x**3 + x) ** 2 / 12
    profile -= correction.weights @ profile
    near = np.abs(x) < 2.5
    np.testing.assert_allclose(correction.profiles[1][near], profile[near], atol=1e-7)
    assert np.all(correction.profile_errors[1][near] < 1e-6)


def test_profiles_average_to_zero_and_give_the_bias():
    correction = quartic_correction("OBABO")
    assert abs(correction.weights @ correction.profiles[1]) < 1e-12
    along = correction.weights @ (correction.profiles[1] * correction.nodes**2)
    assert correction.coefficient(square, 2).value == pytest.approx(along, abs=1e-12)
    bias = correction.bias(square, 0.1)
    assert bias.value == pytest.approx(0.01 * along, abs=1e-12)
    assert 0 < bias.error < 1e-9


def test_joint_observables_see_the_momentum():
    """A step of BAOA ends half a kick before BAOAB's: <x p> = h k <x^2> m/(2 m) on k x^2/2."""
    correction = weak_modified_equation("BAOA").stationary_correction(HARMONIC, **NUMBERS)
    assert correction.coefficient(lambda x, p: x * p, 1).value == pytest.approx(0.5, abs=1e-12)


def test_bias_of_baoab_falls_with_the_square_of_the_friction():
    """At high friction BAOAB is of order four in positions."""
    values = [
        quartic_correction("BAOAB", friction=friction).coefficient(square, 2).value
        for friction in (50.0, 100.0)
    ]
    assert values[0] / values[1] == pytest.approx(4.0, rel=0.01)


def test_error_covers_the_change_from_more_polynomials():
    """A double well at low friction, where few polynomials do not suffice."""
    equation = weak_modified_equation("BAOAB")
    well = ll.potentials.double_well(barrier=1.0)
    numbers = {"temperature": 0.5, "friction": 0.3}
    few, many = (
        equation.stationary_correction(well, degree=degree, **numbers).coefficient(square, 2)
        for degree in ((18, 12), (44, 32))
    )
    assert abs(few.value - many.value) < few.error
    assert many.error < 0.1 * few.error


def test_effective_potential_and_galerkin_agree_for_euler_maruyama():
    """g_1 = U'^2/4 - U''/2 less its mean."""
    correction = quartic_correction("EulerMaruyama", 1)
    x = correction.nodes
    profile = (x**3 + x) ** 2 / 4 - (3 * x**2 + 1) / 2
    profile -= correction.weights @ profile
    near = np.abs(x) < 3
    np.testing.assert_allclose(correction.profiles[0][near], profile[near], atol=1e-8)


def test_asking_for_what_is_not_held_names_what_is():
    correction = quartic_correction("EulerMaruyama", 1)
    with pytest.raises(ValueError, match=r"power=2 is not held; use 1 to 1"):
        correction.coefficient(square, 2)
    with pytest.raises(ValueError, match=r"dt=0 must be finite and > 0"):
        correction.bias(square, 0)
    with pytest.raises(ValueError, match=r"observable takes \('p',\).* has \('x',\)"):
        correction.coefficient(lambda p: p, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"degree": 5}, r"degree=5 must be at least 6"),
        ({"degree": (40, 4)}, r"degree=\(40, 4\) must be at least 6"),
        ({"temperature": 0.0}, r"temperature=0.0 must be a finite number > 0"),
        ({"friction": True}, r"friction=True must be a finite number > 0"),
        ({"mass": -1.0}, r"mass=-1.0 must be a finite number > 0"),
    ],
)
def test_numbers_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        quartic_correction("BAOAB", **changes)


def test_original_equation_has_nothing_to_correct():
    with pytest.raises(ValueError, match=r"order=0 of 'BAOAB' is the original equation"):
        quartic_correction("BAOAB", 0)


def test_potential_of_two_coordinates_is_refused():
    with pytest.raises(ValueError, match="dimension 1, not 2"):
        weak_modified_equation("BAOAB").stationary_correction(
            ll.potentials.harmonic(dim=2), **NUMBERS
        )


def test_symbolic_momentum_of_the_generator_is_what_the_observable_calls_p():
    assert (
        sympy.Symbol("p", real=True)
        in weak_modified_equation("BAOAB").generator.coefficient(1).free_symbols
    )
