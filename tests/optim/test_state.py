"""States that are saved and loaded: their form, what fits, shapes of any kind."""

import gc
import pickle
import weakref
from typing import Annotated, Any

import numpy as np
import pytest

import zincir
from zincir import nn, optim
from zincir.errors import ArgumentError, StateError
from zincir.graph.node import Node
from zincir.operations.arithmetic import cast
from zincir.operations.composed import mean
from zincir.operations.elementwise import sqrt
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Group, Params, Rate, between
from zincir.optim.state import StateSpec
from zincir.types import float64, int64


class Factored(Formula):
    """Means of squares by rows and columns, as Adafactor has them; and things of other types."""

    def __init__(
        self, params: Params, lr: Rate = 0.1, decay: Annotated[float, between(0, 1)] = 0.9
    ) -> None:
        super().__init__(params, locals())

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        rows, columns = p.shape
        return {
            "row": StateSpec((rows, 1), p.dtype),
            "column": StateSpec((columns,), p.dtype),
            "counts": StateSpec((3,), int64, 7),
            "energy": StateSpec((), float64),
        }

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        decay, squares = hyper.decay, g * g + 1e-9
        row = decay * state["row"] + (1 - decay) * mean(squares, 1, True)
        column = decay * state["column"] + (1 - decay) * mean(squares, 0)
        new = {
            "row": row,
            "column": column,
            "counts": state["counts"] + 1,
            "energy": state["energy"] + mean(cast(squares, float64)),
        }
        return p - hyper.lr * g / sqrt(row * column / mean(row)), new


def factored(**options: Any) -> tuple[nn.Parameter, Factored]:
    p = nn.Parameter(zincir.tensor([[1.0, -2.0, 0.5], [0.25, 3.0, -1.5]]))
    return p, Factored([p], **options)


def parameters(count: int = 2) -> list[nn.Parameter]:
    return [nn.Parameter(zincir.ones(k + 1)) for k in range(count)]


def move(optimizer: optim.Optimizer, used: list[nn.Parameter]) -> None:
    optimizer.zero_grad()
    sum((p * p).sum() for p in used).backward()
    optimizer.step()


def test_state_dict_has_pytorchs_form() -> None:
    one, two = parameters()
    optimizer = optim.AdamW([{"params": [one]}, {"params": [two], "lr": 0.5}])
    move(optimizer, [two])
    state = optimizer.state_dict()
    assert list(state["state"]) == [1]
    assert set(state["state"][1]) == {"step", "exp_avg", "exp_avg_sq"}
    assert state["state"][1]["step"].shape == ()
    assert state["state"][1]["step"].dtype is zincir.float32
    assert [g["params"] for g in state["param_groups"]] == [[0], [1]]
    assert state["param_groups"][1]["lr"] == 0.5


def test_loading_takes_copies_and_shares_counts() -> None:
    one, two = parameters()
    optimizer = optim.Adam([one, two], lr=0.3)
    move(optimizer, [one, two])
    other = optim.Adam(parameters())
    state = optimizer.state_dict()
    state["param_groups"][0]["initial_lr"] = 0.4  # a schedule's
    other.load_state_dict(state)
    assert other.param_groups[0]["lr"] == 0.3
    assert other.param_groups[0]["initial_lr"] == 0.4
    first, second = other.param_groups[0]["params"]
    assert other.state[first]["step"] is other.state[second]["step"]
    assert other.state[first]["step"] is not optimizer.state[one]["step"]


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    one, two = parameters()
    optimizer = optim.Adam([one, two], lr=0.3)
    move(optimizer, [one, two])
    before = optimizer.state_dict()
    shape = {**before, "state": {**before["state"], 1: {"exp_avg": np.zeros(7)}}}
    with pytest.raises(StateError) as error:
        optimizer.load_state_dict({**shape, "param_groups": [{"params": [0, 1], "lr": 0.9}]})
    assert str(error.value) == (
        "Adam.load_state_dict: the state belongs to other parameters; nothing was changed\n"
        "  expected  tensors of the parameters' shapes\n"
        "  got       exp_avg of parameter 1: (7,), not (2,)\n"
        "  try       build the optimizer with the same parameters in the same order"
    )
    assert optimizer.param_groups[0]["lr"] == 0.3
    with pytest.raises(
        StateError, match=r"groups of \[2\] parameters\n  got       groups of \[1\]"
    ):
        optimizer.load_state_dict({**before, "param_groups": [{"params": [0]}]})
    with pytest.raises(StateError, match="'state' and 'param_groups'"):
        optimizer.load_state_dict({"state": {}})
    with pytest.raises(StateError, match="not a state of an optimizer"):
        optimizer.load_state_dict([1])
    with pytest.raises(ArgumentError, match=r"Adam\.load_state_dict: lr is out of range"):
        optimizer.load_state_dict({**before, "param_groups": [{"params": [0, 1], "lr": -1.0}]})
    assert optimizer.state[one]["step"].item() == 1.0


def test_a_state_that_was_replaced_is_let_go() -> None:
    one, two = parameters()
    optimizer = optim.Adam([one, two])
    move(optimizer, [one, two])
    gone = weakref.ref(optimizer.state[one]["exp_avg"])
    optimizer.load_state_dict(optimizer.state_dict())
    move(optimizer, [one, two])
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("compiled", [False, True])
def test_state_of_any_shape_and_type_goes_on_elsewhere(compiled: bool) -> None:
    p, optimizer = factored(lr=0.05)
    q, other = factored(lr=9.0, decay=0.5)

    def stepping(p: nn.Parameter, optimizer: Factored) -> Any:
        def step() -> None:
            optimizer.zero_grad()
            (p**4).sum().backward()
            optimizer.step()

        return zincir.compile(step) if compiled else step

    step = stepping(p, optimizer)
    for _ in range(4):
        step()
    saved = pickle.loads(pickle.dumps(optimizer.state_dict()))
    assert {k: (v.shape, v.dtype) for k, v in saved["state"][0].items()} == {
        "row": ((2, 1), zincir.float32),
        "column": ((3,), zincir.float32),
        "counts": ((3,), zincir.int64),
        "energy": ((), zincir.float64),
    }
    assert saved["state"][0]["counts"].tolist() == [11, 11, 11]
    other.load_state_dict(saved)
    q.data = p.detach().clone()
    other_step = stepping(q, other)
    for _ in range(4):
        step()
        other_step()
    assert q.tolist() == p.tolist()
    assert abs(p.tolist()[0][1]) < 2.0
    for mine, theirs in zip(optimizer.state[p].values(), other.state[q].values(), strict=True):
        assert theirs.dtype is mine.dtype
        assert theirs.tolist() == mine.tolist()


def test_the_shapes_that_fit_are_those_of_init() -> None:
    p, optimizer = factored()
    optimizer_state = {"params": [0], "lr": 0.1, "decay": 0.9}
    for wrong in (np.zeros((2, 3)), np.zeros(2), np.zeros(())):
        saved = {"state": {0: {"row": wrong}}, "param_groups": [optimizer_state]}
        with pytest.raises(StateError, match=r"row of parameter 0: \(.*\), not \(2, 1\)"):
            optimizer.load_state_dict(saved)
    assert p not in optimizer.state


def test_what_fits_depends_on_the_settings_that_are_loaded() -> None:
    """A history, whose length is a setting: that of the state counts, not that of the optimizer."""

    class Remembering(Factored):
        def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
            length = 2 if group["decay"] > 0.5 else 4
            return {**super().init(p, group), "history": StateSpec((length, 6), p.dtype)}

    p, _ = factored()
    long, short = Remembering([p], decay=0.1), Remembering([p], decay=0.9)
    (p * p).sum().backward()
    long.step()
    short.load_state_dict(long.state_dict())
    assert short.state[p]["history"].shape == (4, 6)


def test_a_state_keeps_its_type_when_its_module_is_converted() -> None:
    net = nn.Linear(2, 2)
    optimizer = optim.Adam(net.parameters())
    for dtype in (zincir.float32, zincir.float64):
        net.to(dtype)
        net.zero_grad()
        net(zincir.ones(1, 2, dtype=dtype)).sum().backward()
        optimizer.step()
    assert net.weight.dtype is zincir.float64
    assert optimizer.state[net.weight]["exp_avg"].dtype is zincir.float32
