"""What a run will take, before it is started."""

from __future__ import annotations

import time
import warnings
from typing import Any

from langevin_lab.ensemble.checks import check_count
from langevin_lab.ensemble.progress import Forecast
from langevin_lab.ensemble.simulation import simulate

_TRIAL_SECONDS = 0.2


def forecast(dynamics: Any, integrator: Any, *, n_steps: int, **arguments: Any) -> Forecast:
    """Time and memory that `simulate` with the same arguments would take.

    A short trial of the same kernel is run and scaled up; nothing of it is kept.

    Parameters
    ----------
    dynamics, integrator, n_steps, **arguments
        As for `simulate`; ``continue_from`` and ``progress`` have no place here.

    Returns
    -------
    Forecast

    Raises
    ------
    ValueError, TypeError
        As `simulate`.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Langevin(ll.potentials.harmonic(), temperature=1.0, friction=1.0)
    >>> cost = ll.ensemble.forecast(eq, "BAOAB", dt=0.1, n_steps=10**9, n_replicas=1000, seed=1)
    >>> cost.seconds > 60
    True
    """
    n_steps = check_count("n_steps", n_steps, 1)
    save_every = arguments.pop("save_every", None)
    arguments |= {"burn_in": 0, "progress": False}
    steps, seconds = min(n_steps, 64 * arguments.get("record_every", 1)), 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # divergences are the real run's to report
        result = simulate(dynamics, integrator, n_steps=steps, **arguments)
        while True:
            started = time.perf_counter()
            simulate(dynamics, integrator, n_steps=steps, **arguments)
            seconds = time.perf_counter() - started
            if seconds > _TRIAL_SECONDS or steps >= n_steps:
                break
            steps = min(n_steps, 4 * steps)
    n_bytes = 2 * int(result.nbytes)
    if save_every is not None:
        path = (n_steps // check_count("save_every", save_every, 1)) * result["x_final"].nbytes
        n_bytes += path * (2 if "p_final" in result else 1)
    return Forecast(seconds * n_steps / steps, n_bytes)
