"""Images and their like in another size, as layers."""

from __future__ import annotations

from collections.abc import Sequence

from zincir.nn import functional as F
from zincir.nn.module.module import Module
from zincir.tensor import Tensor


class Upsample(Module):
    """The input enlarged, or shrunk, along the axes behind batch and channels.

    Shape: (N, C, W), (N, C, H, W) or (N, C, D, H, W) -> (N, C, *size), where each size is given, or
    floor(size in input * scale_factor). The formula is that of `nn.functional.interpolate`.

    Args:
        size: of the output; one number stands for all axes. Give this or `scale_factor`.
        mode: "nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic" or "area".
        align_corners: corners stay corners; not for nearest and area. None is False.
        recompute_scale_factor: with True, what is computed follows from the sizes alone.

    Example:
        >>> import zincir
        >>> Upsample(scale_factor=2)(zincir.tensor([[[1.0, 2.0]]])).tolist()
        [[[1.0, 1.0, 2.0, 2.0]]]
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.scale_factor = (
            tuple(map(float, scale_factor))
            if isinstance(scale_factor, Sequence)
            else None
            if scale_factor is None
            else float(scale_factor)
        )
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        given = f"size={self.size!r}"
        if self.scale_factor is not None:
            given = f"scale_factor={self.scale_factor!r}"
        return f"{given}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample with mode "nearest".

    Shape: (N, C, H, W) -> (N, C, *size), or floor(size in input * scale_factor).

    Example:
        >>> import zincir
        >>> UpsamplingNearest2d(scale_factor=2)(zincir.ones(1, 1, 3, 4)).shape
        (1, 1, 6, 8)
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample with mode "bilinear" and align_corners=True.

    Shape: (N, C, H, W) -> (N, C, *size), or floor(size in input * scale_factor).

    Example:
        >>> import zincir
        >>> UpsamplingBilinear2d(size=(1, 3))(zincir.tensor([[[[1.0, 2.0]]]])).tolist()
        [[[[1.0, 1.5, 2.0]]]]
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
