"""`torch.overrides`: what is asked about types that take the place of tensors: there are none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Never

from zincir.errors import explain
from zincir.graph.node import user_line
from zincir.tensor import Tensor


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """False: no type changes what functions mean."""
    return False


def has_torch_function_unary(arg: Any) -> bool:
    """False."""
    return False


def has_torch_function_variadic(*args: Any) -> bool:
    """False."""
    return False


def is_tensor_like(inp: Any) -> bool:
    """Whether it is a tensor."""
    return isinstance(inp, Tensor)


class TorchFunctionMode:
    """A context that would see every call: nothing calls it here.

    Raises:
        NotImplementedError: it is entered.
    """

    def __enter__(self) -> Never:
        raise NotImplementedError(
            explain(
                f"{type(self).__name__}: contexts that take functions over are not there",
                where=user_line(),
            )
        )

    def __exit__(self, *_: object) -> None:
        return None
