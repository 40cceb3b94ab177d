"""Reverse mode: from a graph, the graph of its gradients.

The engine only walks. Each primitive's rule says how a gradient passes through it, and is written
with primitives, so the result is a graph like any other: it can be compiled, printed, and
differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from zincir.errors import GradientError, explain
from zincir.graph.node import MODE, Node, changed_at, describe
from zincir.graph.primitive import Kind
from zincir.graph.walk import toposort
from zincir.operations.arithmetic import cast, div_p, mul_p
from zincir.operations.compound import output_p, specs_of
from zincir.operations.halves import moves, wide_attrs, widened
from zincir.operations.movement import attached, sum_to
from zincir.operations.source import const_p, unconnected_p, variable_p

Hook = Callable[[Node, Node], Node]
Edge = Callable[[Node, Node, Node], None]


class Several:
    """The gradients of a node with several outputs; None where none has arrived."""

    def __init__(self, count: int) -> None:
        self.each: list[Node | None] = [None] * count


Arrived: TypeAlias = Any
"""The gradient of a node, or `Several`."""


def grad(
    seeds: Mapping[Node, Node],
    wrt: Sequence[Node] | None,
    *,
    retain: bool,
    hook: Hook | None = None,
    edge: Edge | None = None,
    freed: Callable[[Node], None] | None = None,
) -> dict[Node, Node]:
    """Gradients of a weighted sum of outputs: `seeds` maps each output to its weight.

    Args:
        wrt: the nodes asked for; None means every variable and leaf that needs a gradient. Only
            what lies on a way to them is passed through, and given up.
        retain: whether another backward pass over the same nodes will be allowed.
        freed: called with each node that is given up.
        hook: called with each node and its complete gradient; returns the gradient to pass on.
        edge: called with a node, one of its inputs and what the one adds to the other's gradient;
            once for each place where the input stands.

    Raises:
        GradientError: the graph was given up by an earlier pass, or a value that a rule looks at
            was changed in place since.
    """
    order = toposort(seeds, lambda node: node.needs_grad)
    wanted = set(wrt) if wrt is not None else None
    needed = None if wanted is None else _above(order, wanted)
    if needed is not None:
        order = [node for node in order if node in needed]
    ends = {n for n in wanted or () if not _passes(n, needed)}
    _refuse_freed([n for n in order if n not in ends and (not retain or not n.inputs)])
    pending: dict[Node, Arrived] = dict(seeds)
    found: dict[Node, Node] = {}
    before = MODE.origin
    try:
        for node in reversed(order):
            g = pending.pop(node, None)
            if g is None:
                continue
            MODE.origin = node.origin
            if hook is not None:
                g = hook(node, g)
            if wanted is None:
                if _collects(node):
                    found[node] = g
            elif node in wanted:
                found[node] = g
            if _passes(node, needed):
                _through(node, g, pending, needed, edge)
                if not retain:
                    _give_up(node, freed)
    finally:
        MODE.origin = before
    return found


def _collects(node: Node) -> bool:
    """Whether gradients end here, and are asked for where nothing particular is."""
    return node.op is variable_p or (not node.inputs and node.op is not unconnected_p)


def _above(order: Sequence[Node], wanted: set[Node]) -> set[Node]:
    """The nodes that depend on one of those wanted, and these."""
    found: set[Node] = set()
    for node in order:
        if node in wanted or any(x in found for x in node.inputs):
            found.add(node)
    return found


def _passes(node: Node, needed: set[Node] | None) -> bool:
    """Whether the gradient goes on behind `node`: not if nothing there was asked for."""
    if needed is not None:
        return any([x in needed for x in node.inputs])
    inputs = node.inputs
    return bool(inputs) and not (node.op is variable_p and not inputs[0].needs_grad)


def _give_up(node: Node, note: Callable[[Node], None] | None) -> None:
    if saves(node):
        node.freed = True
        if note is not None:
            note(node)


def saves(node: Node) -> bool:
    """Whether gradients need what a node was computed from, or its value.

    Those of a number times `x` need the number alone.
    """
    if node.op is mul_p:
        return all(x.op is not const_p for x in node.inputs)
    return node.op.saves and not (node.op is div_p and node.inputs[1].op is const_p)


def _through(
    node: Node,
    g: Arrived,
    pending: dict[Node, Arrived],
    needed: set[Node] | None,
    edge: Edge | None,
) -> None:
    if node.freed and saves(node):
        _refuse_freed([node])
    if node.op is output_p:
        _to_one_of_several(node, g, pending)
        return
    rule = node.op.vjp
    assert rule is not None
    saved = _as_in_memory(node) if node.op.saves else (node, *node.inputs)
    gradients: Node | tuple[Node | None, ...] | None
    arrived = tuple(g.each) if isinstance(g, Several) else g
    if _has_halves(node) and not moves(node.op, node.attrs):
        # As in PyTorch: the whole rule in float32, and one rounding.
        arrived = _wide(arrived)
        gradients = rule(arrived, *map(widened, saved), *wide_attrs(node.attrs))
    else:
        gradients = rule(arrived, *saved, *node.attrs)
    if not isinstance(gradients, tuple):
        gradients = (gradients,)
    bent = node.bent if MODE.grad else None
    for x, gx in zip(node.inputs, gradients, strict=False):
        if gx is None or not (x.needs_grad if needed is None else x in needed):
            continue
        gx = gx if bent is None else attached(gx, bent)
        if gx.shape != x.shape or gx.dtype is not x.dtype:
            gx = _like(gx, x)
        if edge is not None:
            edge(node, x, gx)
        already = pending.get(x)
        pending[x] = gx if already is None else already + gx
    _refuse_changed(node, saved, g, gradients)


def _has_halves(node: Node) -> bool:
    if node.dtype.half:
        return True
    for x in node.inputs:  # noqa: SIM110 - every node is asked
        if x.dtype.half:
            return True
    return False


def _like(gx: Node, x: Node) -> Node:
    """A gradient in the shape of what it is for, and in its type if that is a half."""
    if gx.shape != x.shape:
        gx = sum_to(gx, x.shape)
    return cast(gx, x.dtype) if x.dtype.half else gx


def _wide(g: Any) -> Any:
    if g.__class__ is tuple:
        return tuple([_wide(x) for x in g])
    return None if g is None else widened(g)


def _to_one_of_several(output: Node, g: Node, pending: dict[Node, Arrived]) -> None:
    node, index = output.inputs[0], output.attrs[0]
    each = pending.setdefault(node, Several(len(specs_of(node)))).each
    each[index] = g if each[index] is None else each[index] + g


def _as_in_memory(node: Node) -> tuple[Node, ...]:
    """A node and its inputs: as they are by now, if they were changed and nobody was to notice."""
    found = [node, *node.inputs]
    for i, x in enumerate(found):
        if x.home is not None or x.op.kind is Kind.VIEW:
            found[i] = _read_again(x)
    return tuple(found)


def _read_again(x: Node) -> Node:
    held = x
    while held.home is None and held.op.kind is Kind.VIEW and held.inputs:
        held = held.inputs[0]
    home = held.home
    if home is None or home[0].writes == home[1] or changed_at(held) is not None:
        return x
    return home[0].read_again(x) or x


def _refuse_changed(
    node: Node, saved: Sequence[Node], g: Arrived, gradients: Sequence[Node | None]
) -> None:
    if not node.op.saves:
        return
    changed = [
        x
        for x in saved
        if x.superseded is not None or (x.home is not None and x.home[0].writes != x.home[1])
    ]
    if not changed:
        return
    used = _looked_at([n for n in gradients if n is not None], g, set(saved))
    for x in changed:
        if x in used:
            raise GradientError(
                explain(
                    f"backward: {node.op.name} needs a tensor that was changed in place since",
                    where=describe(node.origin),
                    expected=f"the {x.dtype.name}{list(x.shape)} tensor as it was then",
                    got=f"a change in place at {describe(changed_at(x) or x.home[0].written_at)}",
                    try_="change a copy (x.clone()), or write x = x + ... instead of x += ...",
                )
            )


def _looked_at(gradients: list[Node], g: Arrived, saved: set[Node]) -> set[Node]:
    """Which of the `saved` nodes the rule that turned `g` into `gradients` used."""
    used: set[Node] = set()
    seen: set[Node | None] = set(g.each) if isinstance(g, Several) else {g}
    stack = list(gradients)
    while stack:
        n = stack.pop()
        if n in seen:
            continue
        seen.add(n)
        if n in saved:
            used.add(n)
        else:
            stack.extend(n.inputs)
    return used


def _refuse_freed(nodes: Sequence[Node]) -> None:
    for node in nodes:
        if node.freed:
            raise GradientError(
                explain(
                    "backward: this graph was used by an earlier backward pass and given up",
                    where=describe(node.origin),
                    try_="backward(retain_graph=True) on the first pass, or compute the loss again",
                )
            )
