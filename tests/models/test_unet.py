import pytest

import zincir
from zincir import models, nn
from zincir.autograd import gradcheck
from zincir.errors import ArgumentError, ShapeError

WAYS = ["transpose", "nearest", "bilinear"]


@pytest.mark.parametrize("upsample", WAYS)
@pytest.mark.parametrize(("depth", "size"), [(1, (2, 6)), (2, (12, 4)), (3, (8, 24))])
def test_shapes(upsample: str, depth: int, size: tuple[int, int]) -> None:
    model = models.UNet(3, 4, width=2, depth=depth, upsample=upsample).eval()
    for batch in (0, 1, 2):
        y = model(zincir.ones(batch, 3, *size))
        assert y.numpy(force=True).shape == (batch, 4, *size)


def test_parameters() -> None:
    assert sum(p.numel() for p in models.UNet().parameters()) == 31_036_546
    plain = models.UNet(norm=False)
    assert sum(p.numel() for p in plain.parameters()) == 31_030_658
    # Table of the paper: "in total the network has 23 convolutional layers"
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    assert sum(isinstance(m, kinds) for m in plain.modules()) == 23


def test_the_way_up_sees_the_way_down() -> None:
    """A pixel's class depends on its own neighbourhood at full resolution."""
    model = models.UNet(width=2, depth=1, norm=False)
    nn.init.zeros_(model.enlarge[0].weight)  # nothing comes from below
    x = zincir.randn(1, 1, 8, 8, requires_grad=True)
    model(x)[0, :, 3, 2].sum().backward()
    seen = x.grad[0, 0].abs() > 0
    assert seen[:, 6].any().item()  # four 3x3 convolutions reach 4 pixels
    assert not seen[:, 7].any().item()


@pytest.mark.parametrize("upsample", WAYS)
def test_gradients(upsample: str) -> None:
    model = models.UNet(1, 2, width=2, depth=1, upsample=upsample).double().eval()
    x = zincir.randn(1, 1, 4, 2, dtype=zincir.float64, requires_grad=True)
    assert gradcheck(model, [x])


def test_sizes_that_cannot_be_halved() -> None:
    model = models.UNet(width=2, depth=2)
    with pytest.raises(ShapeError, match="cannot be halved") as error:
        model(zincir.zeros(1, 1, 10, 8))
    text = str(error.value)
    assert "multiples of 4" in text
    assert "(1, 1, 10, 8)" in text
    assert "(0, 0, 0, 2)" in text
    assert "test_unet.py" in text
    padded = nn.functional.pad(zincir.zeros(1, 1, 10, 8), (0, 0, 0, 2))
    assert model(padded).shape == (1, 2, 12, 8)
    with pytest.raises(ShapeError, match="unsqueeze"):
        model(zincir.zeros(1, 8, 8))


def test_other_ways_are_refused() -> None:
    with pytest.raises(ArgumentError, match="larger") as error:
        models.UNet(upsample="bicubic")
    assert "'transpose' or 'nearest' or 'bilinear'" in str(error.value)
