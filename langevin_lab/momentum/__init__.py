"""The discrete optimisers as methods: they run on the ensemble, its potentials and its noise.

`ll.simulate(potential, HeavyBall(learning_rate=0.01, momentum=0.9), n_steps=..., seed=...)`; the
continuous equations that they approximate are in `langevin_lab.limits`.
"""

from langevin_lab.momentum.adam import Adam
from langevin_lab.momentum.adaptive_heavy_ball import AdaptiveHeavyBall, ARAdam
from langevin_lab.momentum.classical import (
    GradientDescent,
    HeavyBall,
    MomentumFamily,
    Nesterov,
    NesterovSequence,
)
from langevin_lab.momentum.cool import CoolMomentum
from langevin_lab.momentum.descent import Descent
from langevin_lab.momentum.optimiser import Optimiser
from langevin_lab.momentum.sgd import SGD
from langevin_lab.momentum.squared_gradients import Adadelta, Adagrad, RMSProp
from langevin_lab.momentum.streaming import StreamingPCA

__all__ = [
    "SGD",
    "ARAdam",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdaptiveHeavyBall",
    "CoolMomentum",
    "Descent",
    "GradientDescent",
    "HeavyBall",
    "MomentumFamily",
    "Nesterov",
    "NesterovSequence",
    "Optimiser",
    "RMSProp",
    "StreamingPCA",
]
