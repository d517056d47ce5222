"""What is the Langevin family's own: stationary laws, thermostats, precision, refusals."""

import math

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll

torch = pytest.importorskip("torch")
from langevin_lab.pytorch import optim  # noqa: E402
from langevin_lab.pytorch.optim.plan import plan_of_word  # noqa: E402

WALKERS, STIFFNESS, TEMPERATURE = 20_000, 1.5, 0.3


def walkers(n=WALKERS, dtype=torch.float64):
    return torch.nn.Parameter(torch.zeros(n, dtype=dtype))


def roll(x, optimiser, n_steps, stiffness=STIFFNESS):
    """Steps on the sum of stiffness x^2/2 over independent walkers, which need no autograd."""
    for _ in range(n_steps):
        x.grad = stiffness * x.detach()
        optimiser.step()


# Optimiser, the method with the same law of the positions between steps.
LAWS = {
    "BAOAB": (lambda x: langevin(x, "BAOAB"), "BAOAB"),
    "OBABO": (lambda x: langevin(x, "OBABO"), "OBABO"),
    "ABO": (lambda x: langevin(x, "ABO"), "BOA"),
    "SGLD": (lambda x: optim.SGLD([x], 0.5, temperature=TEMPERATURE, seed=2), "EulerMaruyama"),
    "SGHMC": (
        lambda x: optim.SGHMC([x], 0.6, temperature=TEMPERATURE, friction=1.0, seed=2),
        "SemiImplicitEuler",
    ),
    "LOL": (
        lambda x: optim.LOL(
            [{"params": [x], "equation": "overdamped"}], 1.0, temperature=TEMPERATURE,
            friction=1.0, seed=2,
        ),
        "LeimkuhlerMatthews",
    ),
}  # fmt: skip


def langevin(x, word):
    return optim.Langevin([x], 0.8, temperature=TEMPERATURE, friction=1.0, seed=2, word=word)


@pytest.mark.parametrize("name", LAWS)
def test_stationary_variance_is_that_of_the_discrete_law(name):
    """20,000 walkers, ten snapshots: a standard error of sqrt(2/200,000), 0.3 %.

    60 steps forget the start and 12 steps the snapshot before: x^2 to 1e-4 and less.
    """
    make, scheme = LAWS[name]
    x = walkers()
    optimiser = make(x)
    roll(x, optimiser, 60)
    found = []
    for _ in range(10):
        roll(x, optimiser, 12)
        found.append(float(np.mean(x.detach().numpy() ** 2)))
    group = optimiser.param_groups[0]
    dt = group["lr"] ** 2 / 2 if name == "LOL" else group["lr"]
    law = ll.exact.stationary_covariance(
        scheme, stiffness=STIFFNESS, temperature=TEMPERATURE, dt=dt, friction=1.0
    )
    n, expected = 10 * WALKERS, law[0, 0]
    stderr = expected * math.sqrt(2 / n)
    assert_agrees(np.mean(found), stderr, expected, n, name)
    assert_refutes(np.mean(found), stderr, 1.04 * expected, n, f"{name}, temperature 4 % off")


def test_thermostat_finds_the_friction_of_the_noise():
    """BADODAB with gradient noise: xi* = (applied_noise^2 + dt sigma^2)/(2 T), and <x^2> = T/k.

    The mean-field argument is right to 0.25 % at dt = 0.1 and sigma = 1 (the table of E5.1: .5512
    for .55), the thermal mass lets xi hardly fluctuate, and the standard error comes from 10 blocks
    of 20 units of time, where x forgets in 4.
    """
    generator = torch.Generator().manual_seed(0)
    dt, n_blocks, length = 0.1, 10, 200
    x = walkers(4_000)
    optimiser = optim.AdaptiveLangevin(
        [x], dt, temperature=1.0, thermal_mass=4_000.0, applied_noise=1.0, seed=2
    )
    seen, squares = [], []
    for step in range((n_blocks + 2) * length):
        noise = torch.randn(x.shape, dtype=x.dtype, generator=generator)
        x.grad = x.detach() + noise
        optimiser.step()
        if step >= 2 * length:
            seen.append(float(optimiser.param_groups[0]["thermostat"]))
            squares.append(float((x.detach() ** 2).mean()))
    for values, expected, wrong, label in (
        (seen, 0.55, 0.5, "xi, gradients without noise"),
        (squares, 1.0, 1.04, "x^2, temperature 4 % off"),
    ):
        means = np.mean(np.reshape(values, (n_blocks, length)), axis=1)
        stderr = np.std(means, ddof=1) / math.sqrt(n_blocks)
        assert_agrees(np.mean(means), math.hypot(stderr, 2.5e-3 * expected), expected, label=label)
        assert_refutes(np.mean(means), math.hypot(stderr, 2.5e-3 * expected), wrong, label=label)


def test_short_parameters_have_momenta_and_positions_of_32_bits():
    """The copy takes steps that bfloat16 would round away: 1 + 1,000 times 1e-4 is 1.1, not 1."""
    x = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    optimiser = optim.SGLD([x], 1e-4, temperature=0.0, seed=1)
    for _ in range(1_000):
        x.grad = -torch.ones_like(x)
        optimiser.step()
    assert x.dtype == torch.bfloat16
    assert optimiser.state[x]["position"].dtype == torch.float32
    torch.testing.assert_close(
        optimiser.state[x]["position"], torch.full((3,), 1.1), rtol=0, atol=1e-4
    )
    torch.testing.assert_close(x.detach().float(), torch.full((3,), 1.1), rtol=0, atol=4e-3)
    # Somebody else sets one entry: the copy follows there, and only there.
    before = optimiser.state[x]["position"].clone()
    with torch.no_grad():
        x[1] = 5.0
    x.grad = torch.zeros_like(x)
    optimiser.step()
    assert torch.equal(optimiser.state[x]["position"][[0, 2]], before[[0, 2]])
    assert optimiser.state[x]["position"][1] == 5.0

    y = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    moving = langevin(y, "BAOAB")
    y.grad = torch.ones_like(y)
    moving.step()
    assert moving.state[y]["momentum"].dtype == torch.float32


def test_float32_noise_is_the_float64_noise_rounded():
    exact, rounded = walkers(50), walkers(50, torch.float32)
    for x in (exact, rounded):
        roll(x, langevin(x, "BAOAB"), 5)
    torch.testing.assert_close(rounded.detach().double(), exact.detach(), rtol=1e-5, atol=1e-6)


def test_the_noise_of_other_devices_makes_the_same_walk(monkeypatch):
    """Drawn by torch operations, as on a GPU, instead of by the compiled generator."""
    from langevin_lab.pytorch.noise import normals

    def drawn_by_torch(seed, replica, start, out):
        out.copy_(normals(seed, replica, start, out.numel(), dtype=out.dtype))

    compiled, other = walkers(51), walkers(51)
    roll(compiled, langevin(compiled, "OBABO"), 7)
    monkeypatch.setattr("langevin_lab.pytorch.optim.program_optimiser.draw", drawn_by_torch)
    roll(other, langevin(other, "OBABO"), 7)
    torch.testing.assert_close(other.detach(), compiled.detach(), rtol=0, atol=1e-14)
    assert compiled.detach().abs().max() > 0.1


def test_a_norm_that_overflows_is_no_infinite_gradient():
    x = walkers(3, torch.float32)
    optimiser = optim.SGLD([x], 1e-30, temperature=0.0, seed=1)
    x.grad = torch.full((3,), 1e30)
    assert torch.isinf(x.grad.norm())
    optimiser.step()
    torch.testing.assert_close(x.detach(), torch.full((3,), -1.0))


def test_a_group_may_be_added_in_a_run():
    """It starts at rest with a whole first half kick, and the others go on as they were."""
    alone, with_other, late = walkers(4), walkers(4), walkers(2)
    first, second = (langevin(x, "BAOAB") for x in (alone, with_other))
    for optimiser in (first, second):
        optimiser.param_groups[0]["temperature"] = 0.0
        optimiser.defaults["temperature"] = 0.0
    for x in (alone, with_other, late):
        x.data.fill_(1.0)
    roll(alone, first, 3)
    roll(with_other, second, 3)
    second.add_param_group({"params": [late]})
    late.grad = STIFFNESS * late.detach()
    roll(with_other, second, 1)
    roll(alone, first, 1)
    assert torch.equal(with_other, alone)
    fresh = walkers(2)
    fresh.data.fill_(1.0)
    third = langevin(fresh, "BAOAB")
    third.param_groups[0]["temperature"] = 0.0
    roll(fresh, third, 1)
    assert torch.equal(late, fresh)


def test_steps_end_where_the_next_gradient_is_taken():
    """One gradient, then only what lies between: pieces of words cut by hand."""

    def targets(word, equations=("langevin",)):
        plan = plan_of_word(word, equations)
        return [
            [(piece.previous, "".join(line[1] for line in piece.lines)) for piece in segment]
            for segment in plan.segments
        ]

    assert targets("BAOAB") == [[(True, "p"), (False, "pxpx")]]
    assert targets("ABOBA") == [[(False, "pppxx")]]
    assert targets("BABOBAB") == [[(True, "p"), (False, "px")], [(False, "pppx")]]
    assert targets("BAOA") == [[(False, "pxpx")]]


def test_normals_are_overwritten_only_where_they_are_read_once():
    """U reads its first normal in two lines; O has one for itself, in every group."""

    def functions(word, equations):
        segments = plan_of_word(word, equations).segments
        pieces = [piece for segment in segments for piece in segment]
        return {name for piece in pieces for _, _, code in piece.lines for name in code.co_names}

    assert "scaled" in functions("BAOAB", ("langevin", "langevin"))
    assert "scaled" not in functions("UBU", ("langevin",)) - {"n1"}


def test_several_gradients_a_step_need_a_closure():
    x = walkers(3)
    optimiser = langevin(x, "BABOBAB")
    x.grad = x.detach().clone()
    with pytest.raises(
        ValueError, match=r"Langevin takes 2 gradients a step here: call step\(clos"
    ):
        optimiser.step()


def test_a_step_ends_with_the_time_step_that_it_began_with():
    """BAOAB by hand under an lr that jumps, and stops; stored and loaded in the middle."""
    lrs, k = [0.8, 0.1, 0.1, 0.0, 0.5, 0.8], STIFFNESS
    x, p, expected = 1.0, 0.0, []
    for dt in lrs:
        p -= dt / 2 * k * x
        x += dt / 2 * p
        p *= math.exp(-dt)
        x += dt / 2 * p
        p -= dt / 2 * k * x
        expected.append(x)
    y, found = torch.nn.Parameter(torch.ones(1).double()), []
    optimiser = optim.Langevin([y], 0.8, temperature=0.0, friction=1.0, seed=2)
    for number, dt in enumerate(lrs):
        if number in (1, 4):
            stored = optimiser.state_dict()
            optimiser = optim.Langevin([y], 0.3, temperature=0.0, friction=1.0, seed=2)
            optimiser.load_state_dict(stored)
        optimiser.param_groups[0]["lr"] = dt
        roll(y, optimiser, 1)
        found.append(y.item())
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_a_second_gradient_that_is_not_finite_is_refused():
    x = walkers(3)
    optimiser = langevin(x, "BABOBAB")
    gradients = iter([torch.ones(3), torch.full((3,), math.nan)])

    def closure():
        x.grad = next(gradients).double()

    with pytest.raises(ValueError, match=r"parameter 0 of group 0, shape \(3,\), is not finite"):
        optimiser.step(closure)
    assert torch.isfinite(x).all()


def test_noise_needs_no_memory_for_every_choice_of_layers():
    """Layers that are left out at random: the normals of the others, in one place of their size."""
    kept, dropping = [walkers(5) for _ in range(8)], [walkers(5) for _ in range(8)]
    whole, optimiser = (
        optim.SGLD(layers, 0.1, temperature=1.0, seed=2) for layers in (kept, dropping)
    )
    rng = np.random.default_rng(0)
    for _ in range(60):
        chosen = rng.random(8) < 0.6
        for one, other, trained in zip(kept, dropping, chosen):
            other.data.copy_(one.data)
            one.grad = torch.zeros(5).double()
            other.grad = torch.zeros(5).double() if trained else None
        before = [layer.detach().clone() for layer in kept]
        whole.step(), optimiser.step()
        for one, other, start, trained in zip(kept, dropping, before, chosen):
            assert torch.equal(other, one if trained else start)
    assert sum(normals.numel() for normals in optimiser._memory.values()) <= 8 * 5


def first_parameter():
    return [torch.nn.Parameter(torch.ones(2))]


LANGEVIN = {"lr": 0.1, "temperature": 1.0, "friction": 1.0, "seed": 1}
ADAPTIVE = {"lr": 0.1, "temperature": 1.0, "thermal_mass": 1.0, "seed": 1}


@pytest.mark.parametrize(
    ("kind", "numbers", "message"),
    [
        ("Langevin", {**LANGEVIN, "word": "BAXAB"}, "letter 'X' at position 3 is unknown"),
        ("Langevin", {**LANGEVIN, "word": "BADAB"}, "letter 'D' at position 3 is unknown"),
        ("Langevin", {**LANGEVIN, "word": "BAB"}, "word='BAB' has no O but friction=1.0"),
        ("Langevin", {**LANGEVIN, "friction": -1}, "friction=-1 must be a finite number >= 0"),
        ("Langevin", {**LANGEVIN, "temperature": -1}, "temperature=-1 must be a finite number"),
        ("Langevin", {**LANGEVIN, "mass": 0.0}, r"mass=0\.0 must be a finite number > 0"),
        ("AdaptiveLangevin", {**ADAPTIVE, "temperature": 0.0}, r"temperature=0\.0 must be a fin"),
        ("AdaptiveLangevin", {**ADAPTIVE, "thermal_mass": 0.0}, r"thermal_mass=0\.0 must be a"),
        ("AdaptiveLangevin", {**ADAPTIVE, "applied_noise": -1.0}, r"applied_noise=-1\.0 must be"),
        ("AdaptiveLangevin", {**ADAPTIVE, "coupling": 0.0}, r"coupling=0\.0 must be a finite"),
        ("AdaptiveLangevin", {**ADAPTIVE, "mass": 0.0}, r"mass=0\.0 must be a finite number > 0"),
        (
            "AdaptiveLangevin",
            {**ADAPTIVE, "applied_noise": 1.0, "word": "BADCDAB"},
            r"word='BADCDAB' has no noise but applied_noise=1\.0",
        ),
        ("SGHMC", {**LANGEVIN, "friction": 20.0}, r"friction=20\.0 times lr=0\.1 must be < 2"),
        ("SGNHT", {**ADAPTIVE, "thermal_mass": -2.0}, r"thermal_mass=-2\.0 must be a finite"),
    ],
)
def test_impossible_numbers_and_words_are_refused(kind, numbers, message):
    with pytest.raises(ValueError, match=message):
        getattr(optim, kind)(first_parameter(), **numbers)


def test_numbers_of_later_groups_are_looked_at_too():
    optimiser = optim.Langevin(first_parameter(), **LANGEVIN)
    with pytest.raises(ValueError, match=r"group 1: friction=-2\.0 must be a finite number >= 0"):
        optimiser.add_param_group({"params": first_parameter(), "friction": -2.0})
    with pytest.raises(ValueError, match="has word='ABOBA', but word is the same for all groups"):
        optimiser.add_param_group({"params": first_parameter(), "word": "ABOBA"})
    assert len(optimiser.param_groups) == 1


def test_numbers_that_change_in_a_run_are_looked_at_again():
    params = first_parameter()
    optimiser = optim.Langevin(params, **LANGEVIN)
    params[0].grad = torch.ones(2)
    optimiser.param_groups[0]["temperature"] = -1.0
    with pytest.raises(ValueError, match=r"temperature=-1\.0 must be a finite number >= 0"):
        optimiser.step()


def test_an_infinite_friction_without_o_is_refused():
    params = first_parameter()
    optimiser = optim.Langevin(params, **LANGEVIN | {"friction": math.inf, "word": "BACNCAB"})
    params[0].grad = torch.ones(2)
    with pytest.raises(ValueError, match=r"has no step with lr=0\.1 and friction=inf"):
        optimiser.step()


def test_a_thermostat_must_be_a_number():
    with pytest.raises(TypeError, match="start_thermostat='hot' must be a number"):
        optim.SGNHT(first_parameter(), **ADAPTIVE, start_thermostat="hot")


@pytest.mark.parametrize(("kind", "first"), [("AdLaLa", "adaptive"), ("LOL", "langevin")])
def test_groups_of_partitions_name_their_equation(kind, first):
    numbers = {"lr": 0.1, "temperature": 1.0, "friction": 1.0, "seed": 1}
    with pytest.raises(ValueError, match=f"group 0 has equation=None: .* {kind} .* '{first}' or"):
        getattr(optim, kind)(first_parameter(), **numbers)
    groups = [{"params": first_parameter(), "equation": "Newton"}]
    with pytest.raises(ValueError, match="group 0 has equation='Newton'"):
        getattr(optim, kind)(groups, **numbers)


@pytest.mark.parametrize(
    ("equation", "other"), [("adaptive", "BACNDNCA"), ("langevin", "Langevin")]
)
def test_adlala_of_one_equation_is_refused(equation, other):
    groups = [{"params": first_parameter(), "equation": equation}]
    with pytest.raises(
        ValueError, match=f"every group has equation='{equation}': .* use .*{other}"
    ):
        optim.AdLaLa(groups, seed=1)


def test_adlala_says_which_convention():
    groups = [{"params": first_parameter(), "equation": name} for name in ("adaptive", "langevin")]
    with pytest.raises(ValueError, match="convention='print' must be 'text' or 'code'"):
        optim.AdLaLa(groups, seed=1, convention="print")
    optimiser = optim.AdLaLa(groups, seed=1)
    # applied_noise^2/(2 T), the published 0.5; none for the other group.
    assert float(optimiser.param_groups[0]["thermostat"]) == pytest.approx(0.5)
    assert "thermostat" not in optimiser.param_groups[1]
