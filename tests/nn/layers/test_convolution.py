"""Layers of convolutions: shapes of their state, first values, looks, borders, training."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, ShapeError

F = nn.functional


@pytest.mark.parametrize(
    ("layer", "weight"),
    [
        (nn.Conv1d(4, 6, 3), (6, 4, 3)),
        (nn.Conv2d(4, 6, 3, groups=2), (6, 2, 3, 3)),
        (nn.Conv3d(4, 6, (1, 2, 3)), (6, 4, 1, 2, 3)),
        (nn.ConvTranspose1d(4, 6, 3), (4, 6, 3)),
        (nn.ConvTranspose2d(4, 6, (2, 3), groups=2), (4, 3, 2, 3)),
        (nn.ConvTranspose3d(4, 6, 2), (4, 6, 2, 2, 2)),
    ],
    ids=repr,
)
def test_state(layer: nn.Module, weight: tuple[int, ...]) -> None:
    assert {name: p.shape for name, p in layer.state_dict().items()} == {
        "weight": weight,
        "bias": (6,),
    }


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_first_values(kind: Callable[..., Any]) -> None:
    """Uniform in +-1 / sqrt(fan): of the variance that such numbers have."""
    layer = kind(32, 64, 5, groups=4)
    fan = math.prod(layer.weight.shape[1:])
    bound = 1 / math.sqrt(fan)
    for p in (layer.weight, layer.bias):
        values = p.detach().numpy()
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.9 * bound
    assert layer.weight.detach().numpy().std() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    before = layer.weight.detach().numpy().copy()
    layer.reset_parameters()
    assert (layer.weight.detach().numpy() != before).any()


def test_looks() -> None:
    assert repr(nn.Conv2d(1, 2, 3)) == "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))"
    layer = nn.Conv1d(4, 4, 3, 1, "same", 2, 2, False, "circular")
    assert repr(layer) == (
        "Conv1d(4, 4, kernel_size=(3,), stride=(1,), padding=same, dilation=(2,), groups=2, "
        "bias=False, padding_mode=circular)"
    )
    assert repr(nn.ConvTranspose2d(1, 2, 3, 2, (0, 1), 1)) == (
        "ConvTranspose2d(1, 2, kernel_size=(3, 3), stride=(2, 2), padding=(0, 1), "
        "output_padding=(1, 1))"
    )


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [(1, 2), "same"])
def test_borders(mode: str, padding: Any) -> None:
    """One more before and after each axis as said; for a kernel of 4, "same" has 1 and 2."""
    x = zincir.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 5, 6)).astype("f"))
    layer = nn.Conv2d(3, 2, (3, 4), padding=padding, padding_mode=mode)
    sides = (1, 2, 1, 1) if padding == "same" else (2, 2, 1, 1)
    y = F.conv2d(F.pad(x, sides, mode), layer.weight, layer.bias)
    np.testing.assert_array_equal(layer(x).tolist(), y.tolist())


def test_output_size() -> None:
    layer, x = nn.ConvTranspose2d(2, 3, 3, stride=(2, 3), padding=1), zincir.ones(4, 2, 5, 5)
    assert layer(x).shape == (4, 3, 9, 13)
    for size in ((10, 15), [9, 13], (4, 3, 10, 14)):
        assert layer(x, size).shape == (4, 3, *size[-2:])
    assert layer(x[0], (3, 10, 14)).shape == (3, 10, 14)
    one = layer(x, output_size=(10, 14))
    two = F.conv_transpose2d(x, layer.weight, layer.bias, (2, 3), 1, (1, 1))
    np.testing.assert_array_equal(one.tolist(), two.tolist())
    for size in ((8, 13), (11, 13), (9, 16), (9,), (2, 3, 10, 14, 1)):
        with pytest.raises(ShapeError, match=r"cannot be reached[\s\S]*from \(9, 13\) to \(10, 15"):
            layer(x, size)
    with pytest.raises(ShapeError, match="the input has 2 dimensions"):
        layer(x[0, 0], (10, 14))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nn.Conv2d(0, 2, 3), "in_channels does not fit"),
        (lambda: nn.Conv2d(1, 2.0, 3), "out_channels does not fit"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "Conv2d: 3 channels cannot be cut into 2 groups"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), "groups that divides out_channels"),
        (lambda: nn.Conv2d(4, 4, 3, groups=0), "groups does not fit"),
        (lambda: nn.Conv2d(1, 2, (3, 3, 3)), "an int, 1 or more, or 2 of them"),
        (lambda: nn.Conv2d(1, 2, 3, stride=0), "stride does not fit"),
        (lambda: nn.Conv2d(1, 2, 3, padding=-1), "padding does not fit"),
        (lambda: nn.Conv2d(1, 2, 3, 2, "same"), "Conv2d: with a stride, padding 'same'"),
        (lambda: nn.Conv2d(1, 2, 3, padding_mode="mirror"), "'reflect', 'replicate', 'circular'"),
        (lambda: nn.ConvTranspose1d(1, 2, 3, padding_mode="reflect"), "padding_mode"),
        (lambda: nn.ConvTranspose1d(1, 2, 3, output_padding=-1), "output_padding does not fit"),
    ],
)
def test_errors(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text) as caught:
        make()
    assert "test_convolution.py" in str(caught.value)


class Net(nn.Module):
    """Grouped, strided, dilated, with a border that is not zero, and back to the first size."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect")
        self.depth = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8)
        self.wide = nn.Conv2d(8, 6, 3, padding="same", dilation=2, groups=2)
        self.back = nn.ConvTranspose2d(6, 3, 4, stride=2, padding=1)

    def forward(self, x: zincir.Tensor) -> zincir.Tensor:
        return self.back(F.relu(self.wide(F.relu(self.depth(F.relu(self.first(x)))))))


def test_a_compiled_step_is_the_plain_one() -> None:
    x = zincir.from_numpy(np.random.default_rng(0).standard_normal((4, 3, 8, 10)).astype("f"))

    def trained(wrap: Callable[[Any], Any]) -> list[float]:
        zincir.manual_seed(0)
        net = Net()
        optimizer = zincir.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

        @wrap
        def step(x: zincir.Tensor) -> zincir.Tensor:
            optimizer.zero_grad()
            loss = F.mse_loss(net(x), x.mean(1, keepdim=True).expand(4, 3, 8, 10) + 1.0)
            loss.backward()
            optimizer.step()
            return loss

        return [step(x).item() for _ in range(12)]

    plain, compiled = trained(lambda f: f), trained(zincir.compile)
    np.testing.assert_allclose(compiled, plain, 1e-4)
    assert plain[-1] < 0.8 * plain[0]


class Standardised(nn.Conv2d):
    """A convolution whose weights have mean 0 and variance 1."""

    def forward(self, x):
        w = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return self._conv_forward(x, w / w.std((1, 2, 3), keepdim=True), self.bias)


@pytest.mark.parametrize("mode", ["zeros", "reflect"])
def test_a_subclass_convolves_with_a_weight_of_its_own(mode) -> None:
    layer = Standardised(2, 3, 3, padding=1, stride=2, padding_mode=mode)
    x = zincir.randn(2, 2, 6, 6)
    plain = nn.Conv2d(2, 3, 3, padding=1, stride=2, padding_mode=mode)
    plain.load_state_dict(layer.state_dict())
    w = plain.weight - plain.weight.mean((1, 2, 3), keepdim=True)
    plain.weight.data = (w / w.std((1, 2, 3), keepdim=True)).detach()
    assert zincir.allclose(layer(x), plain(x), atol=1e-6)
    layer(x).sum().backward()
    assert layer.weight.grad.abs().sum().item() > 0
