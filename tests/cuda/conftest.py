"""Kernels run under numba's CUDA simulator, or on a card with LANGEVIN_LAB_TEST_DEVICE=cuda."""

import os

import numba

ON_A_CARD = os.environ.get("LANGEVIN_LAB_TEST_DEVICE") == "cuda"

if not ON_A_CARD:
    # Before numba.cuda is first imported, which reads it.
    numba.config.ENABLE_CUDASIM = 1
