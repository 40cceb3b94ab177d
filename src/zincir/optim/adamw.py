"""AdamW."""

from __future__ import annotations

from typing import Any

from zincir.optim.adam import Adam
from zincir.optim.settings import Betas, NotNegative, Params, Rate, Switch


class AdamW(Adam):
    """Adam with weight decay that is kept apart from the gradient.

    ```
    p = p - lr * weight_decay * p
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * gradient**2       amsgrad: the largest v so far is used below
    p = p - lr / (1 - beta1**t) * m / (sqrt(v) / sqrt(1 - beta2**t) + eps)
    ```

    From Loshchilov and Hutter 2017 (https://arxiv.org/abs/1711.05101).

    Args:
        params: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the learning rate; a number or a tensor.
        betas: how much the two running means keep at each step.
        weight_decay: the share of the parameter, times lr, that is lost at each step.
        maximize: go up instead of down.
        foreach: as well as capturable and fused changes nothing: a step is one program in any case.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = AdamW([w], lr=0.5, weight_decay=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 4)
        3.3
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: NotNegative = 1e-8,
        weight_decay: NotNegative = 1e-2,
        amsgrad: Switch = False,
        *,
        maximize: Switch = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # those of an Adam, too
            group["decoupled_weight_decay"] = True
