"""How an exact answer prints and counts."""

from langevin_lab.exact import Reference


def test_reference_prints_value_and_error_and_formats_as_its_value():
    reference = Reference(69.26364476083629, 4.0e-12)
    assert str(reference) == "69.26364476 (error <= 4e-12)"
    assert f"{reference:.3f}" == "69.264"
    assert f"{reference}" == str(reference)
    value, error = reference
    assert (float(reference), error) == (value, 4.0e-12)
