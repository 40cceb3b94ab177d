"""Functions that make complex tensors, and take them apart."""

from __future__ import annotations

from zincir.calling import takes_out
from zincir.convert import tensor_node
from zincir.errors import DTypeError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.lower_precision import full
from zincir.operations import complex_rules as rules
from zincir.operations.parts import WHOLE, join
from zincir.shared_value import look_at
from zincir.tensor import Tensor, wrap
from zincir.views_complex import Joined, Pairs


@takes_out
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """Real + i imag, of two floating tensors of one type.

    >>> complex(Tensor([1.0]), Tensor([2.0])).tolist()
    [(1+2j)]
    """
    _check_parts("complex", real, imag)
    return wrap(join(real._node, imag._node))


@full
@takes_out
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Abs (cos(angle) + i sin(angle)), of two floating tensors of one type.

    >>> polar(Tensor([2.0]), Tensor([0.0])).imag.tolist()
    [0.0]
    """
    _check_parts("polar", abs, angle)
    return wrap(rules.polar(abs._node, angle._node))


def _check_parts(what: str, first: Tensor, second: Tensor) -> None:
    x, y = (tensor_node(v, f"{what}(): both arguments") for v in (first, second))
    if x.dtype not in WHOLE or x.dtype is not y.dtype:
        raise DTypeError(
            explain(
                f"{what}: needs two floating tensors of one type",
                where=user_line(),
                expected="float32 or float64",
                got=f"{x.dtype.name} and {y.dtype.name}",
            )
        )


def view_as_real(input: Tensor) -> Tensor:
    """Complex numbers as pairs along a new last axis, in the same memory.

    Shape: (...) -> (..., 2).

    >>> import zincir
    >>> view_as_real(zincir.tensor([1 + 2j])).tolist()
    [[1.0, 2.0]]
    """
    if not input.is_complex():
        raise DTypeError(
            explain(
                "view_as_real is only supported for complex tensors",
                where=user_line(),
                got=input.dtype.name,
            )
        )
    return look_at(input._blank(), input, Pairs())


@full
def view_as_complex(input: Tensor) -> Tensor:
    """Pairs along the last axis, which goes, as complex numbers in the same memory.

    Shape: (..., 2) -> (...).

    >>> view_as_complex(Tensor([[1.0, 2.0]])).tolist()
    [(1+2j)]
    """
    if input.dtype not in WHOLE:
        raise DTypeError(
            explain(
                "view_as_complex is only supported for float32 and float64 tensors",
                where=user_line(),
                got=input.dtype.name,
            )
        )
    if not input.shape or input.shape[-1] != 2:
        raise ShapeError(
            explain(
                "view_as_complex: the last dimension is not of size 2",
                where=user_line(),
                expected="(..., 2)",
                got=str(input.shape),
            )
        )
    *steps, last = input.stride()
    if last != 1 or any(s % 2 for n, s in zip(input.shape, steps, strict=False) if n != 1):
        raise ShapeError(
            explain(
                "view_as_complex: the pairs do not lie as complex numbers do",
                where=user_line(),
                expected="stride 1 in the last dimension, even ones in the others",
                got=str(input.stride()),
                try_="x.contiguous()",
            )
        )
    return look_at(input._blank(), input, Joined())


def is_complex(input: Tensor) -> bool:
    """Whether the type is a complex one.

    >>> is_complex(Tensor([1.0]))
    False
    """
    return input.is_complex()


def real(input: Tensor) -> Tensor:
    """The real parts, in the same memory; of a real tensor, itself.

    >>> import zincir
    >>> real(zincir.tensor([1 + 2j])).tolist()
    [1.0]
    """
    return input.real


def imag(input: Tensor) -> Tensor:
    """The imaginary parts, in the same memory.

    >>> import zincir
    >>> imag(zincir.tensor([1 + 2j])).tolist()
    [2.0]
    """
    return input.imag
