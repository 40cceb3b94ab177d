"""Every optimizer: convergence, state, schedules, replays. A row in the table is enough."""

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn, optim
from zincir.interpret import interpret
from zincir.optim.formula import Formula

OPTIMIZER_CASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("SGD", {"lr": 0.4}),
    ("SGD", {"lr": 0.05, "momentum": 0.8}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "dampening": 0.2}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.1, "weight_decay": 1e-4}),
    ("AdamW", {"lr": 0.1, "weight_decay": 1e-4, "amsgrad": True}),
    ("RMSprop", {"lr": 0.02}),
    ("RMSprop", {"lr": 0.005, "alpha": 0.9, "momentum": 0.8}),
    ("RMSprop", {"lr": 0.005, "alpha": 0.9, "momentum": 0.8, "centered": True, "eps": 1e-3}),
    ("Adagrad", {"lr": 1.0}),
    ("Adagrad", {"lr": 1.0, "lr_decay": 1e-3, "initial_accumulator_value": 0.1}),
    ("ASGD", {"lr": 0.4, "t0": 3.0}),
    ("Adadelta", {"lr": 1.0, "eps": 1e-2}),
    ("Adamax", {"lr": 0.1, "eps": 1e-4}),
    ("NAdam", {"lr": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 1e-4, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.1, "betas": (0.9, 0.9)}),
    ("Rprop", {"lr": 0.1, "step_sizes": (0.0, 1.0)}),
    ("Adafactor", {"lr": 0.02, "eps": (None, 1.0), "weight_decay": 1e-4}),
    ("Muon", {"lr": 0.3, "momentum": 0.5, "weight_decay": 1e-4}),
    ("Lion", {"lr": 0.015, "betas": (0.3, 0.4), "weight_decay": 1e-4}),
    ("LAMB", {"lr": 0.2, "weight_decay": 1e-4}),
)
LATER = ("ASGD", "Rprop")
"""In these a learning rate counts from the next step on, or at the first alone."""
STEADY = ("Muon", "LAMB")
"""These make steps of one length until the rate falls."""
NORMS = ("Adafactor", "LAMB", "Muon")
"""The last digit of their norms depends on what is computed beside them."""

cases = pytest.mark.parametrize(("name", "options"), OPTIMIZER_CASES)


class Bowl:
    """(scale * (p - 3)) ** 2 in two parameters of different shapes."""

    def __init__(self, *, matrices: bool = False) -> None:
        self.scale = zincir.tensor([1.0, 2.0, 0.5])
        second = zincir.tensor([[1.0]] if matrices else 1.0)
        self.parameters = [nn.Parameter(zincir.zeros(2, 3)), nn.Parameter(second)]

    def loss(self) -> zincir.Tensor:
        return sum((((p - 3.0) * self.scale) ** 2).mean() for p in self.parameters)

    def step(self, optimizer: optim.Optimizer) -> zincir.Tensor:
        optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        optimizer.step()
        return loss

    def values(self) -> list[np.ndarray]:
        return [p.detach().numpy().copy() for p in self.parameters]


def start(name: str, options: dict[str, Any]) -> tuple[Bowl, optim.Optimizer]:
    bowl = Bowl(matrices=name == "Muon")
    return bowl, getattr(optim, name)(bowl.parameters, **options)


def test_every_optimizer_has_a_case() -> None:
    exported = {
        name
        for name, value in vars(optim).items()
        if inspect.isclass(value) and issubclass(value, Formula)
    }
    assert exported - {"SparseAdam"} == {name for name, _ in OPTIMIZER_CASES}  # it is for tables


@cases
def test_finds_the_bottom(name: str, options: dict[str, Any]) -> None:
    bowl, optimizer = start(name, options)
    for _ in range(300):
        bowl.step(optimizer)
        optimizer.param_groups[0]["lr"] *= 0.98 if name in STEADY else 1.0
    for value in bowl.values():
        np.testing.assert_allclose(value, 3.0, atol=0.02)


@cases
def test_the_update_is_that_of_its_numpy_twin(name: str, options: dict[str, Any]) -> None:
    """Compiled, and node by node in NumPy: the third step, with all that it remembers."""
    bowl, optimizer = start(name, options)
    for _ in range(2):
        bowl.step(optimizer)
    optimizer.zero_grad()
    bowl.loss().backward()
    with zincir.no_grad():
        optimizer._step()
    kept = [t for p in bowl.parameters for t in (p, *optimizer.state[p].values())]
    twins = interpret([t._node for t in kept], double=True)
    for mine, twin in zip(kept, twins, strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), twin, 2e-6, 1e-7)


@cases
@pytest.mark.parametrize("saved", ["tensors", "arrays", "pickle"])
def test_a_loaded_state_goes_on_to_the_bit(name: str, options: dict[str, Any], saved: str) -> None:
    bowl, optimizer = start(name, options)
    for _ in range(5):
        bowl.step(optimizer)
    other, fresh = start(name, {"lr": 9.0})
    for p, value in zip(other.parameters, bowl.values(), strict=True):
        p.data = zincir.from_numpy(value)
    state = optimizer.state_dict()
    if saved == "pickle":
        state = pickle.loads(pickle.dumps(state))
    elif saved == "arrays":
        state["state"] = {
            k: {n: np.array(v.numpy()) for n, v in held.items()}
            for k, held in state["state"].items()
        }
    fresh.load_state_dict(state)
    for _ in range(5):
        bowl.step(optimizer)
        other.step(fresh)
    for mine, theirs in zip(bowl.values(), other.values(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@cases
def test_the_rate_is_read_at_every_step(name: str, options: dict[str, Any]) -> None:
    if name in LATER:
        pytest.skip("its steps have sizes of their own")
    bowl, optimizer = start(name, options)
    bowl.step(optimizer)
    before = bowl.values()
    optimizer.param_groups[0]["lr"] = 0.0
    bowl.step(optimizer)
    for now, then in zip(bowl.values(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    optimizer.param_groups[0]["lr"] = 0.1
    bowl.step(optimizer)
    assert (bowl.values()[0] != before[0]).any()


@cases
def test_the_rate_may_be_a_tensor(name: str, options: dict[str, Any]) -> None:
    ends = []
    for rate in (options["lr"], zincir.tensor(options["lr"], dtype=zincir.float64)):
        bowl, optimizer = start(name, {**options, "lr": rate})
        for _ in range(3):
            bowl.step(optimizer)
        ends.append(bowl.values())
    for mine, theirs in zip(*ends, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@cases
def test_up_is_down_turned_round(name: str, options: dict[str, Any]) -> None:
    if name == "Muon":
        pytest.skip("it has no maximize")
    if options.get("weight_decay"):
        options = {**options, "weight_decay": 0.0}
    ends = []
    for up in (False, True):
        p = nn.Parameter(zincir.tensor([1.0, -2.0]))
        optimizer = getattr(optim, name)([p], **options, maximize=up)
        for _ in range(4):
            optimizer.zero_grad()
            (p.sin() * (-1.0 if up else 1.0)).sum().backward()
            optimizer.step()
        ends.append(p.tolist())
    assert ends[0] == ends[1]


@cases
def test_groups_have_settings_of_their_own(name: str, options: dict[str, Any]) -> None:
    bowl = Bowl(matrices=name == "Muon")
    one, two = bowl.parameters
    optimizer = getattr(optim, name)([{"params": one, "lr": 0.0}, {"params": [two]}], **options)
    bowl.step(optimizer)
    assert one.abs().sum().item() == 0.0
    assert two.item() != 1.0


@cases
def test_without_a_gradient_nothing_moves(name: str, options: dict[str, Any]) -> None:
    bowl, optimizer = start(name, options)
    optimizer.step()
    states = optimizer.state_dict()["state"].values()
    assert all(state["step"].item() == 0 for state in states)  # Adagrad's are there from the start
    assert not states or name == "Adagrad"
    ((bowl.parameters[0] - 1.0) ** 2).sum().backward()
    optimizer.step()
    assert bowl.parameters[1].item() == 1.0
    assert bowl.parameters[0].abs().sum().item() > 0


@cases
def test_parameters_stay_leaves_that_train(name: str, options: dict[str, Any]) -> None:
    bowl, optimizer = start(name, options)
    for _ in range(2):
        bowl.step(optimizer)
    assert all(p.is_leaf and p.requires_grad for p in bowl.parameters)
    for held in optimizer.state.values():
        assert not any(t.requires_grad for t in held.values())


@cases
def test_copies(name: str, options: dict[str, Any]) -> None:
    bowl, optimizer = start(name, options)
    bowl.step(optimizer)
    other, twin = copy.deepcopy((bowl, optimizer))
    for _ in range(3):
        bowl.step(optimizer)
        other.step(twin)
    for mine, theirs in zip(bowl.values(), other.values(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@cases
@pytest.mark.parametrize("schedule", [lambda k: 1.0, lambda k: 0.9**k])
def test_a_compiled_step_does_the_same_to_the_bit(
    name: str, options: dict[str, Any], schedule: Callable[[int], float]
) -> None:
    ends = []
    for wrap in (lambda f: f, zincir.compile):
        bowl, optimizer = start(name, options)
        step = wrap(lambda bowl=bowl, optimizer=optimizer: bowl.step(optimizer))
        losses = []
        for k in range(6):
            optimizer.param_groups[0]["lr"] = options["lr"] * schedule(k)
            losses.append(step().item())
        ends.append([*bowl.values(), np.array(losses)])
    rtol = 1e-6 if name in NORMS else 0.0
    for plain, compiled in zip(*ends, strict=True):
        np.testing.assert_allclose(plain, compiled, rtol, 0.0)
