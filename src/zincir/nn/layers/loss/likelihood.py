"""Negative log-likelihoods of distributions whose parameters a net predicts, as modules."""

from __future__ import annotations

from zincir.nn import functional as F
from zincir.nn.layers.loss.reduced import Loss
from zincir.tensor import Tensor


class PoissonNLLLoss(Loss):
    """exp(input) - target * input: counts that follow a Poisson distribution of this log-rate.

    Shape: target has the shape of input, any. The arguments are those of
    `functional.poisson_nll_loss`.

    Example:
        >>> import zincir
        >>> PoissonNLLLoss()(zincir.tensor([0.0]), zincir.tensor([2.0])).item()
        1.0
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            *(log_input, target, self.log_input, self.full),
            eps=self.eps,
            reduction=self.reduction,
        )


class GaussianNLLLoss(Loss):
    """(log(var) + (input - target)**2 / var) / 2: targets spread normally around the input.

    Shape: target and var have the shape of input; var may lack the last axis, or one be 1.
    The arguments are those of `functional.gaussian_nll_loss`.

    Example:
        >>> import zincir
        >>> x, y, var = zincir.tensor([1.0]), zincir.tensor([3.0]), zincir.tensor([1.0])
        >>> GaussianNLLLoss()(x, y, var).item()
        2.0
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)
