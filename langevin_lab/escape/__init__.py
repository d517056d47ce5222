"""Escape: first passage and rare events in the compiled loop, rates, exit times, saddles, paths."""

from __future__ import annotations

import importlib
from typing import Any

# Public name -> submodule, imported on use: the formulas need no compiler.
_NAMES = {
    "CheckpointError": "rare_event_batches",
    "Connection": "saddle_walk",
    "DivergedPathError": "splitting",
    "ExitTime": "linear_saddle",
    "FirstPassage": "arrivals",
    "ForwardFlux": "forward_flux_results",
    "HopRate": "population_decay",
    "LandscapeGraph": "graph",
    "LawComparison": "survival",
    "Merge": "graph",
    "MinimumEnergyPath": "elastic_band",
    "NoArrivalError": "passage",
    "PathError": "elastic_band",
    "RareEvent": "rare_event_results",
    "RareEventRate": "rare_event_results",
    "Rate": "rates",
    "SaddleExit": "growing_amplitudes",
    "Survival": "survival",
    "Symmetry": "symmetry",
    "barrier_action": "weak_friction",
    "basin_hopping": "hopping",
    "connection_of": "saddle_walk",
    "depopulation_factor": "weak_friction",
    "energy_diffusion": "weak_friction",
    "explore_landscape": "graph",
    "eyring_kramers": "rates",
    "eyring_kramers_over": "rates",
    "find_connections": "saddle_walk",
    "find_stationary_points": "stationary_search",
    "first_passage": "passage",
    "flat_saddle_exit_time": "flat_saddle",
    "forward_flux_sampling": "forward_flux",
    "heavy_ball_escape": "optimiser_rates",
    "hop_rate": "population_decay",
    "isotropic_saddle_exit_mean": "strict_saddle",
    "kramers": "rates",
    "landscape_graph": "graph",
    "langevin_saddle_exit_time": "linear_saddle",
    "linear_saddle_exit_time": "linear_saddle",
    "linear_symmetry": "symmetry",
    "merges_of": "graph",
    "minimise": "hopping",
    "minimum_energy_path": "elastic_band",
    "monkey_saddle_exit_time": "flat_saddle",
    "morse_sum": "stationary_search",
    "normal_mode_loss": "normal_mode",
    "optimal_exit_friction": "linear_saddle",
    "optimal_saddle_friction": "saddle_dynamics",
    "pollak_grabert_haenggi": "normal_mode",
    "rare_event_probability": "rare_events",
    "rare_event_rate": "rare_events",
    "rigid_motions": "symmetry",
    "saddle_exit_region": "saddle_dynamics",
    "saddle_exit_time": "saddle_dynamics",
    "soft_eyring_kramers": "soft_direction",
    "strict_saddle_exit_time": "strict_saddle",
    "transition_state_theory": "rates",
    "turnover": "weak_friction",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
