"""Where values come from: leaves, constants, names in the gradient graph, counters."""

from __future__ import annotations

import numpy as np

from zincir.graph.node import MODE, Node, Origin, apply, here
from zincir.graph.primitive import OPERATORS, Kind, Primitive, Spec, register
from zincir.half import array_in
from zincir.types import (
    DType,
    Scalar,
    Shape,
    complex64,
    complex128,
    contiguous_strides,
    float32,
    float64,
)

leaf_p = register(
    Primitive(
        "leaf",
        Kind.SOURCE,
        doc="A value that exists already: a parameter, data, the result of an earlier program.",
        infer=lambda shape, dtype: (shape, dtype),
        numpy=lambda shape, dtype: None,
        attrs=("shape", "dtype"),
    )
)

const_p = register(
    Primitive(
        "const",
        Kind.SOURCE,
        doc="A number known when the graph is made.",
        infer=lambda value, dtype: ((), dtype),
        numpy=array_in,
        attrs=("value", "dtype"),
    )
)


def _same(spec: Spec, *_: object) -> Spec:
    return spec


variable_p = register(
    Primitive(
        "variable",
        Kind.ALIAS,
        doc="The input under a name of its own, where gradients are collected.",
        infer=_same,
        numpy=lambda x: x,
        vjp=lambda g, y, x: g,
        saves=False,
    )
)

unconnected_p = register(
    Primitive(
        "unconnected",
        Kind.ALIAS,
        doc="The input, where gradients arrive and go no further.",
        infer=_same,
        numpy=lambda x: x,
        vjp=lambda g, y, x: None,
        saves=False,
    )
)

alias_p = register(
    Primitive(
        "alias",
        Kind.ALIAS,
        doc="The input under another name, for a tensor of its own.",
        infer=_same,
        numpy=lambda x: x,
        vjp=lambda g, y, x: g,
        saves=False,
    )
)

given_up_p = register(
    Primitive(
        "given_up",
        Kind.ALIAS,
        doc="A value whose gradients have been taken, with all that they were taken through.",
        infer=_same,
        numpy=lambda x: x,
        vjp=lambda g, y: None,
    )
)

detach_p = register(
    Primitive(
        "detach",
        Kind.ALIAS,
        doc="The input, with no gradient flowing to it.",
        infer=_same,
        numpy=lambda x: x,
        saves=False,
    )
)

with_gradient_of_p = register(
    Primitive(
        "with_gradient_of",
        Kind.ALIAS,
        doc="The value of the first input; gradients flow to the second, as if it were that.",
        infer=lambda value, other: value,
        numpy=lambda value, other: value,
        vjp=lambda g, y, value, other: (None, g),
        saves=False,
    )
)

custom_p = register(
    Primitive(
        "custom",
        Kind.ALIAS,
        doc="The value of the first input, computed by a function with a gradient of its own.",
        infer=lambda result, *rest: result,
        numpy=lambda result, *rest: result,
        vjp=lambda g, y, result, *rest: (None, *rest[-1].backward(g, y, rest[:-1])),
        attrs=("call",),
    )
)

iota_p = register(
    Primitive(
        "iota",
        Kind.INDEXED,
        doc="Each element is its own index along `axis`.",
        infer=lambda shape, axis, dtype: (shape, dtype),
        numpy=lambda shape, axis, dtype: np.broadcast_to(
            np.arange(shape[axis], dtype=dtype.numpy).reshape(
                [-1 if i == axis else 1 for i in range(len(shape))]
            ),
            shape,
        ),
        lower=lambda b, position, dtype: b.convert_to(position, dtype),
        attrs=("shape", "axis", "dtype"),
    )
)


def leaf(
    shape: Shape, dtype: DType, needs_grad: bool = False, *, origin: Origin | None = None
) -> Node:
    """A new leaf, still without a value, made at `origin`: at the line that runs if not given."""
    origin = origin or MODE.origin or here()
    return Node(leaf_p, (), (shape, dtype), (shape, dtype), needs_grad, origin)


def const(value: Scalar, dtype: DType) -> Node:
    """A 0-dimensional constant; a complex one is made of two."""
    if dtype.category == 3:
        part = PARTS[dtype]
        return OPERATORS["join"](const(value.real, part), const(value.imag, part))
    return Node(const_p, (), (value, dtype), ((), dtype), False, MODE.origin or _NOWHERE)


_NOWHERE = ("", 0, "")
PARTS = {complex64: float32, complex128: float64}
"""The types of real and imaginary parts."""


def variable(x: Node) -> Node:
    """A new name for `x` in the graph of gradients; never merged with another."""
    node = apply(variable_p, x)
    node.needs_grad = True
    return node


def unconnected(x: Node) -> Node:
    """`x` with gradients that nobody collects."""
    node = apply(unconnected_p, x)
    node.needs_grad = True
    return node


def detach(x: Node) -> Node:
    """`x` as a constant of differentiation."""
    return apply(detach_p, x) if x.needs_grad else x


def with_gradient_of(value: Node, other: Node, *, always: bool = False) -> Node:
    """The value of one node with the gradients of another of the same shape and type.

    Args:
        always: also while no gradients are recorded, as for a tensor that is changed then.
    """
    if not other.needs_grad or not (always or MODE.grad):
        return value
    before = MODE.grad
    MODE.grad = True
    try:
        return apply(with_gradient_of_p, value, other)
    finally:
        MODE.grad = before


def bent(y: Node, x: Node) -> Node:
    """`y`, which is another function of `x` on each side of a corner.

    In PyTorch, its gradient depends on `x` then: `create_graph` gives it a gradient, of zeros.
    """
    if y is not x and x.needs_grad:
        y.bent = x
    return y


def alias(x: Node) -> Node:
    """The same value and gradient under another name.

    For a tensor of its own, or in a rule: no tensor holds it, so no change in place supersedes it.
    """
    return apply(alias_p, x)


def given_up(shape: Shape, dtype: DType, *, origin: Origin) -> Node:
    """A leaf, still without a value, whose gradients have been taken and cannot be any more."""
    node = Node(given_up_p, (), (), (shape, dtype), True, origin)
    node.freed = True
    return node


def variable_like(x: Node, needs_grad: bool) -> Node:
    """A leaf of gradients, or (without `needs_grad`) a constant of them, with the value of `x`."""
    if x.value is None:
        return variable(detach(x)) if needs_grad else apply(detach_p, x)
    new = leaf(x.shape, x.dtype, needs_grad)
    new.value = x.value
    new.value.shared = True
    return new


def custom(result: Node, inputs: tuple[Node, ...], call: object) -> Node:
    """`result`, whose gradients with respect to `inputs` are `call.backward(g, y, inputs)`."""
    for x in (result, *inputs):
        x.used = True
    spec = (result.shape, result.dtype)
    return Node(custom_p, (result, *inputs), (call,), spec, True, MODE.origin or here())


def iota(shape: Shape, axis: int, dtype: DType) -> Node:
    """The index along `axis` of every element."""
    return apply(iota_p, attrs=(shape, axis, dtype))


def position_strides(node: Node) -> tuple[int, ...]:
    """How an INDEXED node's number depends on each coordinate."""
    if node.op is iota_p:
        return tuple(int(i == node.attrs[1]) for i in range(len(node.shape)))
    return contiguous_strides(node.shape)
