"""What convolutions are given, checked before anything is computed: each error names the remedy."""

from __future__ import annotations

from typing import Any

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.nn.functional.windows import Sizes, sizes
from zincir.nn.module.user_line import node_of
from zincir.types import DType, Shape, int8, int16, int32, int64, uint8

_AXES = ("depth", "height", "width")


def padding_of(
    what: str, kernel: Shape, stride: Shape, padding: Sizes | str, dilation: Shape
) -> tuple[Shape, Shape]:
    """How much comes before and after each axis; of an odd sum of "same", the larger half after.

    Raises:
        ArgumentError: an unknown word, a negative number, or "same" with a stride.
    """
    rank = len(kernel)
    if not isinstance(padding, str):
        both = sizes(what, "padding", padding, rank, 0)
        return both, both
    if padding == "valid":
        return (0,) * rank, (0,) * rank
    if padding != "same":
        raise ArgumentError(
            explain(
                f"{what}: unknown padding",
                where=user_line(),
                expected="'same', 'valid', or how many",
                got=f"padding={padding!r}",
            )
        )
    if any(s != 1 for s in stride):
        raise ArgumentError(
            explain(
                f"{what}: with a stride, padding 'same' has no meaning",
                where=user_line(),
                expected="stride=1",
                got=f"stride={stride}, padding='same'",
                try_="padding=kernel_size // 2",
            )
        )
    total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple(n // 2 for n in total), tuple(n - n // 2 for n in total)


def operands(
    what: str, rank: int, input: Any, weight: Any, bias: Any
) -> tuple[Node, Node, Node | None]:
    """The nodes of the operands.

    Raises:
        DTypeError: bools, complex numbers, or types that differ.
        ShapeError: a wrong number of axes, or an empty one that is not the batch.
    """
    x, w = node_of(input, f"{what}: input"), node_of(weight, f"{what}: weight")
    b = None if bias is None else node_of(bias, f"{what}: bias")
    if not _multiplied(x.dtype, what) or x.dtype is not w.dtype or (b and b.dtype is not w.dtype):
        raise _types(what, x, w, b)
    if w.ndim != rank + 2 or 0 in w.shape:
        ends = "(in, out / groups" if "transpose" in what else "(out, in / groups"
        raise ShapeError(
            explain(
                f"{what}: the weight has a wrong shape",
                where=user_line(),
                expected=f"{ends}, {_places(rank)}), none of them 0",
                got=_both(x, w),
            )
        )
    if x.ndim not in (rank + 1, rank + 2):
        raise _dimensions(what, rank, x, w)
    if 0 in x.shape[x.ndim - rank - 1 :]:
        raise ShapeError(
            explain(
                f"{what}: the input is empty",
                where=user_line(),
                expected="no axis of size 0 but the batch",
                got=_both(x, w),
            )
        )
    return x, w, b


def _multiplied(dtype: DType, what: str) -> bool:
    """Whether convolutions are made of a type: floating ones, and integers as in PyTorch."""
    whole = (int64,) if "transpose" in what else (int64, int32, int16, int8, uint8)
    return dtype.category == 2 or dtype in whole


def _types(what: str, x: Node, w: Node, b: Node | None) -> DTypeError:
    double = w.dtype.name == "float64"
    remedy = "x.double()" if double else "x.float(), or model.double()"
    if x.dtype.category != 2:
        cast = "x.double()" if double else "x.float()"
        remedy = f"{cast}; for images with values up to 255, {cast} / 255"
    elif x.dtype is w.dtype:
        remedy = "a bias of the weight's type"
    return DTypeError(
        explain(
            f"{what}: input is {x.dtype.name}, weight is {w.dtype.name}"
            + (f", bias is {b.dtype.name}" if b else ""),
            where=user_line(),
            expected="one type of numbers, in all of them",
            got=_both(x, w),
            try_=remedy,
        )
    )


def _dimensions(what: str, rank: int, x: Node, w: Node) -> ShapeError:
    remedy = f"x.reshape(batch, channels, {_places(rank)})"
    if x.ndim == rank:
        remedy = f"x.unsqueeze(0) for one example of one channel; for rows of a table, {remedy}"
    elif x.ndim > rank + 2:
        remedy = f"x.flatten(0, {x.ndim - rank - 2}) if all the first axes are batches"
    return ShapeError(
        explain(
            f"{what}: the input has {x.ndim} dimensions",
            where=user_line(),
            expected=f"(batch, channels, {_places(rank)}) or (channels, {_places(rank)})",
            got=_both(x, w),
            try_=remedy,
        )
    )


def check_channels(what: str, x: Node, w: Node, takes: int, groups: int) -> None:
    """Raise unless `x` has `takes` channels, and the first axis of `w` can be cut into groups.

    Raises:
        ShapeError: with the permutation or the layer that would fit.
    """
    rank = w.ndim - 2
    single = x.ndim == rank + 1
    channels = x.shape[0 if single else 1]
    if channels == takes and w.shape[0] % groups == 0:
        return
    of_groups = f" in {groups} groups" if groups > 1 else ""
    message = f"input has {_count(channels)}, weight takes {takes}{of_groups}"
    if channels == takes:
        message = f"{_count(w.shape[0])} cannot be cut into {groups} groups"
    remedy = f"a layer with in_channels={channels}, or check the output of the layer before this"
    if channels == takes or (groups > 1 and channels % groups):
        remedy = f"groups that divide {w.shape[0] if channels == takes else channels}"
    elif x.shape[-1] == takes:
        order = (rank, *range(rank)) if single else (0, rank + 1, *range(1, rank + 1))
        remedy = f"channels come first: x.permute{order}"
    elif single and takes == 1:
        remedy = f"x.unsqueeze(1), if the {channels} are a batch"
    raise ShapeError(
        explain(
            f"{what}: {message}",
            where=user_line(),
            expected=f"input (batch, {takes}, {_places(rank)})",
            got=_both(x, w) + (f", groups={groups}" if groups > 1 else ""),
            try_=remedy,
        )
    )


def check_bias(what: str, w: Node, b: Node | None, channels: int) -> None:
    """Raise unless `b` has a number for each channel of the output.

    Raises:
        ShapeError: it has another shape.
    """
    if b is not None and b.shape != (channels,):
        raise ShapeError(
            explain(
                f"{what}: the bias does not fit the output's {_count(channels)}",
                where=user_line(),
                expected=f"bias ({channels},)",
                got=f"bias {b.shape}, weight {w.shape}",
            )
        )


def check_fits(what: str, x: Node, w: Node, before: Shape, after: Shape, dilation: Shape) -> None:
    """Raise unless the kernel fits into the input with its padding.

    Raises:
        ShapeError: it does not.
    """
    rank = len(dilation)
    size = x.shape[x.ndim - rank :]
    room = tuple(b + n + a for b, n, a in zip(before, size, after, strict=True))
    extent = tuple(d * (k - 1) + 1 for k, d in zip(w.shape[2:], dilation, strict=True))
    if any(r > n for r, n in zip(extent, room, strict=True)):
        wide = " (with its dilation)" if max(dilation) > 1 else ""
        raise ShapeError(
            explain(
                f"{what}: the kernel is larger than the input with its padding",
                where=user_line(),
                expected=f"{_places(rank)} of at least {extent}, over which the kernel{wide} goes",
                got=f"{room}: {_both(x, w)}, padding {before}",
                try_="a smaller kernel_size, more padding, or fewer layers that shrink before this",
            )
        )


def transposed_size(
    what: str,
    x: Node,
    w: Node,
    stride: Shape,
    padding: Shape,
    output_padding: Shape,
    dilation: Shape,
) -> tuple[Shape, Shape]:
    """The size of what a transposed convolution lays down, and of what is left of it.

    Raises:
        ArgumentError: an output_padding that another size of the input would make.
        ShapeError: nothing is left.
    """
    rank = len(stride)
    if any(e >= max(s, d) for e, s, d in zip(output_padding, stride, dilation, strict=True)):
        raise ArgumentError(
            explain(
                f"{what}: output_padding is too large",
                where=user_line(),
                expected="less than stride or dilation",
                got=f"output_padding={output_padding}, stride={stride}, dilation={dilation}",
            )
        )
    extent = [d * (k - 1) + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    sides = zip(x.shape[x.ndim - rank :], stride, extent, output_padding, strict=True)
    whole = tuple((n - 1) * s + r + e for n, s, r, e in sides)
    kept = tuple(n - 2 * p for n, p in zip(whole, padding, strict=True))
    if min(kept) < 1:
        raise ShapeError(
            explain(
                f"{what}: padding cuts everything off",
                where=user_line(),
                expected=f"2 * padding below {whole}, the size of the output without padding",
                got=f"padding={padding}, {_both(x, w)}",
                try_="a smaller padding",
            )
        )
    return whole, kept


def _count(channels: int) -> str:
    return "1 channel" if channels == 1 else f"{channels} channels"


def _places(rank: int) -> str:
    return ", ".join(_AXES[-rank:]) if rank > 1 else "length"


def _both(x: Node, w: Node) -> str:
    return f"input {x.shape} {x.dtype.name}, weight {w.shape} {w.dtype.name}"
