"""Optimizers that users write: settings, state, saving, hooks, and lazy parameters."""

import copy
import pickle
from typing import Any

import pytest

import zincir
from zincir import nn, optim
from zincir.errors import StateError
from zincir.optim.optimizer import required


class Momentum(optim.Optimizer):
    """As many are written: the step counts in Python, the state has things of all kinds."""

    def __init__(self, params: Any, lr: Any = required, beta: float = 0.5) -> None:
        super().__init__(params, {"lr": lr, "beta": beta})

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("added", 1)

    @zincir.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None
        if closure is not None:
            with zincir.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["count"] = 0
                    state["mean"] = zincir.zeros_like(p)
                    state["rows"] = zincir.zeros(3, 5)
                    state["step"] = zincir.tensor(0.0)
                    state["history"] = [1, "a"]
                state["count"] += 1
                state["step"] += 1
                state["mean"].mul_(group["beta"]).add_(p.grad)
                p.data.add_(state["mean"], alpha=-group["lr"] / state["count"])
        return loss


def parameters() -> tuple[nn.Parameter, nn.Parameter]:
    return nn.Parameter(zincir.tensor([4.0, 8.0])), nn.Parameter(zincir.tensor(2.0))


def slope(*params: nn.Parameter) -> zincir.Tensor:
    for p in params:
        p.grad = None
    loss = sum((p * p).sum() for p in params) * 0.5
    loss.backward()
    return loss


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.filterwarnings("ignore:.*what is no tensor. state")
def test_steps(compiled: bool) -> None:
    one, two = parameters()
    optimizer = Momentum([{"params": [one], "lr": 0.5}, {"params": two, "lr": 0.25, "name": "b"}])

    def train() -> zincir.Tensor:
        loss = slope(one, two)
        optimizer.step()
        return loss

    run = zincir.compile(train) if compiled else train
    losses = [run().item() for _ in range(3)]
    # one: 4 - 4/2 = 2; mean 4/2 + 2 = 4, 2 - 4/4 = 1; mean 4/2 + 1 = 3, 1 - 3/6 = 0.5
    assert one.tolist() == [0.5, 1.0]
    # two: 2 - 2/4 = 1.5; mean 2.5, 1.5 - 2.5/8 = 1.1875; mean 2.4375, 1.1875 - 2.4375/12
    assert two.item() == 1.1875 - 0.203125
    assert losses == [42.0, 11.125, 3.205078125]
    assert optimizer.state[one]["count"] == 3
    assert optimizer.param_groups[1]["name"] == "b"
    optimizer.param_groups[0]["lr"] = 0.0
    run()
    assert one.tolist() == [0.5, 1.0]


def test_a_state_goes_on_elsewhere() -> None:
    one, two = parameters()
    optimizer = Momentum([one, two], lr=0.5)
    slope(one)
    optimizer.step()
    saved = optimizer.state_dict()
    assert list(saved["state"]) == [0]
    twin, other = parameters()
    fresh = Momentum([twin, other], lr=9.0)
    fresh.load_state_dict(pickle.loads(pickle.dumps(saved)))
    assert {k: fresh.param_groups[0][k] for k in ("lr", "beta", "added")} == {
        "lr": 0.5,
        "beta": 0.5,
        "added": 1,
    }
    state = fresh.state[twin]
    assert (state["count"], state["history"], state["rows"].shape) == (1, [1, "a"], (3, 5))
    assert state["mean"].tolist() == [4.0, 8.0]
    assert state["mean"] is not optimizer.state[one]["mean"]
    twin.data = one.data.clone()
    for p, o in ((one, optimizer), (twin, fresh)):
        slope(p)
        o.step()
    assert twin.tolist() == one.tolist() == [1.0, 2.0]
    with pytest.raises(StateError, match="other parameter groups"):
        Momentum([one], lr=1.0).load_state_dict(saved)
    copied = copy.deepcopy(optimizer)
    assert copied.state_dict()["state"][0]["count"] == 2


def test_state_that_is_not_shaped_like_its_parameter() -> None:
    """As an optimizer has that keeps row and column means."""
    p = nn.Parameter(zincir.ones(2, 3))

    class Rows(optim.Optimizer):
        def step(self, closure: Any = None) -> None:
            state = self.state[p]
            state["row"] = p.grad.mean(1)
            state["column"] = p.grad.mean(0)
            state["seen"] = zincir.tensor(True)

    optimizer = Rows([p], {})
    slope(p)
    optimizer.step()
    other = Rows([p], {})
    other.load_state_dict(optimizer.state_dict())
    assert other.state[p]["row"].tolist() == [1.0, 1.0]
    assert other.state[p]["column"].tolist() == [1.0, 1.0, 1.0]
    assert other.state[p]["seen"].dtype is zincir.float32  # as in PyTorch: the parameter's type


def test_a_closure_and_hooks() -> None:
    one, _ = parameters()
    optimizer = Momentum([one], lr=0.5)
    calls: list[str] = []
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: calls.append("before"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: calls.append("after"))
    assert optimizer.step(lambda: slope(one)).item() == 40.0
    before.remove()
    before.remove()
    optimizer.step()
    assert calls == ["before", "after", "after"]

    class Twice(Momentum):
        def step(self, closure: Any = None) -> Any:
            super().step(closure)
            return super().step()

    calls.clear()
    twice = Twice([one], lr=0.5)
    twice.register_step_post_hook(lambda o, args, kwargs: calls.append("after"))
    twice.step()
    assert calls == ["after"]
    assert twice.state[one]["count"] == 2


def test_what_is_missing() -> None:
    one, two = parameters()
    with pytest.raises(ValueError, match="has no lr, and there is no default"):
        Momentum([one])
    with pytest.raises(ValueError, match="has no lr"):
        Momentum([{"params": [one], "lr": 1.0}, {"params": [two]}])
    with pytest.raises(NotImplementedError, match="Optimizer has no step"):
        optim.Optimizer([one], {}).step()


@pytest.mark.parametrize(
    "kind",
    [
        *(optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad, optim.Adadelta),
        *(optim.Adafactor, optim.Adamax, optim.ASGD, optim.NAdam, optim.RAdam, optim.Rprop),
    ],
)
def test_lazy_parameters(kind: Any) -> None:
    net, twin = nn.LazyLinear(2), nn.Linear(3, 2)
    optimizer, other = kind(net.parameters(), lr=0.5), kind(twin.parameters(), lr=0.5)
    optimizer.zero_grad()
    optimizer.step()
    x = zincir.tensor([[1.0, 2.0, 3.0]])
    net(x)
    net.load_state_dict(twin.state_dict())
    for layer, o in ((net, optimizer), (twin, other)):
        for _ in range(2):
            o.zero_grad()
            (layer(x) ** 2).sum().backward()
            o.step()
    assert net.weight.tolist() == twin.weight.tolist()
