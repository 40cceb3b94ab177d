"""What users put beside a tensor, or into one, as what operations take."""

from __future__ import annotations

from typing import Any, TypeAlias, cast

import numpy as np

from zincir.errors import DTypeError, explain
from zincir.graph.node import Node, Origin, user_line
from zincir.operations import arithmetic as ar, movement as mv, numbers
from zincir.operations.dims import is_several
from zincir.operations.layout import fitted
from zincir.operations.source import const, leaf
from zincir.runtime.buffer import Buffer
from zincir.shared_value import current
from zincir.tensor_base import TensorBase
from zincir.types import DEFAULT, DType, Scalar, Shape, float64, from_numpy_dtype, numpy_type, size

Operand: TypeAlias = Any
"""A tensor, a Python number or a NumPy array."""

_PYTHON = (float, int, bool, complex)


def numbers_of(data: Any) -> np.ndarray[Any, Any]:
    """The argument of Tensor([1.0, 2.0]): numbers, of the default type."""
    if not hasattr(data, "__len__") or np.ndim(data) == 0:
        raise DTypeError(
            explain(
                "Tensor(...): data must be a sequence, or sizes",
                where=user_line(),
                got=type(data).__name__,
                try_="zincir.tensor(...)",
            )
        )
    return np.array(data, DEFAULT.floating.numpy)


def leaf_over(array: np.ndarray[Any, Any], requires_grad: bool = False) -> Node:
    """A leaf over the memory of `array`, without a copy."""
    node = leaf(array.shape, from_numpy_dtype(array.dtype), requires_grad)
    node.value = Buffer(array)
    return node


def leaf_of(buffer: Buffer, origin: Origin | None = None) -> Node:
    """A leaf over a buffer."""
    array = buffer.array
    node = leaf(array.shape, from_numpy_dtype(array.dtype), origin=origin)
    node.value = buffer
    return node


def operand(x: Operand) -> Node | Scalar:
    """What stands beside a tensor in an operation: a node, or a Python number."""
    if type(x) in _PYTHON:
        return x
    if isinstance(x, TensorBase):
        return current(x)
    if isinstance(x, np.generic):
        return cast(Any, x).item()
    if isinstance(x, float | int | complex):
        return x  # type: ignore[return-value]
    if isinstance(x, np.ndarray):
        return leaf_over(np.array(cast(Any, x)))
    raise TypeError(
        explain(
            f"cannot use a {type(x).__name__} with a tensor",
            where=user_line(),
            expected="a Tensor, a number or a NumPy array",
            try_="zincir.tensor(...)",
        )
    )


def tensor_node(x: Any, what: str) -> Node:
    """The node of an argument that must be a tensor; `what` names the function and the argument.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(x, TensorBase):
        return current(x)
    raise TypeError(
        explain(f"{what} must be Tensor, not {type(x).__name__}", where=user_line(), got=repr(x))
    )


def beside(x: TensorBase, other: Operand, *, quotient: bool = False) -> tuple[Node, Node | Scalar]:
    """Both sides of an arithmetic operator; if one is an array, in NumPy's common type.

    Args:
        quotient: whether integers and bools give floats, which are float64 in NumPy.
    """
    if type(other) in _PYTHON:
        return current(x), other
    if isinstance(other, TensorBase) and not (x._is_array or other._is_array):
        return current(x), current(other)
    node, value = current(x), operand(other)
    if (x._is_array or is_array(other)) and isinstance(value, Node):
        kind = numpy_type(node.dtype, value.dtype)
        kind = float64 if quotient and kind.category < 2 else kind
        return ar.cast(node, kind), ar.cast(value, kind)
    return node, value


def behind(x: TensorBase, other: Operand, *, quotient: bool = False) -> tuple[Node | Scalar, Node]:
    """`beside`, for an operator whose second operand is the tensor."""
    node, value = beside(x, other, quotient=quotient)
    return value, node


def is_array(x: Operand) -> bool:
    """Whether it is an array, or stands for one."""
    return x._is_array if isinstance(x, TensorBase) else isinstance(x, np.ndarray)


def node_beside(x: Operand, like: Node) -> Node:
    """What stands beside `like` as a node, numbers in its type."""
    return as_node(operand(x), like)


def as_node(x: Node | Scalar, like: Node) -> Node:
    """`x` as a node, a number in the type of `like`."""
    return x if isinstance(x, Node) else ar.common(like, x)[1]


def maybe(x: Operand) -> Any:
    """`operand(x)`, and None for None."""
    return None if x is None else operand(x)


def is_one(value: Any) -> bool:
    """Whether what is assigned is one number, or a tensor with one element."""
    return size(value.shape) == 1 if isinstance(value, TensorBase) else np.ndim(value) == 0


def assigned(value: Any, dtype: DType) -> Node:
    """What is assigned to elements of a type, in that type."""
    if is_several(value):
        value = np.array(value)
    node = operand(value)
    if isinstance(node, Node):
        return ar.cast(node, dtype)
    return const(numbers.fit(dtype, node, "fill"), dtype)


def fitting(value: Node, shape: Shape) -> Node:
    """`value` broadcast to `shape`; leading sizes of 1 may be too many, as in PyTorch."""
    extra = value.ndim - len(shape)
    if extra > 0 and all(n == 1 for n in value.shape[:extra]):
        value = mv.reshape(value, value.shape[extra:])
    return fitted(value, shape, "x[...] = value: the shapes do not match")
