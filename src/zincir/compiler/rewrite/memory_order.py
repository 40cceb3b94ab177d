"""graph -> graph: which order values have in memory. Permutations move down, past what they feed.

relu(permute(y)) --> permute(relu(y))

Convolutions compute with channels last and show their result with channels first, by a permute at
each end. A permute that moves down meets the one of the next convolution and both are gone: all
that lies between is computed in the order in which it lies in memory. Permutes of what comes from
outside stay where they are, but for parameters that are stored in another order than users see:
what is computed from these pointwise has their order.

It runs once, and no pass behind it asks its rules: some would move what they have moved already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Sequence

from zincir.compiler.access import blocks_of
from zincir.compiler.options import Options
from zincir.compiler.rewrite.rewriter import Build, First, rewrite
from zincir.compiler.rewrite.views import VIEWS
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.graph.primitive import Kind, Primitive
from zincir.operations.movement import (
    cat_p,
    expand_p,
    interleave_p,
    permute_p,
    reshape_p,
    slice_p,
    update_p,
    windows_p,
)
from zincir.operations.source import const_p
from zincir.types import Shape, size

Axes = tuple[int, ...]


def memory_order(graph: Graph, options: Options) -> Graph:
    """See the module's description."""
    return rewrite(graph, VIEWS, sinking(graph))


def sinking(graph: Graph) -> First:
    """The rule for a rewriter."""
    return lambda build, node, xs: _sunk(build, node, xs, graph.arranged)


def _sunk(build: Build, node: Node, xs: tuple[Node, ...], arranged: Container[Node]) -> Node | None:
    """The node with the permutation of an input moved behind it, if there is one.

    Args:
        arranged: parameters that are stored in another order than users see.
    """
    permuted = [x for x in xs if x.op is permute_p]
    if not permuted:
        return None
    largest = max(map(_in_memory, xs))
    moved = [x for x in permuted if _decides(x, node, largest, arranged)]
    if not moved:
        return None
    stored = [x for x in moved if x.inputs[0] in arranged]
    axes: Axes = Counter(x.attrs[0] for x in stored or moved).most_common(1)[0][0]
    if node.op.kind is Kind.POINTWISE:
        inner = tuple(_undone(build, x, axes) for x in xs)
        return build(permute_p, (build(node.op, inner, *node.attrs, stay=True),), axes)
    if node.op.kind is Kind.REDUCTION:
        given: Axes = node.attrs[0]
        folded = tuple(sorted(axes[a] for a in given))
        return build(permute_p, (build(node.op, xs[0].inputs, folded),), axes)
    rule = _RULES.get(node.op)
    return rule(build, node, xs, axes) if rule else None


def _decides(x: Node, node: Node, largest: int, arranged: Container[Node]) -> bool:
    """Whether the permutation that makes `x` may move behind the node."""
    if node.op.kind is not Kind.POINTWISE:
        return x.inputs[0].op.kind is not Kind.SOURCE
    if x.ndim != node.ndim or size(x.shape) < largest:
        return False
    return x.inputs[0].op.kind is not Kind.SOURCE or x.inputs[0] in arranged


def _in_memory(x: Node) -> int:
    """How many elements of `x` have to be read."""
    base = x
    while base.op.kind is Kind.VIEW:
        base = base.inputs[0]
    return 0 if base.op is const_p or base.op.kind is Kind.INDEXED else size(x.shape)


def _undone(build: Build, x: Node, axes: Axes) -> Node:
    """What has to be permuted by `axes` to give `x`."""
    if not x.ndim:
        return x
    if x.ndim < len(axes):
        x = build(reshape_p, (x,), (1,) * (len(axes) - x.ndim) + x.shape)
    if x.op is expand_p and x.inputs[0].op is const_p:
        return build(expand_p, x.inputs, _placed(x.shape, axes))
    return build(permute_p, (x,), tuple(sorted(range(len(axes)), key=axes.__getitem__)))


def _placed(values: Sequence[int], axes: Axes) -> Shape:
    """What belongs to each axis of the permuted value, by axes of the value itself."""
    found = [0] * len(axes)
    for value, axis in zip(values, axes, strict=True):
        found[axis] = value
    return tuple(found)


def _expand(build: Build, node: Node, xs: tuple[Node, ...], axes: Axes) -> Node | None:
    if node.ndim != len(axes):
        return None
    y = build(expand_p, xs[0].inputs, _placed(node.shape, axes))
    return build(permute_p, (y,), axes)


def _slice(build: Build, node: Node, xs: tuple[Node, ...], axes: Axes) -> Node | None:
    y = build(slice_p, xs[0].inputs, *[_placed(values, axes) for values in node.attrs])
    return build(permute_p, (y,), axes)


def _windows(build: Build, node: Node, xs: tuple[Node, ...], axes: Axes) -> Node | None:
    y = build(windows_p, xs[0].inputs, *[_placed(values, axes) for values in node.attrs])
    return build(permute_p, (y,), (*axes, *[len(axes) + a for a in axes]))


def _update(build: Build, node: Node, xs: tuple[Node, ...], axes: Axes) -> Node | None:
    inner = tuple(_undone(build, x, axes) for x in xs)
    y = build(update_p, inner, *[_placed(values, axes) for values in node.attrs], stay=True)
    return build(permute_p, (y,), axes)


def _cat(build: Build, node: Node, xs: tuple[Node, ...], axes: Axes) -> Node | None:
    inner = tuple(_undone(build, x, axes) for x in xs)
    y = build(cat_p, inner, axes[node.attrs[0]], stay=True)
    return build(permute_p, (y,), axes)


def _interleave(build: Build, node: Node, xs: tuple[Node, ...], axes: Axes) -> Node | None:
    inner = tuple(_undone(build, x, axes) for x in xs)
    shape, steps, starts = node.attrs
    places = tuple(_placed(start, axes) for start in starts)
    attrs = _placed(shape, axes), _placed(steps, axes), places
    return build(permute_p, (build(interleave_p, inner, *attrs, stay=True),), axes)


def _reshape(build: Build, node: Node, xs: tuple[Node, ...], axes: Axes) -> Node | None:
    """Axes that are cut or joined stay together; such groups of axes keep the order of memory."""
    old, new = xs[0].shape, node.shape
    if 0 in old:
        return None
    groups = blocks_of(old, new)
    ordered = sorted(groups, key=lambda group: max(axes[i] for i in group[0]))
    if ordered == groups:
        return None
    kept = [axes[i] for group in ordered for i in group[0]]
    ones = [axis for axis in range(len(axes)) if axis not in kept]
    inner = build(permute_p, xs[0].inputs, (*kept, *ones))
    places = [j for group in ordered for j in group[1]]
    for j in (j for j in range(len(new)) if j not in places):
        # A new axis stays behind the one it stands behind, but for the last: that stays last.
        at = places.index(j - 1) + 1 if j - 1 in places else 0
        places.insert(at - 1 if at == len(places) else at, j)
    y = build(reshape_p, (inner,), tuple(new[j] for j in places))
    return build(permute_p, (y,), tuple(places.index(j) for j in range(len(new))))


_RULES: dict[Primitive, Callable[[Build, Node, tuple[Node, ...], Axes], Node | None]] = {
    expand_p: _expand,
    slice_p: _slice,
    windows_p: _windows,
    update_p: _update,
    cat_p: _cat,
    interleave_p: _interleave,
    reshape_p: _reshape,
}
