"""The record of torchsde's solvers against the solvers themselves."""

import pytest

torch = pytest.importorskip("torch")
torchsde = pytest.importorskip("torchsde")

from langevin_lab.pytorch import TorchEquation, brownian_motion  # noqa: E402
from langevin_lab.pytorch.sde_records import NOISE_TYPES, SDE_TYPES, SOLVERS  # noqa: E402


def growth(sde_type, noise_type):
    """A drift that counts its calls, and noise of the declared shape."""
    calls = []

    def drift(t, x):
        calls.append(t)
        return 0.2 * x

    def noise(t, x):
        g = 0.4 * (x if noise_type == "diagonal" else x[..., None])
        return torch.full_like(g, 0.4) if noise_type == "additive" else g

    return TorchEquation(drift, noise, sde_type, noise_type), calls


def motion(solver):
    return brownian_motion(
        1, n_replicas=2, n_channels=1, dt=1.0, levy_area=SOLVERS[solver].levy_area
    )


def made(solver, sde_type, noise_type):
    kind = torchsde._core.methods.select(solver, sde_type)
    settings = dict.fromkeys(("adaptive", "rtol", "atol", "dt_min"), 0)
    sde, _ = growth(sde_type, noise_type)
    return kind(sde=sde, bm=motion(solver), dt=1.0, options={}, **settings)


@pytest.mark.parametrize("noise_type", NOISE_TYPES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_records_are_what_the_solvers_say_of_themselves(solver, noise_type):
    record = SOLVERS[solver]
    for sde_type in SDE_TYPES:
        if sde_type not in record.sde_types or noise_type not in record.strong_order:
            with pytest.raises(ValueError, match="solver"):
                made(solver, sde_type, noise_type)
        else:
            theirs = made(solver, sde_type, noise_type)
            assert theirs.strong_order == record.strong_order[noise_type]
            assert theirs.weak_order == record.weak_order
            areas = theirs.levy_area_approximations
            assert record.levy_area in areas
            # The least that it takes.
            weaker = ("none", "space-time", "davie")
            assert not set(weaker[: weaker.index(record.levy_area)]) & set(areas)


@pytest.mark.parametrize("noise_type", NOISE_TYPES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_drifts_of_a_step(solver, noise_type):
    record = SOLVERS[solver]
    if noise_type not in record.strong_order:
        pytest.skip("refused by the solver")
    counts = []
    for n_steps in (1, 3):
        sde, calls = growth(record.sde_types[0], noise_type)
        path = motion(solver)
        y = torch.ones(2, 1, dtype=torch.float64)
        torchsde.sdeint(sde, y, [0.0, float(n_steps)], bm=path, dt=1.0, method=solver)
        counts.append(len(calls))
    assert (counts[1] - counts[0]) / 2 == record.drifts[noise_type != "additive"]


def test_the_adjoint_is_all_that_is_left_out():
    from torchsde.settings import METHODS

    assert set(SOLVERS) == set(METHODS.all()) - {"adjoint_reversible_heun"}
