"""Muon."""

from __future__ import annotations

import math
from typing import Annotated, Any

from zincir.errors import ArgumentError, explain
from zincir.graph.node import Node, describe, here
from zincir.operations.arithmetic import cast, maximum
from zincir.operations.bfloat import bfloat16
from zincir.operations.composed import norm
from zincir.operations.contraction import matmul
from zincir.operations.movement import swap_last
from zincir.optim.adam import mean_of
from zincir.optim.formula import Formula, Nodes
from zincir.optim.hyper import Hyper
from zincir.optim.settings import Group, Kind, NotNegative, Params, Rate, Setting, Switch
from zincir.optim.state import StateSpec
from zincir.types import float32


def _ratio(name: str | None, rows: int, columns: int) -> float:
    """By what the learning rate of a matrix is multiplied."""
    if name == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1.0, rows / columns))


class Muon(Formula):
    """Muon: momentum of a matrix, with all its singular values brought near 1.

    ```
    b = momentum * b + (1 - momentum) * gradient
    u = momentum * b + (1 - momentum) * gradient   without nesterov: u = b
    x = u / max(norm(u), eps)
    x = a1 * x + (a2 * x @ x.T + a3 * (x @ x.T)**2) @ x,   ns_steps times
    p = p - lr * weight_decay * p - lr * c * x
    ```

    c is sqrt(max(1, rows / columns)), or 0.2 * sqrt(max(rows, columns)) for "match_rms_adamw". The
    iteration is done in bfloat16, as PyTorch does it. From Jordan et al. 2024
    (https://kellerjordan.github.io/posts/muon/) and Liu et al. 2025
    (https://arxiv.org/abs/2502.16982). It is for the weights between hidden units; biases,
    embeddings and the like take another optimizer.

    Args:
        params: matrices, (name, matrix) pairs, or dictionaries of parameter groups.
        lr: the learning rate; a number or a tensor.
        weight_decay: the share of the parameter, times lr, that is lost at each step.
        momentum: how much the mean of gradients keeps at each step.
        nesterov: look ahead by one more step of the mean.
        ns_coefficients: a1, a2 and a3.
        eps: the least length that a step is divided by.
        ns_steps: how often, less than 100.
        adjust_lr_fn: None, "original" or "match_rms_adamw".

    Raises:
        ArgumentError: a parameter is no matrix.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([[4.0, 0.0], [0.0, 1.0]], requires_grad=True)
        >>> optimizer = Muon([w], lr=0.5, weight_decay=0)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> bool((w < 4).all())
        True
    """

    def __init__(
        self,
        params: Params,
        lr: Rate = 1e-3,
        weight_decay: NotNegative = 0.1,
        momentum: NotNegative = 0.95,
        nesterov: Switch = True,
        ns_coefficients: Annotated[
            tuple[float, float, float],
            Setting("three numbers", lambda v: len(v) == 3, Kind.CHOICE),
        ] = (3.4445, -4.7750, 2.0315),
        eps: NotNegative = 1e-7,
        ns_steps: Annotated[int, Setting("less than 100", lambda v: v < 100, Kind.CHOICE)] = 5,
        adjust_lr_fn: Annotated[
            str | None,
            Setting(
                "None, 'original' or 'match_rms_adamw'",
                lambda v: v in (None, "original", "match_rms_adamw"),
                Kind.CHOICE,
            ),
        ] = None,
    ) -> None:
        super().__init__(params, locals())

    def check(self, owner: str, group: Group) -> None:
        """Raise if a setting is out of range, or a parameter is no matrix."""
        super().check(owner, group)
        for p in group["params"]:
            if p.ndim != 2:
                raise ArgumentError(
                    explain(
                        f"{owner}: only matrices are made orthogonal",
                        where=describe(here()),
                        expected="parameters of two dimensions",
                        got=f"one of shape {tuple(p.shape)}",
                        try_="AdamW for biases and embeddings",
                    )
                )

    def init(self, p: Node, group: Group) -> dict[str, StateSpec]:
        """The mean of gradients."""
        return {"momentum_buffer": StateSpec.like(p)}

    def update(self, p: Node, g: Node, state: Nodes, hyper: Hyper) -> tuple[Node, Nodes]:
        """One step of the equations above."""
        momentum = hyper.momentum
        b = mean_of(state["momentum_buffer"], g, momentum)
        u = b + (1 - momentum) * (g - b) if hyper.nesterov else b
        x = cast(_orthogonal(u, hyper), p.dtype)
        if hyper.weight_decay:
            p = (1 - hyper.lr * hyper.weight_decay) * p
        ratio = _ratio(hyper.adjust_lr_fn, *p.shape)
        return p - hyper.lr * ratio * x, {"momentum_buffer": b}


def _orthogonal(u: Node, hyper: Hyper) -> Node:
    """Five or so steps of Newton and Schulz, each result rounded to bfloat16; in float32."""
    a1, a2, a3 = hyper.ns_coefficients
    tall = u.shape[0] > u.shape[1]
    x = bfloat16(cast(swap_last(u) if tall else u, float32))
    least: Any = hyper.eps
    length = bfloat16(norm(x, 2.0))
    x = bfloat16(x / (maximum(length, least.rounded(float32)) if least else length))
    for _ in range(hyper.ns_steps):
        gram = bfloat16(matmul(x, swap_last(x)))
        change = bfloat16(a2 * gram + a3 * matmul(gram, gram))
        x = bfloat16(a1 * x + matmul(change, x))
    return swap_last(x) if tall else x
