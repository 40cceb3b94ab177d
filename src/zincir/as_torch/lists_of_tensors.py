"""`torch._foreach_add_` and its like: an operation done to each tensor of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.functional import is_tensor
from zincir.graph.node import user_line
from zincir.linalg import vector_norm
from zincir.tensor import Tensor

_ONE = (
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "digamma", "erf", "erfc", "exp", "expm1",
    "floor", "frac", "lgamma", "log", "log10", "log1p", "log2", "neg", "reciprocal", "round",
    "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
)  # fmt: skip
"""Methods of one tensor."""
_TWO = ["add", "clamp_max", "clamp_min", "div", "maximum", "minimum", "mul", "pow", "sub"]
"""Methods of a tensor and another one, or a number."""
_THREE = ["addcdiv", "addcmul", "lerp"]
"""Methods of three operands."""


def _each(name: str, method: Callable[..., Any]) -> Callable[..., list[Tensor]]:
    """A function that calls a method of every tensor, with its part of each list beside it."""

    def run(self: Sequence[Tensor], *others: Any, **options: Any) -> list[Tensor]:
        """One operation for every tensor of a list; other operands are lists too, or shared."""
        tensors = list(self)
        columns: list[Sequence[Any]] = []
        for other in others:
            if not is_tensor(other) and isinstance(other, list | tuple):
                if len(other) != len(tensors):  # pyright: ignore[reportUnknownArgumentType]
                    raise ArgumentError(
                        explain(
                            f"_foreach_{name}: lists of different lengths",
                            where=user_line(),
                            expected=str(len(tensors)),
                            got=str(len(other)),  # pyright: ignore[reportUnknownArgumentType]
                        )
                    )
                columns.append(other)  # pyright: ignore[reportUnknownArgumentType]
            elif is_tensor(other) and other.ndim and name not in ("maximum", "minimum"):
                columns.append(list(other))  # the numbers of each tensor, as one tensor
            else:
                columns.append([other] * len(tensors))
        return [method(t, *row, **options) for t, *row in zip(tensors, *columns, strict=True)]

    run.__name__ = run.__qualname__ = f"_foreach_{name}"
    return run


def _in_place(name: str, method: Callable[..., Any]) -> Callable[..., None]:
    run = _each(f"{name}_", method)

    def change(self: Sequence[Tensor], *others: Any, **options: Any) -> None:
        """The same, into the tensors of the list."""
        run(self, *others, **options)

    change.__name__ = change.__qualname__ = f"_foreach_{name}_"
    return change


def _third(method: Callable[..., Any]) -> Callable[..., Any]:
    """`addcmul` and its like, whose factor stands behind the operands here."""

    def run(t: Tensor, first: Tensor, second: Tensor, value: Any = 1) -> Any:
        return method(t, first, second, value=value)

    return run


def _larger(t: Tensor, other: Any) -> Tensor:
    return t.maximum(other) if is_tensor(other) else t.clamp(min=other)


def _smaller(t: Tensor, other: Any) -> Tensor:
    return t.minimum(other) if is_tensor(other) else t.clamp(max=other)


_WORDS: dict[str, Callable[..., Any]] = {
    **{name: getattr(Tensor, name) for name in (*_ONE, *_TWO, "lerp")},
    "addcmul": _third(Tensor.addcmul),
    "addcdiv": _third(Tensor.addcdiv),
    "maximum": _larger,
    "minimum": _smaller,
    "clamp_max": _smaller,
    "clamp_min": _larger,
}


def _stored(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method whose result is written into the tensor that it is of."""

    def run(t: Tensor, *row: Any, **options: Any) -> Tensor:
        return t.copy_(method(t, *row, **options))

    return run


for _name, _method in _WORDS.items():
    globals()[f"_foreach_{_name}"] = _each(_name, _method)
    globals()[f"_foreach_{_name}_"] = _in_place(_name, _stored(_method))


def _foreach_norm(  # pyright: ignore[reportUnusedFunction]
    self: Sequence[Tensor], ord: Any = 2, dtype: Any = None
) -> list[Tensor]:
    """The norm of each tensor."""
    return [vector_norm(t, ord, dtype=dtype) for t in self]


def _foreach_max(  # pyright: ignore[reportUnusedFunction]
    self: Sequence[Tensor],
) -> list[Tensor]:
    """The largest element of each tensor."""
    return [t.max() for t in self]


def _foreach_zero_(  # pyright: ignore[reportUnusedFunction]
    self: Sequence[Tensor],
) -> None:
    """Fill each tensor with zeros."""
    for t in self:
        t.zero_()


def _foreach_copy_(  # pyright: ignore[reportUnusedFunction]
    self: Sequence[Tensor], src: Sequence[Tensor], non_blocking: bool = False
) -> None:
    """Write each tensor of the second list into that of the first."""
    for t, value in zip(self, src, strict=True):
        t.copy_(value)
