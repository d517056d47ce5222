"""A limit outside its regime warns with the number, and inside it says nothing."""

import math
import pickle
import warnings

import pytest

from langevin_lab.limits import OutsideRegimeWarning, SmallParameter, check_regime


def parameter(value, **changes):
    settings = {"name": "clock ratio", "formula": "learning_rate/(1 - momentum)^2", "limit": 0.1}
    return SmallParameter(value=value, **(settings | changes))


def test_value_above_its_limit_warns_with_the_number():
    message = (
        r"the flow is outside its regime: clock ratio \(learning_rate/\(1 - momentum\)\^2\) = 0.25 "
        r"is above 0.1; use a smaller learning rate"
    )
    with pytest.warns(OutsideRegimeWarning, match=message) as caught:
        parameter(0.25).check("the flow", remedy="use a smaller learning rate")
    warning = caught[0].message
    assert (warning.name, warning.value, warning.limit) == ("clock ratio", 0.25, 0.1)


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_value_up_to_its_limit_is_silent(value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small = parameter(value)
        assert small.check("the flow") is small
    assert small.holds


def test_infinite_value_is_outside():
    with pytest.warns(OutsideRegimeWarning, match="= inf is above 0.1"):
        parameter(math.inf).check("the flow")


def test_warning_points_at_the_line_that_asked():
    def ask():
        check_regime([parameter(0.2)], "the flow", stacklevel=3)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parameter(0.2).check("the flow")
        check_regime([parameter(0.2)], "the flow")
        ask()
    assert [warning.filename for warning in caught] == [__file__] * 3
    lines = [warning.lineno for warning in caught]
    assert lines[1] - lines[0] == lines[2] - lines[1] == 1


def test_each_parameter_too_large_warns_once():
    given = [parameter(0.2, name="first"), parameter(0.05), parameter(0.3, name="third")]
    with pytest.warns(OutsideRegimeWarning) as caught:
        assert check_regime(given, "the flow") == tuple(given)
    assert [warning.message.name for warning in caught] == ["first", "third"]


def test_text_names_formula_value_and_limit():
    assert str(parameter(0.25)) == (
        "clock ratio (learning_rate/(1 - momentum)^2) = 0.25, limit 0.1"
    )


def test_warning_survives_pickling():
    """Workers send their warnings home."""
    sent = pickle.loads(pickle.dumps(OutsideRegimeWarning("too large", "clock ratio", 0.25, 0.1)))
    assert (sent.name, sent.value, sent.limit) == ("clock ratio", 0.25, 0.1)
    assert str(sent) == "too large"


def test_wrong_numbers_are_named():
    with pytest.raises(ValueError, match=r"value=-0.1 of the small parameter .* must be >= 0"):
        parameter(-0.1)
    with pytest.raises(ValueError, match="value=nan of the small parameter"):
        parameter(math.nan)
    with pytest.raises(ValueError, match=r"limit=0.0 must be a finite number > 0"):
        parameter(0.1, limit=0.0)
    with pytest.raises(TypeError, match=r"value='0.1' must be a number"):
        parameter("0.1")
