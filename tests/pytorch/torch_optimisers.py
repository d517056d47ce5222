"""Every torch optimiser of the package as the tests train with it: add one, and all tests hold it.

A factory takes the module of `network` (layers 0 and 2 have parameters) and options of the
optimiser, and sets the numbers with which digits are learnt in `N_EPOCHS`.
"""

import torch

from langevin_lab.pytorch import optim

N_EPOCHS, BATCH = 12, 50


def network(dtype=torch.float32):
    """64-32-10 with PyTorch's default start, the same in every call."""
    generator_state = torch.get_rng_state()
    torch.manual_seed(0)
    layers = [torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10)]
    torch.set_rng_state(generator_state)
    return torch.nn.Sequential(*layers).to(dtype)


def langevin(module, **more):
    numbers = {"lr": 0.5, "temperature": 1e-6, "friction": 1.0, "seed": 1}
    return optim.Langevin(module.parameters(), **numbers | more)


def adaptive_langevin(module, **more):
    numbers = {
        "lr": 0.5, "temperature": 1e-6, "thermal_mass": 10.0, "applied_noise": 1e-3, "seed": 1,
        "start_thermostat": 1.0,
    }  # fmt: skip
    return optim.AdaptiveLangevin(module.parameters(), **numbers | more)


def two_groups(module, first, second):
    return [
        {"params": module[0].parameters(), "equation": first},
        {"params": module[2].parameters(), "equation": second},
    ]


def adlala(module, **more):
    numbers = {"lr": 0.5, "temperature": 1e-6, "friction": 1.0, "applied_noise": 1e-3, "seed": 1}
    groups = two_groups(module, "adaptive", "langevin")
    return optim.AdLaLa(groups, **numbers | {"start_thermostat": 1.0} | more)


def lol(module, **more):
    numbers = {"lr": 0.7, "temperature": 1e-6, "friction": 1.0, "seed": 1}
    return optim.LOL(two_groups(module, "langevin", "overdamped"), **numbers | more)


def sgld(module, **more):
    numbers = {"lr": 0.3, "temperature": 1e-6, "seed": 1}
    return optim.SGLD(module.parameters(), **numbers | more)


def sghmc(module, **more):
    numbers = {"lr": 0.5, "temperature": 1e-6, "friction": 1.0, "seed": 1}
    return optim.SGHMC(module.parameters(), **numbers | more)


def sgnht(module, **more):
    numbers = {
        "lr": 0.5, "temperature": 1e-6, "thermal_mass": 10.0, "applied_noise": 1e-3, "seed": 1,
        "start_thermostat": 1.0,
    }  # fmt: skip
    return optim.SGNHT(module.parameters(), **numbers | more)


def cool_momentum(module, **more):
    # 12 epochs of 25 steps.
    numbers = {"lr": 0.2, "start_momentum": 0.95, "total_steps": 300}
    return optim.CoolMomentum(module.parameters(), **numbers | more)


def adaptive_heavy_ball(module, **more):
    return optim.AdaptiveHeavyBall(module.parameters(), **{"lr": 0.3} | more)


def ar_adam(module, **more):
    return optim.ARAdam(module.parameters(), **{"lr": 0.01} | more)


NOISY = {
    "Langevin": langevin,
    "AdaptiveLangevin": adaptive_langevin,
    "AdLaLa": adlala,
    "LOL": lol,
    "SGLD": sgld,
    "SGHMC": sghmc,
    "SGNHT": sgnht,
}
OPTIMISERS = {
    **NOISY,
    "CoolMomentum": cool_momentum,
    "AdaptiveHeavyBall": adaptive_heavy_ball,
    "ARAdam": ar_adam,
}
# Their displacement keeps the rates that it was made with: at lr = 0 they coast.
COASTING = ("CoolMomentum", "AdaptiveHeavyBall")
