import numpy as np
import pytest

import zincir
from zincir import models, nn
from zincir.autograd import gradcheck, gradgradcheck
from zincir.errors import ArgumentError

# Table 6 of the paper has them in millions: 0.27, 0.46, 0.66, 0.85 and 1.7.
COUNTS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}


@pytest.mark.parametrize("depth", COUNTS)
def test_parameters(depth: int) -> None:
    model = getattr(models, f"resnet{depth}")()
    assert sum(p.numel() for p in model.parameters()) == COUNTS[depth]
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in model.modules()) == depth


@pytest.mark.parametrize("depth", COUNTS)
def test_other_images(depth: int) -> None:
    model = getattr(models, f"resnet{depth}")(in_channels=1)
    assert model.conv1.weight.shape == (16, 1, 3, 3)
    assert sum(p.numel() for p in model.parameters()) == COUNTS[depth] - 2 * 16 * 9


def test_the_plain_twin_differs_in_nothing_else() -> None:
    """Shortcut A has no parameters: state goes from one to the other."""
    net, plain = models.resnet20(), models.resnet20(residual=False)
    plain.load_state_dict(net.state_dict())
    x = zincir.randn(2, 3, 32, 32)
    assert not zincir.allclose(net.eval()(x), plain.eval()(x))
    block, alone = net.layer1[0].double(), plain.layer1[0].double()
    h = zincir.rand(1, 16, 4, 4, dtype=zincir.float64)
    inner = block.bn2(block.conv2(block.relu(block.bn1(block.conv1(h)))))
    assert zincir.allclose(block(h), (inner + h).relu())
    assert zincir.allclose(alone(h), inner.relu())


def test_without_norm() -> None:
    model = models.resnet20(norm=False)
    kinds = {type(m).__name__ for m in model.modules()}
    assert "BatchNorm2d" not in kinds
    assert model.conv1.bias is not None
    assert not [name for name in model.state_dict() if "bn" in name]
    both = models.resnet20(shortcut="B", norm=False)
    assert both.layer2[0].downsample[0].bias is not None
    assert len(both.layer2[0].downsample) == 1


def test_shortcut_a_adds_channels_of_zeros() -> None:
    block = models.SmallBlock(2, 5, stride=2)
    nn.init.zeros_(block.bn2.weight)
    x = zincir.rand(1, 2, 5, 4)
    y = block(x).numpy(force=True)
    assert y.shape == (1, 5, 3, 2)
    np.testing.assert_array_equal(y[:, 1:3], x.numpy()[:, :, ::2, ::2])
    np.testing.assert_array_equal(y[:, [0, 3, 4]], 0.0)


def test_shortcut_b_has_parameters() -> None:
    model = models.resnet20(shortcut="B")
    more = sum(p.numel() for p in model.parameters()) - COUNTS[20]
    assert more == 16 * 32 + 32 * 64 + 2 * (32 + 64)
    assert [n for n in model.state_dict() if n.endswith("downsample.0.weight")] == [
        "layer2.0.downsample.0.weight",
        "layer3.0.downsample.0.weight",
    ]


def test_first_values() -> None:
    model = models.resnet20()
    weight = model.layer3[1].conv1.weight.numpy(force=True)
    assert np.isclose(weight.std(), (2 / (64 * 9)) ** 0.5, rtol=0.02)
    assert np.isclose(model.fc.weight.numpy(force=True).std(), (2 / 64) ** 0.5, rtol=0.15)


@pytest.mark.parametrize("options", [{}, {"shortcut": "B"}, {"residual": False, "norm": False}])
def test_shapes(options: dict[str, object]) -> None:
    model = models.SmallResNet(8, num_classes=3, width=2, in_channels=1, **options).eval()
    for shape in ((0, 1, 8, 8), (1, 1, 7, 5), (2, 1, 32, 32)):
        assert model(zincir.ones(*shape)).numpy(force=True).shape == (shape[0], 3)


@pytest.mark.parametrize("options", [{}, {"shortcut": "B"}, {"residual": False}, {"norm": False}])
def test_gradients_of_blocks(options: dict[str, object]) -> None:
    layer = models.SmallBlock(2, 4, 2, **options).double().eval()
    x = zincir.randn(1, 2, 5, 4, dtype=zincir.float64, requires_grad=True)
    assert gradcheck(layer, [x])
    assert gradgradcheck(layer, [x])


@pytest.mark.parametrize(("depth", "near"), [(18, 14), (21, 20), (2, 8)])
def test_other_depths_are_refused(depth: int, near: int) -> None:
    with pytest.raises(ArgumentError, match="SmallResNet: no such depth") as error:
        models.SmallResNet(depth)
    assert "6n + 2" in str(error.value)
    assert f"depth={near}" in str(error.value)


def test_other_shortcuts_are_refused() -> None:
    with pytest.raises(ArgumentError, match="no such shortcut") as error:
        models.resnet20(shortcut="C")
    assert "'A' (zeros" in str(error.value)
    with pytest.raises(ArgumentError, match="residual=False"):
        models.resnet20(shortcut=None)  # type: ignore[arg-type]
