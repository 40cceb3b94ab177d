"""The search for the first NaN or infinity: values are computed one operation at a time.

A NaN is *born* in the first operation that has one in its output and none in its inputs; every
operation after it only passes it on.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from contextlib import ContextDecorator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zincir.errors import AnomalyError, explain
from zincir.evaluate import evaluate as _evaluate, release
from zincir.graph.node import Node, Origin, describe
from zincir.graph.primitive import Kind
from zincir.graph.walk import toposort
from zincir.interpret import interpret
from zincir.runtime.buffer import Buffer


class _State:
    """Whether the search is on, and which nodes belong to backward passes."""

    __slots__ = ("backward", "forward", "on")

    def __init__(self) -> None:
        self.on = 0
        self.backward: weakref.WeakSet[Node] = weakref.WeakSet()
        self.forward: weakref.WeakSet[Node] = weakref.WeakSet()


STATE = _State()


class Watch(ContextDecorator):
    """While it is on, everything is computed one operation at a time, and checked."""

    def __init__(self, mode: bool = True, check_nan: bool = True) -> None:
        self._mode = mode and check_nan

    def __enter__(self) -> None:
        STATE.on += self._mode

    def __exit__(self, *_: Any) -> None:
        STATE.on -= self._mode


def evaluate(nodes: Sequence[Node]) -> None:
    """Compute the values of `nodes`; while the search is on, check each operation.

    Raises:
        AnomalyError: a NaN or an infinity was born; the error says where.
    """
    if not STATE.on:
        _evaluate(nodes)
        return
    wanted = [node for node in nodes if node.value is None]
    search = _Search()
    try:
        arrays = interpret(wanted, watch=search.watch)
    except AnomalyError as error:
        error.birth = search.birth
        raise
    for node, array in zip(wanted, arrays, strict=True):
        node.value = Buffer(np.array(array))
    for node in wanted:
        release(node)


def before_backward(seeds: Iterable[Node]) -> None:
    """Note the nodes of the forward pass."""
    if STATE.on:
        STATE.forward.update(n for n in toposort(seeds) if n not in STATE.backward)


def after_backward(found: Sequence[Node]) -> None:
    """Note the nodes of the backward pass, and look at its results."""
    if STATE.on:
        STATE.backward.update(n for n in toposort(found) if n not in STATE.forward)
        evaluate(found)


@dataclass(frozen=True)
class Birth:
    """The first NaN or infinity of a computation."""

    operation: str
    what: str
    """NaN or infinity."""
    given: bool
    """Whether it was there from the start: in a tensor that was not computed here."""
    backward: bool
    """Whether it was born in the backward pass."""
    origin: Origin
    """Of the operation; in the backward pass, of the forward operation."""
    result: str
    """The range of what the operation gave."""
    operands: tuple[tuple[str, str], ...]
    """What the operands are, and their ranges."""
    place: tuple[int, ...]
    """Where in the result it is: the first."""

    def message(self) -> str:
        """What happened, for an error."""
        where = describe(self.origin)
        if self.given:
            return explain(
                "NaN was there from the start: in a tensor that was not computed here",
                where=where,
                got=self.result,
                try_="look at the data or the state it was loaded from",
            )
        ranges = "\n".join(f"{name}: {text}" for name, text in self.operands)
        return explain(
            f"{self.what} born in {self.operation}, in the {self.direction} pass",
            where=where,
            expected="finite numbers",
            got=f"{self.result}\nfrom {ranges}" if ranges else "",
            try_=self.hint,
            note="the line is that of the forward operation" if self.backward else "",
        )

    @property
    def direction(self) -> str:
        """Forward or backward."""
        return "backward" if self.backward else "forward"

    @property
    def hint(self) -> str:
        """What helps."""
        return _HINTS.get(self.operation, "")


def birth_of(nodes: Sequence[Node]) -> Birth | None:
    """The first NaN or infinity on the way to some nodes, computed one operation at a time."""
    search = _Search()
    try:
        interpret(nodes, watch=search.watch)
    except AnomalyError:
        return search.birth
    return None


class _Search:
    """Follows NaN and infinities through a computation."""

    def __init__(self) -> None:
        self._values: dict[Node, Any] = {}
        self._bad: dict[Node, tuple[bool, bool]] = {}
        self.birth: Birth | None = None

    def watch(self, node: Node, value: Any) -> None:
        if node.op.kind is Kind.COMPOUND:  # all of its outputs
            value = np.concatenate([np.ravel(x) for x in value])
        self._values[node] = value
        if value.dtype.kind != "f":
            return
        nan, inf = bool(np.isnan(value).any()), bool(np.isinf(value).any())
        if not (nan or inf):
            return
        self._bad[node] = nan, inf
        if node.op.kind is Kind.SOURCE and not nan:
            return  # an infinity somebody wrote down, as masks do
        before = [self._bad.get(x, (False, False)) for x in node.inputs]
        if node.op.kind is Kind.SOURCE or node.value is not None:
            if nan:
                self._raise(node, "NaN", given=True)
        elif (nan and not any(n for n, _ in before)) or not any(n or i for n, i in before):
            self._raise(node, "NaN" if nan else "infinity", given=False)

    def _raise(self, node: Node, what: str, *, given: bool) -> None:
        value = self._values[node]
        inputs = [x for x in node.inputs if self._values[x].dtype.kind == "f"]
        wrong = np.isnan(value) if what == "NaN" else np.isinf(value)
        self.birth = Birth(
            node.op.name, what, given, node in STATE.backward, node.origin, _range(value),
            tuple([(f"{x.op.name} {x.shape}", _range(self._values[x])) for x in inputs]),
            tuple([int(i) for i in np.argwhere(wrong)[0]]),
        )  # fmt: skip
        raise AnomalyError(self.birth.message())


_HINTS = {
    "log": "keep the argument above 0: log(x + 1e-8), x.clamp(min=1e-8), or log_softmax",
    "div": "keep the divisor away from 0: x / (y + 1e-8)",
    "sqrt": "keep the argument above 0: sqrt(x + 1e-8); the slope at 0 is infinite",
    "exp": "bound the argument (it overflows above 88 in float32), or use log_softmax, logsumexp",
    "expm1": "bound the argument: it overflows above 88 in float32",
    "pow": "a negative base has no real power that is not whole; 0 has none below 0",
    "log1p": "keep the argument above -1",
    "mul": "smaller learning rate or weights; gradients may be exploding",
    "matmul": "smaller learning rate or weights; gradients may be exploding",
    "sum": "smaller learning rate or weights; gradients may be exploding",
}


def _range(value: Any) -> str:
    value = np.asarray(value)
    finite = value[np.isfinite(value)]
    parts = [f"{finite.min():.6g} .. {finite.max():.6g}"] if finite.size else []
    for name, count in (("NaN", np.isnan(value).sum()), ("inf", np.isinf(value).sum())):
        if count:
            parts.append(f"{count} {name} of {value.size}")
    return ", ".join(parts)
