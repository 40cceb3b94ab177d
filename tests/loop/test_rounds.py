"""Scans as loops of programs: what is planned, threads, the cache on disk, views, fallbacks."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.compiler import Options, compile_graph, stages
from zincir.compiler.rewrite.expand import expand
from zincir.compiler.snapshot import snapshot
from zincir.errors import AnomalyError
from zincir.graph.primitive import Kind
from zincir.graph.walk import toposort
from zincir.interpret import interpret
from zincir.tensor import Tensor


def data(*shape: int) -> Tensor:
    x = zincir.tensor(np.random.default_rng([*shape]).normal(size=shape).astype("f4"))
    return x


def trained(layer: nn.Module, x: Tensor) -> list[Any]:
    """The nodes of a loss and of all gradients."""
    outputs, _ = layer(x)
    loss = outputs.square().sum()
    loss.backward()
    return [loss._node, *[p.grad._node for p in layer.parameters()]]


def test_the_plan_does_not_depend_on_the_number_of_steps() -> None:
    layer = nn.LSTM(3, 4)
    texts = []
    for steps in (4, 400):
        layer.zero_grad()
        texts.append(stages(snapshot(trained(layer, data(steps, 2, 3))).graph())["assemble"])
    assert texts[0].count("turn of rounds") == 2  # forward and back
    assert texts[0].count("\n") == texts[1].count("\n")


def test_what_nobody_reads_is_not_computed() -> None:
    layer = nn.LSTM(3, 4)
    outputs, _ = layer(data(5, 2, 3))
    (made,) = [node for node in toposort(_expanded([outputs._node])) if node.op.kind is Kind.LOOP]
    body, *_, kept = made.attrs
    assert len(body.results) == 2
    assert kept == (True, False)


def _expanded(roots: list[Any]) -> list[Any]:
    return expand(snapshot(roots).graph(), Options()).outputs


def test_the_loop_has_a_twin() -> None:
    """The graph behind the pass that makes loops gives the same numbers in NumPy."""
    layer, x = nn.GRU(3, 4, bidirectional=True), data(5, 2, 3)
    roots = trained(layer, x)
    taken = snapshot(roots)
    graph = taken.graph()
    values = {
        leaf: node.value.array for leaf, node in zip(graph.inputs, taken.leaves, strict=False)
    }
    for leaf, (number, dtype) in zip(graph.inputs[len(taken.leaves) :], taken.numbers, strict=True):
        values[leaf] = np.array(number, dtype.numpy)
    slow = interpret(expand(graph, Options()).outputs, values)
    outputs = [p.grad for p in layer.parameters()]
    for mine, other in zip(outputs, slow[1:], strict=True):
        np.testing.assert_allclose(mine.numpy(), other, 1e-4, 1e-5)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_the_same_bits_for_any_number_of_threads(kind: str) -> None:
    before = zincir.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            zincir.set_num_threads(threads)
            zincir.manual_seed(0)
            layer = getattr(nn, kind)(40, 96, bidirectional=True)
            nodes = trained(layer, data(12, 24, 40))
            if threads > 1:
                plan = compile_graph(snapshot(nodes).graph(), Options(threads))
                assert plan.assembly.code.threads == threads
            found.append([p.grad.numpy().tobytes() for p in layer.parameters()])
    finally:
        zincir.set_num_threads(before)
    assert found[0] == found[1] == found[2]


SCRIPT = """
import zincir
from zincir import nn
from zincir.compiler import program_cache
compile_graph, compiled = program_cache.compile_graph, []
program_cache.compile_graph = lambda *args: compiled.append(1) or compile_graph(*args)
zincir.manual_seed(0)
layer = nn.LSTM(3, 4, 2)
outputs, (h, c) = layer(zincir.ones(6, 2, 3))
(outputs.sum() + c.sum()).backward()
found = zincir.stack([p.grad.sum() for p in layer.parameters()]).tolist()
print(len(compiled), found)
"""


def test_from_disk(tmp_path: Any) -> None:
    """Another process finds the program, and gets the same numbers."""
    environment = {**os.environ, "ZINCIR_CACHE_DIR": str(tmp_path), "ZINCIR_VERIFY": "0"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", SCRIPT]
    runs = []
    for _ in range(2):
        made = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        runs.append(made.stdout.split(" ", 1))
    assert runs[0][1] == runs[1][1]
    assert int(runs[1][0]) < int(runs[0][0])


def rows(x: Tensor, f: Any, h: Tensor) -> tuple[Tensor, Tensor]:
    made = []
    for step in x:
        h, y = f(h, step)
        made.append(y)
    return h, zincir.stack(made)


def check(f: Any, h: Tensor, xs: Tensor) -> None:
    last, made = zincir.scan(f, h, xs)
    expected, other = rows(xs, f, h)
    np.testing.assert_allclose(last.numpy(), expected.numpy(), 1e-6)
    np.testing.assert_allclose(made.numpy(), other.numpy(), 1e-6)


VIEWS = [
    lambda x: x.transpose(0, 1),
    lambda x: x.flip(0),
    lambda x: x[::2],
    lambda x: x[:, :1].expand(6, 4, 3),
    lambda x: x[:1].expand(5, 4, 3),
    lambda x: x.permute(2, 1, 0),
]


@pytest.mark.parametrize("view", VIEWS)
def test_sequences_are_read_through_views(view: Any) -> None:
    xs = view(data(6, 4, 3))
    check(lambda h, x: (h * 0.5 + x, x * h), zincir.zeros(*xs.shape[1:]), xs)


TABLE = data(4, 3)
ODD = [
    lambda h, x: (h, x + h),
    lambda h, x: (x, h),
    lambda h, x: (zincir.zeros(4, 3), h + x),
    lambda h, x: (h + x, TABLE),
    lambda h, x: (h + TABLE.T.contiguous().T * 2.0, x),
    lambda h, x: (h + x.cumsum(0), x),
    lambda h, x: (zincir.scan(lambda a, b: (a * 0.5 + b, a), h[0], x)[1] + h, x),
    lambda h, x: (h + x[zincir.tensor([3, 0, 1, 0])], x),
]


@pytest.mark.parametrize("f", ODD)
def test_bodies_that_are_odd(f: Any) -> None:
    """What is carried stays, is given on, or is forgotten; NumPy's twins; loops in loops."""
    check(f, data(4, 3) * 0.1, data(5, 4, 3))


def test_the_first_nan_is_found() -> None:
    layer = nn.GRU(3, 4)
    with zincir.no_grad():
        layer.weight_hh_l0[0, 0] = float("nan")
    with zincir.autograd.detect_anomaly():
        outputs, _ = layer(data(5, 2, 3))
        with pytest.raises(AnomalyError, match="test_rounds"):
            outputs.tolist()


def test_lengths_in_turn_in_one_compiled_step() -> None:
    layer = nn.LSTM(3, 4, num_layers=2, batch_first=True)
    optimizer = zincir.optim.SGD(layer.parameters(), lr=0.1)

    def step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = layer(x)[0].square().mean()
        loss.backward()
        optimizer.step()
        return loss

    batches = [data(n, t, 3) for n, t in ((2, 5), (2, 9), (1, 5), (2, 5), (2, 1), (2, 9))]
    state = {k: v.clone() for k, v in layer.state_dict().items()}
    expected = [step(x).item() for x in batches]
    layer.load_state_dict(state)
    compiled = zincir.compile(step)
    assert [compiled(x).item() for x in batches] == pytest.approx(expected, rel=1e-5)
