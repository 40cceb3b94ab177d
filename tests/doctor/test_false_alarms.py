"""Healthy nets that were called sick once, and beside each what is still called so."""

from typing import Any

import numpy as np

import zincir
from patients import X, Y, checked, mlp
from zincir import nn
from zincir.data import load_digits


def _deep_sigmoid(rate: float, depth: int) -> Any:
    zincir.manual_seed(1)
    net = mlp(nn.Sigmoid, depth)
    for layer in net:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight)
    return net


def test_pixels_that_are_rarely_inked_are_no_other_scale() -> None:
    images = np.asarray(load_digits()[0], np.float32).reshape(-1, 64)
    centred = (images - images.mean()) / images.std()
    for x in (images, centred, centred + 1):
        assert "unnormalised_input" not in checked(mlp(), batch=(x[:256], Y[:256]))
    scaled = X[:256] * np.where(np.arange(64) % 2, 1000, 1).astype(np.float32)
    assert "unnormalised_input" in checked(mlp(), batch=(scaled, Y[:256]))


def test_a_head_a_few_times_too_large_is_nothing_to_adam() -> None:
    def found(scale: float, kind: Any) -> dict[str, Any]:
        zincir.manual_seed(0)
        net = mlp()
        with zincir.no_grad():
            net[4].weight.mul_(scale)
        return checked(net, optimizer=kind(net.parameters(), lr=0.01))

    adam, sgd = zincir.optim.Adam, zincir.optim.SGD
    assert "wrong_initial_loss" in found(30, sgd)
    assert "wrong_initial_loss" not in found(30, adam)
    assert "wrong_initial_loss" in found(1000, adam)
    assert "wrong_initial_loss" not in found(1, sgd)


def test_small_gradients_are_nothing_to_adam_before_they_drown() -> None:
    def found(depth: int, kind: Any) -> dict[str, Any]:
        net = _deep_sigmoid(0.01, depth)
        return checked(net, optimizer=kind(net.parameters(), lr=0.01))

    adam, sgd = zincir.optim.Adam, zincir.optim.SGD
    assert "vanishing_gradient" in found(8, sgd)
    assert "vanishing_gradient" not in found(8, adam)
    assert "vanishing_gradient" in found(14, adam)
    assert "vanishing_gradient" not in found(2, sgd)
