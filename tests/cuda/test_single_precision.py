"""Functions, normals and text of float32 kernels, on numpy's float32: the bits of a card."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import mpmath as mp
import numpy as np
import pytest
from cuda.by_ptx import PTX_SCRIPT

from langevin_lab.compiled.modules import load
from langevin_lab.compiled.numpy_functions import NUMPY_NAMESPACE
from langevin_lab.cuda import single, single_elementary, single_emulation, single_normals
from langevin_lab.cuda.philox_words import philox_words
from langevin_lab.cuda.single_simulated import fma
from langevin_lab.noise import normals
from langevin_lab.noise.philox import philox4x32
from langevin_lab.noise.uniforms import uniform

COUNT = 200_000
LARGEST = float(np.finfo(np.float32).max)
# The functions of a kernel, for arrays.
functions = load(
    f"import numpy as np\n{single_emulation._ARRAYS}\n\n{single.vocabulary()}\n", "functions"
)


@pytest.fixture(autouse=True)
def quiet():
    """Arithmetic that overflows without a word, as on a card."""
    with np.errstate(all="ignore"):
        yield


def errors_in_ulp(values, exact):
    """|value - exact| in units in the last place of the exact value as a float32."""
    unit = np.spacing(np.abs(exact).astype(np.float32)).astype(float)
    return np.abs(values.astype(float) - exact) / unit


def uniform_in(low, high):
    return lambda g: g.uniform(low, high, COUNT)


def logarithmic(low, high):
    """Of both signs unless low is negative, which asks for positive ones only."""

    def draw(g):
        size = 10.0 ** g.uniform(np.log10(abs(low)), np.log10(high), COUNT)
        return size if low < 0 else size * g.choice([-1.0, 1.0], COUNT)

    return draw


def quarter_turns(g):
    """The float32 nearest to multiples of pi/2, where sin and cos nearly vanish."""
    return np.arange(1, 160_000) * np.pi / 2


@pytest.mark.parametrize(
    ("name", "draw", "bound"),
    [
        ("exp", uniform_in(-103.0, 88.7), 1.1),
        ("exp", uniform_in(-1.0, 1.0), 1.1),
        ("expm1", uniform_in(-20.0, 88.0), 2.0),
        ("expm1", logarithmic(1e-10, 1.0), 2.0),
        ("log", logarithmic(-1e-44, 1e38), 1.0),
        ("log", uniform_in(0.5, 2.0), 1.0),
        ("log1p", uniform_in(-0.99, 1.0), 1.5),
        ("log1p", logarithmic(-1e-12, 1e10), 1.5),
        ("cosh", uniform_in(-88.0, 88.0), 2.0),
        ("sinh", logarithmic(1e-10, 88.0), 3.0),
        ("tanh", logarithmic(1e-10, 12.0), 3.0),
        ("sin", uniform_in(-10.0, 10.0), 1.0),
        ("sin", logarithmic(1e-10, 2.0**18), 1.0),
        ("sin", logarithmic(2.0**18, 2.0**22), 5.0),
        ("sin", quarter_turns, 1.0),
        ("cos", uniform_in(-10.0, 10.0), 1.0),
        ("cos", logarithmic(2.0**18, 2.0**22), 5.0),
        ("cos", quarter_turns, 1.0),
        ("arctan", logarithmic(1e-10, 1e10), 2.0),
        ("sqrt", logarithmic(-1e-37, 1e38), 0.5),
    ],
)
def test_functions_keep_their_bounds(name, draw, bound):
    x = draw(np.random.default_rng(7)).astype(np.float32)
    values = getattr(functions, name)(x)
    assert values.dtype == np.float32
    errors = errors_in_ulp(values, NUMPY_NAMESPACE[name](x.astype(float)))
    assert errors.max() <= bound, f"{name}({x[errors.argmax()]!r}) is {errors.max():.3f} ulp off"
    assert errors.max() > 0.4 * bound - 0.2, "the bound is loose"


def test_powers_keep_their_bound():
    g = np.random.default_rng(3)
    x = (10.0 ** g.uniform(-5, 5, COUNT)).astype(np.float32)
    y = g.uniform(-20.0, 20.0, COUNT).astype(np.float32)
    exact = x.astype(float) ** y.astype(float)
    inside = (exact < LARGEST) & (exact > 1.2e-38)
    errors = errors_in_ulp(functions.power(x, y)[inside], exact[inside])
    assert 0.9 < errors.max() <= 1.5


def test_powers_have_the_limits_of_ieee_754():
    inf, nan = np.inf, np.nan
    x = np.float32([0, 0, -2, -2, -2, inf, 1, -0.0, 2, 2, -1, -8, 0])
    y = np.float32([2, -1, 3, 2, 0.5, 2, nan, 3, 200, -200, inf, -1, 0])
    expected = np.float32([0, inf, -8, 4, nan, inf, 1, -0.0, inf, 0, 1, -0.125, 1])
    values = functions.power(x, y)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(np.signbit(values), np.signbit(expected))


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "sinh",
                                  "cosh", "arctan"])  # fmt: skip
def test_functions_have_the_limits_of_numpy(name):
    x = np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, 1e-40])
    with np.errstate(all="ignore"):
        expected = NUMPY_NAMESPACE[name](x.astype(float)).astype(np.float32)
        values = getattr(functions, name)(x)
    np.testing.assert_allclose(values, expected, rtol=3e-7)
    finite = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(values[finite]), np.signbit(expected[finite]))


def test_angles_beyond_the_reduction_are_nan():
    x = np.float32([5e6, -1e30])
    assert np.isnan(functions.sin(x)).all()
    assert np.isnan(functions.cos(x)).all()


def polynomial_error(coefficients, series, exact, points):
    """Largest relative error of a function made with float32 coefficients."""
    tables = [mp.mpf(float(np.float32(c))) for c in coefficients]
    values = [abs(series(mp.polyval(tables[::-1], z), z) / exact(z) - 1) for z in points]
    return float(mp.log(max(values), 2))


@pytest.mark.parametrize(
    ("table", "bits", "low", "high", "argument", "series", "exact"),
    [
        (single_elementary._EXP, 27.9, -0.34658, 0.34658, lambda r: r,
         lambda q, r: 1 + r + r * r / 2 + r**3 * q, mp.exp),
        (single_elementary._LOG, 27.0, -0.29289, 0.41421, lambda f: f,
         lambda q, f: f - f * f / 2 + f**3 * q, mp.log1p),
        (single_elementary._ATANH, 31.1, 1e-6, 0.02943, lambda z: z,
         lambda q, z: 2 * mp.sqrt(z) + mp.sqrt(z) ** 3 * q, lambda z: 2 * mp.atanh(mp.sqrt(z))),
        (single_elementary._SIN, 26.8, 1e-6, 0.61685, lambda z: z,
         lambda q, z: mp.sqrt(z) + mp.sqrt(z) ** 3 * q, lambda z: mp.sin(mp.sqrt(z))),
        (single_elementary._COS, 32.0, 1e-6, 0.61685, lambda z: z,
         lambda q, z: 1 - z / 2 + z * z * q, lambda z: mp.cos(mp.sqrt(z))),
        (single_elementary._ATAN, 28.6, 1e-6, 0.17157, lambda z: z,
         lambda q, z: mp.sqrt(z) + mp.sqrt(z) ** 3 * q, lambda z: mp.atan(mp.sqrt(z))),
        (single_normals._LOG, 27.0, -0.29289, 0.41421, lambda f: f,
         lambda q, f: -2 * f + f * f + f**3 * q, lambda f: -2 * mp.log1p(f)),
        (single_normals._SIN, 27.2, 1e-6, 0.61703, lambda z: z,
         lambda q, z: single_normals._SCALE * mp.sqrt(z) + mp.sqrt(z) ** 3 * q,
         lambda z: mp.sin(single_normals._SCALE * mp.sqrt(z))),
        (single_normals._COS, 27.0, 1e-6, 0.61703, lambda z: z,
         lambda q, z: 1 + z * q, lambda z: mp.cos(single_normals._SCALE * mp.sqrt(z))),
    ],
)  # fmt: skip
def test_polynomials_have_the_stated_errors(table, bits, low, high, argument, series, exact):
    with mp.workdps(30):
        points = [mp.mpf(low) + (mp.mpf(high) - low) * k / 400 for k in range(401)]
        points = [argument(z) for z in points if abs(z) > 1e-7]
        error = polynomial_error(table, series, exact, points)
    assert -bits - 0.5 < error <= -bits + 0.05


def test_a_unit_of_angle_times_the_scale_is_two_pi():
    exact = 2 * np.pi * 2.0**-34
    product = float(np.float32(single_normals._UNIT)) * float(np.float32(single_normals._SCALE))
    assert abs(product / exact - 1) < 2e-11
    assert pytest.approx(single_normals._UNIT * 2.0**-32, rel=1e-6) == single_normals._FINE_UNIT


def words_of(seed, replica, n_pairs):
    counters = np.arange(n_pairs, dtype=np.uint32)
    rest = [np.full(n_pairs, word, np.uint32) for word in (0, replica, 0, seed, 0)]
    return philox_words(counters, *rest)


def test_words_are_those_of_the_cpu():
    words = words_of(7, 3, 50)
    assert tuple(int(word[41]) for word in words) == philox4x32(41, 0, 3, 0, 7, 0)
    # The known answer of Random123 for counter and key of all ones.
    ones = np.uint32(0xFFFFFFFF)
    known = (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)
    assert tuple(map(int, philox_words(ones, ones, ones, ones, ones, ones))) == known


def test_normals_are_those_of_the_cpu_rounded():
    n_pairs = 100_000
    pairs = np.arange(n_pairs, dtype=np.uint64)
    values = np.stack(single_normals.normal_pair(2**40 + 5, 2**33 + 1, pairs), axis=1).ravel()
    expected = normals(2**40 + 5, 2**33 + 1, 0, 2 * n_pairs)[0]
    assert values.dtype == np.float32
    errors = errors_in_ulp(values, expected)
    assert 2.0 < errors.max() < 4.0
    assert errors.mean() < 0.6


def rounded_bits(g, shift, count=4000):
    """64 random bits, small ones: shifted down by up to ``shift``."""
    return (g.integers(0, 2**63, count).astype(np.uint64) * np.uint64(2)) >> g.integers(
        0, shift, count
    ).astype(np.uint64)


@pytest.mark.parametrize("flipped", [False, True])
def test_radii_are_right_at_both_ends(flipped):
    bits = rounded_bits(np.random.default_rng(5), 52)
    bits = np.append(bits, np.uint64([1 << 12, 2 << 12, (1 << 63) - 1, 1 << 63]))
    bits = ~bits if flipped else bits
    values = single_normals.radius(
        (bits >> np.uint64(32)).astype(np.uint32), bits.astype(np.uint32)
    )
    n = bits >> np.uint64(12)
    values, n = values[n > 0], n[n > 0]
    with mp.workdps(40):
        exact = [mp.sqrt(-2 * mp.log1p(-mp.mpf(int(k)) / 2**52)) for k in n]
    errors = errors_in_ulp(values, np.array([float(value) for value in exact]))
    assert errors.max() < 2.0


def test_the_largest_radius_is_that_of_float64():
    ones = np.uint32(0xFFFFFFFF)
    assert float(single_normals.radius(ones, ones)) == pytest.approx(8.4904244, rel=1e-6)
    assert float(single_normals.radius(np.uint32(0), np.uint32(0))) < 1e-14


def test_angles_are_right_next_to_the_axes():
    g = np.random.default_rng(9)
    bits = rounded_bits(g, 40) + (g.integers(0, 4, 4000).astype(np.uint64) << np.uint64(62))
    high, low = (bits >> np.uint64(32)).astype(np.uint32), bits.astype(np.uint32)
    values = single_normals.circle(np.float32(1.0), high, low)
    with mp.workdps(40):
        angles = [2 * mp.pi * int(b >> np.uint64(12)) / 2**52 for b in bits]
        exact = [[float(f(angle)) for angle in angles] for f in (mp.cos, mp.sin)]
    for value, truth in zip(values, np.array(exact)):
        # Bits that float64 drops move an angle by up to 2^-52 turns.
        error = np.maximum(np.abs(value - truth) - 2.0**-49, 0.0)
        assert (error / np.spacing(np.abs(truth).astype(np.float32))).max() < 3.0


def test_uniforms_are_those_of_the_cpu_and_below_one():
    numbers = np.arange(300, dtype=np.uint64)
    values = single_normals.uniform(4, 9, numbers)
    expected = [uniform(4, 9, int(number)) for number in numbers]
    np.testing.assert_allclose(values, expected, rtol=1.2e-7)
    assert values.max() < 1.0


def test_multiply_adds_round_once():
    g = np.random.default_rng(2)
    a, b = (g.normal(size=(2, 20_000)) * 2.0 ** g.integers(-20, 20, (2, 20_000))).astype("f4")
    c = -a.astype(float) * b * (1 + g.normal(size=20_000) * 2.0 ** g.integers(-30, 2, 20_000))
    c = c.astype(np.float32)
    with mp.workprec(120):
        exact = [mp.mpf(float(x)) * float(y) + float(z) for x, y, z in zip(a, b, c)]
        errors = [abs(mp.mpf(float(v)) - e) for v, e in zip(fma(a, b, c), exact)]
        halves = [mp.mpf(float(np.spacing(np.float32(abs(e))))) / 2 for e in exact]
    assert all(error <= half for error, half in zip(errors, halves))
    # 2^-64 below the middle of two float32, which is where float64 would round the sum to.
    below = fma(2.0**-12 * (1 + 2.0**-20), 2.0**-12 * (1 - 2.0**-20), 1 + 2.0**-23)
    assert float(below) == 1 + 2.0**-23


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y = 4.0*x - 1", "y = real(4.0)*x - real(1)"),
        ("y = x[0] + table[2, i + 1]", "y = x[0] + table[2, i + 1]"),
        ("y = -2.0**-52 * x", "y = real(-2.0**-52) * x"),
        ("y = max(x > 0, np.inf, -np.nan)", "y = max(x > real(0), real(np.inf), real(-np.nan))"),
        ("y = np.uint32(7) + (k & 3)", "y = np.uint32(7) + (k & 3)"),
        ("for i in range(3): y = x*2", "for i in range(3): y = x*real(2)"),
        ("y = np.uint64(1) * 2 if (k >> 3) == 1 else x == 1",
         "y = np.uint64(1) * 2 if (k >> 3) == 1 else x == real(1)"),
        ("y = (x > 1) & (x < 2)", "y = (x > real(1)) & (x < real(2))"),
        ("y = real(3) + True", "y = real(3) + True"),
        ("T = (0.5, -1e-3)  # 7", "T = (real(0.5), real(-1e-3))  # 7"),
    ],
)  # fmt: skip
def test_literals_of_arithmetic_become_float32(text, expected):
    assert single.with_single_literals(text) == expected


def test_a_number_beyond_float32_is_refused():
    with pytest.raises(ValueError, match=r"number 1e\+39 .* use precision='float64'"):
        single.with_single_literals("y = 1e39 * x")


def test_a_coefficient_that_multiplies_what_it_updates_gets_its_rest():
    text = single.with_low_parts(
        "def load_coefficients(table, row):\n"
        "    return (real(table[row, 0]), real(table[row, 1]))\n"
        "def step(carried, coefficients):\n    c_a_0, c_b_0, = coefficients\n"
        "    p_0 = fma(c_a_0, p_0, c_b_0 * n_0)\n    x_0 = c_a_0 * x_0\n"
        "    q_0 = fma(p_0, c_b_0, x_0)\n    r_0 = fma(r_0, c_b_0, fma(a, -b, d * n_0))\n"
        "    g_0 = fma(c_a_0, g_0, q_0)\n"
    )
    assert "low_c_a_0, low_c_b_0) = coefficients" in text or "low_c_b_0 = coefficients" in text
    assert "p_0 = fma(c_a_0, p_0, fma(c_b_0, n_0, low_c_a_0 * p_0))" in text
    assert "x_0 = fma(c_a_0, x_0, low_c_a_0 * x_0)" in text
    assert "q_0 = fma(p_0, c_b_0, x_0)" in text
    assert "r_0 = fma(c_b_0, r_0, fma(a, -b, fma(d, n_0, low_c_b_0 * r_0)))" in text
    assert "g_0 = fma(c_a_0, g_0, q_0)" in text, "a rest would be lost in q_0"
    assert "real(table[row, 1] - np.float64(real(table[row, 1])))" in text
    assert single.with_low_parts("def energy(x): return 2*x  # kept") == (
        "def energy(x): return 2*x  # kept"
    )


needs_compiler = pytest.mark.skipif(
    not (shutil.which("ptxas") or os.path.exists("/usr/local/cuda/nvvm")),
    reason="needs the CUDA toolkit's compiler",
)


@pytest.mark.slow
@needs_compiler
def test_kernels_compute_in_float32_alone():
    """In PTX: float64 is loaded, stored, converted, and adds up sums; it does nothing else."""
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "0"}
    result = subprocess.run(
        [sys.executable, "-c", PTX_SCRIPT], capture_output=True, text=True, env=environment,
        check=True,
    )  # fmt: skip
    texts = json.loads(result.stdout.splitlines()[-1])
    for name, text in texts.items():
        used = set(re.findall(r"^\s+(?:@\S+\s+)?([a-z0-9_.]*f64[a-z0-9_.]*)", text, flags=re.M))
        # sub.f64: the rests of the coefficients, before the loop.
        moved = {"add.f64", "sub.f64", "cvt.rn.f32.f64", "cvt.f64.f32", "ld.param.f64"}
        assert used <= moved | {"ld.global.f64", "st.global.f64", "mov.f64", "selp.f64"}, name
        assert text.count("mul.wide.u32") >= 20, name
        assert "fma.rn.f32" in text
        assert not re.search(r"\b(mul|fma)\.f32", text), f"{name}: the compiler may contract"
