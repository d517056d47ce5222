"""Wrong arguments of `normals` get one clear line."""

from __future__ import annotations

import re

import numpy as np
import pytest

from langevin_lab import noise


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((-1, 0, 0, 1), ValueError, "seed=-1 is outside [0, 2**64)"),
        ((2**64, 0, 0, 1), ValueError, f"seed={2**64} is outside [0, 2**64)"),
        ((1.5, 0, 0, 1), TypeError, "seed=1.5 is a float; give an integer"),
        ((None, 0, 0, 1), TypeError, "seed=None is a NoneType; give an integer"),
        ((1, [3, -2], 0, 1), ValueError, "replica=-2 is outside [0, 2**64)"),
        ((1, 2**64, 0, 1), ValueError, f"replica={2**64} is outside [0, 2**64)"),
        ((1, 0.5, 0, 1), TypeError, "replica=0.5 is a float; give an integer"),
        ((1, [0, "a"], 0, 1), TypeError, "replica='a' is a str; give an integer"),
        ((1, 0, -1, 1), ValueError, "start=-1 is outside [0, 2**64)"),
        ((1, 0, 0, -3), ValueError, "count=-3 is outside [0, 2**64)"),
        ((1, 0, 2**64 - 1, 2), ValueError, f"start={2**64 - 1} and count=2 end beyond"),
    ],
)
def test_wrong_argument_is_named_with_its_value(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        noise.normals(*arguments)


def test_result_has_one_row_per_replica():
    assert noise.normals(1, [], 0, 3).shape == (0, 3)
    assert noise.normals(1, 5, 0, 0).shape == (1, 0)
    assert noise.normals(1, np.arange(4), 0, 3).shape == (4, 3)


def test_every_public_name_is_there_and_no_other():
    for name in noise.__all__:
        assert getattr(noise, name) is not None
    assert dir(noise) == sorted(noise.__all__)
    with pytest.raises(AttributeError, match="no attribute 'seed'"):
        noise.seed  # noqa: B018
