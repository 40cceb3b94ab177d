"""One step of each recurrent net, as a graph, and a loop of such steps over a sequence.

What the input adds to the gates is one product for all steps. The steps are one `scan` over a graph
that is built once for each shape: it takes row t of that, and what is carried, and makes what is
carried on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from zincir.graph.node import Node
from zincir.graph.subgraph import Subgraph
from zincir.loop.scan import scan
from zincir.operations import movement as mv
from zincir.operations.arithmetic import where
from zincir.operations.composed import relu
from zincir.operations.contraction import matmul
from zincir.operations.elementwise import sigmoid, tanh
from zincir.operations.source import leaf
from zincir.types import DType, bool_


@dataclass(frozen=True, slots=True)
class Weights:
    """Of one direction of one layer. Some have no biases, some no projection."""

    ih: Node
    hh: Node
    bias_ih: Node | None = None
    bias_hh: Node | None = None
    hr: Node | None = None


States = tuple[Node, ...]
"""What is carried: the output, and of an LSTM the cell as well."""
Step = Callable[[Node, States, Node, Node | None, Node | None], States]
"""`step(x, states, hh, bias_hh, hr)`: `x` is what the input adds to the gates."""


@dataclass(frozen=True, slots=True)
class Recurrent:
    """A kind of recurrent net."""

    name: str
    gates: int
    """Rows of weights, in units of the hidden size."""
    states: int
    step: Step
    biases_add_up: bool = True
    """Whether the sum of both biases can be added to what the input adds to the gates."""

    def given(self, x: Node, weights: Weights) -> Node:
        """What rows of the input add to the gates, and biases where they can."""
        bias = weights.bias_ih
        if bias is not None and weights.bias_hh is not None and self.biases_add_up:
            bias = bias + weights.bias_hh
        return product(x, weights.ih, bias)

    def of_steps(self, weights: Weights) -> list[Node]:
        """What each step needs."""
        bias = None if self.biases_add_up else weights.bias_hh
        return [x for x in (weights.hh, bias, weights.hr) if x is not None]


def _gates(x: Node, count: int) -> list[Node]:
    """Equal parts along the last axis."""
    n = x.shape[-1] // count
    sizes = (*x.shape[:-1], n)
    return [mv.slice_(x, (*(0,) * (x.ndim - 1), i * n), (1,) * x.ndim, sizes) for i in range(count)]


def product(x: Node, weight: Node, bias: Node | None) -> Node:
    """X @ weight.T + bias."""
    y = matmul(x, mv.swap_last(weight))
    return y if bias is None else y + bias


def _rnn(activation: Callable[[Node], Node]) -> Step:
    def step(x: Node, states: States, hh: Node, bias: Node | None, hr: Node | None) -> States:
        (h,) = states
        return (activation(x + product(h, hh, bias)),)

    return step


def _lstm(x: Node, states: States, hh: Node, bias: Node | None, hr: Node | None) -> States:
    h, c = states
    i, f, g, o = _gates(x + product(h, hh, bias), 4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)
    return h if hr is None else product(h, hr, None), c


def _gru(x: Node, states: States, hh: Node, bias: Node | None, hr: Node | None) -> States:
    (h,) = states
    reset, update, new = _gates(x, 3)
    reset_h, update_h, new_h = _gates(product(h, hh, bias), 3)
    n = tanh(new + sigmoid(reset + reset_h) * new_h)
    return (n + sigmoid(update + update_h) * (h - n),)


RNN_TANH = Recurrent("RNN_TANH", 1, 1, _rnn(tanh))
RNN_RELU = Recurrent("RNN_RELU", 1, 1, _rnn(relu))
LSTM = Recurrent("LSTM", 4, 2, _lstm)
GRU = Recurrent("GRU", 3, 1, _gru, biases_add_up=False)
KINDS = {kind.name: kind for kind in (RNN_TANH, RNN_RELU, LSTM, GRU)}


def one_step(kind: Recurrent, x: Node, states: States, weights: Weights) -> States:
    """What is carried on after a step with input `x` (batch, features)."""
    bias = None if kind.biases_add_up else weights.bias_hh
    return kind.step(kind.given(x, weights), states, weights.hh, bias, weights.hr)


def steps(
    kind: Recurrent,
    given: Node,
    states: States,
    weights: Weights,
    valid: Node | None,
    *,
    reverse: bool,
) -> tuple[Node, States]:
    """All steps: the output of each, and what is carried after the last.

    Args:
        given: what the input adds to the gates, (steps, batch, gates).
        valid: which steps each sequence has, (steps, batch, 1); None if all have all.
        reverse: begin with the last step.
    """
    constants = kind.of_steps(weights)
    specs = tuple([(x.shape, x.dtype) for x in (*constants, *states)])
    bias = weights.bias_hh is not None and not kind.biases_add_up
    has = bias, weights.hr is not None, valid is not None
    body = _body(kind, specs, given.shape[1:], *has)
    sequences = [given] if valid is None else [given, valid]
    finals, (rows,) = scan(body, constants, states, sequences, given.shape[0], reverse=reverse)
    return rows, finals


@functools.lru_cache(maxsize=256)
def _body(
    kind: Recurrent,
    specs: tuple[tuple[tuple[int, ...], DType], ...],
    given: tuple[int, ...],
    bias: bool,
    projected: bool,
    masked: bool,
) -> Subgraph:
    """A step, as the body of a loop."""
    constants = 1 + bias + projected
    leaves = [leaf(*spec) for spec in specs]
    states = tuple(leaves[constants:])
    x = leaf(given, states[0].dtype)
    weights = leaves[0], leaves[1] if bias else None, leaves[constants - 1] if projected else None
    new = kind.step(x, states, *weights)
    parameters = [*leaves, x]
    if masked:
        valid = leaf((given[0], 1), bool_)
        parameters.append(valid)
        new = tuple([where(valid, a, b) for a, b in zip(new, states, strict=True)])
    return Subgraph(parameters, [*new, new[0]])
