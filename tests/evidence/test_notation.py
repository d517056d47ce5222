import pytest

from langevin_lab.evidence import notation


@pytest.mark.parametrize(
    ("value", "stderr", "plus_minus", "parenthesis", "number"),
    [
        (0.46731, 0.00123, "0.4673 ± 0.0012", "0.4673(12)", "0.46731"),
        (24465.3, 123.0, "24470 ± 120", "24470(120)", "24465"),
        (1.084e-5, 3e-8, "(1.0840 ± 0.0030)e-05", "1.0840(30)e-05", "1.084e-05"),
        (12.345, 1.23, "12.3 ± 1.2", "12.3(1.2)", "12.35"),
        (-0.5, 0.0996, "-0.50 ± 0.10", "-0.50(10)", "-0.5"),
        (0.0, 0.001, "0.0000 ± 0.0010", "0.0000(10)", "0"),
        (3e7, 2e5, "(3.000 ± 0.020)e+07", "3.000(20)e+07", "3e+07"),
        (100.0, 0.21, "100.00 ± 0.21", "100.00(21)", "100"),
        (0.002, 0.5, "0.00 ± 0.50", "0.00(50)", "0.002"),
    ],
)
def test_digits_follow_the_error(value, stderr, plus_minus, parenthesis, number):
    assert notation.plus_minus(value, stderr) == plus_minus
    assert notation.parenthesis(value, stderr) == parenthesis
    assert notation.number(value, stderr) == number


def test_exact_numbers_keep_ten_digits():
    assert notation.plus_minus(0.46791991704, 0) == "0.467919917"
    assert notation.parenthesis(25527.1, 0) == "25527.1"
    assert notation.number(1 / 3) == "0.3333333333"
