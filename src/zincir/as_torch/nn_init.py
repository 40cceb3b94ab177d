"""`torch.nn.init`: what libraries take from it that has no public name."""

from __future__ import annotations

from typing import Any

from zincir.nn import init

_calculate_fan_in_and_fan_out = init._fans
_calculate_correct_fan = init._fan


def _no_grad_trunc_normal_(  # pyright: ignore[reportUnusedFunction]
    tensor: Any, mean: float, std: float, a: float, b: float, generator: Any = None
) -> Any:
    return init.trunc_normal_(tensor, mean, std, a, b, generator)
