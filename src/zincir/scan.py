"""`zincir.scan`: a loop over time steps, written as one step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zincir.errors import ArgumentError, DTypeError, ShapeError, TraceError, explain
from zincir.graph.node import MODE, Node, apply, next_serial, user_line
from zincir.graph.subgraph import Subgraph
from zincir.graph.walk import toposort
from zincir.loop.scan import scan as scan_nodes
from zincir.operations.random import uniform_p
from zincir.operations.source import alias, const_p, custom_p, detach_p, leaf
from zincir.pending import WAITING
from zincir.recording import CURRENT, Recording, resumed
from zincir.tensor import Tensor, wrap

_PLAIN = (0, 1, -1, 2, 0.5)
"""Numbers that the body of a loop may know; others are given to it, and change nothing."""


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """A loop that is compiled as one: `carry, y = f(carry, x)` for each row x of `xs`.

    Gives the last carry, and all y as one tensor, as this does:

        ys = []
        for x in xs:
            carry, y = f(carry, x)
            ys.append(y)
        return carry, stack(ys)

    But `f` is called once, to record what it does. All steps run in native code, compiled in a time
    that does not depend on their number; gradients flow through all of them, to whatever `f` uses.
    So `f` may not look at values, change a tensor from outside, or draw random numbers (draw them
    before, and pass them as `xs`).

    Args:
        f: one step; `carry`, `x` and `y` are tensors, or tuples, lists and dictionaries of them,
            or None. The new carry has the shapes and types of the old one.
        init: the first carry.
        xs: what has a row for each step.
        length: the number of steps; needed where `xs` is None.
        reverse: begin with the last row; y of step t is row t nevertheless.

    Raises:
        TraceError: `f` did what it may not do.
        ShapeError: the new carry has another shape than the old one.

    >>> import zincir
    >>> def discounted(total, reward):
    ...     total = reward + 0.5 * total
    ...     return total, total
    >>> scan(discounted, zincir.tensor(0.0), zincir.tensor([4.0, 0.0, 8.0]), reverse=True)
    (tensor(6.), tensor([6., 4., 8.]))
    """
    carried, rows = _leaves(init, "init"), _leaves(xs, "xs")
    steps = _steps(rows, length)
    body = _Recorded(f, init, carried, xs, rows)
    last, made = scan_nodes(
        body.graph,
        body.constants,
        [t._node for t in carried],
        [t._node for t in rows],
        steps,
        reverse=bool(reverse),
    )
    return _like(init, list(map(wrap, last))), _like(body.row, list(map(wrap, made)))


class _Recorded:
    """What one call of `f` does, as a graph."""

    def __init__(
        self,
        f: Callable[[Any, Any], Any],
        init: Any,
        carried: Sequence[Tensor],
        xs: Any,
        rows: Sequence[Tensor],
    ) -> None:
        recording = CURRENT.recording or Recording("the function given to zincir.scan")
        self._before = _changed(recording)
        self._before_refused = recording.refused
        self._set_before, recording.set = recording.set, {}
        self._began = next_serial()
        self._parameters = [_parameter(t.shape, t) for t in carried]
        self._parameters += [_parameter(t.shape[1:], t) for t in rows]
        stand_ins = [wrap(alias(x)) for x in self._parameters]
        count = len(carried)
        try:
            with resumed(recording):
                made = f(_like(init, stand_ins[:count]), _like(xs, stand_ins[count:]))
        finally:
            self._let_go()
        parts = _parts(made)
        if len(parts) != 2:
            raise _refused("f gives no pair", "(carry, y)", f"{len(parts) or 'no'} values")
        carry, self.row = parts
        new = _leaves(carry, "the new carry")
        _check_carry(init, carried, carry, new)
        results = [t._node for t in (*new, *_leaves(self.row, "y"))]
        self._check_changes(recording)
        self.constants: list[Node] = []
        self.graph = self._graph(results)

    def _let_go(self) -> None:
        """Nobody waits for what `f` made: it has values in steps only.

        If `f` was refused, tensors may be left that depend on what stands for the carry.
        """
        kept = [(r, t) for r in WAITING.tensors if (t := r()) is not None]
        WAITING.tensors[:] = [r for r, t in kept if t._held.serial < self._began]

    def _check_changes(self, recording: Recording) -> None:
        recording.refuse_what_was_set()
        recording.set = self._set_before
        if recording.refused is not None and self._before_refused is None:
            raise TraceError(explain(f"scan: f does more than compute: {recording.refused[0]}"))
        for tensor, node, version in _changed(recording).values():
            old = node.serial < self._began
            if old and self._before.get(id(tensor), (None, None, None))[2] != version:
                raise TraceError(
                    explain(
                        "scan: f changes a tensor from outside",
                        where=user_line(),
                        got=f"a {tensor.dtype.name}{list(tensor.shape)} tensor",
                        try_="make it a part of the carry",
                    )
                )

    def _graph(self, results: Sequence[Node]) -> Subgraph:
        """The body, of parameters: what comes from outside first."""
        new: dict[Node, Node] = {x: x for x in self._parameters}
        first: list[Node] = []
        for node in toposort(results, lambda node: node.serial > self._began or node in results):
            self._check(node)
            for x in (node, *node.inputs):
                if x not in new and self._from_outside(x):
                    self.constants.append(x)
                    new[x] = leaf(x.shape, x.dtype)
                    first.append(new[x])
            if node not in new:
                new[node] = self._made(node, [new[x] for x in node.inputs])
        return Subgraph([*first, *self._parameters], [new[x] for x in results])

    def _from_outside(self, x: Node) -> bool:
        if x.op is const_p:
            return x.attrs[0] not in _PLAIN
        return x.serial < self._began or x.value is not None

    def _made(self, node: Node, inputs: list[Node]) -> Node:
        """The node; without a gradient, if it was made so."""
        if not inputs:
            return node
        y = apply(node.op, *inputs, attrs=node.attrs)
        cut = node.op.vjp is not None and any(x.needs_grad for x in node.inputs)
        return apply(detach_p, y) if cut and not node.needs_grad and MODE.grad else y

    def _check(self, node: Node) -> None:
        why = ""
        if node.op is uniform_p:
            why = "draws random numbers, which would be the same in every step"
        elif node.op is custom_p:
            why = "calls a function with a gradient of its own"
        elif node.hooks:
            why = "has a hook on a gradient"
        if why and node.serial > self._began:
            raise TraceError(
                explain(
                    f"scan: f {why}",
                    where=user_line(),
                    try_="draw them before, and pass them as xs" if "random" in why else "",
                )
            )


def _changed(recording: Recording) -> dict[int, tuple[Any, Node, int]]:
    """What has been changed in place so far: the tensors, their nodes before, and how often."""
    found = [(c.tensor, c.node, c.tensor._version) for c in recording.changed.values()]
    found += [(t, t._held, -1) for t, *_ in recording.grads.values()]
    return {id(t): (t, node, version) for t, node, version in found}


def _parameter(shape: tuple[int, ...], t: Tensor) -> Node:
    return leaf(shape, t.dtype, MODE.grad and t.dtype.is_floating_point)


def _leaves(x: Any, what: str) -> list[Tensor]:
    """The tensors of a structure, in order.

    Raises:
        DTypeError: there is something else in it.
    """
    if x is None:
        return []
    if isinstance(x, Tensor):
        return [x]
    if isinstance(x, list | tuple):
        return [t for item in _parts(x) for t in _leaves(item, what)]
    if isinstance(x, dict):
        values: list[Any] = [*x.values()]  # type: ignore[reportUnknownVariableType]
        return [t for item in values for t in _leaves(item, what)]
    raise DTypeError(
        explain(
            f"scan: {what} is not made of tensors",
            where=user_line(),
            expected="tensors, None, or tuples, lists and dictionaries of them",
            got=type(x).__name__,
            try_="zincir.tensor(number)",
        )
    )


def _parts(x: Any) -> list[Any]:
    """The items of a list or tuple."""
    return [*x] if isinstance(x, list | tuple) else []  # type: ignore[reportUnknownVariableType]


def _like(x: Any, tensors: list[Tensor]) -> Any:
    """The structure of `x` with other tensors; they are taken from the list."""
    if isinstance(x, Tensor):
        return tensors.pop(0)
    if isinstance(x, list | tuple):
        items = [_like(item, tensors) for item in _parts(x)]
        kind: Any = type(x)  # type: ignore[reportUnknownVariableType]
        return kind(*items) if hasattr(kind, "_fields") else kind(items)
    if isinstance(x, dict):
        return {k: _like(v, tensors) for k, v in x.items()}  # type: ignore[reportUnknownVariableType]
    return None


def _steps(rows: Sequence[Tensor], length: int | None) -> int:
    counts = [t.shape[0] if t.ndim else -1 for t in rows]
    if length is not None:
        counts.append(int(length))
    if not counts or min(counts) < 0 or len(set(counts)) > 1:
        got = ", ".join(str(t.shape) for t in rows) or "xs=None"
        raise ShapeError(
            explain(
                "scan: it is not clear how many steps there are",
                where=user_line(),
                expected="the same first size of all xs, and length, if given",
                got=f"{got}, length={length}",
            )
        )
    return counts[0]


def _check_carry(init: Any, before: Sequence[Tensor], carry: Any, after: Sequence[Tensor]) -> None:
    if _form(init) != _form(carry):
        raise _refused("the new carry is built in another way", str(_form(init)), str(_form(carry)))
    for old, new in zip(before, after, strict=True):
        if (old.shape, old.dtype) != (new.shape, new.dtype):
            raise ShapeError(
                explain(
                    "scan: the new carry has another shape or type than the old one",
                    where=user_line(),
                    expected=f"{old.dtype.name}{list(old.shape)}",
                    got=f"{new.dtype.name}{list(new.shape)}",
                )
            )


def _form(x: Any) -> Any:
    """How a structure is built."""
    if isinstance(x, list | tuple):
        return [_form(item) for item in _parts(x)]
    if isinstance(x, dict):
        values: dict[Any, Any] = {**x}
        return {k: _form(v) for k, v in values.items()}
    return "tensor" if isinstance(x, Tensor) else "None"


def _refused(what: str, expected: str, got: str) -> ArgumentError:
    return ArgumentError(explain(f"scan: {what}", where=user_line(), expected=expected, got=got))
