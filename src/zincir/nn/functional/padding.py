"""Borders: a tensor with something more, or something less, around its last dimensions.

A border is made of slices (of the other side, of the edge, mirrored) laid beside the tensor by
`cat`, or of one number around a region: nothing is looked up element by element.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.lower_precision import full_when
from zincir.nn.module.user_line import at_user_line, node_of
from zincir.operations.dims import is_several
from zincir.operations.movement import cat, expand, pad as surround, slice_
from zincir.tensor import Tensor, wrap
from zincir.types import Shape

MODES = ("constant", "reflect", "replicate", "circular")


def _is_full(
    input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> bool:
    """Whether `autocast` computes it in float32."""
    del input, value
    return mode == "replicate" or (mode == "reflect" and is_several(pad) and len(pad) < 6)


@full_when(_is_full)
@at_user_line
def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """`input` with a border: pad = (left, right, top, bottom, front, back), last dimension first.

    Shape: (..., H, W) -> (..., top + H + bottom, left + W + right), and so on. A negative number
    crops. With "constant", any number of dimensions; with the others the last 1, 2 or 3 behind one
    or two more (channels, batch). From https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html.

    Args:
        mode: what the border is made of. "constant": `value` (None is 0). "reflect": the input
            mirrored at its outermost elements, so less than its size. "replicate": its outermost
            elements. "circular": its other side, so no more than its size.

    >>> import zincir
    >>> pad(zincir.tensor([1.0, 2.0, 3.0]), (1, 2)).tolist()
    [0.0, 1.0, 2.0, 3.0, 0.0, 0.0]
    >>> pad(zincir.tensor([[1.0, 2.0, 3.0]]), (1, 2), mode="reflect").tolist()
    [[2.0, 1.0, 2.0, 3.0, 2.0, 1.0]]
    """
    x = node_of(input, "pad: input")
    numbers = _numbers(pad, x)
    if mode not in MODES:
        raise ArgumentError(
            explain(
                "pad: unknown mode",
                where=user_line(),
                expected=", ".join(map(repr, MODES)),
                got=repr(mode),
            )
        )
    if mode == "constant":
        return wrap(_constant(x, *_sides(numbers, x), 0.0 if value is None else value))
    if value:
        raise ArgumentError(
            explain(
                f"pad: mode {mode!r} takes no value",
                where=user_line(),
                got=f"value={value}",
                try_="mode='constant'",
            )
        )
    _check_dimensions(numbers, x, mode)
    for axis in range(x.ndim - len(numbers) // 2, x.ndim):
        at = 2 * (x.ndim - 1 - axis)
        x = _border(x, axis, numbers[at], numbers[at + 1], mode)
    return wrap(x)


def _numbers(pad: Sequence[int], x: Node) -> Shape:
    """The numbers of `pad`, checked."""
    numbers = tuple(pad) if isinstance(pad, Sequence) else (pad,)
    whole = all(hasattr(n, "__index__") and not isinstance(n, bool) for n in numbers)
    if whole and len(numbers) % 2 == 0 and len(numbers) <= 2 * x.ndim:
        return tuple(n.__index__() for n in numbers)
    what = "the numbers are not whole"
    if whole:
        what = "there are more numbers than the input has sides"
        if len(numbers) % 2:
            what = "an odd number of numbers"
    raise ArgumentError(
        explain(
            f"pad: {what}",
            where=user_line(),
            expected=f"up to {x.ndim} pairs of int, the last dimension first",
            got=f"pad={pad!r} for input {x.shape}",
            try_="(left, right), or (left, right, top, bottom)",
        )
    )


def _sides(numbers: Shape, x: Node) -> tuple[Shape, Shape]:
    """What comes before and after, for each axis of x."""
    rest = (0,) * (x.ndim - len(numbers) // 2)
    return rest + numbers[-2::-2], rest + numbers[-1::-2]


def _constant(x: Node, before: Shape, after: Shape, value: float) -> Node:
    starts = tuple(max(-b, 0) for b in before)
    sides = zip(x.shape, before, after, strict=True)
    sizes = tuple(n + min(b, 0) + min(a, 0) for n, b, a in sides)
    for axis, size in enumerate(sizes):
        if size < 0:
            raise _too_much_cropped(x, axis, before[axis], after[axis])
    kept = slice_(x, starts, (1,) * x.ndim, sizes)
    before, after = (tuple(max(n, 0) for n in side) for side in (before, after))
    if not any(before) and not any(after):
        return kept
    number: Any = (bool, int, float, complex)[x.dtype.category](value)
    return surround(kept, before, after, number)


def _too_much_cropped(x: Node, axis: int, before: int, after: int) -> ShapeError:
    return ShapeError(
        explain(
            f"pad: dimension {axis} has only {x.shape[axis]} elements, and more are cropped",
            where=user_line(),
            expected=f"less than {x.shape[axis]} cropped from dimension {axis}",
            got=f"input {x.shape}, ({before}, {after}) for dimension {axis}",
        )
    )


def _check_dimensions(numbers: Shape, x: Node, mode: str) -> None:
    pairs = len(numbers) // 2
    if pairs in (1, 2, 3) and x.ndim - pairs in (1, 2):
        return
    shapes = ("(C, W)", "(C, H, W)", "(C, D, H, W)")
    expected = f"input {shapes[pairs - 1]} or (N, {shapes[pairs - 1][1:]}" if pairs else ""
    raise ShapeError(
        explain(
            f"pad: mode {mode!r} does not pad {pairs} of {x.ndim} dimensions",
            where=user_line(),
            expected=expected if 0 < pairs < 4 else "1, 2 or 3 pairs of numbers",
            got=f"input {x.shape}, {2 * pairs} numbers",
            try_="x.unsqueeze(0) for a missing batch or channel; (0, 0) for a dimension to leave",
        )
    )


def _border(x: Node, axis: int, before: int, after: int, mode: str) -> Node:
    """`x` with a border before and after it along one axis."""
    if not before and not after:
        _check_not_empty(x, axis, 0, 0, mode)
        return x
    size = x.shape[axis]
    kept_size = size + min(before, 0) + min(after, 0)
    if kept_size < 0 or -min(before, after) > size:
        raise _too_much_cropped(x, axis, before, after)
    _check_not_empty(x, axis, before, after, mode)
    kept = _part(x, axis, max(-before, 0), kept_size)
    source = kept if mode == "circular" else x  # PyTorch mirrors what was there before cropping
    size = source.shape[axis]
    _check_enough(x, axis, before, after, mode, size)
    first = {"reflect": before, "circular": size - before}.get(mode, 0)
    last = {"reflect": size - 2, "circular": 0}.get(mode, size - 1)
    step = -1 if mode == "reflect" else 1
    parts = [kept] if kept_size else []
    if before > 0:
        parts.insert(0, _strip(source, axis, first, step, before, mode))
    if after > 0:
        parts.append(_strip(source, axis, last, step, after, mode))
    return cat(parts or [kept], axis)


def _check_not_empty(x: Node, axis: int, before: int, after: int, mode: str) -> None:
    if mode != "circular" and x.shape[axis] + before + after < 1:
        raise ShapeError(
            explain(
                f"pad: nothing is left of dimension {axis} in mode {mode!r}",
                where=user_line(),
                expected="at least one element in what comes out",
                got=f"input {x.shape}, ({before}, {after}) for dimension {axis}",
            )
        )


def _check_enough(x: Node, axis: int, before: int, after: int, mode: str, size: int) -> None:
    """A border is cut from what there is: less than all of it mirrored, all of it at most."""
    most = {"reflect": size - 1, "circular": size}.get(mode)
    if most is None and size == 0:
        most = 0
    if most is not None and max(before, after) > most:
        raise ShapeError(
            explain(
                f"pad: mode {mode!r} cannot pad dimension {axis} of size {size} by "
                f"{max(before, after)}",
                where=user_line(),
                expected=f"at most {max(most, 0)}, as the border is made of the input",
                got=f"input {x.shape}, ({before}, {after}) for dimension {axis}",
                try_="mode='constant', or a smaller border" if most <= 0 else "a smaller border",
            )
        )


def _part(x: Node, axis: int, start: int, size: int, step: int = 1) -> Node:
    starts = tuple(start if i == axis else 0 for i in range(x.ndim))
    steps = tuple(step if i == axis else 1 for i in range(x.ndim))
    return slice_(x, starts, steps, (*x.shape[:axis], size, *x.shape[axis + 1 :]))


def _strip(x: Node, axis: int, start: int, step: int, size: int, mode: str) -> Node:
    if mode != "replicate":
        return _part(x, axis, start, size, step)
    return expand(_part(x, axis, start, 1), (*x.shape[:axis], size, *x.shape[axis + 1 :]))
