"""Compiled functions that make leaves of their own and take gradients with respect to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import zincir

torch = pytest.importorskip("torch", reason="PyTorch is not installed: NOT compared with it")
pytestmark = pytest.mark.torch


def _net(t: Any) -> Any:
    net = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.Tanh(), t.nn.Linear(3, 2))
    with t.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_(((t.arange(float(p.numel())) * 0.7 + i).sin() * 0.5).reshape(p.shape))
    return net


def sign_attack(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    h = x.detach().requires_grad_()
    net(h).pow(2).sum().backward()
    return h.detach() + 0.1 * h.grad.sign()


def gradient_alone(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    h = (x * 2).detach().requires_grad_()
    net(h).pow(2).sum().backward()
    return h.grad


def twice_the_same(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    h = x.clone().requires_grad_()
    net(h).sum().backward()
    return h.grad, h.grad


def several_steps(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    for _ in range(3):
        x = x.detach().requires_grad_()
        loss = net(x).pow(2).sum()
        loss.backward()
        x = x + 0.1 * x.grad.sign()
    return x.detach(), loss


def added_up(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    h = x.detach().clone().requires_grad_()
    net(h).sum().backward()
    net(h).pow(2).sum().backward()
    return h.grad


def emptied(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    h = x.detach().requires_grad_()
    net(h).sum().backward()
    h.grad.zero_()
    net(h).pow(2).sum().backward()
    first = h.grad.clone()
    h.grad = None
    net(h).exp().sum().backward()
    return first, h.grad


def looked_at_before(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    h = x.detach().requires_grad_()
    before = h.grad is None
    net(h).sum().backward()
    return h.grad * (2 if before else 3)


def changed_leaf(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    h = t.zeros(3, 2, requires_grad=True)
    for _ in range(3):
        (net(h + x).pow(2).sum()).backward()
        with t.no_grad():
            h -= 0.1 * h.grad
            h.grad.zero_()
    return h.detach()


def own_optimizer(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    h = t.zeros(3, 2, requires_grad=True)
    optimizer = t.optim.SGD([h], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        net(h + x).pow(2).sum().backward()
        optimizer.step()
    return h.detach()


def view_of_it(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    h = x.detach().requires_grad_()
    net(h[:2]).pow(2).sum().backward()
    return h.grad[1]


def with_parameters(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    net.zero_grad()
    h = x.detach().requires_grad_()
    loss = net(h).pow(2).sum()
    loss.backward()
    with t.no_grad():
        for p in net.parameters():
            p -= 0.01 * p.grad
    return loss, h.grad.norm()


def penalty(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    net.zero_grad()
    h = x.detach().requires_grad_()
    (slope,) = t.autograd.grad(net(h).sum(), h, create_graph=True)
    loss = (slope.norm(dim=1) - 1).pow(2).mean()
    loss.backward()
    return loss, net[0].weight.grad.clone()


def kept_elsewhere(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    h = x.detach().requires_grad_()
    net(h).pow(2).sum().backward()
    kept["gradient"] = h.grad
    return h.grad.sum()


def leaf_kept_elsewhere(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    h = kept["leaf"] = (x * 3).detach().requires_grad_()
    net(h).pow(2).sum().backward()
    return x + 1


def hooked(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    h = x.detach().requires_grad_()
    h.register_hook(lambda g: g * 2)
    net(h).pow(2).sum().backward()
    return h.grad


def leaf_and_gradient(t: Any, x: Any, net: Any, kept: dict[str, Any]) -> Any:
    h = x.detach().requires_grad_()
    net(h).pow(2).sum().backward()
    return h, h.grad


REPLAYED = (
    sign_attack, gradient_alone, twice_the_same, several_steps, added_up, emptied, looked_at_before,
    changed_leaf, view_of_it, with_parameters, penalty,
)  # fmt: skip
OTHERS = (own_optimizer, kept_elsewhere, leaf_kept_elsewhere, hooked, leaf_and_gradient)


def _run(t: Any, body: Callable[..., Any], compiled: Any) -> list[Any]:
    net, kept, found = _net(t), dict[str, Any](), []
    step = compiled(lambda x: body(t, x, net, kept))
    held: list[Any] = []
    for i in range(5):
        x = (t.arange(6.0).reshape(3, 2) + i).cos()
        result = step(x)
        results = result if isinstance(result, tuple) else (result,)
        held += [*results, *kept.values()]
        kept_leaf = kept.get("leaf")
        found.append([r.detach().tolist() for r in (*results, *kept.values(), *net.parameters())])
        found.append(None if kept_leaf is None else kept_leaf.grad.tolist())
    found.append([r.detach().tolist() for r in held])  # an earlier result stays what it was
    return found


def _flat(x: Any) -> list[float]:
    if isinstance(x, list):
        return [v for part in x for v in _flat(part)]
    return [float("nan") if x is None else x]


@pytest.mark.parametrize("body", [*REPLAYED, *OTHERS], ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::zincir.errors.RecordingWarning")
def test_numbers_are_those_of_pytorch(body: Callable[..., Any]) -> None:
    expected = _flat(_run(torch, body, lambda f: f))
    assert _flat(_run(zincir, body, lambda f: f)) == pytest.approx(
        expected, rel=1e-5, abs=1e-7, nan_ok=True
    )
    found = _flat(_run(zincir, body, zincir.compile))
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-7, nan_ok=True)


@pytest.mark.parametrize("body", REPLAYED, ids=lambda f: f.__name__)
def test_it_is_recorded_once_for_gradients_that_are_there_and_for_none(
    body: Callable[..., Any],
) -> None:
    made: list[Any] = []

    def compiled(f: Any) -> Any:
        made.append(zincir.compile(f, fullgraph=True))
        return made[0]

    _run(zincir, body, compiled)
    assert made[0]._count <= 2


def test_a_leaf_made_of_a_result_is_freed_with_its_last_name() -> None:
    import gc
    import weakref

    gc.disable()
    try:
        x = zincir.ones(3)
        h = (x * 2).detach().requires_grad_()
        (h * h).sum().backward()
        gone = weakref.ref(h)
        del h
        assert gone() is None
    finally:
        gc.enable()
