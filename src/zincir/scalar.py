"""Tensors as Python numbers: `item`, `if x:`, `float(x)`, `range(x)`."""

from __future__ import annotations

import math
import operator
from typing import Any, TypeVar

from zincir.errors import AnomalyError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.half import plain
from zincir.naming import NAMING
from zincir.operations.arithmetic import COMPARISONS
from zincir.pending import evaluate_with
from zincir.recording import CURRENT
from zincir.shared_value import array_of, current
from zincir.tensor_base import TensorBase
from zincir.types import size

T = TypeVar("T", bound=TensorBase)


def number(tensor: TensorBase) -> Any:
    """The value of a tensor with one element.

    Raises:
        ShapeError: it has another number of them.
    """
    shape = tensor._held.shape
    if shape and size(shape) != 1:
        raise ShapeError(
            explain(
                f"a Tensor with {size(shape)} elements cannot be converted to Scalar",
                where=user_line(),
                got=str(shape),
                try_="x.tolist(), or x.mean().item()",
            )
        )
    return plain(array_of(tensor, "item()")).item()


def length(tensor: TensorBase, what: str) -> int:
    """The size of the first dimension.

    Raises:
        TypeError: there is none.
    """
    if not tensor._held.shape:
        raise TypeError(f"{what} a 0-d tensor")
    return tensor._held.shape[0]


def divisible(tensor: T, what: str) -> T:
    """The same tensor, which has a first dimension.

    Raises:
        TypeError: there is none.
    """
    length(tensor, what)
    return tensor


def index(tensor: TensorBase) -> int:
    """The value of an integer tensor with one element.

    Raises:
        TypeError: it is another.
    """
    if tensor.dtype.category == 2 or size(tensor.shape) != 1:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return operator.index(number(tensor))


def truth(tensor: TensorBase) -> bool:
    """Whether the one element is not 0.

    Raises:
        ShapeError: there are more elements, or none.
        AnomalyError: it is the outcome of a comparison with NaN, which nobody means to decide by.
    """
    if size(tensor.shape) != 1:
        raise ShapeError(
            explain(
                f"Boolean value of Tensor with {size(tensor.shape)} values is ambiguous",
                where=user_line(),
                got=str(tensor.shape),
                try_="x.any(), x.all(), or zincir.where(x, ...)",
            )
        )
    _refuse_nan_decision(current(tensor))
    return bool(plain(array_of(tensor, "bool()")).item())


_ORDER = tuple(COMPARISONS[name] for name in ("lt", "le", "gt", "ge"))


def _refuse_nan_decision(node: Node) -> None:
    """Raise if a Python `if` is about to be decided by a comparison with NaN."""
    if node.op not in _ORDER or not node.inputs or CURRENT.recording is not None:
        return
    if NAMING.library == "torch":  # where scripts were written for its answer, which is no
        return
    inputs = node.inputs
    evaluate_with((node, *inputs))
    for x in inputs:
        array = plain(x.value.array)
        if array.dtype.kind == "f" and math.isnan(array.reshape(-1)[0]):
            raise AnomalyError(
                explain(
                    f"a decision by a comparison ({node.op.name}) with NaN: it is never true",
                    where=user_line(),
                    got="NaN",
                    try_="zincir.isnan(x) to test for it, zincir.autograd.detect_anomaly() to find "
                    "where it was born",
                )
            )
