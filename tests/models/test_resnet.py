import pytest

import zincir
from zincir import models, nn
from zincir.autograd import gradcheck, gradgradcheck

# Published by torchvision for 1000 classes.
COUNTS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters(name: str) -> None:
    model = getattr(models, name)()
    assert sum(p.numel() for p in model.parameters()) == COUNTS[name]
    # Layers with weights; shortcuts do not count.
    layers = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len([n for n in layers if "downsample" not in n]) == int(name[6:])


def test_names_are_torchvisions() -> None:
    def weights(prefix: str, *names: str) -> list[str]:
        return [f"{prefix}{name}.weight" for name in names]

    small = [n for n in models.resnet18().state_dict() if n.endswith("weight")]
    block = ("conv1", "bn1", "conv2", "bn2")
    assert small[:6] == [*weights("", "conv1", "bn1"), *weights("layer1.0.", *block)]
    assert "layer1.0.downsample.0.weight" not in small
    shortcut = weights("layer2.0.downsample.", "0", "1")
    assert [n for n in small if "layer2.0" in n] == [*weights("layer2.0.", *block), *shortcut]
    assert small[-1] == "fc.weight"
    large = [n for n in models.resnet50().state_dict() if n.endswith("weight")]
    first = weights("layer1.0.", *block, "conv3", "bn3", "downsample.0", "downsample.1")
    assert [n for n in large if "layer1.0" in n] == first


@pytest.mark.parametrize("block", [models.BasicBlock, models.Bottleneck])
@pytest.mark.parametrize("size", [(33, 47), (64, 64)])
def test_shapes(block: type, size: tuple[int, int]) -> None:
    model = models.ResNet(block, (1, 2, 1, 1), num_classes=5, width=4, in_channels=2).eval()
    for batch in (0, 1, 3):
        assert model(zincir.ones(batch, 2, *size)).numpy(force=True).shape == (batch, 5)
    x = zincir.randn(3, *size, 2)
    moved, copied = x.permute(0, 3, 1, 2), x.permute(0, 3, 1, 2).contiguous()
    assert zincir.allclose(model(moved), model(copied), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("block", [models.BasicBlock, models.Bottleneck])
def test_zero_init_residual(block: type) -> None:
    model = models.ResNet(block, (2, 1, 1, 1), zero_init_residual=True, width=4)
    last = "bn2" if block is models.BasicBlock else "bn3"
    for name, value in model.named_parameters():
        if name.endswith("weight") and ".bn" in name:
            assert value.tolist() == [0.0 if last in name else 1.0] * len(value)
    x = zincir.rand(2, 4 * block.expansion, 5, 5)
    assert zincir.equal(model.layer1[1](x), x)


@pytest.mark.parametrize("block", [models.BasicBlock, models.Bottleneck])
def test_gradients_of_blocks(block: type) -> None:
    width = 2 * block.expansion
    layer = block(width, 2).double().eval()
    x = zincir.randn(1, width, 3, 3, dtype=zincir.float64, requires_grad=True)
    assert gradcheck(layer, [x])
    assert gradgradcheck(layer, [x])
