"""Dropout as functions: elements, channels or whole branches switched off at random."""

from __future__ import annotations

import math
import warnings

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.generator import default_generator
from zincir.graph.node import Node, user_line
from zincir.nn.functional.activation import SELU_ALPHA, SELU_SCALE
from zincir.nn.module.user_line import at_user_line, floats
from zincir.operations.arithmetic import compare, where
from zincir.operations.random import uniform
from zincir.tensor import Tensor, wrap
from zincir.types import Shape, size

_LEAST = -SELU_SCALE * SELU_ALPHA
"""What SELU gives for very negative numbers: the value of what `alpha_dropout` switches off."""


@at_user_line
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element zero with probability p, else 1 / (1 - p) times larger.

    Shape: any, unchanged. From https://arxiv.org/abs/1207.0580.

    >>> import zincir
    >>> dropout(zincir.ones(3), 0.5, training=False).tolist()
    [1.0, 1.0, 1.0]
    """
    check_probability("dropout", p)
    if not training or p == 0.0:
        return input
    x = floats(input, "dropout: input")
    return _out(_dropped(x, p, x.shape), input, inplace)


@at_user_line
def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Each channel of each example zero with probability p, else 1 / (1 - p) times larger.

    Shape: (batch, channels, length) or (channels, length), unchanged.
    From https://arxiv.org/abs/1411.4280.

    >>> import zincir
    >>> y = dropout1d(zincir.ones(4, 5, 6))
    >>> (y == y[:, :, :1]).all().item()
    True
    """
    what = "dropout1d"
    check_probability(what, p)
    x = floats(input, f"{what}: input")
    if x.ndim not in (2, 3):
        raise _axes(what, x, "(batch, channels, length) or (channels, length)")
    return _channels(x, input, p, training, inplace, x.ndim - 1)


@at_user_line
def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Each channel of each example zero with probability p, else 1 / (1 - p) times larger.

    Shape: (batch, channels, height, width), unchanged. With a warning, as in PyTorch, any other
    number of axes is taken for (batch, channels, ...): there is no input without a batch. From https://arxiv.org/abs/1411.4280.

    >>> import zincir
    >>> y = dropout2d(zincir.ones(4, 5, 6, 6))
    >>> (y == y[:, :, :1, :1]).all().item()
    True
    """
    what = "dropout2d"
    check_probability(what, p)
    x = floats(input, f"{what}: input")
    if x.ndim == 3:
        _warn(what, "3 axes, taken for (batch, channels, length)", "dropout1d")
    elif x.ndim != 4:
        _warn(what, f"{x.ndim} axes, taken for (batch, channels, ...)", "dropout")
    if x.ndim < 2 and training:
        raise _axes(what, x, "(batch, channels, height, width)")
    return _channels(x, input, p, training, inplace, 2)


@at_user_line
def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Each channel of each example zero with probability p, else 1 / (1 - p) times larger.

    Shape: (batch, channels, depth, height, width), or the same without a batch, unchanged. With a
    warning, as in PyTorch, any other number of axes is taken for (channels, ...).
    From https://arxiv.org/abs/1411.4280.

    >>> import zincir
    >>> dropout3d(zincir.ones(1, 2, 3, 3, 3), training=False).shape
    (1, 2, 3, 3, 3)
    """
    what = "dropout3d"
    check_probability(what, p)
    x = floats(input, f"{what}: input")
    if x.ndim not in (4, 5):
        _warn(what, f"{x.ndim} axes, taken for (channels, ...)", "dropout")
    if x.ndim < 1 and training:
        raise _axes(what, x, "(batch, channels, depth, height, width), or without batch")
    return _channels(x, input, p, training, inplace, 2 if x.ndim == 5 else 1)


@at_user_line
def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Each element, with probability p, the least value of SELU; then mean 0 and variance 1 kept.

    Computes a * (x if kept else s) + b with s = -1.7581, a = ((1 - p) * (1 + p * s**2))**-0.5
    and b = -a * p * s. With p = 1.0 everything is 0.

    Shape: any, unchanged. From https://arxiv.org/abs/1706.02515.

    >>> import zincir
    >>> y = alpha_dropout(zincir.zeros(1000), 0.5, training=True)
    >>> [round(v, 4) for v in sorted(set(y.tolist()))]
    [-0.7792, 0.7792]
    """
    check_probability("alpha_dropout", p)
    if not training or p == 0.0:
        return input
    x = floats(input, "alpha_dropout: input")
    return _out(_saturated(x, p, x.shape), input, inplace)


@at_user_line
def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels.

    Shape: (batch, channels, ...), unchanged.

    >>> import zincir
    >>> y = feature_alpha_dropout(zincir.zeros(4, 5, 6), 0.5, training=True)
    >>> (y == y[:, :, :1]).all().item()
    True
    """
    check_probability("feature_alpha_dropout", p)
    if not training or p == 0.0:
        return input
    x = floats(input, "feature_alpha_dropout: input")
    if x.ndim < 2:
        raise _axes("feature_alpha_dropout", x, "(batch, channels, ...)")
    return _out(_saturated(x, p, _leading(x, 2)), input, inplace)


@at_user_line
def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """Zero with probability p, else 1 / (1 - p) times larger: a residual branch is left out.

    `mode="row"` decides for each example, `mode="batch"` once for all of them.

    Shape: (batch, ...), unchanged. From https://arxiv.org/abs/1603.09382.

    >>> import zincir
    >>> sorted(set(stochastic_depth(zincir.ones(100, 2), 0.5, "row").flatten().tolist()))
    [0.0, 2.0]
    """
    check_probability("stochastic_depth", p)
    check_mode("stochastic_depth", mode)
    if not training or p == 0.0:
        return input
    x = floats(input, "stochastic_depth: input")
    if x.ndim == 0:
        raise _axes("stochastic_depth", x, "(batch, ...)")
    return wrap(_dropped(x, p, _leading(x, 1 if mode == "row" else 0)))


def check_mode(what: str, mode: str) -> None:
    """Raise unless `mode` is one of stochastic depth.

    Raises:
        ArgumentError: it is not.
    """
    if mode not in ("row", "batch"):
        raise ArgumentError(
            explain(
                f"{what}: unknown mode",
                where=user_line(),
                expected="'row' (each example) or 'batch' (all of them at once)",
                got=repr(mode),
            )
        )


def _channels(
    x: Node, input: Tensor, p: float, training: bool, inplace: bool, leading: int
) -> Tensor:
    """Dropout of what the first `leading` axes tell apart."""
    if not training or p == 0.0:
        return input
    return _out(_dropped(x, p, _leading(x, leading)), input, inplace)


def _warn(what: str, problem: str, instead: str) -> None:
    warnings.warn(
        f"{what}: the input has {problem}, which PyTorch has deprecated; "
        f"{instead} says what is meant",
        stacklevel=4,
    )


def _leading(x: Node, count: int) -> Shape:
    """The shape of x with every axis but the first `count` of size 1."""
    return x.shape[:count] + (1,) * (x.ndim - count)


def _kept(x: Node, p: float, shape: Shape) -> Node:
    """Which of `shape` (that broadcasts to x) stay."""
    return compare("ge", uniform(default_generator.draw(size(shape)), shape, x.dtype), p)


def _dropped(x: Node, p: float, shape: Shape) -> Node:
    if p == 1.0:
        return x * 0.0
    return where(_kept(x, p, shape), x * (1.0 / (1.0 - p)), 0.0)


def _saturated(x: Node, p: float, shape: Shape) -> Node:
    if p == 1.0:
        return x * 0.0
    a = 1.0 / math.sqrt((1.0 - p) * (1.0 + p * _LEAST**2))
    b = -a * p * _LEAST
    return where(_kept(x, p, shape), x * a + b, a * _LEAST + b)


def _out(node: Node, input: Tensor, inplace: bool) -> Tensor:
    return input.copy_(wrap(node)) if inplace else wrap(node)


def _axes(what: str, x: Node, expected: str) -> ShapeError:
    return ShapeError(
        explain(
            f"{what}: input has {x.ndim} axes",
            where=user_line(),
            expected=expected,
            got=str(x.shape),
            try_="dropout(x) for single elements" if "dropout" in what else "",
        )
    )


def check_probability(what: str, p: float) -> None:
    """Raise unless 0 <= p <= 1.

    Raises:
        ArgumentError: it is not.
    """
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(
            explain(
                f"{what}: p is not a probability",
                where=user_line(),
                expected="0.0 <= p <= 1.0",
                got=str(p),
            )
        )
