"""How each kind of operation is done for many examples, which lie along a new first axis.

A rule is given the node of one example, its inputs for all examples (None where one is the same for
all), and their number. What has no rule is done for one example after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind
from zincir.operations import movement
from zincir.operations.arithmetic import compare, where
from zincir.operations.contraction import matmul, matmul_p
from zincir.operations.indexing import scatter_p, take_p
from zincir.operations.source import iota
from zincir.types import int64

Inputs = Sequence[Node | None]
Rule = Callable[[Node, Inputs, int], Node]


def for_many(node: Node, inputs: Inputs, count: int) -> Node:
    """The node for all examples."""
    rule = _BY_OPERATION.get(node.op.name) or _BY_KIND.get(node.op.kind)
    return one_by_one(node, inputs, count) if rule is None else rule(node, inputs, count)


def one_by_one(node: Node, inputs: Inputs, count: int) -> Node:
    """Done for one example after another."""
    results = [apply(node.op, *part, attrs=node.attrs) for part in examples(node, inputs, count)]
    rows = [movement.reshape(y, (1, *y.shape)) for y in results]
    return movement.cat(rows, 0)


def examples(node: Node, inputs: Inputs, count: int) -> list[list[Node]]:
    """The inputs of each example."""
    return [
        [x if b is None else example(b, k) for x, b in zip(node.inputs, inputs, strict=True)]
        for k in range(count)
    ]


def example(many: Node, k: int) -> Node:
    """One of many."""
    rest = many.shape[1:]
    start, ones = (k, *[0] * len(rest)), (1,) * many.ndim
    return movement.reshape(movement.slice_(many, start, ones, (1, *rest)), rest)


def repeated(x: Node, count: int) -> Node:
    """The same for all."""
    return movement.expand(movement.reshape(x, (1, *x.shape)), (count, *x.shape))


def _all(node: Node, inputs: Inputs, count: int) -> list[Node]:
    """All inputs for all examples."""
    pairs = zip(node.inputs, inputs, strict=True)
    return [repeated(x, count) if b is None else b for x, b in pairs]


def _of_rank(many: Node, rank: int) -> Node:
    """One of many with axes of size 1 in front of each example."""
    shape = many.shape[1:]
    return movement.reshape(many, (many.shape[0], *[1] * (rank - len(shape)), *shape))


def _pointwise(node: Node, inputs: Inputs, count: int) -> Node:
    args = [
        x if b is None else _of_rank(b, node.ndim) for x, b in zip(node.inputs, inputs, strict=True)
    ]
    return apply(node.op, *args, attrs=node.attrs)


def _alike(node: Node, inputs: Inputs, count: int) -> Node:
    return apply(node.op, *_all(node, inputs, count), attrs=node.attrs)


def _first(inputs: Inputs) -> Node:
    assert inputs[0] is not None
    return inputs[0]


def _reshape(node: Node, inputs: Inputs, count: int) -> Node:
    return movement.reshape(_first(inputs), (count, *node.shape))


def _permute(node: Node, inputs: Inputs, count: int) -> Node:
    return movement.permute(_first(inputs), (0, *[axis + 1 for axis in node.attrs[0]]))


def _expand(node: Node, inputs: Inputs, count: int) -> Node:
    return movement.expand(_of_rank(_first(inputs), node.ndim), (count, *node.shape))


def _slice(node: Node, inputs: Inputs, count: int) -> Node:
    starts, steps, sizes = node.attrs
    return movement.slice_(_first(inputs), (0, *starts), (1, *steps), (count, *sizes))


def _windows(node: Node, inputs: Inputs, count: int) -> Node:
    sizes, stride, dilation = node.attrs
    many = movement.windows(_first(inputs), (1, *sizes), (1, *stride), (1, *dilation))
    return movement.reshape(many, (count, *node.shape))


def _update(node: Node, inputs: Inputs, count: int) -> Node:
    starts, steps = node.attrs
    attrs = (0, *starts), (1, *steps)
    return apply(node.op, *_all(node, inputs, count), attrs=attrs)


def _cat(node: Node, inputs: Inputs, count: int) -> Node:
    return movement.cat(_all(node, inputs, count), node.attrs[0] + 1)


def _interleave(node: Node, inputs: Inputs, count: int) -> Node:
    shape, steps, starts = node.attrs
    attrs = (count, *shape), (1, *steps), tuple([(0, *start) for start in starts])
    return apply(node.op, *_all(node, inputs, count), attrs=attrs)


def _reduction(node: Node, inputs: Inputs, count: int) -> Node:
    axes = tuple([axis + 1 for axis in node.attrs[0]])
    return apply(node.op, _first(inputs), attrs=(axes,))


def _matmul(node: Node, inputs: Inputs, count: int) -> Node:
    a, b = inputs
    (reduced,) = node.attrs
    if a is not None and b is None and a.ndim == 3:  # rows of one product
        rows = movement.reshape(a, (count * a.shape[1], a.shape[2]))
        return movement.reshape(matmul(rows, node.inputs[1]), (count, *node.shape))
    a, b = _all(node, inputs, count)
    return matmul(a, b, reduced)


def _convolution(node: Node, inputs: Inputs, count: int) -> Node:
    """More images, if all have one weight; else more groups of channels."""
    x, w = inputs
    rank = len(node.attrs[0])
    if x is not None and w is None:
        folded = movement.reshape(x, (count * x.shape[1], *x.shape[2:]))
        y = apply(node.op, folded, node.inputs[1], attrs=node.attrs)
        return movement.reshape(y, (count, *node.shape))
    x, w = _all(node, inputs, count)
    # (count, n, o..., g, c) to (n, o..., count * g, c); (count, k..., g, c, m) likewise
    x = movement.permute(x, (*range(1, rank + 2), 0, rank + 2, rank + 3))
    x = movement.reshape(x, (*x.shape[: rank + 1], count * x.shape[-2], x.shape[-1]))
    w = movement.permute(w, (*range(1, rank + 1), 0, *range(rank + 1, rank + 4)))
    w = movement.reshape(w, (*w.shape[:rank], count * w.shape[-3], *w.shape[-2:]))
    y = apply(node.op, x, w, attrs=node.attrs)
    y = movement.reshape(y, (*y.shape[: rank + 1], count, *node.shape[-2:]))
    return movement.permute(y, (rank + 1, *range(rank + 1), rank + 2, rank + 3))


def _take(node: Node, inputs: Inputs, count: int) -> Node:
    x, index = inputs
    what = node.attrs
    if x is None:
        assert index is not None
        return apply(take_p, node.inputs[0], index, attrs=what)
    if index is None:  # the same rows of all: their axis goes behind
        turned = movement.permute(x, (1, 0, *range(2, x.ndim)))
        y = apply(take_p, turned, node.inputs[1], attrs=what)
        at = node.inputs[1].ndim
        return movement.permute(y, (at, *range(at), *range(at + 1, y.ndim)))
    rows = movement.reshape(x, (count * x.shape[1], *x.shape[2:]))
    return apply(take_p, rows, _shifted(index, x.shape[1]), attrs=what)


def _scatter(node: Node, inputs: Inputs, count: int) -> Node:
    index = inputs[1]
    base = repeated(node.inputs[0], count) if inputs[0] is None else inputs[0]
    source = repeated(node.inputs[2], count) if inputs[2] is None else inputs[2]
    if index is None:
        at = node.inputs[1].ndim
        turned = movement.permute(base, (1, 0, *range(2, base.ndim)))
        source = movement.permute(source, (*range(1, at + 1), 0, *range(at + 1, source.ndim)))
        y = apply(scatter_p, turned, node.inputs[1], source, attrs=node.attrs)
        return movement.permute(y, (1, 0, *range(2, y.ndim)))
    rows = movement.reshape(base, (count * base.shape[1], *base.shape[2:]))
    y = apply(scatter_p, rows, _shifted(index, base.shape[1]), source, attrs=node.attrs)
    return movement.reshape(y, base.shape)


def _shifted(index: Node, rows: int) -> Node:
    """Indices into the rows of all examples; what is out of range in one is so in all of them."""
    count = index.shape[0]
    place = iota(index.shape, 0, int64) * rows
    outside = where(compare("lt", index, 0), index, index + count * rows)
    inside = where(compare("lt", index, rows), index + place, outside)
    return where(compare("lt", index, 0), outside, inside)


def _uniform(node: Node, inputs: Inputs, count: int) -> Node:
    """Other numbers for each: the generator was asked for as many."""
    shape, dtype = node.attrs
    return apply(node.op, *node.inputs, attrs=((count, *shape), dtype))


_BY_KIND: dict[Kind, Rule] = {
    Kind.POINTWISE: _pointwise,
    Kind.ALIAS: _alike,
    Kind.REDUCTION: _reduction,
    Kind.TAKE: _take,
    Kind.SCATTER: _scatter,
    Kind.CONVOLUTION: _convolution,
}
_BY_OPERATION: dict[str, Rule] = {
    "reshape": _reshape,
    "permute": _permute,
    "expand": _expand,
    "slice": _slice,
    "windows": _windows,
    "update": _update,
    "cat": _cat,
    "interleave": _interleave,
    matmul_p.name: _matmul,
    "uniform": _uniform,
}


def operation_of(node: Node) -> Any:
    """The rule for a node, if it has one."""
    return _BY_OPERATION.get(node.op.name) or _BY_KIND.get(node.op.kind)
