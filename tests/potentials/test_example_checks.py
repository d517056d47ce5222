"""What is refused as examples: by `Examples` and by the networks that are trained on them."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.potentials import Examples

INPUTS = [[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]]
HOLED = [[0.0, 1.0], [1.0, np.nan], [2.0, 2.0]]


@pytest.mark.parametrize(
    "given", [list, np.float32, np.int8, lambda rows: np.array(rows, dtype=object)]
)
def test_examples_are_float64_whatever_they_were_given_as(given):
    found = Examples(given(INPUTS), [0, 1, 1], "d")
    np.testing.assert_array_equal(found.inputs, INPUTS)
    assert (found.inputs.dtype, found.targets.dtype) == (np.float64, np.int64)
    assert not found.inputs.flags.writeable
    assert not found.targets.flags.writeable


@pytest.mark.parametrize(
    ("targets", "dtype"),
    [
        (np.array([0, 1, 1], np.uint8), np.int64),
        ([False, True, True], np.int64),
        (np.array([0.5, 1, 1], np.float32), np.float64),
        (np.array([[0], [1], [1]], np.int32), np.int64),
        ([[0.5, 1.0]] * 3, np.float64),
    ],
)
def test_targets_keep_their_shape_and_are_classes_or_values(targets, dtype):
    found = Examples(INPUTS, targets, "d").targets
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, targets)


def test_one_column_may_come_without_its_axis():
    found = Examples([1.0, 2.0, 3.0], [0, 1, 0], "d")
    assert found.inputs.shape == (3, 1)
    assert repr(found.split(2)[0]) == "Examples(d: 2 of 1 inputs)"


def test_examples_come_from_tensors():
    torch = pytest.importorskip("torch")
    found = Examples(torch.tensor(INPUTS), torch.tensor([0, 1, 1]), "d")
    np.testing.assert_array_equal(found.inputs, INPUTS)
    assert (found.inputs.dtype, found.targets.dtype) == (np.float64, np.int64)
    with pytest.raises(TypeError, match="d: inputs must be an array of numbers, one row an ex"):
        Examples(torch.tensor(INPUTS, requires_grad=True), [0, 1, 1], "d")


@pytest.mark.parametrize(
    ("inputs", "targets", "error", "message"),
    [
        (HOLED, [0, 1, 1], ValueError, "d: inputs is nan in row 1, column 1; clean the data"),
        (INPUTS, [0, np.inf, 1], ValueError, "d: targets is inf in row 1, column 0; clean"),
        (INPUTS, [0, 1], ValueError, "d: 3 inputs but 2 targets; one row is one example"),
        (INPUTS, 1, ValueError, r"d: targets of shape \(\) must be \(n_examples, n\)"),
        (np.zeros((3, 2, 2)), [0, 1, 1], ValueError, r"inputs of shape \(3, 2, 2\) must be \(n_e"),
        ([[1.0], [1.0, 2.0]], [0, 1], TypeError, "d: inputs must be an array of numbers, one row"),
        (INPUTS, ["a", "b", "b"], TypeError, "d: targets must be an array of numbers, one row an"),
        ([], [], ValueError, r"d: inputs of shape \(0,\) must not be empty; give at least one ex"),
    ],
)
def test_what_is_no_examples_is_refused(inputs, targets, error, message):
    with pytest.raises(error, match=message):
        Examples(inputs, targets, "d")


def test_empty_data_of_a_network_are_called_empty():
    with pytest.raises(ValueError, match=r"targets of shape \(0,\) must not be empty; give at"):
        ll.potentials.multilayer_perceptron(np.zeros((0, 2)), [])


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([1, 2, 3], r"from 1 to 3, so class 0 never occurs; subtract 1 .* or pass n_classes=4"),
        ([2, 2, 3], r"from 2 to 3, so class 0 never occurs; subtract 2 .* or pass n_classes=4"),
        ([0, 0, 0], "targets are all of class 0, which has nothing to learn; pass n_classes=2"),
        ([0.5, 1, 2], r"targets must be class numbers 0, \.\.\., 2 .* but hold 0\.5"),
        ([-1, 0, 0], r"targets must be class numbers 0, \.\.\., 1 .* but hold -1"),
        (np.eye(3), r"\(3, 3\) must be class numbers of shape \(n_examples,\) .*argmax\(axis=1\)"),
    ],
)
def test_classes_that_do_not_count_from_0_are_refused(targets, message):
    with pytest.raises(ValueError, match=message):
        ll.potentials.multilayer_perceptron(INPUTS, targets, loss="cross_entropy")


@pytest.mark.parametrize(
    ("targets", "n_classes", "expected"),
    [([0, 2, 1], None, 3), ([0, 1, 1], None, 2), ([1, 2, 3], 4, 4), ([0, 0, 0], 2, 2)],
)
def test_classes_are_counted_or_given(targets, n_classes, expected):
    network = ll.potentials.multilayer_perceptron(
        INPUTS, targets, loss="cross_entropy", n_classes=n_classes
    )
    assert network.architecture.widths[-1] == expected
    for few in ([[1.0, 1.0]], [1]), ([[1.0, 1.0]], [0]):
        assert network.with_data(*few).data.n_examples == 1
