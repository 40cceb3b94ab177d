"""Adagrad by hand: the update in NumPy, as its docstring has it."""

import numpy as np
import pytest

import zincir
from zincir import nn, optim


@pytest.mark.parametrize(("decay", "begin"), [(0.0, 0.0), (0.1, 0.5)])
def test_six_steps(decay: float, begin: float) -> None:
    x = np.array([1.0, -2.0, 0.5])
    p = nn.Parameter(zincir.tensor(x))
    optimizer = optim.Adagrad(
        [p], lr=0.3, lr_decay=decay, weight_decay=0.2, initial_accumulator_value=begin
    )
    s = begin
    for t in range(1, 7):
        gradient = np.cos(x) * t
        p.grad = zincir.tensor(gradient)
        optimizer.step()
        g = gradient + 0.2 * x
        s = s + g**2
        x = x - 0.3 / (1 + (t - 1) * decay) * g / (np.sqrt(s) + 1e-10)
        np.testing.assert_allclose(p.detach().numpy(), x, 1e-13)
