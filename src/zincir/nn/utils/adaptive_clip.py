"""Gradients made smaller where they are large beside what they belong to."""

from __future__ import annotations

from collections.abc import Iterable

from zincir.autograd import no_grad
from zincir.functional import where
from zincir.tensor import Tensor


@no_grad()
def adaptive_clip_grad_(
    parameters: Tensor | Iterable[Tensor],
    clip_factor: float = 0.01,
    eps: float = 1e-3,
    norm_type: float = 2.0,
) -> None:
    """Clip gradients, unit by unit, to a share of the length of the unit's weights.

    ```
    g = g * min(1, clip_factor * max(norm(w), eps) / norm(g))     of each row (or filter) of w
    ```

    A parameter of fewer than two dimensions is one unit. From Brock et al. 2021
    (https://arxiv.org/abs/2102.06171), who leave out the last layer.

    Args:
        parameters: whose gradients are clipped, in place.
        clip_factor: the largest gradient, as a share of the weights.
        eps: the length that weights have at least.
        norm_type: of the norm; 2.0 for the length.

    >>> import zincir
    >>> w = zincir.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    >>> (w * zincir.tensor([[0.0, 1.0], [1.0, 0.0]])).sum().backward()
    >>> adaptive_clip_grad_([w], clip_factor=0.1)
    >>> [[round(x, 6) for x in row] for row in w.grad.tolist()]
    [[0.0, 0.5], [0.0001, 0.0]]
    """
    for p in [parameters] if isinstance(parameters, Tensor) else parameters:
        if p.grad is None:
            continue
        most = _unit_norm(p.detach(), norm_type).clamp(min=eps) * clip_factor
        grad = p.grad.detach()
        length = _unit_norm(grad, norm_type)
        grad.copy_(where(length < most, grad, grad * (most / length.clamp(min=1e-6))))


def _unit_norm(x: Tensor, norm_type: float) -> Tensor:
    if x.ndim <= 1:
        return x.norm(norm_type)
    return x.norm(norm_type, dim=tuple(range(1, x.ndim)), keepdim=True)
