"""`torch.nn.grad`: the gradients of convolutions as functions of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zincir import autograd, creation
from zincir.nn import functional as F
from zincir.tensor import Tensor


def _of_input(convolve: Callable[..., Any]) -> Callable[..., Any]:
    def gradient(
        input_size: Sequence[int],
        weight: Tensor,
        grad_output: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        """The gradient for the input, of which only the size matters."""
        x = creation.zeros(*input_size, dtype=weight.dtype, requires_grad=True)
        return _gradient(convolve, x, (x, weight), grad_output, (stride, padding, dilation, groups))

    return gradient


def _of_weight(convolve: Callable[..., Any]) -> Callable[..., Any]:
    def gradient(
        input: Tensor,
        weight_size: Sequence[int],
        grad_output: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        """The gradient for the weight, of which only the size matters."""
        w = creation.zeros(*weight_size, dtype=input.dtype, requires_grad=True)
        return _gradient(convolve, w, (input, w), grad_output, (stride, padding, dilation, groups))

    return gradient


def _gradient(
    convolve: Callable[..., Any], wanted: Tensor, operands: Any, g: Tensor, options: tuple[Any, ...]
) -> Tensor:
    others = [g, *(x for x in operands if x is not wanted)]
    deeper = autograd.is_grad_enabled() and any(x.requires_grad for x in others)
    with autograd.enable_grad():
        y = convolve(*operands, None, *options)
        return autograd.grad(y, wanted, g, create_graph=deeper)[0]


conv1d_input, conv1d_weight = _of_input(F.conv1d), _of_weight(F.conv1d)
conv2d_input, conv2d_weight = _of_input(F.conv2d), _of_weight(F.conv2d)
conv3d_input, conv3d_weight = _of_input(F.conv3d), _of_weight(F.conv3d)
