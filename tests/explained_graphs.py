"""Losses of random graphs whose leaves collect gradients."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import HealthCheck

from zincir.explanation import Chain
from zincir.graph.node import Node, apply
from zincir.graph.walk import toposort
from zincir.operations import movement as mv
from zincir.tensor import Tensor, from_array, wrap

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def built_anew(outputs: list[Node]) -> tuple[Tensor, list[Tensor]]:
    """A loss of the same graph, whose floating leaves collect gradients; and these."""
    made: dict[Node, Node] = {}
    leaves = []
    for node in toposort(outputs):
        if node.op.name == "leaf" and node.dtype.category == 2:
            leaves.append(from_array(np.array(node.value.array), True))
            made[node] = leaves[-1]._node
        elif node.inputs:
            made[node] = apply(node.op, *[made[x] for x in node.inputs], attrs=node.attrs)
        else:
            made[node] = node
    loss = None
    for output in dict.fromkeys(outputs):
        y = made[output]
        if y.dtype.category == 2:
            size = math.prod(y.shape)
            y = mv.reshape(mv.sum_(y, tuple(range(y.ndim))), ()) if y.shape else y
            y = y * (1.0 / size)
            loss = y if loss is None else loss + y
    assert loss is not None
    return wrap(loss), leaves


def near(got: np.ndarray, want: np.ndarray, tolerance: float) -> None:
    scale = max(1.0, float(np.abs(want).max(initial=0.0)))
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * scale)


def added_up(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    x = x.sum(tuple(range(x.ndim - len(shape))))
    return x.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True).reshape(shape)


def check_chain_rule(chain: Chain, tolerance: float) -> None:
    """Local derivative times incoming gradient, summed over uses, is each gradient."""
    for step in chain.steps:
        if step.gradient is None or step is chain.loss:
            continue
        uses = chain.users_of.get(step.number, [])
        parts = [use.contribution.values for use in uses]
        if parts and all(p is not None for p in parts):
            near(np.sum(parts, axis=0), step.gradient.values, tolerance)
        for use in uses:
            g = chain.step(use.user).gradient
            values = [use.local and use.local.values, g and g.values, use.contribution.values]
            if any(v is None for v in values):
                continue
            local, incoming, added = values
            if use.elementwise:
                found = added_up(np.broadcast_to(incoming * local, incoming.shape), added.shape)
            else:
                found = (incoming.reshape(-1) @ local).reshape(added.shape)
            near(found, added, tolerance)
