"""RMSprop by hand: the update in NumPy, as its docstring has it."""

import numpy as np
import pytest

import zincir
from zincir import nn, optim


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("centered", [False, True])
def test_six_steps(momentum: float, centered: bool) -> None:
    x = np.array([1.0, -2.0, 0.5])
    p = nn.Parameter(zincir.tensor(x))
    optimizer = optim.RMSprop(
        [p], alpha=0.8, eps=1e-3, weight_decay=0.2, momentum=momentum, centered=centered
    )
    v = m = b = np.zeros(3)
    for t in range(1, 7):
        gradient = np.cos(x) * t
        p.grad = zincir.tensor(gradient)
        optimizer.step()
        g = gradient + 0.2 * x
        v = 0.8 * v + (1 - 0.8) * g**2
        m = 0.8 * m + (1 - 0.8) * g
        b = momentum * b + g / (np.sqrt(v - m**2 if centered else v) + 1e-3)
        x = x - 0.01 * b
        np.testing.assert_allclose(p.detach().numpy(), x, 1e-13)
