"""U-Net: a class for every pixel."""

from __future__ import annotations

from zincir import nn
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.functional import cat
from zincir.graph.node import describe, here
from zincir.models.weights import start
from zincir.tensor import Tensor

_UPSAMPLE = ("transpose", "nearest", "bilinear")


def _double(inp: int, out: int, norm: bool) -> nn.Sequential:
    """Two 3x3 convolutions with ReLU."""
    layers: list[nn.Module] = []
    for channels in (inp, out):
        layers.append(nn.Conv2d(channels, out, 3, padding=1, bias=not norm))
        layers += [nn.BatchNorm2d(out)] if norm else []
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def _enlarge(channels: int, upsample: str) -> nn.Module:
    """Twice the height and width, half the channels."""
    if upsample == "transpose":
        return nn.ConvTranspose2d(channels, channels // 2, 2, 2)
    corners = None if upsample == "nearest" else False
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode=upsample, align_corners=corners),
        nn.Conv2d(channels, channels // 2, 1),
    )


class UNet(nn.Module):
    """U-Net of Ronneberger et al. 2015 (https://arxiv.org/abs/1505.04597).

    On the way down, pairs of 3x3 convolutions and pooling; on the way up, maps are made larger,
    joined with those of the same size from the way down, and convolved again. Unlike the paper's,
    convolutions are padded, so that the output is as large as the input. Weights start He normal by
    fan_in, as the paper's do.

    Parameters with the defaults: 31,036,546; without norm, the paper's 31,030,658.
    Shape: (batch, in_channels, height, width) -> (batch, num_classes, height, width); height and
    width are multiples of 2**depth.

    Args:
        width: channels of the first level; each level below has twice as many.
        depth: how many times the map is halved.
        upsample: how maps are made larger: "transpose" (a transposed convolution, the paper's), or
            "nearest" or "bilinear" with a 1x1 convolution.
        norm: batch norm behind every 3x3 convolution, which the paper does not have.

    Example:
        >>> import zincir
        >>> UNet(width=2, depth=2)(zincir.zeros(1, 1, 8, 12)).shape
        (1, 2, 8, 12)
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 2,
        width: int = 64,
        depth: int = 4,
        upsample: str = "transpose",
        norm: bool = True,
    ) -> None:
        super().__init__()
        if upsample not in _UPSAMPLE:
            raise ArgumentError(
                explain(
                    "UNet: no such way to make maps larger",
                    where=describe(here()),
                    expected=" or ".join(map(repr, _UPSAMPLE)),
                    got=f"upsample={upsample!r}",
                )
            )
        self.depth = depth
        self.pool = nn.MaxPool2d(2)
        channels = [width * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            _double(inp, out, norm)
            for inp, out in zip([in_channels, *channels], channels, strict=False)
        )
        above = channels[:-1][::-1]
        self.enlarge = nn.ModuleList(_enlarge(2 * out, upsample) for out in above)
        self.up = nn.ModuleList(_double(2 * out, out, norm) for out in above)
        self.out = nn.Conv2d(width, num_classes, 1)
        start(self, mode="fan_in")

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, height, width) -> (batch, num_classes, height, width)."""
        self._check(x)
        sides: list[Tensor] = []
        for level, double in enumerate(self.down):
            x = double(self.pool(x) if level else x)
            sides.append(x)
        sides.pop()
        for enlarge, double in zip(self.enlarge, self.up, strict=True):
            x = double(cat([sides.pop(), enlarge(x)], 1))
        return self.out(x)

    def _check(self, x: Tensor) -> None:
        step = 2**self.depth
        if x.ndim == 4 and not (x.shape[2] % step or x.shape[3] % step):
            return
        missing = [-n % step for n in x.shape[2:]]
        remedy = "x.unsqueeze(0), if the batch is missing"
        if x.ndim == 4:
            remedy = f"nn.functional.pad(x, (0, {missing[1]}, 0, {missing[0]})), and cut the output"
        raise ShapeError(
            explain(
                "UNet: the image cannot be halved as often as the net does",
                where=describe(here()),
                expected=f"(batch, channels, height, width), both multiples of {step}",
                got=str(x.shape),
                try_=remedy,
            )
        )
