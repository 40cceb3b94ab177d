"""Gradients made smaller, all together or one by one, between `backward` and `step`."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable

from zincir import recording
from zincir.autograd import no_grad
from zincir.creation import tensor
from zincir.errors import GradientError, explain
from zincir.functional import stack
from zincir.graph.node import user_line
from zincir.operations.host import checked
from zincir.tensor import Tensor, wrap


@no_grad()
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of the norms of tensors: as if all were one long vector.

    Args:
        norm_type: 2.0, "inf", or any other number for `Tensor.norm`.
        error_if_nonfinite: raise if the norm is infinite or NaN; within a compiled function when
            it runs.
        foreach: accepted; all is computed together in any case.

    Raises:
        GradientError: the norm is not finite, and `error_if_nonfinite`.

    >>> import zincir
    >>> get_total_norm([zincir.tensor([3.0]), zincir.tensor([4.0])]).item()
    5.0
    """
    kind = float(norm_type)
    each = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not each:
        return tensor(0.0)
    total = stack([x.detach().norm(kind) for x in each]).norm(kind)
    if not error_if_nonfinite:
        return total
    fine = total.isfinite()
    if recording.CURRENT.recording is not None:
        return wrap(checked(total._node, fine._node, NOT_FINITE))
    if not fine:
        raise GradientError(explain(NOT_FINITE, where=user_line(), got=str(total.item())))
    return total


NOT_FINITE = "the total norm of the gradients is not finite, so they cannot be clipped"


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Multiply all gradients by min(1, max_norm / (total_norm + 1e-6)), in place.

    >>> import zincir
    >>> w = zincir.ones(2, requires_grad=True)
    >>> w.sum().backward()
    >>> clip_grads_with_norm_(w, 1.0, zincir.tensor(2.0))
    >>> [round(g, 4) for g in w.grad.tolist()]
    [0.5, 0.5]
    """
    grads = _gradients(parameters)
    if not grads:
        return
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for g in grads:
        g.mul_(factor.to(g.dtype))


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients down, in place, if their `get_total_norm` is above `max_norm`.

    Returns the norm before that. Parameters without a gradient do not count. It may stand in a
    compiled step, and becomes part of its program (Pascanu et al. 2013).

    >>> import zincir
    >>> w = zincir.ones(4, requires_grad=True)
    >>> (w * 5.0).sum().backward()
    >>> clip_grad_norm_([w], max_norm=1.0).item(), round(w.grad.norm().item(), 4)
    (10.0, 1.0)
    """
    each = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if isinstance(parameters, types.GeneratorType) and not each:
        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3
        )
    total = get_total_norm(_gradients(each), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(each, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The older name of `clip_grad_norm_`; it warns.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     clip_grad_norm([], 1.0).item()
    0.0
    """
    warnings.warn(
        "`nn.utils.clip_grad_norm` is now deprecated in favor of `nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad()
def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Cut every element of every gradient off at -clip_value and clip_value, in place.

    >>> import zincir
    >>> w = zincir.ones(2, requires_grad=True)
    >>> (w * zincir.tensor([5.0, -0.25])).sum().backward()
    >>> clip_grad_value_(w, 1.0)
    >>> w.grad.tolist()
    [1.0, -0.25]
    """
    bound = float(clip_value)
    for g in _gradients(parameters):
        g.clamp_(-bound, bound)


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    each = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in each if p.grad is not None]
