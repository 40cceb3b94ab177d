"""Activations that write their result into the input: `relu_(x)` is `relu(x, inplace=True)`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from zincir.nn.functional.activation import elu, hardtanh, leaky_relu, relu, selu
from zincir.nn.functional.activation_rare import celu, rrelu, threshold
from zincir.tensor import Tensor


def _into(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    name = getattr(function, "__name__", "")

    def changed(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(input, *args, **kwargs, inplace=True)

    functools.update_wrapper(changed, function, assigned=("__module__", "__annotations__"))
    changed.__name__ = changed.__qualname__ = f"{name}_"
    changed.__doc__ = f"`{name}`, written into the input, which is returned."
    del changed.__wrapped__  # type: ignore[attr-defined]
    return changed


celu_ = _into(celu)
elu_ = _into(elu)
hardtanh_ = _into(hardtanh)
leaky_relu_ = _into(leaky_relu)
relu_ = _into(relu)
rrelu_ = _into(rrelu)
selu_ = _into(selu)
threshold_ = _into(threshold)
