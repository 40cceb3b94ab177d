"""Every number of an explanation: what `.grad` and the values say, on random graphs too."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings

import zincir
from explained_graphs import SLOW, built_anew, check_chain_rule, near
from random_graphs import graphs
from zincir import nn
from zincir.explanation import Explanation
from zincir.graph.node import Node
from zincir.graph.walk import toposort
from zincir.interpret import interpret
from zincir.tensor import Tensor


def check_graph(outputs: list[Node], tolerance: float) -> None:
    loss, leaves = built_anew(outputs)
    if not loss.requires_grad:
        return
    used = {id(n.owner()) for n in toposort([loss._node]) if n.owner is not None}
    names = {f"leaf{i}": t for i, t in enumerate(leaves) if id(t) in used}
    found = Explanation(zincir.explain(loss, names=names).chain)
    data = {s["name"]: s for s in json.loads(found.to_json())["steps"]}
    check_chain_rule(found.chain, tolerance)
    loss.backward()
    for name, leaf in names.items():
        step = found[name]
        if leaf.grad is None:
            assert step.gradient is None
            continue
        grad = leaf.grad.numpy()
        assert step.gradient is not None
        assert data[name]["gradient"]["shape"] == list(grad.shape)
        if step.gradient.values is not None:
            near(step.gradient.values, grad, tolerance)
        near(data[name]["gradient"]["rms"], np.sqrt(np.mean(np.square(grad))), tolerance)
        near(data[name]["value"]["mean"], leaf.detach().numpy().mean(), tolerance)
    near(data["L"]["value"]["mean"], loss.detach().numpy(), tolerance)


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(graphs(zincir.float64))
def test_numbers_are_those_of_grad(outputs: list[Node]):
    check_graph(outputs, 1e-9)


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
@given(graphs(zincir.float32))
def test_numbers_of_float32_too(outputs: list[Node]):
    check_graph(outputs, 2e-3)


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
@given(graphs(zincir.float32))
def test_explaining_changes_no_bit(outputs: list[Node]):
    plain, leaves = built_anew(outputs)
    explained, others = built_anew(outputs)
    if not plain.requires_grad:
        return
    zincir.explain(explained)
    plain.backward()
    explained.backward()
    assert plain.detach().numpy().tobytes() == explained.detach().numpy().tobytes()
    for a, b in zip(leaves, others, strict=True):
        assert a.detach().numpy().tobytes() == b.detach().numpy().tobytes()
        if a.grad is None or b.grad is None:
            assert a.grad is b.grad
        else:
            assert a.grad.numpy().tobytes() == b.grad.numpy().tobytes()


def smallest() -> tuple[Tensor, Tensor, Tensor]:
    w, x = zincir.tensor([2.0], requires_grad=True), zincir.tensor([3.0])
    return w, x, (w * x - 10.0) ** 2


def test_the_smallest_example():
    w, x, loss = smallest()
    found = zincir.explain(loss, names={"w": w, "x": x})
    assert [s.name for s in found.steps] == ["w", "x", "v1", "v2", "L"]
    assert [s.role for s in found.steps] == ["trained", "given", *["computed"] * 3]
    assert [s.value.single for s in found.steps] == [2, 3, 6, -4, 16]
    assert [s.gradient and s.gradient.single for s in found.steps] == [-24, None, -8, -8, 1]
    assert [u.local.single for u in found.chain.uses] == [3, 1, -8]
    assert found.chain.trials[0].loss == pytest.approx((2.002 * 3 - 10) ** 2)
    assert w.grad is None


def test_gradients_that_were_there_stay():
    w, _, loss = smallest()
    w.grad = zincir.tensor([5.0])
    zincir.explain(loss)
    assert w.grad.item() == 5
    loss.backward()
    assert w.grad.item() == -19


def test_after_backward_too():
    w, _, loss = smallest()
    loss.backward()
    assert zincir.explain(loss, names={"w": w})["w"].gradient.single == -24
    assert w.grad.item() == -24


def test_after_backward_and_a_step():
    """The values are those that the loss was computed from."""
    w, _, loss = smallest()
    assert loss.item() == 16
    optimizer = zincir.optim.SGD([w], lr=0.1)
    loss.backward(retain_graph=True)
    optimizer.step()
    assert w.item() == pytest.approx(4.4)
    found = zincir.explain(loss, names={"w": w})
    assert (found["w"].value.single, found["w"].gradient.single) == (2, -24)
    assert found.notices[0].startswith("w changed at ")
    assert w.item() == pytest.approx(4.4)


def test_parameters_changed_in_place_are_what_they_are_now():
    """Also while that is not computed yet, and in a part."""
    w = zincir.ones(2, 2, requires_grad=True)
    v = zincir.tensor(1.0, requires_grad=True)
    with zincir.no_grad():
        w[0] += 2.0
        w[0] *= 2.0
        v *= 5.0
    loss = (w * w).sum() * v
    found = zincir.explain(loss, names={"w": w, "v": v})
    assert str(found["w"].value) == "[[6, 6], [1, 1]]"
    assert found["v"].value.single == 5
    assert {s.role for s in found.steps if s.name in ("w", "v")} == {"trained"}
    assert sum(s.role == "trained" for s in found.steps) == 2
    loss.backward()
    near(found["w"].gradient.values, w.grad.numpy(), 1e-6)
    assert found["v"].gradient.single == v.grad.item() == 74


def test_changes_with_gradients_are_part_of_the_computation():
    w = zincir.ones(3, requires_grad=True)
    h = w * 2.0
    h[0] *= 5.0
    loss = (h * h).sum()
    found = zincir.explain(loss, names={"w": w})
    loss.backward()
    near(found["w"].gradient.values, w.grad.numpy(), 1e-6)


def test_a_graph_that_was_freed_says_what_to_keep():
    w, _, loss = smallest()
    loss.backward()
    w.grad.item()
    with pytest.raises(zincir.errors.GradientError) as error:
        zincir.explain(loss)
    assert "given up by a backward pass" in str(error.value)
    assert "explain(loss) before loss.backward()" in str(error.value)


def test_a_graph_of_an_earlier_backward_pass_can_still_be_differentiated():
    w, _, loss = smallest()
    zincir.explain(loss)
    loss.backward(retain_graph=True)
    zincir.explain(loss)
    loss.backward()
    assert w.grad.item() == -48
    with pytest.raises(zincir.errors.GradientError):
        loss.backward()


def test_parameters_bring_their_names():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    x, y = zincir.randn(5, 3), zincir.tensor([0, 1, 0, 1, 1])
    loss = nn.functional.cross_entropy(net(x), y)
    found = zincir.explain(loss)
    loss.backward()
    for name, p in net.named_parameters():
        step = found[name]
        assert step.role == "trained"
        near(step.gradient.values, p.grad.numpy(), 1e-5)
        near(step.value.values, p.detach().numpy(), 0)
    assert [s.layer for s in found.steps if s.op == "relu"] == ["1"]
    check_chain_rule(found.chain, 1e-5)


def test_names_of_modules():
    net = nn.Linear(2, 1)
    loss = net(zincir.ones(1, 2)).sum()
    found = zincir.explain(loss, names={"model": net})
    assert {s.name for s in found.steps if s.role == "trained"} == {"model.weight", "model.bias"}


def test_lines_of_the_user_give_names():
    w = zincir.tensor(2.0, requires_grad=True)
    a, b = zincir.tensor(1.0), zincir.tensor(4.0)
    p = w * a
    q = (p + b).tanh()
    found = zincir.explain(q * p)
    assert [s.name for s in found.steps] == ["w", "a", "b", "p", "v1", "q", "L"]
    assert found["p"].source == "p = w * a"
    assert found["p"].place.startswith("test_trace.py:")


def test_uses_are_summed():
    x = zincir.tensor(3.0, requires_grad=True, dtype=zincir.float64)
    found = zincir.explain(x * x * x + x.sin(), names={"x": x})
    assert found["x"].gradient.single == pytest.approx(27 + math.cos(3.0))
    assert len(found.chain.users_of[found["x"].number]) == 3
    check_chain_rule(found.chain, 1e-12)


def test_matrices_of_derivatives():
    w = zincir.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    x = zincir.tensor([5.0, 6.0])
    found = zincir.explain((w @ x).sum(), names={"w": w})
    product = next(u for u in found.chain.uses if not u.elementwise and u.local is not None)
    assert product.local.values.shape[1] in (4, 2)
    check_chain_rule(found.chain, 1e-6)


def test_values_of_interpreter_and_explanation_agree():
    _, _, loss = smallest()
    found = zincir.explain(loss)
    assert found["L"].value.single == interpret([loss._node])[0].item()


def test_operations_with_several_outputs():
    a = zincir.tensor([[4.0, 1.0], [1.0, 3.0]], requires_grad=True, dtype=zincir.float64)
    values, vectors = zincir.linalg.eigh(a)
    loss = (values * values).sum() + vectors[0, 0]
    found = zincir.explain(loss, names={"a": a})
    loss.backward()
    near(found["a"].gradient.values, a.grad.numpy(), 1e-9)


def test_loops():
    w = zincir.tensor(0.5, requires_grad=True)
    xs = zincir.arange(4.0)
    total, _ = zincir.scan(lambda c, x: (c * w + x, c), zincir.tensor(1.0), xs)
    found = zincir.explain(total, names={"w": w})
    total.backward()
    assert found["w"].gradient.single == pytest.approx(w.grad.item(), rel=1e-5)


def test_functions_with_a_gradient_of_their_own():
    class Twice(zincir.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 7

    x = zincir.tensor(3.0, requires_grad=True)
    found = zincir.explain(Twice.apply(x) * 1.0, names={"x": x})
    assert found["x"].gradient.single == 7


@pytest.mark.parametrize("dtype", [zincir.float16, zincir.bfloat16])
def test_half_precision(dtype):
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.LayerNorm(5), nn.Linear(5, 3)).to(dtype)
    x, y = zincir.randn(6, 4).to(dtype), zincir.tensor([0, 1, 2, 0, 1, 2])
    optimizer = zincir.optim.SGD(net.parameters(), lr=0.1)
    loss = nn.functional.cross_entropy(net(x), y)
    found = zincir.explain(loss, optimizer=optimizer)
    assert found["0.weight"].value.dtype == dtype.name
    assert f"{dtype.name} [5, 4]" not in found.to_json()
    loss.backward()
    optimizer.step()
    for update in found.step_taken.updates:
        p = dict(net.named_parameters())[update.name]
        near(update.gradient.values, p.grad.float().numpy(), 2e-2)
        near(update.after.values, p.detach().float().numpy(), 1e-2)
    assert found.step_taken.loss_before == pytest.approx(loss.item())


def test_complex_numbers():
    w = zincir.tensor([1 + 2j, 0.5 - 1j, 3j], requires_grad=True)
    x = zincir.tensor([1 - 1j, 2 + 0j, 1j])
    loss = ((w * x).abs() ** 2).sum()
    found = zincir.explain(loss, names={"w": w, "x": x})
    assert str(found["w"].value) == "[(1+2i), (0.5-1i), (0+3i)]"
    assert str(found["x"].value) == "[(1-1i), (2+0i), (0+1i)]"
    loss.backward()
    near(found["w"].gradient.values, w.grad.numpy(), 1e-6)
    assert "(4+8i)" in found.to_json()
    assert "of complex numbers a + bi, dL/da + (dL/db)i is shown as the gradient" in found.notices
    check_chain_rule(found.chain, 1e-5)
    large = zincir.explain(zincir.fft.fft(zincir.ones(8, requires_grad=True)).abs().sum())
    assert "sizes |a+bi|: mean 1" in str(large)


def test_infinities_that_nothing_comes_of_are_no_notice():
    w = zincir.tensor([1.0, 2.0, 3.0], requires_grad=True)
    masked = w.masked_fill(zincir.tensor([False, True, False]), -math.inf)
    assert not zincir.explain(masked.softmax(0)[0]).notices
    found = zincir.explain((masked - masked).sum())
    assert [n.partition(" is born")[0] for n in found.notices] == ["NaN", "infinity"]
