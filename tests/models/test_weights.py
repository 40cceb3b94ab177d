import numpy as np

import zincir
from zincir import nn
from zincir.models.weights import start


def net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(16, 64, 3), nn.BatchNorm2d(64), nn.ConvTranspose2d(64, 32, 2), nn.Linear(50, 200)
    )


def stds(model: nn.Module) -> list[float]:
    return [p.numpy(force=True).std() for p in model.parameters() if p.ndim > 1]


def test_fan_out_is_the_default() -> None:
    model = net()
    before = model[3].weight.detach().clone()
    start(model)
    convolution, transposed, _ = stds(model)
    assert np.isclose(convolution, (2 / (64 * 9)) ** 0.5, rtol=0.05)
    # As PyTorch counts: the first axis of a weight is what comes out.
    assert np.isclose(transposed, (2 / (64 * 4)) ** 0.5, rtol=0.05)
    assert model[0].bias.abs().sum().item() == 0
    assert zincir.equal(model[3].weight, before)
    assert model[3].bias.abs().sum().item() > 0
    assert model[1].weight.tolist() == [1.0] * 64


def test_fan_in_and_linear_layers() -> None:
    model = net()
    start(model, mode="fan_in", linear_std=0.5)
    convolution, transposed, linear = stds(model)
    assert np.isclose(convolution, (2 / (16 * 9)) ** 0.5, rtol=0.05)
    assert np.isclose(transposed, (2 / (32 * 4)) ** 0.5, rtol=0.05)
    assert np.isclose(linear, 0.5, rtol=0.05)
    assert model[3].bias.abs().sum().item() == 0
