"""SGD by hand: the update in NumPy, as its docstring has it."""

import numpy as np
import pytest

import zincir
from zincir import nn, optim


@pytest.mark.parametrize(
    ("momentum", "dampening", "nesterov"),
    [(0.0, 0.0, False), (0.9, 0.0, False), (0.9, 0.3, False), (0.9, 0.0, True)],
)
def test_six_steps(momentum: float, dampening: float, nesterov: bool) -> None:
    x = np.array([1.0, -2.0, 0.5])
    p = nn.Parameter(zincir.tensor(x))
    optimizer = optim.SGD(
        [p], lr=0.1, momentum=momentum, dampening=dampening, weight_decay=0.2, nesterov=nesterov
    )
    b = np.zeros(3)
    for t in range(1, 7):
        gradient = np.cos(x) * t
        p.grad = zincir.tensor(gradient)
        optimizer.step()
        g = gradient + 0.2 * x
        b = g if t == 1 else momentum * b + (1 - dampening) * g
        x = x - 0.1 * (g + momentum * b if nesterov else b)
        np.testing.assert_allclose(p.detach().numpy(), x, 1e-13)
