"""graph -> graph: convolutions get their padding; those of single channels are shifted values.

convolution(x, w, padding) --> convolution(pad(x), w)
y[n, o, g] = x[n, o, g] * w[0, g] + x[n, o + 1, g] * w[1, g] + ...

A single channel is too thin for products, and so its convolution is a sum of shifted values.
One loop nest reads all of it, along the channels. The gradient of such a weight is a sum over all
places for each tap, and those are computed side by side.
"""

from __future__ import annotations

from functools import partial, reduce
from itertools import product

from zincir.compiler.options import Options
from zincir.compiler.rewrite.rewriter import Build, Rewriter, rewrite
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.graph.walk import toposort
from zincir.operations.arithmetic import add_p, mul_p
from zincir.operations.convolution import convolution_p, padded
from zincir.operations.movement import cat_p, permute_p, reshape_p, slice_p, sum_p


def depthwise(graph: Graph, options: Options) -> Graph:
    """See the module's description."""
    if not any(node.op is convolution_p for node in toposort(graph.outputs)):
        return graph
    return rewrite(graph, {convolution_p: _convolution})


def _convolution(build: Rewriter, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    x, w = xs
    *rest, before, after = node.attrs
    none = (0,) * len(before)
    if before != none or after != none:
        x = _down_to(build, node, padded(x, before, after), x)
        return build.build(node, convolution_p, (x, w), *rest, none, none)
    return _shifted(partial(build.build, node), node, xs)


def _down_to(build: Rewriter, node: Node, top: Node, x: Node) -> Node:
    """What was made of `x` alone, rewritten."""
    if top is x:
        return x
    inputs = tuple(_down_to(build, node, n, x) for n in top.inputs)
    return build.build(node, top.op, inputs, *top.attrs)


def _shifted(build: Build, node: Node, xs: tuple[Node, ...]) -> Node | None:
    """The convolution as shifted values, if its channels (or those of its gradient) are single."""
    x, w = xs
    rank = len(node.attrs[0])
    if x.shape[-2] == 1 or w.shape[-1] != 1:
        return None
    if x.shape[-1] == 1:
        return _forward(build, node, x, w, rank)
    return _weight(build, node, x, w, rank) if x.shape[0] == 1 else None


def _forward(build: Build, node: Node, x: Node, w: Node, rank: int) -> Node:
    groups = w.shape[-3]
    stride, dilation, _, _ = node.attrs
    sizes = (*node.shape[:-1], 1)
    terms: list[Node] = []
    for tap in product(*[range(k) for k in w.shape[:rank]]):
        starts = (0, *[t * d for t, d in zip(tap, dilation, strict=True)], 0, 0)
        part = build(slice_p, (x,), starts, (1, *stride, 1, 1), sizes)
        one = build(slice_p, (w,), (*tap, 0, 0, 0), (1,) * w.ndim, (*(1,) * rank, groups, 1, 1))
        one = build(reshape_p, (one,), (*(1,) * (rank + 1), groups, 1))
        terms.append(build(mul_p, (part, one)))
    return reduce(lambda a, b: build(add_p, (a, b)), terms)


def _weight(build: Build, node: Node, x: Node, w: Node, rank: int) -> Node:
    # x: 1, size..., g, n; w: places..., g, n, 1; node: 1, taps..., g, 1
    stride, dilation, _, _ = node.attrs
    places = w.shape[:rank]
    g = build(permute_p, (w,), (rank + 2, *range(rank + 2)))
    folded = (*range(1, rank + 1), rank + 2)
    taps: list[Node] = []
    for tap in product(*[range(k) for k in node.shape[1 : rank + 1]]):
        starts = (0, *[t * s for t, s in zip(tap, stride, strict=True)], 0, 0)
        part = build(slice_p, (x,), starts, (1, *dilation, 1, 1), (1, *places, *x.shape[-2:]))
        taps.append(build(sum_p, (build(mul_p, (part, g)),), folded))
    joined = build(cat_p, tuple(taps), 1) if len(taps) > 1 else taps[0]
    return build(reshape_p, (joined,), node.shape)
