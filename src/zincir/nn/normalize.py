"""Normalisation as functions: activations are given a mean and a spread of their own."""

from __future__ import annotations

from collections.abc import Sequence

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import MODE, Node, grad_mode
from zincir.nn.place import at_user_line, floats, where_am_i
from zincir.ops.arithmetic import cast, compare, where
from zincir.ops.elementwise import sqrt
from zincir.ops.movement import expand, pad, reshape, slice_, sum_, windows
from zincir.ops.powers import power
from zincir.ops.source import const, custom, detach, graft
from zincir.tensor import Tensor, wrap
from zincir.types import Shape, float64, size


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
    _need_axes("batch_norm", x, 2)
    given = _of_channels("batch_norm", x, running_mean, running_var, weight, bias)
    channels = (1, x.shape[1]) + (1,) * (x.ndim - 2)
    axes = (0, *range(2, x.ndim))
    scale, offset = _channelwise(given, channels)
    if not training:
        if running_mean is None or running_var is None:
            raise _no_statistics("batch_norm", "training")
        mean = reshape(given["running_mean"], channels)
        inverse = 1.0 / sqrt(reshape(given["running_var"], channels) + eps)
        y = (x - mean) * (inverse if scale is None else inverse * scale)
        return wrap(y if offset is None else y + offset)
    count = size(x.shape) // max(x.shape[1], 1)
    if count == 1:
        raise _one_value("batch_norm", "value per channel", x)
    if not size(x.shape):
        return wrap(_scaled(x, scale, offset))
    mean, var = _channel_statistics(x, axes)
    # Only gradients go through these sums. The mean's distance from the mean is 0; with it, the
    # gradients of both statistics are sums over one pass.
    centred, share = x - mean, 1.0 / count
    moved = graft(expand(const(0, x.dtype), mean.shape), sum_(centred, axes) * share)
    var = graft(var, sum_(centred * centred, axes) * share - moved * moved)
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
    _need_axes("instance_norm", x, 3)
    given = _of_channels("instance_norm", x, running_mean, running_var, weight, bias)
    count = size(x.shape[2:])
    if count == 1:
        raise _one_value("instance_norm", "spatial element", x)
    y, mean, var = _standardised(x, tuple(range(2, x.ndim)), eps)
    if size(x.shape):
        share = 1.0 / x.shape[0]
        with grad_mode(False):
            _follow(running_mean, sum_(mean, (0,)) * share, momentum)
            _follow(running_var, sum_(var, (0,)) * (share * count / (count - 1)), momentum)
    return wrap(_scaled(y, *_channelwise(given, (1, x.shape[1]) + (1,) * (x.ndim - 2))))


@at_user_line
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and var for each group of channels.

    Channels are cut into `num_groups` groups of neighbours; every example has its own mean and
    variance for each. With one group all channels share them, with as many groups as channels it
    is `instance_norm`.

    Shape: input (batch, channels, ...), unchanged; weight and bias (channels,).
    From https://arxiv.org/abs/1803.08494.

    >>> import zincir
    >>> group_norm(zincir.tensor([[1.0, 3.0, 5.0, 9.0]]), 2, eps=0.0).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """
    x = floats(input, "group_norm: input")
    _need_axes("group_norm", x, 2)
    channels = x.shape[1]
    if num_groups < 1 or channels % num_groups:
        raise ShapeError(
            explain(
                f"group_norm: {channels} channels cannot be cut into {num_groups} groups",
                where=where_am_i(),
                expected="num_groups, 1 or more, that divides the number of channels",
                got=f"input {x.shape}, num_groups={num_groups}",
            )
        )
    given = _of_channels("group_norm", x, None, None, weight, bias)
    groups = (num_groups, channels // num_groups)
    if x.shape[0] * groups[1] * size(x.shape[2:]) == 1:
        raise _one_value("group_norm", "value per channel", x)
    # Only an axis is cut in two, which is free even if x is not contiguous.
    cut = reshape(x, (x.shape[0], *groups, *x.shape[2:]))
    y, _, _ = _standardised(cut, tuple(range(2, cut.ndim)), eps)
    y = _scaled(y, *_channelwise(given, (1, *groups) + (1,) * (x.ndim - 2)))
    return wrap(reshape(y, x.shape))


@at_user_line
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last axes.

    Shape: input (..., *normalized_shape), unchanged; weight and bias normalized_shape.
    From https://arxiv.org/abs/1607.06450.

    >>> import zincir
    >>> layer_norm(zincir.tensor([[-1.0, 1.0]]), (2,), eps=0.0).tolist()
    [[-1.0, 1.0]]
    """
    x = floats(input, "layer_norm: input")
    given, axes = _over_last("layer_norm", "LayerNorm", x, normalized_shape, weight, bias)
    y, _, _ = _standardised(x, axes, eps)
    return wrap(_scaled(y, given.get("weight"), given.get("bias")))


@at_user_line
def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Computes x / sqrt(mean(x * x) + eps) * weight, the mean being over the last axes.

    `eps=None` stands for the distance from 1 to the next number of the input's type.

    Shape: input (..., *normalized_shape), unchanged; weight normalized_shape.
    From https://arxiv.org/abs/1910.07467.

    >>> import zincir
    >>> rms_norm(zincir.tensor([[3.0, -3.0]]), (2,), eps=0.0).tolist()
    [[1.0, -1.0]]
    """
    x = floats(input, "rms_norm: input")
    given, axes = _over_last("rms_norm", "RMSNorm", x, normalized_shape, weight, None)
    if eps is None:
        eps = 2.0**-52 if x.dtype is float64 else 2.0**-23
    share = 1.0 / max(size(tuple(x.shape[a] for a in axes)), 1)
    y = x * (1.0 / sqrt(sum_(x * x, axes) * share + eps))
    return wrap(_scaled(y, given.get("weight"), None))


@at_user_line
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Computes x / (k + alpha * mean of x * x)**beta, the mean being over `size` channels around.

    Of the `size` channels, size // 2 stand before; those beyond the first and last count as 0.

    Shape: (batch, channels, length, ...), unchanged. From section 3.3 of Krizhevsky et al. 2012,
    where alpha is 1 / size of the one here.

    >>> import zincir
    >>> x = zincir.tensor([[[2.0], [0.0], [0.0]]])
    >>> local_response_norm(x, 2, alpha=2.0, beta=1.0, k=0.0).tolist()[0][0]
    [0.5]
    """
    x = floats(input, "local_response_norm: input")
    _need_axes("local_response_norm", x, 3)
    if size < 1:
        raise ArgumentError(
            explain(
                "local_response_norm: size is not a number of channels",
                where=where_am_i(),
                expected="1 or more",
                got=str(size),
            )
        )
    if not all(x.shape):
        return input
    around = _sum_around(x * x, size // 2, (size - 1) // 2)
    return wrap(x * power(around * (alpha / size) + k, -beta))


class _SumAround:
    """The gradient of `_sum_around`: the same sum, with before and after changed round.

    The gradient of a view of windows would be laid out whole: `size` times as large as x.
    """

    def __init__(self, before: int, after: int) -> None:
        self._ends = before, after

    def backward(self, g: Node, y: Node, inputs: Sequence[Node]) -> list[Node]:
        before, after = self._ends
        return [_sum_around(g, after, before)]


def _sum_around(x: Node, before: int, after: int) -> Node:
    """For each channel the sum of it, so many before it, and so many after it."""
    others = (0,) * (x.ndim - 2)
    with grad_mode(False):
        padded = pad(x, (0, before, *others), (0, after, *others))
        ones = (1,) * x.ndim
        parts = windows(padded, (1, before + 1 + after, *ones[2:]), ones, ones)
        total = reshape(sum_(parts, (x.ndim + 1,)), x.shape)
    if not (MODE.grad and x.needs_grad):
        return total
    return custom(total, (x,), _SumAround(before, after))


def _standardised(x: Node, axes: tuple[int, ...], eps: float) -> tuple[Node, Node, Node]:
    """What has mean 0 and variance 1 over `axes`, and the mean and variance of x."""
    share = 1.0 / max(size(tuple(x.shape[a] for a in axes)), 1)
    mean = sum_(x, axes) * share
    centred = x - mean
    var = sum_(centred * centred, axes) * share
    return centred * (1.0 / sqrt(var + eps)), mean, var


def _scaled(y: Node, weight: Node | None, bias: Node | None) -> Node:
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def _channelwise(given: dict[str, Node], shape: Shape) -> tuple[Node | None, Node | None]:
    """Weight and bias as they are multiplied with and added to."""
    weight, bias = given.get("weight"), given.get("bias")
    return (
        None if weight is None else reshape(weight, shape),
        None if bias is None else reshape(bias, shape),
    )


# Checks ------------------------------------------------------------------------------------------


def _nodes(what: str, x: Node, **tensors: Tensor | None) -> dict[str, Node]:
    """The nodes of the tensors that are there, by name; all must have the type of x."""
    given = {k: floats(v, f"{what}: {k}") for k, v in tensors.items() if v is not None}
    for name, node in given.items():
        if node.dtype is not x.dtype:
            raise DTypeError(
                explain(
                    f"{what}: input is {x.dtype.name}, {name} is {node.dtype.name}",
                    where=where_am_i(),
                    expected="the same type",
                    got=f"input {x.shape} {x.dtype.name}, {name} {node.shape} {node.dtype.name}",
                    try_="x.double()"
                    if node.dtype.name == "float64"
                    else "x.float(), or model.double()",
                )
            )
    return given


def _need_axes(what: str, x: Node, least: int) -> None:
    if x.ndim < least:
        expected = "(batch, channels, ...)" if least == 2 else "(batch, channels, length, ...)"
        raise ShapeError(
            explain(
                f"{what}: input has too few axes",
                where=where_am_i(),
                expected=expected,
                got=str(x.shape),
                try_="x.unsqueeze(0) if the batch is missing",
            )
        )


def _of_channels(
    what: str,
    x: Node,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
) -> dict[str, Node]:
    """What is given for each channel, by name; every one has one number for each."""
    given = _nodes(
        what, x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    channels = x.shape[1]
    for name, node in given.items():
        if node.shape != (channels,):
            raise ShapeError(
                explain(
                    f"{what}: input has {channels} channels, {name} is for {size(node.shape)}",
                    where=where_am_i(),
                    expected=f"input (batch, channels, ...), {name} (channels,)",
                    got=f"input {x.shape}, {name} {node.shape}",
                    try_=f"a layer made for {channels} channels, "
                    "or check the output of the layer before this one",
                )
            )
    return given


def _over_last(
    what: str,
    layer: str,
    x: Node,
    normalized_shape: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
) -> tuple[dict[str, Node], tuple[int, ...]]:
    """Weight and bias, and the axes that `normalized_shape` names."""
    shape = tuple(normalized_shape)
    given = _nodes(what, x, weight=weight, bias=bias)
    fits = shape and x.shape[-len(shape) :] == shape
    if not fits or any(v.shape != shape for v in given.values()):
        got = "".join(f", {k} {v.shape}" for k, v in given.items())
        raise ShapeError(
            explain(
                f"{what}: the last axes are not those to normalise",
                where=where_am_i(),
                expected=f"input (..., {', '.join(map(str, shape))}), weight and bias {shape}",
                got=f"input {x.shape}{got}",
                try_=f"{layer}({x.shape[-1] if x.ndim else 1}) for this input",
            )
        )
    return given, tuple(range(x.ndim - len(shape), x.ndim))


def _no_statistics(what: str, switch: str) -> ArgumentError:
    answer = "training=True" if switch == "training" else "use_input_stats=True"
    return ArgumentError(
        explain(
            f"{what}: no running statistics to normalise with",
            where=where_am_i(),
            expected=f"running_mean and running_var, or {answer}",
            try_=f"{answer} to use those of the input",
        )
    )


def _one_value(what: str, of: str, x: Node) -> ShapeError:
    return ShapeError(
        explain(
            f"{what}: expected more than 1 {of} when training",
            where=where_am_i(),
            expected="at least two numbers to take a mean and a variance of",
            got=f"input {x.shape}",
            try_="a larger batch (drop_last=True leaves a last batch of one out), or model.eval()",
        )
    )
