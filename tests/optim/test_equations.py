"""Optimizers that PyTorch does not have, beside their equations in NumPy."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn, optim


def lion(p: Any, g: Any, s: dict[str, Any], lr: float, betas: Any, decay: float) -> Any:
    m = s.get("m", 0.0)
    s["m"] = betas[1] * m + (1 - betas[1]) * g
    return p - lr * (np.sign(betas[0] * m + (1 - betas[0]) * g) + decay * p)


def lamb(p: Any, g: Any, s: dict[str, Any], lr: float, betas: Any, decay: float) -> Any:
    t = s["t"] = s.get("t", 0) + 1
    m = s["m"] = betas[0] * s.get("m", 0.0) + (1 - betas[0]) * g
    v = s["v"] = betas[1] * s.get("v", 0.0) + (1 - betas[1]) * g * g
    r = m / (1 - betas[0] ** t) / (np.sqrt(v / (1 - betas[1] ** t)) + 1e-6) + decay * p
    norms = np.linalg.norm(p), np.linalg.norm(r)
    return p - lr * (norms[0] / norms[1] if min(norms) > 0 else 1.0) * r


@pytest.mark.parametrize(("name", "equation"), [("Lion", lion), ("LAMB", lamb)])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_eight_steps(name: str, equation: Any, decay: float) -> None:
    random = np.random.default_rng(0)
    starts = [random.standard_normal((3, 4)), np.zeros(4), np.asarray(0.7)]
    params = [nn.Parameter(zincir.from_numpy(x.copy())) for x in starts]
    settings = {"lr": 0.05, "betas": (0.8, 0.95), "weight_decay": decay}
    optimizer = getattr(optim, name)(params, **settings)
    states: list[dict[str, Any]] = [{} for _ in starts]
    for _ in range(8):
        gradients = [random.standard_normal(x.shape) for x in starts]
        for p, g in zip(params, gradients, strict=True):
            p.grad = zincir.from_numpy(np.asarray(g))
        optimizer.step()
        starts = [
            equation(x, g, s, 0.05, (0.8, 0.95), decay)
            for x, g, s in zip(starts, gradients, states, strict=True)
        ]
        for p, x in zip(params, starts, strict=True):
            np.testing.assert_allclose(p.detach().numpy(), x, 1e-11, 1e-13)
