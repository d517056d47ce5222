"""How an exact answer prints and counts."""

import numpy as np

from langevin_lab.exact import Reference


def test_reference_prints_value_and_error_and_formats_as_its_value():
    reference = Reference(69.26364476083629, 4.0e-12)
    assert str(reference) == "69.26364476 (error <= 4e-12)"
    assert f"{reference:.3f}" == "69.264"
    assert f"{reference}" == str(reference)
    value, error = reference
    assert (float(reference), error) == (value, 4.0e-12)


def test_arrays_format_element_by_element():
    reference = Reference(np.array([1.23456, -2.0]), np.array([1e-3, 2e-4]))
    assert f"{reference:.3f}" == "[1.235 -2.000]"
    assert f"{reference}" == "[ 1.23456 -2.     ] (error <= 0.001)"
    assert f"{Reference(np.array([[1, 2]]), 0.5):.1f}" == "[[1.0 2.0]]"
    assert str(Reference(np.array([1, 2]), 0.5)) == "[1 2] (error <= 0.5)"
    assert f"{Reference(np.array(1.25), np.array(0.1)):.1f}" == "1.2"
