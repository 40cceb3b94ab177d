"""What `torch` itself has of layers as functions: mostly those of `torch.nn.functional`.

Some take their arguments in another order, or others; these are written here.
"""

from __future__ import annotations

from typing import Any

from zincir.nn import functional as F
from zincir.tensor import Tensor

conv1d, conv2d, conv3d = F.conv1d, F.conv2d, F.conv3d
conv_transpose1d, conv_transpose2d = F.conv_transpose1d, F.conv_transpose2d
conv_transpose3d = F.conv_transpose3d
max_pool1d, max_pool2d, max_pool3d = F.max_pool1d, F.max_pool2d, F.max_pool3d
avg_pool1d, adaptive_avg_pool1d = F.avg_pool1d, F.adaptive_avg_pool1d
prelu, celu, selu, rrelu = F.prelu, F.celu, F.selu, F.rrelu
celu_, selu_, rrelu_ = F.celu_, F.selu_, F.rrelu_
hardshrink, threshold, threshold_ = F.hardshrink, F.threshold, F.threshold_
bilinear, rms_norm = F.bilinear, F.rms_norm
cosine_similarity, pairwise_distance, pdist = F.cosine_similarity, F.pairwise_distance, F.pdist
pixel_shuffle, pixel_unshuffle = F.pixel_shuffle, F.pixel_unshuffle
channel_shuffle = native_channel_shuffle = F.channel_shuffle


def adaptive_max_pool1d(input: Tensor, output_size: Any) -> Any:
    """`F.adaptive_max_pool1d` with the places of what was found."""
    return F.adaptive_max_pool1d(input, output_size, return_indices=True)


def max_pool1d_with_indices(input: Tensor, *args: Any, **options: Any) -> Any:
    """`F.max_pool1d` with the places of what was found."""
    return F.max_pool1d(input, *args, **options, return_indices=True)


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`F.dropout` whose last argument is called `train`.

    >>> import zincir
    >>> dropout(zincir.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return F.dropout(input, p, train)


def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`dropout`, in place."""
    return F.dropout(input, p, train, inplace=True)


def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`F.alpha_dropout`."""
    return F.alpha_dropout(input, p, train)


def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`F.feature_alpha_dropout`."""
    return F.feature_alpha_dropout(input, p, train)


def embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """`F.embedding` with the table in front; a `padding_idx` of -1 means none.

    >>> import zincir
    >>> embedding(zincir.tensor([[1.0], [2.0]]), zincir.tensor([1, 0])).tolist()
    [[2.0], [1.0]]
    """
    skipped = None if padding_idx == -1 else padding_idx
    return F.embedding(indices, weight, skipped, None, 2.0, scale_grad_by_freq, sparse)


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
    cudnn_enable: bool = True,
) -> Tensor:
    """`F.layer_norm`."""
    return F.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
    cudnn_enabled: bool = True,
) -> Tensor:
    """`F.group_norm`."""
    return F.group_norm(input, num_groups, weight, bias, eps)


def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """`F.batch_norm` with weights in front of running statistics."""
    given = (input, running_mean, running_var, weight, bias)
    return F.batch_norm(*given, training=training, momentum=momentum, eps=eps)


def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """`F.instance_norm` with weights in front of running statistics."""
    given = (input, running_mean, running_var, weight, bias, use_input_stats)
    return F.instance_norm(*given, momentum, eps)
