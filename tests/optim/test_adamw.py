"""AdamW by hand: the update in NumPy, as its docstring has it."""

import numpy as np
import pytest

import zincir
from zincir import nn, optim


@pytest.mark.parametrize("amsgrad", [False, True])
def test_six_steps(amsgrad: bool) -> None:
    x = np.array([1.0, -2.0, 0.5])
    p = nn.Parameter(zincir.tensor(x))
    optimizer = optim.AdamW(
        [p], lr=0.1, betas=(0.7, 0.6), eps=1e-3, weight_decay=0.2, amsgrad=amsgrad
    )
    m = v = largest = np.zeros(3)
    for t in range(1, 7):
        gradient = np.cos(x) * t
        p.grad = zincir.tensor(gradient)
        optimizer.step()
        x = x - 0.1 * 0.2 * x
        m = 0.7 * m + (1 - 0.7) * gradient
        v = 0.6 * v + (1 - 0.6) * gradient**2
        largest = np.maximum(largest, v)
        size = np.sqrt(largest if amsgrad else v) / np.sqrt(1 - 0.6**t)
        x = x - 0.1 / (1 - 0.7**t) * m / (size + 1e-3)
        np.testing.assert_allclose(p.detach().numpy(), x, 1e-13)
