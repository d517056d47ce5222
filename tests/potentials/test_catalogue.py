"""Every landscape: derivatives against independent computations, points against literature."""

import math
import time

import numpy as np
import pytest

from langevin_lab import potentials
from langevin_lab.potentials.code import NUMPY_FUNCTIONS
from langevin_lab.potentials.evaluation import difference
from langevin_lab.potentials.potential import Potential

CATALOGUE = potentials.catalogue()
MIXTURE = {
    "means": ((-1.0, 0.5), (1.5, 0.0), (0.0, 2.0)),
    "widths": (0.5, 0.8, 0.6),
    "weights": (1.0, 2.0, 0.5),
}
# Beyond the defaults: other parameters and dimensions, loops included.
VARIANTS = {
    **{name: (name, {}) for name in CATALOGUE},
    "tilted": ("tilted_double_well", {"barrier": 2.0, "tilt": -1.0}),
    "tilted beyond": ("tilted_double_well", {"tilt": 3.0}),
    "washboard tilted": ("washboard", {"amplitude": 2.0, "tilt": 1.0}),
    "harmonic each": ("harmonic", {"stiffness": (1.0, 4.0, 9.0)}),
    "harmonic loops": ("harmonic", {"stiffness": 3.0, "dim": 12}),
    "harmonic loops each": ("harmonic", {"stiffness": np.arange(1.0, 11.0)}),
    "rosenbrock 3": ("rosenbrock", {"dim": 3, "steepness": 10.0}),
    "rosenbrock 4": ("rosenbrock", {"dim": 4}),
    "rosenbrock loops": ("rosenbrock", {"dim": 10}),
    "rastrigin 3": ("rastrigin", {"dim": 3, "amplitude": 5.0}),
    "rastrigin loops": ("rastrigin", {"dim": 9}),
    "ackley 1": ("ackley", {"dim": 1, "smoothing": 0.1}),
    "ackley loops": ("ackley", {"dim": 9, "smoothing": 0.05}),
    "styblinski_tang 1": ("styblinski_tang", {"dim": 1}),
    "styblinski_tang 3": ("styblinski_tang", {"dim": 3, "scale": 0.1}),
    "styblinski_tang loops": ("styblinski_tang", {"dim": 9}),
    "funnel 4": ("funnel", {"dim": 4, "scale": 1.0}),
    "funnel loops": ("funnel", {"dim": 10, "scale": 0.5}),
    "strict_saddle 3": ("strict_saddle", {"dim": 3, "instability": 2.0, "width": 1.5}),
    "strict_saddle loops": ("strict_saddle", {"dim": 9, "stiffness": 3.0}),
    "mixture 3": ("gaussian_mixture", MIXTURE),
    "mixture 1-D": ("gaussian_mixture", {"means": ((-3.0,), (3.0,)), "widths": (1.0, 0.5)}),
    "mixture loops": ("gaussian_mixture", {"means": np.eye(9) * 3}),
    "phi4 weak": ("phi4_chain", {"n_sites": 4, "coupling": 0.2}),
    "phi4 pair": ("phi4_chain", {"n_sites": 2, "coupling": 0.7}),
    "LJ3 confined": ("lennard_jones_cluster", {"n_atoms": 3, "confinement": 0.5, "sigma": 1.2}),
}
CASES = pytest.mark.parametrize("case", VARIANTS)
# Loops take no complex numbers; |u| inside softplus is not analytic.
NOT_ANALYTIC = {"gaussian_mixture", "phi4_chain", "lennard_jones_cluster"}
ANALYTIC = [c for c, (name, _) in VARIANTS.items() if "loops" not in c and name not in NOT_ANALYTIC]


@pytest.fixture(scope="module")
def made():
    return {case: CATALOGUE[name](**given) for case, (name, given) in VARIANTS.items()}


def points(U, n=6):
    """Return random points inside the bounds; for clusters no two atoms come close."""
    draw = np.random.default_rng(11)
    if U.name == "lennard_jones_cluster":
        scale = 0.05 * U.parameters["sigma"]
        return U.minima[0].position + scale * draw.normal(size=(n, U.dim))
    low, high = np.array(U.bounds).T
    return draw.uniform(0.6 * low, 0.6 * high, (n, U.dim))


def relative(given, expected):
    return float(np.max(np.abs(given - expected) / (1 + np.max(np.abs(expected)))))


def test_catalogue_is_complete():
    required = "harmonic double_well tilted_double_well entropic_barrier mueller_brown himmelblau "
    required += "rosenbrock rastrigin ackley styblinski_tang gaussian_mixture funnel strict_saddle "
    required += "monkey_saddle quartic_well phi4_chain lennard_jones_cluster"
    assert set(required.split()) <= set(CATALOGUE)
    assert len(CATALOGUE) == 21
    for name, constructor in CATALOGUE.items():
        assert constructor.__name__ == name
        assert constructor().name == name
        assert "Source\n" in constructor.__doc__


@CASES
def test_gradient_and_hessian_agree_with_finite_differences(made, case):
    U = made[case]
    x = points(U)
    assert relative(U.gradient(x), difference(U.energy, x)) < 2e-7
    assert relative(U.hessian(x), difference(U.gradient, x)) < 2e-7
    assert np.array_equal(U.hessian(x), np.swapaxes(U.hessian(x), -1, -2))


@pytest.mark.parametrize("case", ANALYTIC)
def test_gradient_and_hessian_agree_with_complex_steps(made, case):
    U = made[case]
    namespace = dict(NUMPY_FUNCTIONS)
    exec(U.code.source, namespace)
    x = points(U)
    for i in range(U.dim):
        moved = x.astype(complex)
        moved[:, i] += 1e-30j
        arguments = [*moved.T, *U.parameter_values]
        slope = np.broadcast_to(namespace["energy"](*arguments), len(x)).imag / 1e-30
        assert relative(U.gradient(x)[:, i], slope) < 1e-13
        for j, g in enumerate(namespace["gradient"](*arguments)):
            bend = np.broadcast_to(g, len(x)).imag / 1e-30
            assert relative(U.hessian(x)[:, i, j], bend) < 1e-12


LOOPS = {
    "harmonic": ("k0*x**2/2 + k1*y**2/2", {"k0": 1.0, "k1": 4.0}),
    "rosenbrock": ("k*(y - x**2)**2 + (1 - x)**2 + k*(z - y**2)**2 + (1 - y)**2", {"k": 100.0}),
    "rastrigin": ("x**2 + y**2 + a*(2 - cos(2*pi*x) - cos(2*pi*y))", {"a": 10.0}),
    "styblinski_tang": ("s*(x**4 - 16*x**2 + 5*x + y**4 - 16*y**2 + 5*y)/2", {"s": 1.0}),
    "ackley": (
        "a*(exp(-b*s) - exp(-b*sqrt((x**2 + y**2)/2 + s**2))) + e"
        " - exp((cos(2*pi*x) + cos(2*pi*y))/2)",
        {"a": 20.0, "b": 0.2, "s": 0.01},
    ),
    "funnel": ("x**2/(2*s**2) + x + exp(-x)*(y**2 + z**2)/2", {"s": 3.0}),
    "strict_saddle": ("a*(x**4/(4*w**2) - x**2/2) + k*(y**2 + z**2)/2", {"a": 1, "w": 2, "k": 3}),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_agree_with_their_formula(name):
    from langevin_lab.potentials.loops import loop_code

    text, parameters = LOOPS[name]
    U = Potential.from_expression(text, "x y z" if "z" in text else "x y", parameters)
    loops = Potential(name, U.variables, parameters, loop_code("n_dimensional_loops", name))
    x = np.random.default_rng(4).uniform(-2, 2, (5, U.dim))
    assert relative(loops.energy(x), U.energy(x)) < 1e-13
    assert relative(loops.gradient(x), U.gradient(x)) < 1e-13
    assert relative(loops.hessian(x), U.hessian(x)) < 1e-12


def test_mixture_loops_agree_with_the_formula_and_with_the_density():
    from langevin_lab.potentials.loops import loop_code

    U = potentials.gaussian_mixture(**MIXTURE)
    code = loop_code("n_dimensional_loops", "gaussian_mixture")
    loops = Potential("loops", U.variables, U.parameters, code)
    x = points(U, 8)
    assert relative(loops.energy(x), U.energy(x)) < 1e-13
    assert relative(loops.gradient(x), U.gradient(x)) < 1e-12
    assert relative(loops.hessian(x), U.hessian(x)) < 1e-11
    density = sum(
        w / 3.5 * np.exp(-np.sum((x - m) ** 2, axis=1) / (2 * s**2)) / (2 * math.pi * s**2)
        for m, s, w in zip(*(np.array(MIXTURE[key]) for key in ("means", "widths", "weights")))
    )
    assert U.energy(x) == pytest.approx(-np.log(density), rel=1e-13)
    far = np.full((1, 2), 1e4)
    for V in (U, loops):
        assert np.all(np.isfinite(V.energy(far)))
        assert np.all(np.isfinite(V.gradient(far)))


def test_phi4_chain_agrees_with_its_formula():
    text = " + ".join(f"x{i}**4/4 - x{i}**2/2 + g*(x{(i + 1) % 3} - x{i})**2/4" for i in range(3))
    U = Potential.from_expression(text, "x0 x1 x2", {"g": 0.7})
    chain = potentials.phi4_chain(n_sites=3, coupling=0.7)
    x = points(chain)
    assert relative(chain.energy(x), U.energy(x)) < 1e-14
    assert relative(chain.gradient(x), U.gradient(x)) < 1e-14
    assert relative(chain.hessian(x), U.hessian(x)) < 1e-13


def test_cluster_agrees_with_its_formula():
    names = [f"{axis}{i}" for i in range(3) for axis in "xyz"]
    pairs = ((0, 1), (0, 2), (1, 2))
    squares = ["(" + " + ".join(f"({c}{i} - {c}{j})**2" for c in "xyz") + ")" for i, j in pairs]
    text = " + ".join(f"4*w*((s**2/{r})**6 - (s**2/{r})**3)" for r in squares)
    text += " + k/2*(" + " + ".join(f"{name}**2" for name in names) + ")"
    U = Potential.from_expression(text, names, {"w": 1.5, "s": 1.1, "k": 0.3})
    cluster = potentials.lennard_jones_cluster(n_atoms=3, epsilon=1.5, sigma=1.1, confinement=0.3)
    x = points(cluster)
    assert relative(cluster.energy(x), U.energy(x)) < 1e-13
    assert relative(cluster.gradient(x), U.gradient(x)) < 1e-12
    assert relative(cluster.hessian(x), U.hessian(x)) < 1e-12


@CASES
def test_stationary_points_are_stationary_and_of_their_kind(made, case):
    U = made[case]
    assert len(U.stationary_points) > 0
    for point in U.stationary_points:
        curvatures = np.linalg.eigvalsh(U.hessian(point.position))
        stiffest = np.max(np.abs(curvatures))
        assert np.linalg.norm(U.gradient(point.position)) < 1e-9 * max(1.0, 1e-6 * stiffest)
        assert point.energy == U.energy(point.position)
        assert point.index == np.sum(curvatures < -1e-7 * stiffest)
        assert (point.kind == "minimum") == (point.index == 0 and point.kind != "degenerate")
        if point.kind == "minimum" and U.name != "lennard_jones_cluster":
            assert curvatures[0] > 0
    assert U.minima
    largest = max(point.curvatures[-1] for point in U.minima)
    assert U.max_curvature() == pytest.approx(largest, rel=1e-14)


# name, parameters -> ((kind, energy, position), ...) as printed in the literature.
LITERATURE = {
    "mueller_brown": (
        ("minimum", -146.700, (-0.558, 1.442)),
        ("minimum", -108.167, (0.623, 0.028)),
        ("minimum", -80.768, (-0.050, 0.467)),
        ("saddle", -40.665, (-0.822, 0.624)),
        ("saddle", -72.249, (0.212, 0.293)),
    ),
    "himmelblau": (
        ("minimum", 0.0, (3.0, 2.0)),
        ("minimum", 0.0, (-2.805, 3.131)),
        ("minimum", 0.0, (-3.779, -3.283)),
        ("minimum", 0.0, (3.584, -1.848)),
        ("saddle", 13.312, (3.385, 0.074)),
        ("saddle", 67.719, (0.087, 2.884)),
        ("saddle", 104.015, (-3.073, -0.081)),
        ("saddle", 178.337, (-0.128, -1.954)),
        ("maximum", 181.617, (-0.271, -0.923)),
    ),
    "six_hump_camel": (
        ("minimum", -1.032, (0.090, -0.713)),
        ("minimum", -0.215, (1.704, -0.796)),
        ("minimum", 2.104, (1.607, 0.569)),
        ("maximum", 2.496, (1.230, 0.162)),
        ("saddle", 0.544, (1.109, -0.768)),
        ("saddle", 0.0, (0.0, 0.0)),
    ),
    "styblinski_tang": (
        ("minimum", -78.332, (-2.904, -2.904)),
        ("minimum", -64.196, (-2.904, 2.747)),
        ("minimum", -50.059, (2.747, 2.747)),
        ("maximum", 0.391, (0.157, 0.157)),
    ),
    "rastrigin": (("minimum", 0.0, (0.0, 0.0)), ("minimum", 0.995, (0.995, 0.0))),
    "ackley": (("minimum", 0.0, (0.0, 0.0)),),
    "rosenbrock": (("minimum", 0.0, (1.0, 1.0)),),
    "three_hole": (
        ("minimum", -3.995, (1.048, -0.042)),
        ("minimum", -2.172, (0.0, 1.537)),
        ("saddle", -1.647, (0.617, 1.103)),
        ("maximum", -0.715, (0.0, 0.519)),
    ),
    "double_well": (("minimum", 0.0, (-1.0,)), ("saddle", 1.0, (0.0,)), ("minimum", 0.0, (1.0,))),
}


@pytest.mark.parametrize("name", LITERATURE)
def test_stationary_points_are_those_of_the_literature(made, name):
    for kind, energy, position in LITERATURE[name]:
        close = [
            point
            for point in made[name].stationary_points
            if np.max(np.abs(point.position - position)) < 1e-3
        ]
        assert len(close) == 1
        assert close[0].kind == kind
        assert close[0].energy == pytest.approx(energy, abs=6e-4)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("mueller_brown", (3, 2, 0)),
        ("himmelblau", (4, 4, 1)),
        ("six_hump_camel", (6, 7, 2)),
        ("three_hole", (3, 3, 1)),
        ("styblinski_tang", (4, 4, 1)),
    ],
)
def test_smooth_confining_surfaces_obey_morse(made, name, counts):
    indices = [point.index for point in made[name].stationary_points]
    assert tuple(indices.count(index) for index in (0, 1, 2)) == counts
    # Euler characteristic of the plane: minima - saddles + maxima = 1.
    assert sum((-1) ** index for index in indices) == 1


def heights(U):
    return sorted(round(barrier.height, 3) for barrier in U.barriers)


def test_barriers_join_the_right_minima(made):
    assert heights(made["double_well"]) == [1.0, 1.0]
    assert heights(made["entropic_barrier"]) == [1.0, 1.0]
    assert heights(made["mueller_brown"]) == [8.519, 35.918, 40.103, 106.035]
    assert heights(made["washboard"]) == [2.0] * 4
    assert heights(made["three_hole"]) == [0.525, 0.525, 2.348, 2.348, 2.61, 2.61]
    assert heights(made["strict_saddle"]) == [0.25, 0.25]
    assert heights(potentials.phi4_chain(n_sites=6, coupling=3.0)) == [1.5, 1.5]
    assert heights(made["rosenbrock 4"]) == [0.007, 3.708]


def test_curvatures_that_rate_formulas_need(made):
    minimum, saddle, _ = made["entropic_barrier"].stationary_points
    assert minimum.curvatures == pytest.approx([1 + 3 * math.exp(-4), 8.0], rel=1e-14)
    assert saddle.curvatures == pytest.approx([-4.0, 4.0], rel=1e-14)
    assert made["double_well"].derivatives([[1.0], [0.0]], 4).ravel().tolist() == [24.0, 24.0]


@pytest.mark.parametrize("tilt", [-1.5, -0.3, 0.0, 0.7, 1.53])
def test_tilted_double_well_has_three_points_up_to_the_spinodal(tilt):
    U = potentials.tilted_double_well(tilt=tilt)
    roots = np.sort(np.roots([4.0, 0.0, -4.0, tilt]).real)
    found = [point.position[0] for point in U.stationary_points]
    assert found == pytest.approx(roots, abs=1e-7)
    assert [point.kind for point in U.stationary_points] == ["minimum", "saddle", "minimum"]


@pytest.mark.parametrize("tilt", [-2.0, 1.55])
def test_tilted_double_well_has_one_point_beyond(tilt):
    (point,) = potentials.tilted_double_well(tilt=tilt).stationary_points
    assert point.kind == "minimum"
    assert point.position[0] * tilt < 0


def test_washboard_beyond_its_critical_tilt_has_no_point():
    assert potentials.washboard(tilt=1.0).stationary_points == ()


def test_monkey_saddle_points_in_closed_form():
    U = potentials.monkey_saddle(amplitude=2.0, confinement=3.0)
    for point in U.minima:
        assert np.linalg.norm(point.position) == pytest.approx(2.0, rel=1e-14)
        assert point.energy == pytest.approx(-27 * 2.0**4 / (4 * 3.0**3), rel=1e-14)
    assert len(U.minima) == 3
    assert U.stationary_points[-1].kind == "degenerate"
    assert not U.hessian([0.0, 0.0]).any()


def test_funnel_is_minus_the_log_density():
    U = potentials.funnel(dim=4, scale=3.0)
    x = points(U)
    v, rest = x[:, 0], x[:, 1:]
    density = np.exp(-(v**2) / 18) * np.exp(-1.5 * v - np.sum(rest**2, axis=1) * np.exp(-v) / 2)
    assert U.energy(x) == pytest.approx(-np.log(density), rel=1e-12)
    assert U.minima[0].position.tolist() == [-13.5, 0, 0, 0]


def test_ackley_differs_from_the_cusp_by_less_than_stated():
    U = potentials.ackley(dim=2, smoothing=1e-3)
    x = points(U)
    radius = np.sqrt(np.mean(x**2, axis=1))
    wave = np.mean(np.cos(2 * np.pi * x), axis=1)
    cusp = 20 - 20 * np.exp(-0.2 * radius) + math.e - np.exp(wave)
    assert np.all(np.abs(U.energy(x) - cusp) < 20 * 0.2 * 1e-3)
    assert U.gradient([0.0, 0.0]).tolist() == [0.0, 0.0]
    curvature = 4 * math.exp(-2e-4) / (2 * 1e-3) + 4 * math.pi**2 * math.e / 2
    assert U.max_curvature() == pytest.approx(curvature, rel=1e-12)


@pytest.mark.parametrize("coupling", [3.5, 5.0])
def test_strongly_coupled_chain_has_the_origin_as_its_saddle(coupling):
    U = potentials.phi4_chain(n_sites=8, coupling=coupling)
    modes = coupling * (1 - np.cos(2 * np.pi * np.arange(8) / 8))
    low, _, origin = U.stationary_points
    assert low.energy == pytest.approx(-2.0, rel=1e-14)
    assert low.curvatures == pytest.approx(np.sort(2 + modes), rel=1e-12)
    assert origin.curvatures == pytest.approx(np.sort(-1 + modes), rel=1e-10)
    assert (origin.index, origin.energy) == (1, 0.0)


def test_weakly_coupled_chain_has_lower_saddles_than_the_origin():
    U = potentials.phi4_chain(n_sites=8, coupling=3.0)
    assert len(U.saddles) == 8
    assert U.saddles[0].energy < -0.01
    assert next(p for p in U.stationary_points if not p.position.any()).index == 3


@pytest.mark.parametrize(
    ("n_atoms", "energy", "distance"),
    [
        (2, -1.0, 2 ** (1 / 6)),
        (3, -3.0, 2 ** (1 / 6)),
        (4, -6.0, 2 ** (1 / 6)),
        (5, -9.103852, None),
        (6, -12.712062, None),
        (7, -16.505384, None),
        (13, -44.326801, None),
    ],
)
def test_cluster_minima_are_those_of_the_database(n_atoms, energy, distance):
    (point,) = potentials.lennard_jones_cluster(n_atoms=n_atoms).stationary_points
    assert point.energy == pytest.approx(energy, abs=6e-7)
    rigid = 5 if n_atoms == 2 else 6
    assert np.sum(np.abs(point.curvatures) < 1e-9) == rigid
    assert np.all(point.curvatures[rigid:] > 1)
    if distance is not None:
        atoms = point.position.reshape(n_atoms, 3)
        gaps = [np.linalg.norm(a - b) for i, a in enumerate(atoms) for b in atoms[:i]]
        assert gaps == pytest.approx([distance] * len(gaps), rel=1e-12)


def test_cluster_of_thirteen_is_an_icosahedron_around_an_atom():
    (point,) = potentials.lennard_jones_cluster(n_atoms=13).stationary_points
    atoms = point.position.reshape(13, 3) - point.position[:3]
    radii = np.linalg.norm(atoms[1:], axis=1)
    assert radii == pytest.approx(radii[0], rel=1e-12)
    cosines = np.round(np.sort(atoms[1:] @ atoms[1] / radii[0] ** 2), 6)
    assert cosines.tolist() == [-1.0, *[-0.447214] * 5, *[0.447214] * 5, 1.0]


def test_cluster_of_a_size_without_a_known_shape_has_no_known_point():
    assert potentials.lennard_jones_cluster(n_atoms=8).stationary_points == ()


def test_cluster_scales_with_epsilon_and_sigma():
    U = potentials.lennard_jones_cluster(n_atoms=4).with_parameters(epsilon=2.0, sigma=3.0)
    assert U.minima[0].energy == pytest.approx(-12.0, rel=1e-13)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("double_well", {"barrier": 0.0}, "double_well: barrier=0 must be positive"),
        ("quartic_well", {"quartic": -1.0}, "quartic_well: quartic=-1 must be zero or positive"),
        ("entropic_barrier", {"pinch": -1.0}, "pinch=-1 must be larger than -1"),
        ("harmonic", {"stiffness": (1.0, -2.0)}, "harmonic: stiffness_1=-2 must be positive"),
        ("harmonic", {"stiffness": (1.0, 2.0), "dim": 3}, "stiffness has 2 values, but dim=3"),
        ("harmonic", {"stiffness": ()}, "harmonic: dim=0 must be at least 1"),
        ("harmonic", {"dim": 2.0}, "harmonic: dim=2.0 must be an integer of at least 1"),
        ("harmonic", {"dim": True}, "harmonic: dim=True must be an integer"),
        ("rosenbrock", {"dim": 1}, "rosenbrock: dim=1 must be at least 2"),
        ("ackley", {"smoothing": 0.0}, "ackley: smoothing=0 must be positive"),
        ("phi4_chain", {"n_sites": 1}, "phi4_chain: n_sites=1 must be at least 2"),
        ("phi4_chain", {"coupling": -0.1}, "phi4_chain: coupling=-0.1 must be zero or positive"),
        ("lennard_jones_cluster", {"n_atoms": 1}, "n_atoms=1 must be at least 2"),
        ("lennard_jones_cluster", {"sigma": -1.0}, "sigma=-1 must be positive"),
        ("gaussian_mixture", {"means": (1.0, 2.0)}, r"means of shape \(2,\) must be \(n, dim\)"),
        ("gaussian_mixture", {"widths": (1.0,)}, r"widths of shape \(1,\) must be \(2,\)"),
        ("gaussian_mixture", {"weights": (1.0, 0.0)}, "gaussian_mixture: weight_1=0 must be pos"),
    ],
)
def test_parameters_out_of_range(name, given, message):
    with pytest.raises(ValueError, match=message):
        CATALOGUE[name](**given)


@pytest.mark.parametrize("name", CATALOGUE)
def test_parameters_are_keyword_only(name):
    with pytest.raises(TypeError, match="positional"):
        CATALOGUE[name](1.0)


def test_known_landscapes_are_made_in_milliseconds(made):
    seconds = []
    for constructor in CATALOGUE.values():
        started = time.perf_counter()
        constructor()
        seconds.append(time.perf_counter() - started)
    assert np.median(seconds) < 0.005
    assert max(seconds) < 0.05


def test_long_chain_knows_its_uniform_points_and_its_stability_at_once():
    potentials.phi4_chain(n_sites=3).hessian(np.zeros(3))  # compiled
    before = time.perf_counter()
    U = potentials.phi4_chain(n_sites=1000, coupling=0.5)
    assert U.max_curvature() == pytest.approx(3.0, rel=1e-15)
    assert time.perf_counter() - before < 1.0


def test_chain_beyond_32_sites_searches_for_no_kinks():
    U = potentials.phi4_chain(n_sites=200, coupling=4.0)
    before = time.perf_counter()
    points = U.stationary_points
    assert time.perf_counter() - before < 5.0
    assert [point.energy for point in points] == [-50.0, -50.0, 0.0]
    assert [point.index == 0 for point in points] == [True, True, False]
    kinked = potentials.phi4_chain(n_sites=16, coupling=4.0)
    assert len(kinked.stationary_points) == 3 + 32


@pytest.mark.parametrize(("n", "coupling"), [(2, 0.7), (5, 0.1), (8, 4.0)])
def test_stability_of_a_chain_is_that_of_its_minima(n, coupling):
    U = potentials.phi4_chain(n_sites=n, coupling=coupling)
    largest = np.linalg.eigvalsh(U.hessian(np.ones(n)))[-1]
    assert U.max_curvature() == pytest.approx(largest, rel=1e-13)
    weaker = U.with_parameters(coupling=0.0)
    assert weaker.max_curvature() == 2.0
