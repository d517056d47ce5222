"""Radius and circle against their definitions, at random and at the ends of their ranges."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from langevin_lab.compiled.intrinsics import compiled
from langevin_lab.noise.box_muller import circle, one_plus_fraction, radius

STEP = 2.0**-52


@compiled
def radii(v, out):
    for i in range(v.size):
        out[i] = radius(v[i])


@compiled
def circles(v, cosine, sine):
    for i in range(v.size):
        cosine[i], sine[i] = circle(1.0, v[i])


@compiled
def fraction(bits):
    return one_plus_fraction(bits)


def in_ulp(values, exact):
    units = [mp.mpf(float(np.spacing(abs(float(e))))) if e else mp.mpf(1) for e in exact]
    return max(float(abs(mp.mpf(float(v)) - e) / unit) for v, e, unit in zip(values, exact, units))


def test_radius_is_good_to_two_units_in_the_last_place_and_vanishes_at_one():
    g = np.random.default_rng(0)
    tail = 2.0 - np.arange(1, 400) * STEP  # u1 = 2^-52, 2 * 2^-52, ...: the far tail
    near_one = 1.0 + np.arange(1, 400) * STEP
    v = np.concatenate([g.uniform(1.0, 2.0, 1500), tail, near_one])
    out = np.empty_like(v)
    radii(v, out)
    with mp.workdps(50):
        exact = [mp.sqrt(-2 * mp.log(2 - mp.mpf(float(x)))) for x in v]
        assert in_ulp(out, exact) < 2.0
    assert out.max() == pytest.approx(np.sqrt(2 * 52 * np.log(2.0)), rel=1e-15)
    one = np.ones(1)
    radii(one, one)
    assert one[0] == 0.0


def test_circle_is_good_to_two_units_in_the_last_place_in_all_quadrants():
    g = np.random.default_rng(1)
    quarters = np.array([1.0, 1.125, 1.25, 1.375, 1.5, 1.625, 1.75, 1.875])
    near = (quarters[:, None] + np.arange(-3, 4) * STEP).ravel()
    v = np.concatenate([g.uniform(1.0, 2.0, 1500), near[(near >= 1.0) & (near < 2.0)]])
    cosine, sine = np.empty_like(v), np.empty_like(v)
    circles(v, cosine, sine)
    with mp.workdps(50):
        angles = [2 * mp.pi * (mp.mpf(float(x)) - 1) for x in v]
        whole = [4 * (mp.mpf(float(x)) - 1) for x in v]
        cosines = [mp.mpf(0) if w in (1, 3) else mp.cos(a) for a, w in zip(angles, whole)]
        sines = [mp.mpf(0) if w in (0, 2) else mp.sin(a) for a, w in zip(angles, whole)]
        assert in_ulp(cosine, cosines) < 2.0
        assert in_ulp(sine, sines) < 2.0


def test_fraction_takes_the_upper_52_bits():
    assert fraction(np.uint64(0)) == 1.0
    assert fraction(np.uint64(2**12 - 1)) == 1.0
    assert fraction(np.uint64(2**12)) == 1.0 + STEP
    assert fraction(np.uint64(2**64 - 1)) == 2.0 - STEP
