"""A batch looked at in private while a net is trained: what needs a run of its own.

Its loss in both modes, and how much its gradient is one of chance. Nothing changes by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from zincir.autograd import enable_grad, grad, no_grad
from zincir.doctor.course import Look
from zincir.doctor.undisturbed import undisturbed, unwatched
from zincir.nn import Module
from zincir.nn.module.calls import called
from zincir.tensor import Tensor
from zincir.trees import flatten

Array: TypeAlias = np.ndarray[Any, Any]

PARTS = 8
"""Of the batch, whose gradients are compared."""
MOST = 100.0
"""Lengths of a gradient: more of an error is said to be so many."""


def is_due(epoch: int) -> bool:
    """Whether the end of an epoch is a time to look: at first each, later ever more rarely.

    >>> [epoch for epoch in range(1, 100) if is_due(epoch)]
    [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96]
    """
    while epoch % 2 == 0:
        epoch //= 2
    return epoch in (1, 3)


def look(model: Module, loss: Any, x: Any, y: Any, step: int) -> Look:
    """Look at a batch."""
    with unwatched(), enable_grad():
        with undisturbed(model, training=True):
            for module in model.modules():
                if "Dropout" in type(module).__name__ and "p" in vars(module):
                    module.p = 0.0  # pyright: ignore[reportAttributeAccessIssue]
            with no_grad():
                training = float(loss(called(model, x), y).item())
        with undisturbed(model, training=False):
            with no_grad():
                evaluation = float(loss(called(model, x), y).item())
            gradients = [_gradient(model, loss, *part) for part in _parts(x, y)]
    return Look(step, training, evaluation, noise_of(gradients), _samples(x))


def _gradient(model: Module, loss: Any, x: Any, y: Any) -> Array:
    trained = [p for p in model.parameters() if p.requires_grad]
    found = grad(loss(called(model, x), y), trained, allow_unused=True)
    return np.concatenate([np.zeros(0), *(g.numpy().ravel() for g in found if g is not None)])


def _samples(x: Any) -> int:
    leaves = [t for t in flatten(x)[0] if isinstance(t, Tensor) and len(t.shape)]
    return leaves[0].shape[0] if leaves else 1


def _parts(x: Any, y: Any) -> list[tuple[Any, Any]]:
    """Equal parts of a batch; none if it cannot be cut."""
    leaves, build = flatten((x, y))
    count = _samples(x)
    size = count // PARTS
    cut = all(isinstance(t, Tensor) and len(t.shape) and t.shape[0] == count for t in leaves)
    if not cut or size < 1:
        return []
    return [build([t[size * k : size * (k + 1)] for t in leaves]) for k in range(PARTS)]


def noise_of(gradients: Sequence[Array]) -> float:
    """The standard error of the mean of gradients, in lengths of that of all samples.

    The norm test (Byrd et al. 2012), with an estimate of the true length: that of the mean holds
    the noise as well.
    """
    if len(gradients) < 2 or not gradients[0].size:
        return float("nan")
    rows = np.stack(gradients).astype(np.float64)
    error = float(rows.var(0, ddof=1).sum()) / len(rows)
    length = float(np.square(rows.mean(0)).sum()) - error
    if not np.isfinite(error):
        return float("nan")
    return float(np.sqrt(error / length)) if length * MOST**2 > error else MOST
