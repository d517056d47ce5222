"""What a shipped experiment claims: the numerical error of its own reference."""

import numpy as np
import pytest
import xarray
from shipped import experiment


def test_numerical_error_of_a_bias_stands_in_the_claim_on_its_order():
    module = experiment("integrator_bias")
    h = np.array([0.4, 0.2, 0.1, 0.05])

    def bound(error):
        names = ("scheme", "level")
        data = {"dt": (names, h[None]), "bias": (names, h[None] ** 2 * (1 + 0.1 * h))}
        data["bias_error"] = (names, np.full((1, 4), error))
        dataset = xarray.Dataset(data, coords={"scheme": ["BAOAB"]})
        (found,) = module._order_claims(dataset)
        return found.bias_bound

    assert bound(0.0) == 0.0
    assert 1e-4 < bound(1e-6) < 0.01
    assert bound(1e-5) == pytest.approx(10 * bound(1e-6), rel=0.1)
