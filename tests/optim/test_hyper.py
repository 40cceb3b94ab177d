"""Hyper-parameters: read again at every step, exact until they meet a tensor."""

import functools
import gc
import math
import weakref
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn, optim
from zincir.graph.node import Node
from zincir.interpret import interpret
from zincir.operations.source import const
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper, HyperParameter
from zincir.optim.settings import Betas, NotNegative, Params, Rate, Switch
from zincir.types import float32, float64


def parameters(count: int = 2) -> list[nn.Parameter]:
    return [nn.Parameter(zincir.ones(k + 1)) for k in range(count)]


def move(optimizer: optim.Optimizer, used: list[nn.Parameter]) -> None:
    optimizer.zero_grad()
    sum((p * p).sum() for p in used).backward()
    optimizer.step()


def test_a_compiled_step_reads_every_number_again() -> None:
    ends = []
    for compiled in (False, True):
        (p,) = parameters(1)
        optimizer = optim.SGD([p], lr=0.1, momentum=0.5, weight_decay=0.1)
        plain = functools.partial(move, optimizer, [p])
        step = zincir.compile(plain) if compiled else plain
        for momentum, decay in ((0.5, 0.1), (0.9, 0.2), (0.1, 0.4)):
            optimizer.param_groups[0].update(momentum=momentum, weight_decay=decay)
            step()
        ends.append(p.tolist())
    assert ends[0] == ends[1]


def test_a_switch_thrown_after_recording_is_seen() -> None:
    ends = []
    for compiled in (False, True):
        (p,) = parameters(1)
        optimizer = optim.SGD([p], lr=0.1)
        plain = functools.partial(move, optimizer, [p])
        step = zincir.compile(plain) if compiled else plain
        for momentum, maximize in ((0.0, False), (0.9, False), (0.9, True), (0.0, False)):
            optimizer.param_groups[0].update(momentum=momentum, maximize=maximize)
            step()
            step()
        ends.append(p.tolist())
    assert ends[0] == ends[1]
    assert ends[0] != [0.2, 0.2]


class Seen(Formula):
    """Keeps what its update is given."""

    def __init__(
        self,
        params: Params,
        lr: Rate = 0.1,
        betas: Betas = (0.9, 0.0),
        momentum: NotNegative = 0.0,
        centered: Switch = True,
    ) -> None:
        super().__init__(params, locals())
        self.seen: list[Any] = []

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        self.seen.append(hyper)
        return p - hyper.lr * g, {}


def seen(**options: Any) -> Any:
    """What an update is given of a group with these settings."""
    (p,) = parameters(1)
    optimizer = Seen([p], **options)
    p.grad = zincir.ones(1)
    with zincir.no_grad():
        optimizer._step()
    return optimizer.seen[0]


def value(node: Node) -> float:
    return float(interpret([node])[0])


def test_what_an_update_sees() -> None:
    hyper = seen()
    assert hyper.momentum == 0.0
    assert hyper.centered is True
    assert [value(b) for b in hyper.betas] == [0.9, 0.0]
    assert [value(b) for b in hyper.log_betas] == [math.log(0.9), -math.inf]
    assert isinstance(seen(lr=0.0).lr, HyperParameter)
    assert value(seen(momentum=0.3).momentum) == 0.3
    assert value(seen(lr=zincir.tensor([0.5])).lr) == 0.5


def test_numbers_among_themselves_are_exact() -> None:
    (beta, none), lr = seen().betas, seen(lr=0.3).lr
    for made, expected in (
        (1 - beta, 1 - 0.9),
        (beta - 1, 0.9 - 1),
        (1 + beta, 1 + 0.9),
        (beta + none, 0.9),
        (2 * beta, 2 * 0.9),
        (beta * lr, 0.9 * 0.3),
        (lr / beta, 0.3 / 0.9),
        (1 / beta, 1 / 0.9),
        (-beta, -0.9),
    ):
        assert isinstance(made, HyperParameter)
        assert made.dtype is zincir.float64
        assert value(made) == expected
    assert 1 - beta is 1 - beta


@pytest.mark.parametrize("dtype", [zincir.float32, zincir.float64])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_beside_a_tensor_they_take_its_type_whatever_its_shape(dtype: Any, shape: Any) -> None:
    beta = seen().betas[0]
    x = zincir.full(shape, 3.0, dtype=dtype)
    rest, beta_there = (zincir.tensor(v, dtype=dtype) for v in (1 - 0.9, 0.9))
    for node, expected in (
        ((1 - beta) * x._node, rest * x),
        (x._node * beta, x * beta_there),
        (x._node / beta, x / beta_there),
        (beta / x._node, beta_there / x),
        (x._node - beta, x - beta_there),
        (beta + x._node, beta_there + x),
    ):
        assert (node.shape, node.dtype) == (shape, dtype)
        np.testing.assert_array_equal(interpret([node])[0], expected.numpy())


def test_beside_integers_they_stay_what_they_are() -> None:
    beta = seen().betas[0]
    node = beta * zincir.tensor([2, 3])._node
    assert node.dtype.is_floating_point
    np.testing.assert_allclose(interpret([node])[0], [1.8, 2.7], 1e-6)


def test_what_is_made_of_them_is_let_go() -> None:
    beta = HyperParameter(const(0.9, float64))
    rest = 1 - beta
    gone = [weakref.ref(x) for x in (beta, rest, rest.rounded(float32))]
    gc.disable()
    try:
        del beta, rest
        assert [x() for x in gone] == [None] * 3
    finally:
        gc.enable()
