"""Whether a path, seen or not, has touched a boundary in a step; pasted before `passage_loop`.

The rule is that of the loop of the CPU (`ensemble.bridge_loop`): between the scaled distances e0
and e1 the path has touched a boundary with the probability exp(-e0 e1), which a uniform number of
the replica and the step decides.
"""

from __future__ import annotations

from langevin_lab.compiled.elementary import exp
from langevin_lab.cuda.intrinsics import inlined, multiply
from langevin_lab.noise.uniforms import uniform

N_BOUNDARIES = 0
real = float

# --- kernel ---------------------------------------------------------------------------------------

FAR = 40.0  # exp(-40) is less than the spacing of uniform numbers


@inlined
def has_arrived(before, after, seed, replica, number):
    """Whether the path has touched a boundary; before and after are its distances from each.

    Far apart, two boundaries are not both touched in a step, so the probabilities add.
    """
    probability = real(0.0)
    for j in range(N_BOUNDARIES):
        if not after[j] > 0.0:
            return True
        product = multiply(before[j], after[j])
        if product < FAR:
            probability += exp(-product)
    return probability > 0.0 and uniform(seed, replica, number) < probability
