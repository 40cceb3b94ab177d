"""Layers, activations and losses as functions of tensors, under PyTorch's names."""

from __future__ import annotations

from zincir.errors import DTypeError, ShapeError, explain
from zincir.graph.node import Node
from zincir.nn.adaptive_pool import (
    adaptive_avg_pool1d as adaptive_avg_pool1d,
    adaptive_avg_pool2d as adaptive_avg_pool2d,
    adaptive_avg_pool3d as adaptive_avg_pool3d,
    adaptive_max_pool1d as adaptive_max_pool1d,
    adaptive_max_pool2d as adaptive_max_pool2d,
    adaptive_max_pool3d as adaptive_max_pool3d,
)
from zincir.nn.columns import fold as fold, unfold as unfold
from zincir.nn.convolve import (
    conv1d as conv1d,
    conv2d as conv2d,
    conv3d as conv3d,
    conv_transpose1d as conv_transpose1d,
    conv_transpose2d as conv_transpose2d,
    conv_transpose3d as conv_transpose3d,
)
from zincir.nn.criteria import (
    binary_cross_entropy as binary_cross_entropy,
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
    huber_loss as huber_loss,
    kl_div as kl_div,
    l1_loss as l1_loss,
    mse_loss as mse_loss,
    smooth_l1_loss as smooth_l1_loss,
)
from zincir.nn.cross_entropy import cross_entropy as cross_entropy, nll_loss as nll_loss
from zincir.nn.drop import (
    alpha_dropout as alpha_dropout,
    dropout as dropout,
    dropout1d as dropout1d,
    dropout2d as dropout2d,
    dropout3d as dropout3d,
    feature_alpha_dropout as feature_alpha_dropout,
    stochastic_depth as stochastic_depth,
)
from zincir.nn.labels import checked_labels as _checked_labels
from zincir.nn.lookup import embedding as embedding
from zincir.nn.nonlinear import (
    elu as elu,
    gelu as gelu,
    glu as glu,
    hardsigmoid as hardsigmoid,
    hardswish as hardswish,
    hardtanh as hardtanh,
    leaky_relu as leaky_relu,
    log_softmax as log_softmax,
    logsigmoid as logsigmoid,
    mish as mish,
    prelu as prelu,
    relu as relu,
    relu6 as relu6,
    selu as selu,
    sigmoid as sigmoid,
    silu as silu,
    softmax as softmax,
    softplus as softplus,
    softsign as softsign,
    tanh as tanh,
)
from zincir.nn.normalize import (
    batch_norm as batch_norm,
    group_norm as group_norm,
    instance_norm as instance_norm,
    layer_norm as layer_norm,
    local_response_norm as local_response_norm,
    rms_norm as rms_norm,
)
from zincir.nn.padding import pad as pad
from zincir.nn.place import (
    at_user_line as _at_user_line,
    floats as _floats,
    node_of as _node_of,
    where_am_i as _where_am_i,
)
from zincir.nn.pool import (
    avg_pool1d as avg_pool1d,
    avg_pool2d as avg_pool2d,
    avg_pool3d as avg_pool3d,
    lp_pool1d as lp_pool1d,
    lp_pool2d as lp_pool2d,
    lp_pool3d as lp_pool3d,
    max_pool1d as max_pool1d,
    max_pool2d as max_pool2d,
    max_pool3d as max_pool3d,
)
from zincir.nn.resize import interpolate as interpolate
from zincir.nn.sampling import affine_grid as affine_grid, grid_sample as grid_sample
from zincir.nn.shuffle import (
    channel_shuffle as channel_shuffle,
    pixel_shuffle as pixel_shuffle,
    pixel_unshuffle as pixel_unshuffle,
)
from zincir.nn.unpool import (
    max_unpool1d as max_unpool1d,
    max_unpool2d as max_unpool2d,
    max_unpool3d as max_unpool3d,
)
from zincir.ops.arithmetic import (
    cast as _cast,
    compare as _compare,
    maximum as _maximum,
    where as _where,
)
from zincir.ops.composed import one_axis as _one_axis
from zincir.ops.contraction import matmul as _matmul
from zincir.ops.elementwise import sqrt as _sqrt
from zincir.ops.movement import reshape as _reshape, sum_ as _sum, swap_last as _swap_last
from zincir.ops.source import iota as _iota
from zincir.tensor import Tensor, wrap as _wrap
from zincir.types import int32, int64, size as _size


@_at_user_line
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Computes input @ weight.T + bias.

    Shape: input (..., in), weight (out, in), bias (out,) -> (..., out);
    of one feature also weight (in,), bias () -> (...).

    >>> import zincir
    >>> linear(zincir.ones(2, 3), zincir.ones(4, 3)).shape
    (2, 4)
    """
    x, w = _node_of(input, "linear: input"), _node_of(weight, "linear: weight")
    b = None if bias is None else _node_of(bias, "linear: bias")
    if w.ndim == 1 and x.ndim and (b is None or not b.ndim):
        one = None if b is None else _wrap(_reshape(b, (1,)))
        y = linear(_wrap(x), _wrap(_reshape(w, (1, *w.shape))), one)
        return _wrap(_reshape(y._node, x.shape[:-1]))
    if w.ndim != 2 or not x.ndim or x.shape[-1] != w.shape[1] or (b and b.shape != w.shape[:1]):
        raise _linear_shapes(x, w, b)
    if x.dtype is not w.dtype:
        raise _linear_types(x, w)
    rows = x if x.ndim == 2 else _reshape(x, (_size(x.shape[:-1]), x.shape[-1]))
    y = _matmul(rows, _swap_last(w))
    y = y if b is None else y + b
    return _wrap(y if x.ndim == 2 else _reshape(y, (*x.shape[:-1], w.shape[0])))


def _linear_shapes(x: Node, w: Node, b: Node | None) -> ShapeError:
    features = x.shape[-1] if x.ndim else 0
    known = w.shape[1] if w.ndim == 2 else "?"
    remedy = "check the output of the layer before this one"
    if w.ndim == 2 and features != known:
        remedy = f"Linear(in_features={features}, ...), or {remedy}"
        if x.ndim > 2 and _size(x.shape[1:]) == known:
            remedy = "nn.Flatten() before this layer, or x.flatten(1)"
    return ShapeError(
        explain(
            f"linear: input has {features} features, weight takes {known}"
            if features != known
            else "linear: weight or bias has a wrong shape",
            where=_where_am_i(),
            expected="input (..., in), weight (out, in), bias (out,)",
            got=f"input {x.shape} {x.dtype.name}, weight {w.shape} {w.dtype.name}"
            + (f", bias {b.shape}" if b else ""),
            try_=remedy,
        )
    )


def _linear_types(x: Node, w: Node) -> DTypeError:
    return DTypeError(
        explain(
            f"linear: input is {x.dtype.name}, weight is {w.dtype.name}",
            where=_where_am_i(),
            expected="the same type",
            got=f"input {x.shape} {x.dtype.name}, weight {w.shape} {w.dtype.name}",
            try_="x.double()" if w.dtype.name == "float64" else "x.float(), or model.double()",
        )
    )


@_at_user_line
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the place each label names, 0 elsewhere; int64.

    Shape: (...) -> (..., num_classes); -1 stands for the largest label plus one.

    >>> import zincir
    >>> one_hot(zincir.tensor([0, 2])).tolist()
    [[1, 0, 0], [0, 0, 1]]
    """
    labels = _node_of(tensor, "one_hot: labels")
    if labels.dtype.category != 1:
        raise DTypeError(
            explain(
                "one_hot: labels are not integers",
                where=_where_am_i(),
                got=f"{labels.dtype.name} {labels.shape}",
                try_="labels.long()",
            )
        )
    if num_classes == -1:
        num_classes = int(tensor.amax().item()) + 1 if tensor.numel() else 0
    label = _reshape(_checked_labels(labels, num_classes, None).number, (*labels.shape, 1))
    places = _iota((*labels.shape, num_classes), labels.ndim, int32)
    return _wrap(_cast(_compare("eq", places, label), int64))


@_at_user_line
def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Computes x / max(norm of x along dim, eps), the norm being (sum |x|**p) ** (1 / p).

    >>> import zincir
    >>> normalize(zincir.tensor([[3.0, 4.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    x = _floats(input, "normalize: input")
    axes = (_one_axis(dim, x.ndim),) if x.ndim else ()
    if p == 2.0:
        norm = _norm(x, axes)
    else:
        norm = (_wrap(x).abs() ** p).sum(axes, keepdim=True)._node
        norm = (_wrap(norm) ** (1.0 / p))._node
    return _wrap(x / _maximum(norm, eps))


def _norm(x: Node, axes: tuple[int, ...]) -> Node:
    """The Euclidean norm; its gradient at 0 is 0."""
    square = _sum(x * x, axes)
    zero = _compare("eq", square, 0.0)
    return _where(zero, 0.0, _sqrt(_where(zero, 1.0, square)))


@_at_user_line
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (max(|x1|, eps) * max(|x2|, eps)) along `dim`, which goes.

    >>> import zincir
    >>> cosine_similarity(zincir.tensor([[1.0, 0.0]]), zincir.tensor([[2.0, 0.0]])).tolist()
    [1.0]
    """
    a, b = _floats(x1, "cosine_similarity: x1"), _floats(x2, "cosine_similarity: x2")
    if a.ndim != b.ndim:
        raise ShapeError(
            explain(
                "cosine_similarity: the tensors have different numbers of axes",
                where=_where_am_i(),
                got=f"{a.shape} and {b.shape}",
            )
        )
    axis = _one_axis(dim, a.ndim)
    product = _sum(a * b, (axis,))
    y = product / (_maximum(_norm(a, (axis,)), eps) * _maximum(_norm(b, (axis,)), eps))
    return _wrap(_reshape(y, (*y.shape[:axis], *y.shape[axis + 1 :])))
