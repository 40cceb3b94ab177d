"""Batch norms that are no longer trained, made part of the layer before them."""

from __future__ import annotations

import copy
from typing import NoReturn, TypeVar

from zincir.creation import ones_like, zeros_like
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn.layers.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from zincir.nn.layers.linear import Linear
from zincir.nn.layers.normalization_batch import BatchNorm
from zincir.nn.module.module import Module
from zincir.nn.module.parameter import Parameter
from zincir.tensor import Tensor

C = TypeVar(
    "C", bound=Conv1d | Conv2d | Conv3d | ConvTranspose1d | ConvTranspose2d | ConvTranspose3d
)
L = TypeVar("L", bound=Linear)


def fuse_conv_bn_eval(conv: C, bn: BatchNorm, transpose: bool = False) -> C:
    """A copy of a convolution that computes bn(conv(x)); both are in evaluation.

    Args:
        transpose: the convolution is a transposed one.

    Raises:
        ArgumentError: one of them is in training, or the norm has no statistics.

    >>> import zincir
    >>> from zincir import nn
    >>> conv, bn, x = nn.Conv2d(1, 2, 3).eval(), nn.BatchNorm2d(2).eval(), zincir.randn(1, 1, 4, 4)
    >>> bool(zincir.allclose(fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-6))
    True
    """
    mean, var = _statistics("fuse_conv_bn_eval", conv, bn)
    new = copy.deepcopy(conv)
    numbers = (mean, var, bn.eps, bn.weight, bn.bias)
    new.weight, new.bias = fuse_conv_bn_weights(new.weight, new.bias, *numbers, transpose)
    return new


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution that a batch norm has been made part of.

    ```
    scale = bn_w / sqrt(bn_rv + bn_eps);   w = conv_w * scale;   b = (conv_b - bn_rm) * scale + bn_b
    ```

    >>> import zincir
    >>> x = zincir.ones(1)
    >>> w, b = fuse_conv_bn_weights(zincir.ones(1, 1, 1), x, 2 * x, 3 * x, 1.0, 4 * x, None)
    >>> w.item(), b.item()
    (2.0, -2.0)
    """
    channels = [1, -1] if transpose else [-1, 1]
    return _fused(conv_w, conv_b, (bn_rm, bn_rv, bn_eps, bn_w, bn_b), channels)


def fuse_linear_bn_eval(linear: L, bn: BatchNorm) -> L:
    """A copy of a linear layer that computes bn(linear(x)); both are in evaluation.

    Raises:
        ArgumentError: one of them is in training, the norm has no statistics, or another size.

    >>> import zincir
    >>> from zincir import nn
    >>> linear, bn, x = nn.Linear(3, 2).eval(), nn.BatchNorm1d(2).eval(), zincir.randn(4, 3)
    >>> bool(zincir.allclose(fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)), atol=1e-6))
    True
    """
    mean, var = _statistics("fuse_linear_bn_eval", linear, bn)
    if bn.num_features not in (linear.out_features, 1):
        _refuse(
            "fuse_linear_bn_eval: the norm has another size",
            f"{linear.out_features} features, or 1",
            str(bn.num_features),
        )
    if bn.weight is None or bn.bias is None:
        _refuse("fuse_linear_bn_eval: the norm has no weight or no bias", "affine=True", repr(bn))
    new = copy.deepcopy(linear)
    numbers = (mean, var, bn.eps, bn.weight, bn.bias)
    new.weight, new.bias = fuse_linear_bn_weights(new.weight, new.bias, *numbers)
    return new


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a linear layer, as `fuse_conv_bn_weights` computes them.

    >>> import zincir
    >>> x = zincir.ones(1)
    >>> w, b = fuse_linear_bn_weights(zincir.ones(1, 1), x, 2 * x, 3 * x, 1.0, 4 * x, x)
    >>> w.item(), b.item()
    (2.0, -1.0)
    """
    return _fused(linear_w, linear_b, (bn_rm, bn_rv, bn_eps, bn_w, bn_b), [-1, 1])


def _fused(
    w: Tensor,
    b: Tensor | None,
    norm: tuple[Tensor, Tensor, float, Tensor | None, Tensor | None],
    channels: list[int],
) -> tuple[Parameter, Parameter]:
    mean, var, eps, weight, bias = norm
    scale = (ones_like(mean) if weight is None else weight) * (var + eps).rsqrt()
    shift = zeros_like(mean) if bias is None else bias
    before = zeros_like(mean) if b is None else b
    new_w = w * scale.reshape(channels + [1] * (w.ndim - 2))
    new_b = (before - mean) * scale + shift
    dtype = w.dtype if b is None else b.dtype
    return (
        Parameter(new_w.to(w.dtype).detach(), w.requires_grad),
        Parameter(new_b.to(dtype).detach(), b is not None and b.requires_grad),
    )


def _statistics(what: str, layer: Module, bn: BatchNorm) -> tuple[Tensor, Tensor]:
    if layer.training or bn.training:
        _refuse(f"{what}: a layer is in training", "both in evaluation: layer.eval(), bn.eval()")
    if bn.running_mean is None or bn.running_var is None:
        _refuse(f"{what}: the norm has no statistics", "track_running_stats=True", repr(bn))
    return bn.running_mean, bn.running_var


def _refuse(what: str, expected: str, got: str = "") -> NoReturn:
    raise ArgumentError(explain(what, where=user_line(), expected=expected, got=got))
