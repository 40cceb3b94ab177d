import pytest

import zincir
from zincir import models, nn
from zincir.autograd import gradcheck, gradgradcheck
from zincir.errors import ArgumentError


def test_parameters() -> None:
    """The number torchvision publishes for 1000 classes."""
    assert sum(p.numel() for p in models.mobilenet_v2().parameters()) == 3_504_872


def test_widths_are_multiples_of_eight() -> None:
    def widths(factor: float) -> list[int]:
        blocks = list(models.mobilenet_v2(width_mult=factor).features)
        ends = [b.conv[-1].num_features for b in blocks[1:-1]]
        return [blocks[0][0].out_channels, *dict.fromkeys(ends), blocks[-1][0].out_channels]

    assert widths(1.0) == [32, 16, 24, 32, 64, 96, 160, 320, 1280]
    # 0.5 * 24 = 12 would be 8 by the nearest multiple: more than a tenth less
    assert widths(0.5) == [16, 8, 16, 32, 48, 80, 160, 1280]
    assert widths(1.4) == [48, 24, 32, 48, 88, 136, 224, 448, 1792]


def test_names_are_torchvisions() -> None:
    names = [n for n in models.mobilenet_v2().state_dict() if n.endswith("weight")]
    assert names[:6] == [
        "features.0.0.weight",
        "features.0.1.weight",
        "features.1.conv.0.0.weight",
        "features.1.conv.0.1.weight",
        "features.1.conv.1.weight",
        "features.1.conv.2.weight",
    ]
    assert [n for n in names if n.startswith("features.2.")] == [
        f"features.2.conv.{n}.weight" for n in ("0.0", "0.1", "1.0", "1.1", "2", "3")
    ]
    assert names[-3:] == ["features.18.0.weight", "features.18.1.weight", "classifier.1.weight"]


@pytest.mark.parametrize(("stride", "last"), [(32, (2, 3)), (16, (4, 6)), (8, (8, 12))])
def test_output_stride(stride: int, last: tuple[int, int]) -> None:
    model = models.MobileNetV2(5, 0.1, output_stride=stride).eval()
    x = zincir.zeros(1, 3, 64, 96)
    assert model.features(x).shape[2:] == last
    assert model(x).shape == (1, 5)


@pytest.mark.parametrize("batch", [0, 1, 2])
def test_shapes(batch: int) -> None:
    model = models.MobileNetV2(5, 0.1, output_stride=8).eval()
    assert model(zincir.ones(batch, 3, 17, 15)).numpy(force=True).shape == (batch, 5)


def test_shortcut_only_where_shapes_agree() -> None:
    def has(*arguments: int) -> bool:
        return models.InvertedResidual(*arguments).use_res_connect

    assert has(4, 4, 1, 6)
    assert not has(4, 4, 2, 6)
    assert not has(4, 8, 1, 6)
    block = models.InvertedResidual(4, 4, 1, 6)
    nn.init.zeros_(block.conv[-1].weight)
    x = zincir.randn(2, 4, 5, 3)
    assert zincir.equal(block(x), x)


@pytest.mark.parametrize("arguments", [(2, 2, 1, 6), (2, 3, 2, 1)])
def test_gradients_of_blocks(arguments: tuple[int, ...]) -> None:
    layer = models.InvertedResidual(*arguments).double().eval()
    x = zincir.randn(1, 2, 4, 3, dtype=zincir.float64, requires_grad=True)
    assert gradcheck(layer, [x])
    assert gradgradcheck(layer, [x])


def test_other_strides_are_refused() -> None:
    with pytest.raises(ArgumentError, match="no such output_stride") as error:
        models.mobilenet_v2(output_stride=4)
    assert "32, 16 or 8" in str(error.value)
