"""`torch.optim.optimizer`: what optimizers of other libraries are written with."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from zincir.autograd.modes import set_grad_enabled
from zincir.tensor import Tensor

ParamsT = params_t = _params_t = Iterable[Any]
required = _RequiredParameter = object()


def _use_grad_for_differentiable(  # pyright: ignore[reportUnusedFunction]
    func: Callable[..., Any],
) -> Callable[..., Any]:
    """A step without gradients, unless the optimizer was made as `differentiable`."""

    @functools.wraps(func)
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        with set_grad_enabled(bool(self.defaults.get("differentiable"))):
            return func(self, *args, **kwargs)

    return step


def _default_to_fused_or_foreach(  # pyright: ignore[reportUnusedFunction]
    params: list[Tensor], differentiable: bool, use_fused: bool = False
) -> tuple[bool, bool]:
    """Neither, as for tensors on the CPU."""
    return False, False


def _get_capturable_supported_devices(  # pyright: ignore[reportUnusedFunction]
    supports_xla: bool = True,
) -> list[str]:
    """None: there is no GPU."""
    return []


def _get_value(x: Any) -> Any:  # pyright: ignore[reportUnusedFunction]
    return x.item() if isinstance(x, Tensor) else x


def _dispatch_sqrt(x: Any) -> Any:  # pyright: ignore[reportUnusedFunction]
    return x.sqrt() if isinstance(x, Tensor) else x**0.5
