"""Batch and instance norms as functions: each channel normalised, and its statistics followed."""

from __future__ import annotations

from zincir.errors import ArgumentError, explain
from zincir.graph.node import Node, grad_mode, user_line
from zincir.nn.functional.normalization import channelwise, scaled, standardised
from zincir.nn.functional.normalization_checks import (
    need_axes,
    of_channels,
    one_value,
    takes_float32_beside_halves,
)
from zincir.nn.module.user_line import at_user_line, floats
from zincir.operations.arithmetic import cast, compare, copy, where
from zincir.operations.elementwise import sqrt
from zincir.operations.movement import expand, reshape, slice_, sum_
from zincir.operations.source import const, detach, with_gradient_of
from zincir.tensor import Tensor, wrap
from zincir.types import float64, size


@takes_float32_beside_halves
@at_user_line
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel, the second axis.

    In training, mean and variance are those of the batch, and the running ones, where given, are
    changed in place: running = (1 - momentum) * running + momentum * now. The variance divides by
    n for the result and by n - 1 for `running_var`. Otherwise the running ones are used.

    Shape: input (batch, channels, ...), unchanged; all else (channels,).
    From https://arxiv.org/abs/1502.03167.

    >>> import zincir
    >>> x = zincir.tensor([[1.0], [3.0]])
    >>> mean, var = zincir.zeros(1), zincir.ones(1)
    >>> batch_norm(x, mean, var, training=True, momentum=0.5, eps=0.0).tolist()
    [[-1.0], [1.0]]
    >>> mean.tolist(), var.tolist()
    ([1.0], [1.5])
    """
    x = floats(input, "batch_norm: input")
    if x.shape == (0,):
        return wrap(copy(x))  # nothing, which PyTorch takes for what has no channels
    need_axes("batch_norm", x, 2)
    given = of_channels("batch_norm", x, running_mean, running_var, weight, bias)
    channels = (1, x.shape[1]) + (1,) * (x.ndim - 2)
    axes = (0, *range(2, x.ndim))
    scale, offset = channelwise(given, channels)
    if not training:
        if running_mean is None or running_var is None:
            raise _no_statistics("batch_norm", "training")
        mean = reshape(given["running_mean"], channels)
        inverse = 1.0 / sqrt(reshape(given["running_var"], channels) + eps)
        y = (x - mean) * (inverse if scale is None else inverse * scale)
        return wrap(y if offset is None else y + offset)
    count = size(x.shape) // max(x.shape[1], 1)
    if count == 1:
        raise one_value("batch_norm", "value per channel", x)
    if not size(x.shape):
        return wrap(scaled(x, scale, offset))
    mean, var = _channel_statistics(x, axes)
    # Only gradients go through these sums. The mean's distance from the mean is 0; with it, the
    # gradients of both statistics are sums over one pass.
    centred, share = x - mean, 1.0 / count
    moved = with_gradient_of(expand(const(0, x.dtype), mean.shape), sum_(centred, axes) * share)
    var = with_gradient_of(var, sum_(centred * centred, axes) * share - moved * moved)
    with grad_mode(False):
        _follow(running_mean, mean, momentum)
        _follow(running_var, var * (count / (count - 1)), momentum)
    inverse = 1.0 / sqrt(var + eps)
    scale = inverse if scale is None else inverse * scale
    rest = -moved * scale
    return wrap(centred * scale + (rest if offset is None else offset + rest))


_PIECE, _PIECES = 4096, 64
"""Statistics of more elements are taken in pieces, of which there are so many at most."""


def _channel_statistics(x: Node, axes: tuple[int, ...]) -> tuple[Node, Node]:
    """Mean and variance of each channel, as constants of differentiation.

    The batch is gone over once, in pieces: of each, sums of the distance from one of its own
    elements, and of its square. That element is seldom more than a few standard deviations from
    the mean, so that the difference of squares cancels few bits. What pieces have is put together
    around the mean of all (Chan, Golub and LeVeque 1979).
    """
    x = detach(x)
    n = x.shape[0]
    count = size(tuple(x.shape[a] for a in axes))
    pieces = 1
    if count >= _PIECE:
        pieces = max(p for p in range(1, _PIECES + 1) if n % p == 0)
    cut, share = reshape(x, (pieces, n // pieces, *x.shape[1:])), pieces / count
    inner = (1, *[a + 1 for a in axes[1:]])
    starts = tuple(k // 2 if a in inner else 0 for a, k in enumerate(cut.shape))
    sizes = tuple(1 if a in inner else k for a, k in enumerate(cut.shape))
    shift = slice_(cut, starts, (1,) * cut.ndim, sizes)
    away = cut - shift
    moved = sum_(away, inner) * share
    square = sum_(away * away, inner) * share - moved * moved
    mean, var = shift + moved, where(compare("lt", square, 0.0), 0.0, square)
    if pieces > 1:
        # In double precision: there are few numbers, and each rounding is one of the result.
        mean, var = cast(shift, float64) + cast(moved, float64), cast(var, float64)
        whole = sum_(mean, (0,)) * (1.0 / pieces)
        away = mean - whole
        mean, var = whole, sum_(var + away * away, (0,)) * (1.0 / pieces)
        mean, var = cast(mean, x.dtype), cast(var, x.dtype)
    keep = tuple(1 if a in axes else k for a, k in enumerate(x.shape))
    return reshape(mean, keep), reshape(var, keep)


def _follow(running: Tensor | None, now: Node, momentum: float | Tensor) -> None:
    """Move a running statistic towards the present one, in place."""
    if running is None:
        return
    old = running._node
    new = reshape(now, old.shape)
    step = cast(momentum._node, old.dtype) if isinstance(momentum, Tensor) else momentum
    running.copy_(wrap(old * (1.0 - step) + new * step))


@takes_float32_beside_halves
@at_user_line
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and var for each channel of each example.

    Running statistics, where given, follow the mean over the batch of those of the examples, as
    in `batch_norm`; with `use_input_stats=False` they are used in their place.

    Shape: input (batch, channels, length, ...), unchanged; all else (channels,).
    From https://arxiv.org/abs/1607.08022.

    >>> import zincir
    >>> instance_norm(zincir.tensor([[[1.0, 3.0]], [[5.0, 9.0]]]), eps=0.0).tolist()
    [[[-1.0, 1.0]], [[-1.0, 1.0]]]
    """
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise _no_statistics("instance_norm", "use_input_stats")
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    x = floats(input, "instance_norm: input")
    need_axes("instance_norm", x, 3)
    given = of_channels("instance_norm", x, running_mean, running_var, weight, bias)
    count = size(x.shape[2:])
    if count == 1:
        raise one_value("instance_norm", "spatial element", x)
    y, mean, var = standardised(x, tuple(range(2, x.ndim)), eps)
    if size(x.shape):
        share = 1.0 / x.shape[0]
        with grad_mode(False):
            _follow(running_mean, sum_(mean, (0,)) * share, momentum)
            _follow(running_var, sum_(var, (0,)) * (share * count / (count - 1)), momentum)
    return wrap(scaled(y, *channelwise(given, (1, x.shape[1]) + (1,) * (x.ndim - 2))))


def _no_statistics(what: str, switch: str) -> ArgumentError:
    answer = "training=True" if switch == "training" else "use_input_stats=True"
    return ArgumentError(
        explain(
            f"{what}: no running statistics to normalise with",
            where=user_line(),
            expected=f"running_mean and running_var, or {answer}",
            try_=f"{answer} to use those of the input",
        )
    )
