"""Older names of `interpolate`."""

from __future__ import annotations

import warnings
from typing import Any

from zincir.nn.functional.resampling import interpolate
from zincir.nn.module.user_line import at_user_line
from zincir.tensor import Tensor


@at_user_line
def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """An older name of `interpolate`; it warns.

    >>> import warnings, zincir
    >>> with warnings.catch_warnings(action="ignore"):
    ...     upsample(zincir.ones(1, 1, 2), scale_factor=2).shape
    (1, 1, 4)
    """
    _warn("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


@at_user_line
def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """An older name of `interpolate` with the nearest element; it warns.

    >>> import warnings, zincir
    >>> with warnings.catch_warnings(action="ignore"):
    ...     upsample_nearest(zincir.ones(1, 1, 2), scale_factor=2).shape
    (1, 1, 4)
    """
    _warn("upsample_nearest")
    return interpolate(input, size, scale_factor, "nearest")


@at_user_line
def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """An older name of `interpolate` with mode "bilinear" and `align_corners`; it warns.

    >>> import warnings, zincir
    >>> with warnings.catch_warnings(action="ignore"):
    ...     upsample_bilinear(zincir.ones(1, 1, 2, 2), scale_factor=2).shape
    (1, 1, 4, 4)
    """
    _warn("upsample_bilinear")
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


def _warn(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=4,
    )
