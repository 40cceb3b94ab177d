"""Operations on several tensors, and others that are no methods."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.calling import functions_of, takes_out, two_numbers
from zincir.convert import operand, tensor_node
from zincir.einsum import einsum as _einsum, rearranged
from zincir.errors import DTypeError, explain
from zincir.graph.node import MODE, Node, user_line
from zincir.lower_precision import lower
from zincir.operations import arithmetic as ar, composed, layout, numeric, powers, products
from zincir.operations.dims import is_several
from zincir.recording import CURRENT
from zincir.shared_value import glance
from zincir.size import sized
from zincir.tensor import Tensor, from_array, wrap
from zincir.types import DType, Shape, broadcast, promote

functions = functions_of(Tensor)
"""The methods of tensors as functions."""


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether the type of a tensor is a floating one."""
    return input.is_floating_point()


def _one_tensor(name: str, input: Any, other: Any) -> tuple[Any, Any]:
    """Two operands, of which one is a tensor.

    Raises:
        TypeError: both are numbers.
    """
    found = operand(input), operand(other)
    if not (isinstance(found[0], Node) or isinstance(found[1], Node)):
        raise two_numbers(name)
    return found


@takes_out
def pow(input: Any, exponent: Any) -> Tensor:
    """The first to the power of the second; one of the two may be a number."""
    return wrap(powers.power(*_one_tensor("pow", input, exponent)))


@takes_out
def float_power(input: Any, exponent: Any) -> Tensor:
    """The first to the power of the second, in float64; one of the two may be a number."""
    return wrap(numeric.float_power(*_one_tensor("float_power", input, exponent)))


@takes_out
@lower
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The product of matrices, vectors, or batches of matrices."""
    if input._coo is not None:
        return input.matmul(other)
    return wrap(products.matmul(input._node, other._node))


@takes_out
def bitwise_and(input: Any, other: Any) -> Tensor:
    """Bit by bit, where both are 1."""
    return wrap(ar.bitwise("and", *_one_tensor("bitwise_and", input, other)))


@takes_out
def bitwise_or(input: Any, other: Any) -> Tensor:
    """Bit by bit, where one is 1."""
    return wrap(ar.bitwise("or", *_one_tensor("bitwise_or", input, other)))


@takes_out
def bitwise_xor(input: Any, other: Any) -> Tensor:
    """Bit by bit, where exactly one is 1."""
    return wrap(ar.bitwise("xor", *_one_tensor("bitwise_xor", input, other)))


def rsub(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """The other minus `alpha` times the input."""
    second = tensor_node(input, "rsub(): argument 'input'")
    first = ar.common(operand(other), second)[0]
    return wrap(composed.scaled_add(first, second, alpha, minus=True))


@takes_out
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, `other` elsewhere; alone: the places where it holds."""
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    return wrap(composed.choose(condition._node, operand(input), operand(other)))


def _nodes(tensors: Sequence[Any], what: str) -> list[Node]:
    if isinstance(tensors, Tensor) or not all_tensors(tensors):
        got = type(tensors).__name__
        raise DTypeError(
            explain(
                f"{what}: expects a list or tuple of tensors",
                where=user_line(),
                got=got
                if isinstance(tensors, Tensor)
                else ", ".join(sorted({type(x).__name__ for x in tensors})),
            )
        )
    return [x._node for x in tensors]


def all_tensors(values: Sequence[Any]) -> bool:
    """Whether all of `values` are tensors."""
    return not [x for x in values if not isinstance(x, Tensor)]


@takes_out
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors one after the other along `dim`."""
    known = _arrays_of(tensors, dim)
    if known is not None:
        return from_array(np.concatenate(known, dim))
    node = layout.cat(_nodes(tensors, "cat"), dim)
    return wrap(ar.copy(node) if node in [x._node for x in tensors] else node)


concat = concatenate = cat


def _arrays_of(tensors: Sequence[Tensor], axis: int | None) -> list[np.ndarray[Any, Any]] | None:
    """The values of tensors of one type and shape, if they are known and have no gradients.

    What joins them need not be a program: it is another one for each set of sizes.

    Args:
        axis: where sizes may differ.
    """
    if CURRENT.recording is not None or not tensors:
        return None
    found: list[np.ndarray[Any, Any]] = []
    if not builtins.all([hasattr(t, "_held") for t in tensors]):
        return None
    first = tensors[0]._held
    for t in tensors:
        held = t._held
        if held.dtype is not first.dtype or held.ndim != first.ndim or t.requires_grad:
            return None
        array = None if t._storage is None else glance(t)
        if array is None:
            value = t._node.value
            if value is None:
                return None
            array = value.array
        found.append(array)
    ndim = first.ndim
    if axis is not None and not -ndim <= axis < ndim:
        return None
    kept = [a for a in range(ndim) if axis is None or a != axis % ndim]
    same = len({tuple([array.shape[a] for a in kept]) for array in found}) == 1
    return found if same else None


@takes_out
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape along a new dimension."""
    known = _arrays_of(tensors, None)
    if known is not None and -known[0].ndim - 1 <= dim <= known[0].ndim:
        return from_array(np.stack(known, dim))
    return wrap(layout.stack(_nodes(tensors, "stack"), dim))


@takes_out
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side."""
    wide = [x.reshape(1) if not x.ndim else x for x in tensors]
    return cat(wide, 0 if wide[0].ndim == 1 else 1)


@takes_out
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors below one another; vectors are rows."""
    return cat([x.reshape(1, -1) if x.ndim < 2 else x for x in tensors], 0)


row_stack = vstack


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Tensors expanded to their common shape."""
    shape = broadcast(*[x.shape for x in tensors])
    return tuple(x.expand(shape) for x in tensors)


def broadcast_shapes(*shapes: Shape | int) -> Shape:
    """The common shape; a number is a shape of one dimension."""
    return sized(broadcast(*[(s,) if isinstance(s, int) else tuple(s) for s in shapes]))


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid, from those of its axes."""
    vectors = tensors[0] if len(tensors) == 1 and is_several(tensors[0]) else tensors
    if indexing == "xy" and len(vectors) > 1:
        a, b, *rest = meshgrid(vectors[1], vectors[0], *vectors[2:])
        return (b, a, *rest)
    shape = tuple(x.numel() for x in vectors)
    return tuple(
        x.reshape(*(-1 if i == k else 1 for i in range(len(shape)))).expand(shape)
        for k, x in enumerate(vectors)
    )


def _sums(equation: str) -> bool:
    """Whether an equation has a letter of several operands that is summed over."""
    inputs, _, output = equation.replace(" ", "").partition("->")
    letters = [letter for part in inputs.split(",") for letter in set(part) if letter.isalpha()]
    if "->" not in equation:
        output = "".join(letter for letter in letters if letters.count(letter) == 1)
    return any(letters.count(letter) > 1 and letter not in output for letter in letters)


def einsum(equation: str, *operands: Any) -> Tensor:
    """Sums of products in Einstein's notation.

    >>> from zincir.creation import ones
    >>> einsum("ik,kj->ij", ones(2, 3), ones(3, 4)).shape
    (2, 4)
    """
    tensors = operands[0] if len(operands) == 1 and is_several(operands[0]) else operands
    if MODE.autocast is not None and _sums(equation):
        return lower(einsum)(equation, *tensors)
    nodes = _nodes(tensors, "einsum")
    axes = rearranged(equation, nodes[0]) if len(nodes) == 1 else None
    return wrap(_einsum(equation, nodes)) if axes is None else tensors[0].permute(axes)


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The type of a result computed from both."""
    a, b = operand(tensor1), operand(tensor2)
    if isinstance(a, Node):
        return ar.common(a, b)[0].dtype
    return ar.common(b, a)[0].dtype


def promote_types(type1: DType, type2: DType) -> DType:
    """The common type of two."""
    return promote(type1, type2)
