"""What every torch optimiser of the package must do, one test each for all of them."""

import copy
import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch_optimisers import BATCH, COASTING, N_EPOCHS, NOISY, OPTIMISERS, network  # noqa: E402

from langevin_lab.pytorch import optim  # noqa: E402

every_optimiser = pytest.mark.parametrize("name", OPTIMISERS)
every_noisy_one = pytest.mark.parametrize("name", NOISY)


@pytest.fixture(scope="module")
def digits():
    """(inputs, targets) of the training and of the test set: scikit-learn's digits, 1,797."""
    from sklearn.datasets import load_digits

    inputs, targets = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(targets))
    inputs = torch.tensor(inputs[order] / 16.0, dtype=torch.float32)
    targets = torch.tensor(targets[order])
    return (inputs[:1_297], targets[:1_297]), (inputs[1_297:], targets[1_297:])


def batches(train, n_epochs=N_EPOCHS, seed=0):
    generator = np.random.default_rng(seed)
    inputs, targets = train
    for _ in range(n_epochs):
        order = generator.permutation(len(targets))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            yield inputs[chosen], targets[chosen]


def backward(module, optimiser, batch):
    inputs, targets = batch
    optimiser.zero_grad()
    dtype = next(module.parameters()).dtype
    loss = torch.nn.functional.cross_entropy(module(inputs.to(dtype)), targets)
    loss.backward()
    return loss


def flat(module):
    return torch.nn.utils.parameters_to_vector(module.parameters()).detach().clone()


def walk(module, optimiser, given, after=lambda: None):
    """Positions after each of the batches."""
    points = []
    for batch in given:
        backward(module, optimiser, batch)
        optimiser.step()
        after()
        points.append(flat(module))
    return torch.stack(points)


@pytest.fixture(scope="module")
def few(digits):
    return list(batches(digits[0], 1))[:12]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@every_optimiser
def test_digits_are_learnt(digits, name, dtype):
    train, (inputs, targets) = digits
    module = network(dtype)
    optimiser = OPTIMISERS[name](module)
    for batch in batches(train):
        backward(module, optimiser, batch)
        optimiser.step()
    with torch.no_grad():
        right = (module(inputs.to(dtype)).argmax(dim=1) == targets).float().mean()
    print(f"{name}: test accuracy {float(right):.4f}")
    assert right > 0.95
    assert all(p.dtype == dtype for p in module.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@every_optimiser
def test_a_resumed_run_is_the_same_bits(few, name, dtype):
    module = network(dtype)
    whole = walk(module, OPTIMISERS[name](module), few)

    module = network(dtype)
    optimiser = OPTIMISERS[name](module)
    walk(module, optimiser, few[:5])
    file = io.BytesIO()
    torch.save({"module": module.state_dict(), "optimiser": optimiser.state_dict()}, file)
    walk(module, optimiser, few[5:8])  # what is stored is not touched by going on

    file.seek(0)
    stored = torch.load(file, weights_only=True)
    module = network(dtype)
    module.load_state_dict(stored["module"])
    optimiser = OPTIMISERS[name](module, **({"seed": 99} if name in NOISY else {}))
    optimiser.load_state_dict(stored["optimiser"])
    assert torch.equal(walk(module, optimiser, few[5:]), whole[5:])


@every_optimiser
def test_loading_takes_copies(few, name):
    module = network()
    optimiser = OPTIMISERS[name](module)
    walk(module, optimiser, few[:3])
    held = optimiser.state_dict()
    before = copy.deepcopy(held["state"])
    other = network()
    again = OPTIMISERS[name](other)
    again.load_state_dict(held)
    walk(other, again, few[3:5])
    for index, entries in before.items():
        for key, value in entries.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(held["state"][index][key], value), key


@every_optimiser
def test_a_copy_goes_the_same_way(few, name):
    module = network()
    optimiser = OPTIMISERS[name](module)
    walk(module, optimiser, few[:3])
    module_copy, optimiser_copy = copy.deepcopy((module, optimiser))
    found = walk(module_copy, optimiser_copy, few[3:])
    assert torch.equal(found, walk(module, optimiser, few[3:]))


@every_optimiser
def test_schedulers_change_the_step(few, name):
    def with_factor(factor):
        module = network()
        optimiser = OPTIMISERS[name](module)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return walk(module, optimiser, few, scheduler.step)

    module = network()
    plain = walk(module, OPTIMISERS[name](module), few)
    assert torch.equal(with_factor(lambda n: 1.0), plain)
    late = with_factor(lambda n: 1.0 if n < 6 else 0.5)
    assert torch.equal(late[:6], plain[:6])
    assert (late[6:] - plain[6:]).abs().amax() > 1e-6
    stopped = with_factor(lambda n: 1.0 if n < 6 else 0.0)
    assert torch.equal(stopped[6:], stopped[5].expand(6, -1)) == (name not in COASTING)
    # The number of steps goes on while nothing moves: the noise is that of the same steps.
    paused = with_factor(lambda n: 0.0 if n == 6 else 1.0)
    assert not torch.equal(paused[7], paused[6])


@every_optimiser
def test_common_schedulers_run(few, name):
    schedulers = torch.optim.lr_scheduler
    for make in (
        lambda o: schedulers.CosineAnnealingLR(o, 12),
        lambda o: schedulers.OneCycleLR(o, max_lr=0.1, total_steps=12, cycle_momentum=False),
        lambda o: schedulers.StepLR(o, 3),
    ):
        module = network()
        optimiser = OPTIMISERS[name](module)
        scheduler = make(optimiser)
        assert torch.isfinite(walk(module, optimiser, few[:11], scheduler.step)).all()


@every_optimiser
def test_compiled_models_are_trained(few, name):
    module = network(torch.float64)
    plain = walk(module, OPTIMISERS[name](module), few)
    torch._dynamo.reset()
    module = network(torch.float64)
    compiled = torch.compile(module, backend="aot_eager")
    optimiser = OPTIMISERS[name](module)
    found = walk(compiled, optimiser, few)
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-10)


@every_optimiser
def test_clipped_gradients_are_those_that_count(few, name):
    clipped, scaled = network(), network()
    first, second = OPTIMISERS[name](clipped), OPTIMISERS[name](scaled)
    for batch in few[:4]:
        backward(clipped, first, batch)
        norm = torch.nn.utils.clip_grad_norm_(clipped.parameters(), 0.1)
        assert norm > 0.1
        first.step()
        backward(scaled, second, batch)
        for param in scaled.parameters():
            param.grad *= 0.1 / (norm + 1e-6)
        second.step()
        torch.testing.assert_close(flat(clipped), flat(scaled), rtol=1e-5, atol=1e-6)


@every_optimiser
def test_a_scaled_loss_makes_the_same_steps_and_leaves_out_those_that_overflow(few, name):
    """A step that the scaler leaves out is not counted, so its noise is that of the next one."""
    plain, scaled = network(), network()
    first, second = OPTIMISERS[name](plain), OPTIMISERS[name](scaled)
    calls = []
    second.register_step_post_hook(lambda *given: calls.append(1))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    for number, batch in enumerate(few[:4]):
        second.zero_grad()
        loss = torch.nn.functional.cross_entropy(scaled(batch[0]), batch[1])
        scaler.scale(loss).backward()
        if number == 1:
            scaled[0].weight.grad[0, 0] = float("inf")
        scaler.step(second)
        scaler.update()
    for number in (0, 2, 3):
        backward(plain, first, few[number])
        first.step()
    assert len(calls) == 3
    assert second.param_groups[0]["steps_done"] == 3
    assert torch.equal(flat(plain), flat(scaled))  # the scales are powers of 2


@every_optimiser
def test_a_closure_is_backward_and_step(few, name):
    module = network()
    plain = walk(module, OPTIMISERS[name](module), few)
    module = network()
    optimiser = OPTIMISERS[name](module)
    for number, batch in enumerate(few):
        loss = optimiser.step(lambda batch=batch: backward(module, optimiser, batch))
        assert loss.requires_grad
        assert loss > 0
        assert torch.equal(flat(module), plain[number])


@every_optimiser
def test_maximize_climbs_minus_the_loss(few, name):
    module = network(torch.float64)
    plain = walk(module, OPTIMISERS[name](module), few)
    module = network(torch.float64)
    optimiser = OPTIMISERS[name](module, maximize=True)
    for number, batch in enumerate(few):
        backward(module, optimiser, batch)
        for param in module.parameters():
            param.grad.neg_()
        optimiser.step()
        assert torch.equal(flat(module), plain[number])


@every_optimiser
def test_groups_have_their_own_numbers(few, name):
    """Half the lr in one group is that of this group alone."""

    def with_lrs(*lrs):
        module = network(torch.float64)
        optimiser = OPTIMISERS[name](module)
        if len(optimiser.param_groups) == 1:
            group = optimiser.param_groups[0]
            params = group["params"]
            group["params"] = params[:2]
            optimiser.add_param_group(
                {k: v for k, v in group.items() if k != "thermostat"} | {"params": params[2:]}
            )
        for group, lr in zip(optimiser.param_groups, lrs):
            group["lr"] *= lr
        return walk(module, optimiser, few[:3])

    both, first, none = with_lrs(1.0, 1.0), with_lrs(0.5, 1.0), with_lrs(0.5, 0.5)
    n = 64 * 32 + 32
    assert torch.equal(first[0, n:], both[0, n:])
    assert torch.equal(first[0, :n], none[0, :n])
    assert not torch.equal(first[0, :n], both[0, :n])


@every_optimiser
def test_a_sparse_gradient_is_refused(name):
    module = network()
    optimiser = OPTIMISERS[name](module)
    module[0].weight.grad = torch.zeros_like(module[0].weight).to_sparse()
    message = r"parameter 0 of group 0, shape \(32, 64\), has a sparse gradient, but"
    with pytest.raises(ValueError, match=message):
        optimiser.step()


@every_optimiser
def test_a_gradient_that_is_not_finite_is_refused_and_nothing_moves(few, name):
    module = network()
    optimiser = OPTIMISERS[name](module)
    walk(module, optimiser, few[:2])
    before, state = flat(module), copy.deepcopy(optimiser.state_dict())
    backward(module, optimiser, few[2])
    module[0].bias.grad[3] = float("nan")
    message = r"parameter 1 of group 0, shape \(32,\), is not finite in step 2: use a smaller lr"
    with pytest.raises(ValueError, match=message):
        optimiser.step()
    assert torch.equal(flat(module), before)
    module[0].bias.grad[3] = 0.0
    found = copy.deepcopy(optimiser.state_dict())
    assert str(found) == str(state)


@every_optimiser
def test_gradients_are_not_looked_at_if_not_wanted(few, name):
    module = network()
    optimiser = OPTIMISERS[name](module, check_gradients=False)
    backward(module, optimiser, few[0])
    module[0].bias.grad[3] = float("nan")
    optimiser.step()
    assert torch.isnan(module[0].bias[3])


@every_optimiser
def test_parameters_that_are_no_real_numbers_are_refused(name):
    module = network()
    optimiser = OPTIMISERS[name](module)
    more = {k: v for k, v in optimiser.param_groups[0].items() if k not in ("params", "thermostat")}
    odd = torch.zeros(2, dtype=torch.complex64, requires_grad=True)
    with pytest.raises(TypeError, match=r"of group \d has dtype torch\.complex64; use float32"):
        optimiser.add_param_group({**more, "params": [odd]})
    assert all(odd is not p for group in optimiser.param_groups for p in group["params"])


@every_optimiser
def test_impossible_numbers_are_refused(name):
    with pytest.raises(ValueError, match=r"lr=-1\.0 must be a finite number > 0"):
        OPTIMISERS[name](network(), lr=-1.0)
    with pytest.raises(ValueError, match=r"weight_decay=-0\.1 must be a finite number >= 0"):
        OPTIMISERS[name](network(), weight_decay=-0.1)


@every_optimiser
def test_gradients_are_looked_at_once_a_step(few, name, monkeypatch):
    """A look is a transfer from a GPU: one for all groups."""
    module = network()
    optimiser = OPTIMISERS[name](module)
    group = optimiser.param_groups[0]
    spare = torch.nn.Parameter(torch.zeros(2))
    optimiser.add_param_group(
        {k: v for k, v in group.items() if k != "thermostat"} | {"params": [spare]}
    )
    backward(module, optimiser, few[0])
    spare.grad = torch.ones(2)
    looks = []
    monkeypatch.setattr(torch, "isfinite", lambda x: looks.append(x) or torch.ones_like(x) == 1)
    optimiser.step()
    assert [len(look) for look in looks] == [5]


@every_optimiser
def test_numbers_of_other_methods_and_typos_are_refused(name):
    """Not left unread; what a group is called, and what schedulers keep in it, may stay."""
    module = network()
    optimiser = OPTIMISERS[name](module)
    group = {k: v for k, v in optimiser.param_groups[0].items() if k != "thermostat"}
    group["params"] = [torch.nn.Parameter(torch.zeros(2))]
    with pytest.raises(
        ValueError, match=rf"has momentum=0\.9, but {name} has no momentum; its num"
    ):
        optimiser.add_param_group({**group, "momentum": 0.9})
    if name == "SGLD":
        with pytest.raises(ValueError, match="has friction=2, but SGLD has no friction; its numbe"):
            optimiser.add_param_group({**group, "friction": 2})
    typo = r"has weigth_decay=0\.1, but .* numbers are .*lr, .*: did you mean weight_decay\?"
    with pytest.raises(ValueError, match=typo):
        optimiser.add_param_group({**group, "weigth_decay": 0.1})
    with pytest.raises(ValueError, match=f"has parms, but {name} has no parms.*mean params"):
        optimiser.add_param_group({"parms": group["params"], **group})
    more = {"initial_lr": 0.1, "max_lr": 0.1, "min_lr": 0.1, "max_momentum": 0.9}
    optimiser.add_param_group({**group, "name": "late", **more})


def test_typos_in_the_first_groups_are_refused():
    one = [{"params": [torch.nn.Parameter(torch.zeros(2))], "temprature": 1e-3}]
    with pytest.raises(ValueError, match=r"group 0 has temprature=0\.001.*mean temperature\?"):
        optim.Langevin(one, 0.1, temperature=1.0, friction=1.0, seed=1)
    module = network()
    groups = [
        {"params": module[0].parameters(), "equation": "adaptive"},
        {"params": module[2].parameters(), "equation": "langevin", "frictoin": 5.0},
    ]
    with pytest.raises(ValueError, match=r"1 has frictoin=5\.0.*equation.*mean friction\?"):
        optim.AdLaLa(groups, seed=1)


@every_optimiser
def test_numbers_that_become_impossible_are_refused_and_nothing_moves(few, name):
    module = network()
    optimiser = OPTIMISERS[name](module)
    walk(module, optimiser, few[:2])
    before = flat(module)
    backward(module, optimiser, few[2])
    for lr in (float("nan"), -0.1):
        optimiser.param_groups[0]["lr"] = lr
        with pytest.raises(ValueError, match=f"lr={lr} must be a finite number > 0"):
            optimiser.step()
    assert torch.equal(flat(module), before)


@every_optimiser
def test_the_state_of_another_optimiser_is_refused(few, name):
    module = network()
    stranger = torch.optim.SGD(module.parameters(), lr=0.1)
    optimiser = OPTIMISERS[name](module)
    with pytest.raises(ValueError, match=f"check_gradients, .* it is not that of {name}; load"):
        optimiser.load_state_dict(stranger.state_dict())
    walk(module, optimiser, few[:1])  # nothing was loaded


@every_optimiser
def test_parameters_of_full_precision_have_no_copy(few, name):
    module = network()
    optimiser = OPTIMISERS[name](module)
    walk(module, optimiser, few[:2])
    held = [optimiser.state[param] for param in module.parameters()]
    assert not any("position" in state for state in held)
    momenta = sum(v.numel() for state in held for v in state.values() if torch.is_tensor(v))
    expected = {"SGLD": 0, "AdaptiveHeavyBall": 2, "ARAdam": 4}.get(name, 1)
    assert momenta // flat(module).numel() == expected


@every_noisy_one
def test_the_lines_of_a_step_are_compiled_once(name):
    one, other = (NOISY[name](network()) for _ in range(2))
    assert one.plan() is one.plan() is other.plan()


@every_noisy_one
def test_a_frozen_parameter_leaves_the_noise_of_the_others(few, name):
    """Normals are numbered by all parameters: what is frozen stays, the others' noise is theirs."""

    def walked(frozen):
        module = network(torch.float64)
        module[0].weight.requires_grad_(not frozen)
        optimiser = NOISY[name](module)
        for group in optimiser.param_groups:
            group["temperature"] = 0.01
        for _ in range(4):
            optimiser.zero_grad()
            sum((0.0 * p).sum() for p in module.parameters() if p.requires_grad).backward()
            optimiser.step()
        return module

    free, frozen = walked(False), walked(True)
    assert torch.equal(frozen[0].weight, network(torch.float64)[0].weight)
    assert torch.equal(free[2].weight, frozen[2].weight) or name in ("AdaptiveLangevin", "SGNHT")
    # Thermostats feel how many coordinates there are; without them the noise alone is the same.
    if name not in ("AdaptiveLangevin", "SGNHT", "AdLaLa"):
        assert torch.equal(free[0].bias, frozen[0].bias)


@every_noisy_one
def test_the_seed_is_the_noise(few, name):
    def walked(**stream):
        module = network()
        return walk(module, NOISY[name](module, temperature=1e-3, **stream), few[:3])

    assert torch.equal(walked(seed=3), walked(seed=3))
    assert not torch.equal(walked(seed=3), walked(seed=4))
    assert not torch.equal(walked(seed=3), walked(seed=3, replica=1))
    with pytest.raises(ValueError, match=r"seed=-1 is outside \[0, 2\*\*64\)"):
        walked(seed=-1)
    with pytest.raises(TypeError, match=r"replica=0\.5 is a float; give an integer"):
        walked(seed=1, replica=0.5)


@every_noisy_one
def test_groups_share_one_stream(name):
    module = network()
    optimiser = NOISY[name](module)
    more = {"params": [torch.zeros(2, requires_grad=True)], "equation": "langevin", "seed": 8}
    with pytest.raises(ValueError, match="has seed=8, but seed is the same for all groups, 1"):
        optimiser.add_param_group(more)


def test_the_list_is_complete():
    assert set(OPTIMISERS) == set(optim.__all__)
