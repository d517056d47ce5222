"""References without sampling: numbers with an error bound, and exact laws.

=====================  ===========================================================================
on a quadratic         `linear_map`, `stationary_covariance`, `propagate`, `stability_limit`
scheme, anharmonic     `stationary_average`: the time-step bias of any method, 1-D;
                       `discrete_passage_time`, `discrete_passage_moments`: the same for a
                       first passage; `discrete_splitting_probability`: of a committor;
                       `discrete_escape_rate`: of a rate; `discrete_passage_rate`: one over a mean
                       passage time, at any barrier
Gibbs law, 1-D         `gibbs_average`, `invariant_density`, `gibbs_probability_below`
first passage, 1-D     `mean_first_passage_time`, `first_passage_moments`, `splitting_probability`,
                       `log_mean_first_passage_time` at any barrier; `first_passage_law`
first passage, 2-D     `plane_passage_time`: from a point to a plane, also 1-D
spectra                `spectral_gap`, `escape_rate` (overdamped 1-D and 2-D, Langevin 1-D),
                       `spectrum`, `generator`, `committor` (overdamped 1-D and 2-D),
                       `adaptive_langevin_spectrum`: of a thermostat on a harmonic well
under a schedule       `cooled_probability`: of a well at the end of cooling, overdamped 1-D
=====================  ===========================================================================
"""

from langevin_lab.exact.cooling import cooled_probability
from langevin_lab.exact.discrete_rates import discrete_escape_rate
from langevin_lab.exact.escape_operator import discrete_passage_rate
from langevin_lab.exact.finite_volume import Generator, generator
from langevin_lab.exact.fokker_planck import Committor, committor, spectrum
from langevin_lab.exact.gaussian import (
    LinearMap,
    NoStationaryLaw,
    linear_map,
    propagate,
    stability_limit,
    stationary_covariance,
)
from langevin_lab.exact.passage_law import FirstPassageLaw, first_passage_law
from langevin_lab.exact.passage_operator import discrete_passage_moments, discrete_passage_time
from langevin_lab.exact.passage_quadrature import (
    PassageTime,
    first_passage_moments,
    log_mean_first_passage_time,
    mean_first_passage_time,
    splitting_probability,
)
from langevin_lab.exact.plane_passage import plane_passage_time
from langevin_lab.exact.quadrature import (
    gibbs_average,
    gibbs_probability_below,
    invariant_density,
)
from langevin_lab.exact.reference import Reference
from langevin_lab.exact.spectral import escape_rate, spectral_gap
from langevin_lab.exact.splitting_operator import discrete_splitting_probability
from langevin_lab.exact.thermostat_spectrum import ThermostatMode, adaptive_langevin_spectrum
from langevin_lab.exact.transfer_operator import StationaryLaw, stationary_average, stationary_law

__all__ = [
    "Committor",
    "FirstPassageLaw",
    "Generator",
    "LinearMap",
    "NoStationaryLaw",
    "PassageTime",
    "Reference",
    "StationaryLaw",
    "ThermostatMode",
    "adaptive_langevin_spectrum",
    "committor",
    "cooled_probability",
    "discrete_escape_rate",
    "discrete_passage_moments",
    "discrete_passage_rate",
    "discrete_passage_time",
    "discrete_splitting_probability",
    "escape_rate",
    "first_passage_law",
    "first_passage_moments",
    "generator",
    "gibbs_average",
    "gibbs_probability_below",
    "invariant_density",
    "linear_map",
    "log_mean_first_passage_time",
    "mean_first_passage_time",
    "plane_passage_time",
    "propagate",
    "spectral_gap",
    "spectrum",
    "splitting_probability",
    "stability_limit",
    "stationary_average",
    "stationary_covariance",
    "stationary_law",
]
