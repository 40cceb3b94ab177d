"""Several outputs and graphs as attributes, tried with a scan over time (as `jax.lax.scan`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import autodiff
from zincir.autograd import gradcheck, gradgradcheck
from zincir.compiler import stages
from zincir.compiler.snapshot import snapshot
from zincir.errors import CompileError
from zincir.graph.node import Node, apply, grad_mode
from zincir.graph.primitive import Kind, Primitive, Spec
from zincir.graph.show import show
from zincir.graph.subgraph import Subgraph
from zincir.graph.verify import verify
from zincir.interpret import interpret
from zincir.operations import arithmetic as ar, elementwise as el, layout, movement as mv
from zincir.operations.compound import outputs
from zincir.operations.source import const, leaf
from zincir.tensor import Tensor, wrap
from zincir.types import DType, Shape, float32, float64


def scan_spec(state: Spec, xs: Spec, body: Subgraph) -> tuple[Spec, Spec]:
    out = body.results[1]
    return state, ((xs[0][0], *out.shape), out.dtype)


def scan_numpy(state: Any, xs: Any, body: Subgraph) -> tuple[Any, Any]:
    rows = []
    for x in xs:
        given = dict(zip(body.parameters, (state, x), strict=True))
        state, y = interpret(body.results, given, double=xs.dtype == np.float64)
        rows.append(y)
    return state, np.stack(rows)


def scan_expand(state: Node, xs: Node, body: Subgraph) -> Sequence[Node]:
    rows = []
    for i in range(xs.shape[0]):
        state, y = body(state, row(xs, i))
        rows.append(y)
    return state, layout.stack(rows, 0)


def row(x: Node, i: int) -> Node:
    starts, sizes = (i, *(0,) * (x.ndim - 1)), (1, *x.shape[1:])
    return mv.reshape(mv.slice_(x, starts, (1,) * x.ndim, sizes), x.shape[1:])


def scan_vjp(g: Any, y: Node, state: Node, xs: Node, body: Subgraph) -> tuple[Any, Any]:
    with grad_mode(True):
        made = scan_expand(state, xs, body)
    seeds = {out: gx for out, gx in zip(made, g, strict=True) if gx is not None}
    found = autodiff.grad(seeds, [state, xs], retain=True)
    return found.get(state), found.get(xs)


scan_p = Primitive(
    "scan",
    Kind.COMPOUND,
    infer=scan_spec,
    numpy=scan_numpy,
    vjp=scan_vjp,
    expand=scan_expand,
    attrs=("body",),
)


def body(shape: Shape, factor: float = 0.5, dtype: DType = float32) -> Subgraph:
    """state, x -> tanh(state * factor + x), the square of that."""
    state, x = leaf(shape, dtype), leaf(shape, dtype)
    new = el.tanh(ar.add(ar.mul(state, const(factor, dtype)), x))
    return Subgraph([state, x], [new, ar.mul(new, new)])


def scan(state: Tensor, xs: Tensor, of: Subgraph) -> tuple[Tensor, ...]:
    node = apply(scan_p, state._node, xs._node, attrs=(of,))
    return tuple(map(wrap, outputs(node)))


def by_hand(state: Any, xs: Any) -> tuple[Any, Any]:
    rows = []
    for x in xs:
        state = np.tanh(state * 0.5 + x)
        rows.append(state * state)
    return state, np.stack(rows)


def test_values() -> None:
    rng = np.random.default_rng(0)
    state, xs = rng.normal(size=3).astype("f4"), rng.normal(size=(4, 3)).astype("f4")
    last, ys = scan(zincir.tensor(state), zincir.tensor(xs), body((3,)))
    assert (last.shape, ys.shape) == ((3,), (4, 3))
    twin = interpret([last._node, ys._node], double=True)
    for ours, slow, want in zip((last, ys), twin, by_hand(state, xs), strict=True):
        np.testing.assert_allclose(ours.numpy(), want, rtol=1e-5)
        np.testing.assert_allclose(slow, want, rtol=1e-6)


@pytest.mark.parametrize("of", [0, 1, 2])
def test_gradients(of: int) -> None:
    """Of either output alone, and of both."""

    def loss(state: Tensor, xs: Tensor) -> Tensor:
        last, ys = scan(state, xs, body((2,), dtype=float64))
        return (last.sum(), ys.sum(), last.sum() * ys.sum())[of]

    rng = np.random.default_rng(1)
    inputs = [zincir.tensor(rng.normal(size=n), requires_grad=True) for n in ((2,), (3, 2))]
    assert gradcheck(loss, inputs)
    assert gradgradcheck(loss, inputs)


def test_compiled_training_step() -> None:
    w = zincir.tensor([0.3, -0.2], requires_grad=True)
    xs = zincir.tensor([[1.0, 2.0], [0.5, -1.0], [0.1, 0.2]])
    optimizer = zincir.optim.SGD([w], lr=0.1)

    def step(xs: Tensor) -> Tensor:
        last, ys = scan(w, xs, body((2,)))
        loss = last.sum() + ys.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    eager = [step(xs).item() for _ in range(3)]
    with zincir.no_grad():
        w.copy_(zincir.tensor([0.3, -0.2]))
    compiled = zincir.compile(step)
    assert [compiled(xs).item() for _ in range(3)] == pytest.approx(eager, rel=1e-6)
    assert eager[2] < eager[0]


def test_is_shown_with_its_body() -> None:
    state, xs = leaf((2,), float32), leaf((3, 2), float32)
    node = apply(scan_p, state, xs, attrs=(body((2,)),))
    verify([node], "the test")
    assert show([outputs(node)[1]]).splitlines() == [
        "%0 = leaf float32[2] shape=(2,) dtype=zincir.float32",
        "%1 = leaf float32[3, 2] shape=(3, 2) dtype=zincir.float32",
        "%2 = scan float32[] %0 %1",
        "  body:",
        "    %0 = leaf float32[2] shape=(2,) dtype=zincir.float32",
        "    %1 = leaf float32[2] shape=(2,) dtype=zincir.float32",
        "    %2 = const float32[] value=0.5 dtype=zincir.float32",
        "    %3 = mul float32[2] %0 %2",
        "    %4 = add float32[2] %3 %1",
        "    %5 = tanh float32[2] %4",
        "    %6 = mul float32[2] %5 %5",
        "    return %5 %6",
        "%3 = output float32[3, 2] %2 index=1 shape=(3, 2) dtype=zincir.float32",
        "return %3",
    ]


def test_subgraphs_are_equal_by_what_they_compute() -> None:
    assert body((2,)) == body((2,))
    assert hash(body((2,))) == hash(body((2,)))
    assert body((2,)) != body((3,))
    assert body((2,)) != body((2,), factor=0.25)


def test_a_subgraph_has_no_other_inputs() -> None:
    x, other = leaf((2,), float32), zincir.ones(2)._node
    with pytest.raises(CompileError, match="none of its parameters"):
        Subgraph([x], [ar.add(x, other)])


def test_it_is_expanded_before_other_passes() -> None:
    state, xs = zincir.ones(2), zincir.ones(3, 2)
    last, _ = scan(state, xs, body((2,)))
    texts = stages(snapshot([last._node]).graph())
    assert "scan" in texts["graph"]
    assert "scan" not in texts["expand"]
    assert texts["expand"].count("tanh") == 3
